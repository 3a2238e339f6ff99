# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""umqtt, against mosquitto and its clients, and against brokers that break the protocol."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable

import pytest

from tests.guest.conftest import Boot
from tests.guest.mosquitto import Broker, mosquitto
from tests.guest.test_network import dnsmasq
from tests.guest.tls_peers import Authority
from tools.guest import Guest
from tools.lan import Lan
from tools.vmm.process import ChildProcess

HOST, GUEST = "192.168.77.1", "192.168.77.5"
NAME = "host.test"

PRELUDE = f"""
import _thread, time
from umqtt import robust, simple
def client(*args, **named):
    made = simple.MQTTClient(*args, **named)
    made.set_callback(lambda *message: print(*message))
    return made
def kind(f, *args, **named):
    try: return f(*args, **named)
    except Exception as e: return type(e).__name__ + ': ' + str(e.args[0]).strip()
HOST = {HOST!r}
"""


@pytest.fixture
def guest(boot: Boot, lan: Lan) -> Guest:
    nic = lan.add_tap("tap0", [f"{HOST}/24"])
    guest = boot(nics=[nic], cmdline=f"ip={GUEST}:::24::eth0:off:{HOST}")
    guest.wait_for_prompt()
    guest.output_of(PRELUDE)
    return guest


def publish(lan: Lan, topic: str, message: str, *options: str) -> None:
    lan.run("mosquitto_pub", "-h", HOST, "-t", topic, "-m", message, *options)


def subscribe(lan: Lan, broker: Broker, topic: str, count: int, *options: str) -> ChildProcess:
    command = ["mosquitto_sub", "-h", HOST, "-t", topic, "-C", str(count), "-W", "60", "-i", "peer"]
    process = lan.start(*command, "-F", "%t %q %r %p", *options)
    broker.wait_for("Sending SUBACK to peer")
    return process


def test_messages_go_both_ways(guest: Guest, lan: Lan) -> None:
    broker = Broker(lan, f"listener 1883 {HOST}")
    peer = subscribe(lan, broker, "from/#", 3, "-q", "1")
    code = """
c = client('guest', HOST)
print(c.connect())
c.publish('from/0', 'plain')
c.publish(b'from/é', b'x' * 100000, qos=1)
c.publish('from/retained', 'kept', retain=True, qos=1)
c.subscribe('to/+', qos=1)
c.subscribe(b'few')
print(c.check_msg())
"""
    assert guest.output_of(code) == "0\nNone\n"
    assert peer.wait(60) == 0
    first, second, third = peer.output.splitlines()
    assert first == "from/0 0 0 plain"
    assert second == "from/é 1 0 " + "x" * 100000
    assert third == "from/retained 1 0 kept"
    publish(lan, "to/a", "one", "-q", "1")
    publish(lan, "to/b", "two", "-q", "2")  # Comes by what was subscribed to, 1.
    publish(lan, "few", "three")
    publish(lan, "other", "four")
    code = """
print([hex(c.wait_msg()) for i in range(3)])
c.subscribe('from/retained'); print(hex(c.wait_msg()))
c.unsubscribe('to/+')
"""
    assert guest.output_of(code).splitlines() == [
        "b'to/a' b'one'",
        "b'to/b' b'two'",
        "b'few' b'three'",
        "['0x32', '0x32', '0x30']",
        "b'from/retained' b'kept'",
        "0x31",
    ]
    publish(lan, "to/a", "five", "-q", "1")
    publish(lan, "few", "six")
    assert guest.output_of("c.wait_msg(); c.disconnect()") == "b'few' b'six'\n"
    broker.wait_for("Client guest disconnected")
    assert guest.output_of("print(kind(c.ping))").startswith("OSError: ")


def test_a_session_is_kept_for_who_wants_it(guest: Guest, lan: Lan) -> None:
    Broker(lan, f"listener 1883 {HOST}")
    code = """
c = client('guest', HOST)
print(c.connect(clean_session=False))
c.subscribe('to/+', qos=1)
c.disconnect()
"""
    assert guest.output_of(code) == "0\n"
    publish(lan, "to/a", "meanwhile", "-q", "1")
    assert guest.output_of("print(c.connect(False)); c.wait_msg()") == "1\nb'to/a' b'meanwhile'\n"


def test_a_last_will_and_a_keepalive(guest: Guest, lan: Lan) -> None:
    broker = Broker(lan, f"listener 1883 {HOST}")
    peer = subscribe(lan, broker, "will/#", 1, "-q", "1")
    code = """
c = client('guest', HOST, keepalive=2)
c.set_last_will('will/guest', 'gone', qos=1)
c.connect()
start = time.ticks_ms()
while time.ticks_diff(time.ticks_ms(), start) < 5000: c.wait_msg()
"""
    guest.output_of(code)
    assert "PINGRESP to guest" in broker.process.output
    assert "exceeded timeout" not in broker.process.output
    guest.output_of("time.sleep(4)")  # It does not ping: the broker thinks it dead.
    assert peer.wait(60) == 0
    assert peer.output == "will/guest 1 0 gone\n"
    assert guest.output_of("print(kind(c.wait_msg))") == "OSError: 104\n"


