# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""guest.interfaces(), connections(), ping(), dns() and ntp() tell what is there."""

import socket
import struct
import threading
import time

import pytest

from tests.guest.conftest import Boot
from tools.guest import Guest
from tools.lan import Lan
from tools.vmm.nic import Nic

HOST4, GUEST4, HOST6, GUEST6 = "192.168.77.1", "192.168.77.5", "fd00:77::1", "fd00:77::5"


@pytest.fixture
def nic(lan: Lan) -> Nic:
    return lan.add_tap("tap0", [f"{HOST4}/24", f"{HOST6}/64"])


@pytest.fixture
def guest(boot: Boot, nic: Nic) -> Guest:
    settings = f"ip={GUEST4}:::24::eth0:off:{HOST4} ip=[{GUEST6}]:::64::eth0:off"
    guest = boot(nics=[nic], cmdline=settings)
    guest.wait_for_prompt()
    code = """
import guest, socket, time
def first(): return guest.interfaces()[0]
while first().state != 'up' or len(first().addresses) < 3: time.sleep_ms(10)
"""
    guest.output_of(code)
    return guest


def test_interfaces(guest: Guest, nic: Nic) -> None:
    code = """
def has(row): return '192.168.77.5' in row.addresses, 'fd00:77::5' in row.addresses
before = first()
guest.ping('192.168.77.1', 3)
after = first()
print(len(guest.interfaces()), after[:2], after.mtu, has(after))
print(after.received - before.received >= 3, after.sent - before.sent >= 3)
print(after.rx_bytes - before.rx_bytes >= 3 * 98)
print(after.mac)
print(guest.interfaces())
import network
network.LAN().active(False)
print(first().state)
"""
    lines = guest.output_of(code, 60).splitlines()
    assert lines[:4] == ["1 ('eth0', 'up') 1500 (True, True)", "True True", "True", nic.mac]
    assert lines[4].split()[:5] == ["name", "state", "mac", "mtu", "received"]
    assert lines[5].split()[:3] == ["eth0", "up", nic.mac]
    assert lines[-1] == "down"


def test_a_machine_without_a_device(shared_guest: Guest) -> None:
    code = "import guest; print(guest.interfaces(), len(guest.interfaces()))"
    assert shared_guest.output_of(code).splitlines()[0].startswith("name  state")


def test_connections(guest: Guest, lan: Lan) -> None:
    code = """
listener = socket.create_server(('', 80))
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.bind(('192.168.77.5', 99))
"""
    guest.output_of(code)
    with lan.connect(GUEST4, 80) as peer:
        code = """
connection, who = listener.accept()
connection.send(b'x' * 10)
mine = guest.connections()
print([tuple(row)[:3] + (row.state,) for row in mine if row.local in ('*:80', '192.168.77.5:99')])
print([row.state for row in mine if row.remote == '%s:%d' % who])
"""
        lines = guest.output_of(code).splitlines()
        assert lines == [
            "[('tcp', '*:80', '*:*', 'LISTEN'), ('udp', '192.168.77.5:99', '*:*', '')]",
            "['ESTABLISHED']",
        ]
        assert peer.recv(10) == b"x" * 10


def test_ping(guest: Guest) -> None:
    code = f"""
for host in ({HOST4!r}, {HOST6!r}, '127.0.0.1', '::1'):
    rows = guest.ping(host, 2, 1001)
    print([(row[0], row[1], row.problem) for row in rows], rows[0].milliseconds > 0)
print([row.problem for row in guest.ping('192.168.77.99', 2, timeout=0.2)])
"""
    assert guest.output_of(code, 60).splitlines() == [
        *(
            f"[(1, '{host}', ''), (2, '{host}', '')] True"
            for host in (HOST4, HOST6, "127.0.0.1", "::1")
        ),
        "['no answer', 'no answer']",
    ]


def test_a_raw_socket_has_the_header_of_ipv4_only(guest: Guest) -> None:
    """As on Linux."""
    code = """
for family, protocol, host in ((socket.AF_INET, 1, '127.0.0.1'), (socket.AF_INET6, 58, '::1')):
    with socket.socket(family, socket.SOCK_RAW, protocol) as s:
        s.settimeout(5)
        kind = 8 if protocol == 1 else 128
        sum = b'\\xf7\\xff' if protocol == 1 else bytes(2)
        s.sendto(bytes([kind, 0]) + sum + bytes(4), (host, 0))
        data, who = s.recvfrom(100)
        print(len(data), data[20 if protocol == 1 else 0] in (kind, 0, 129), who[0])
"""
    assert guest.output_of(code).splitlines() == ["28 True 127.0.0.1", "8 True ::1"]


def test_names_and_time(guest: Guest, lan: Lan) -> None:
    with lan.inside():
        clock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        clock.bind((HOST4, 123))
    now = int(time.time()) + 2208988800 + 3600

    def serve() -> None:
        for _ in range(3):
            _, where = clock.recvfrom(100)
            clock.sendto(struct.pack("!BB38xII", 0x24, 2, now, 0), where)

    with clock:
        clock.settimeout(60)
        thread = threading.Thread(target=serve)
        thread.start()
        code = f"""
print(guest.dns(), [tuple(row) for row in guest.dns('localhost')])
answer = guest.ntp({HOST4!r})
print(answer.server, 3590 <= int(answer.ahead.split()[0]) <= 3610, answer.set)
guest.ntp({HOST4!r}, set=True)
import ntptime; print(ntptime.host, abs(time.time() + 2208988800 - {now}) < 60)
"""
        lines = guest.output_of(code, 60).splitlines()
        thread.join()
    assert lines == [
        f"{HOST4} [('IPv4', '127.0.0.1'), ('IPv6', '::1')]",
        f"{HOST4} True False",
        "pool.ntp.org True",
    ]
