# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""umqtt.simple's client, which connects again where the connection is lost.

The broker keeps the subscriptions if the first connection was made with clean_session=False.
"""

import time

from . import simple


class MQTTClient(simple.MQTTClient):
    DELAY = 2
    DEBUG = False

    def delay(self, i):
        """Before the attempt after the one of this number, from 1."""
        time.sleep(self.DELAY)

    def log(self, in_reconnect, e):
        if self.DEBUG:
            print("mqtt reconnect:" if in_reconnect else "mqtt:", repr(e))

    def reconnect(self):
        i = 0
        while True:
            try:
                return self.connect(False)
            except OSError as e:
                self.log(True, e)
            i += 1
            self.delay(i)

    def _persist(self, function, attempts=None):
        while attempts is None or attempts:
            try:
                return function()
            except OSError as e:
                self.log(False, e)
            self.reconnect()
            if attempts:
                attempts -= 1
        return None

    def publish(self, topic, msg, retain=False, qos=0):
        simple_publish = super().publish
        return self._persist(lambda: simple_publish(topic, msg, retain, qos))

    def wait_msg(self):
        return self._persist(super().wait_msg)

    def check_msg(self, attempts=2):
        return self._persist(super().check_msg, attempts)