def test_who_may_connect(guest: Guest, lan: Lan) -> None:
    passwords = lan.directory / "passwords"
    lan.run("sh", "-c", f"echo user:pässword > {passwords}")
    lan.run(mosquitto("bin/mosquitto_passwd"), "-U", str(passwords))
    Broker(lan, f"listener 1883 {HOST}", "allow_anonymous false", f"password_file {passwords}")
    code = """
for who in (), ('user', 'wrong'), ('user', 'pässword'), ('user',):
    print(kind(client('guest', HOST, 0, *who).connect))
print(kind(client('guest', HOST, 1).connect))
print(kind(client, 'guest', HOST, keepalive=65536))
print(kind(client('x' * 65536, HOST).connect))
"""
    assert guest.output_of(code).splitlines() == [
        "MQTTException: 5",
        "MQTTException: 5",
        "0",
        "MQTTException: 5",
        "OSError: 111",
        "ValueError: keepalive must be 0 to 65535",
        "ValueError: too long",
    ]


def test_tls(guest: Guest, lan: Lan, authority: Authority) -> None:
    dnsmasq(lan, f"--address=/{NAME}/{HOST}")
    broker = Broker(
        lan,
        f"listener 8883 {HOST}",
        f"certfile {authority.file(NAME)}",
        f"keyfile {authority.file(NAME, 'key')}",
        f"listener 1883 {HOST}",
    )
    peer = subscribe(lan, broker, "from/#", 1)
    now = time.gmtime()
    code = f"""
import machine, ssl
machine.RTC().datetime({(*now[:3], 0, *now[3:6], 0)})
context = ssl.create_default_context(cadata={authority.text("ca")!r})
c = client('guest', {NAME!r}, ssl=context, keepalive=4)
c.connect()
c.subscribe('to/+', qos=1)
print(c.check_msg(), c.check_msg())
c.publish('from/tls', 'x' * 100000, qos=1)
"""
    assert guest.output_of(code, 120) == "None None\n"
    assert peer.wait(60) == 0
    assert peer.output == f"from/tls 0 0 {'x' * 100000}\n"
    publish(lan, "to/a", "y" * 50000, "-q", "1")
    code = f"""
c.set_callback(lambda topic, message: print(topic, len(message)))
print(hex(c.wait_msg()))
print(c.wait_msg())
c.disconnect()
c = client('guest', {NAME!r}, 8883, ssl=True, ssl_params={{'server_hostname': {NAME!r}}})
print(c.connect(timeout=20))
print(kind(client('guest', HOST, ssl=context).connect))
"""
    assert guest.output_of(code, 120).splitlines() == [
        "b'to/a' 50000",
        "0x32",
        "None",  # The answer to a ping.
        "0",
        "ValueError: The certificate Common Name (CN) does not match with the expected CN",
    ]


def test_robust_connects_again(guest: Guest, lan: Lan) -> None:
    broker = Broker(lan, f"listener 1883 {HOST}")
    code = """
c = robust.MQTTClient('guest', HOST)
c.DELAY, c.DEBUG = 1, True
c.set_callback(lambda *message: print(*message))
c.connect(False)
c.subscribe('to/+')
print('connected')
"""
    assert guest.output_of(code) == "connected\n"
    broker.process.kill()
    guest.repl.start(b"c.publish('from/a', 'again', qos=1)\nprint('done')\n", guest.timeout)
    guest.read_until(b"mqtt reconnect: OSError(111")
    broker.start()
    guest.read_until(b"done")
    guest.read_until(b"\x04")
    guest.repl.finish(guest.timeout)
    # Another one of the same name ends the connection; the session stays.
    lan.run("mosquitto_pub", "-h", HOST, "-c", "-i", "guest", "-q", "1", "-t", "to/x", "-m", "x")
    assert "OSError(104" in guest.output_of("print(c.check_msg())")


_CONNACK = b"\x20\x02\0\0"

