# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Answers in capital letters what an MQTT broker passes on, until that is "stop".

mosquitto -v & mosquitto_sub -t guest/# -v &
./inv run examples/mqtt_client --net user --cmdline BROKER=10.0.2.2
mosquitto_pub -t guest/say -m hello
"""

import os

from umqtt.robust import MQTTClient

answers = []


def on_message(topic, message):
    answers.append(message.decode().upper())


client = MQTTClient("guest", os.getenv("BROKER", "10.0.2.2"), keepalive=30)
client.set_callback(on_message)
client.set_last_will("guest/state", "lost", retain=True)
client.reconnect()  # As soon as there is a network, and a broker.
client.subscribe("guest/say", qos=1)
client.publish("guest/state", "up", retain=True, qos=1)
while "STOP" not in answers:
    client.wait_msg()
    while answers and answers[0] != "STOP":
        client.publish("guest/answer", answers.pop(0), qos=1)
client.publish("guest/state", "stopped", retain=True, qos=1)
client.disconnect()