# What a broker answers to CONNECT, and to a subscription behind that; what the guest has of it.
BROKEN = [
    (b"", b"", "OSError: 104"),
    (b"HTTP/1.1 400 no\r\n", b"", "OSError: 104"),
    (b"\x20\x03\0\0\0", b"", "MQTTException: malformed"),
    (b"\x20\x00", b"", "MQTTException: malformed"),
    (b"\x20\xff\xff\xff\xff\x7f", b"", "MQTTException: malformed"),
    (b"\x20\xff\xff\xff\x7f", b"", "MQTTException: too long"),
    (b"\x20\x02\0\4", b"", "MQTTException: 4"),
    (_CONNACK, b"", "OSError: 104"),
    (_CONNACK, b"\x90", "OSError: 104"),
    (_CONNACK, b"\x90\x03\0", "OSError: 104"),
    (_CONNACK, b"\x90\x00", "OSError: 104"),
    (_CONNACK, b"\x90\x03\0\x01\x80", "MQTTException: 128"),
    (_CONNACK, b"\x90\x05\0\x01\0\0\0", "MQTTException: 0"),
    (_CONNACK, b"\x90\x03\0\x02\0" + b"\x90\x03\0\x01\x01", "None"),
    (_CONNACK, b"\x40\x02\0\x01" + b"\x90\x03\0\x01\0", "None"),
    (_CONNACK, b"\x30\0", "MQTTException: malformed"),
    (_CONNACK, b"\x30\x01\0", "MQTTException: malformed"),
    (_CONNACK, b"\x30\x04\0\x03ab", "MQTTException: malformed"),
    (_CONNACK, b"\x32\x05\0\x02ab\0", "MQTTException: malformed"),
    (_CONNACK, b"\x34\x06\0\x02ab\0\x01", "MQTTException: malformed"),
    (_CONNACK, b"\x36\x06\0\x02ab\0\x01", "MQTTException: malformed"),
    (_CONNACK, b"\x30\x02\0\0" + b"\x90\x03\0\x01\0", "b'' b''\nNone"),
    (_CONNACK, b"\xd0\x80\x80\x80\x80\x00", "MQTTException: malformed"),
]


def _broken_broker(lan: Lan) -> tuple[int, Callable[[], None]]:
    with lan.inside():
        server = socket.create_server((HOST, 0))
    server.settimeout(60)

    def serve() -> None:
        with server:
            for greeting, answer, _ in BROKEN:
                connection, _ = server.accept()
                with connection, contextlib.suppress(OSError):
                    connection.settimeout(60)
                    connection.recv(100)
                    connection.sendall(greeting)
                    if greeting.startswith(_CONNACK):
                        connection.recv(100)
                        connection.sendall(answer)
                    connection.shutdown(socket.SHUT_WR)
                    while connection.recv(100):
                        pass

    thread = threading.Thread(target=serve)
    thread.start()
    return server.getsockname()[1], thread.join


def test_a_broker_that_breaks_the_protocol(guest: Guest, lan: Lan) -> None:
    port, join = _broken_broker(lan)
    code = f"""
def talk():
    c = client('guest', HOST, {port})
    try:
        c.connect(timeout=30)
        return c.subscribe('x')
    finally:
        c.sock.close()
for i in range({len(BROKEN)}): print(kind(talk))
"""
    said = guest.output_of(code)
    join()
    assert said == "".join(f"{expected}\n" for _, _, expected in BROKEN)


def test_one_thread_sends_while_another_looks(guest: Guest, lan: Lan) -> None:
    with lan.inside():
        server = socket.create_server((HOST, 0))
    message = bytes(range(256)) * 2000
    packet = b"\x30\x83\xa0\x1f" + b"\0\1x" + message
    count = 8
    received = bytearray()

    def serve() -> None:
        connection, _ = server.accept()
        with connection:
            connection.settimeout(60)
            connection.recv(100)
            connection.sendall(_CONNACK)
            while piece := connection.recv(65536):
                received.extend(piece)
                time.sleep(0.002)  # So that the sender waits for room.

    server.settimeout(60)
    with server:
        thread = threading.Thread(target=serve)
        thread.start()
        code = f"""
c = client('guest', HOST, {server.getsockname()[1]})
c.connect()
goes_on = True
def look():
    while goes_on: c.check_msg()
_thread.start_new_thread(look, ())
message = bytes(range(256)) * 2000
for i in range({count}): c.publish('x', message)
goes_on = False
time.sleep_ms(100)
c.disconnect()
"""
        guest.output_of(code, 60)
        thread.join()
    is_whole = received == packet * count + b"\xe0\0"
    assert is_whole, f"{len(received)} bytes"


def test_a_broker_that_says_nothing(guest: Guest, lan: Lan) -> None:
    with lan.inside():
        server = socket.create_server((HOST, 0))
    with server:
        code = f"print(kind(client('guest', HOST, {server.getsockname()[1]}).connect, timeout=0.2))"
        assert guest.output_of(code) == "OSError: 110\n"


def test_a_broker_that_stops_in_the_middle(guest: Guest, lan: Lan) -> None:
    with lan.inside():
        server = socket.create_server((HOST, 0))
    server.settimeout(60)

    def serve() -> None:
        connection, _ = server.accept()
        with connection:
            connection.settimeout(60)
            connection.recv(100)
            connection.sendall(_CONNACK + b"\x30\x10\0\1x")
            while connection.recv(100):
                pass

    with server:
        thread = threading.Thread(target=serve)
        thread.start()
        code = f"""
c = client('guest', HOST, {server.getsockname()[1]}, keepalive=1)
c.connect()
print(kind(c.wait_msg))
"""
        assert guest.output_of(code) == "OSError: 110\n"
        thread.join()
