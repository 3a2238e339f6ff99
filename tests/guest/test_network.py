# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Network devices and their peers: DHCP, DNS and IPv6 by dnsmasq, programs of this machine by tap
interfaces in a network namespace of the test's own, user networking."""

import hashlib
import os
import socket
import threading
import time
from collections.abc import Callable

import pytest

from tests.guest.conftest import Boot
from tools.errors import UserError
from tools.guest import Guest
from tools.lan import Lan
from tools.vmm.nested import Nested
from tools.vmm.nic import Nic, Port
from tools.vmm.process import ChildProcess

HOST4, HOST6 = "192.168.77.1", "fd00:77::1"
FIRST4, LAST4 = "192.168.77.10", "192.168.77.99"

WAIT = """
import errno, network, select, socket, time
lan = network.LAN()
def wait(what, ms=30000):
    start = time.ticks_ms()
    while not what():
        if time.ticks_diff(time.ticks_ms(), start) > ms: raise OSError(errno.ETIMEDOUT)
        time.sleep_ms(5)
def global6(): return [a[0] for a in lan.ipconfig('addr6') if a[0].startswith('fd')]
"""


def dnsmasq(
    lan: Lan, *options: str, tap: str = "tap0", pool: str = f"{FIRST4},{LAST4}"
) -> ChildProcess:
    """DHCP, DNS and router advertisements on a tap interface, until the network's end."""
    leases = lan.directory / "leases"
    command = ["dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", f"--interface={tap}"]
    command += ["--bind-interfaces", "--no-resolv", "--no-hosts", "--no-ping", "--pid-file"]
    command += ["--user=root", "--log-facility=-", "--log-dhcp", f"--dhcp-leasefile={leases}"]
    command += [f"--dhcp-range={pool},120", *options]
    return lan.start(*command)


def ready(boot: Boot, *nics: Nic, **fields: object) -> Guest:
    """A guest at its prompt that has imported what the tests use."""
    guest = boot(nics=nics, **fields)
    guest.wait_for_prompt()
    guest.output_of(WAIT)
    return guest


def test_an_address_by_dhcp_and_names_by_dns(boot: Boot, lan: Lan) -> None:
    nic = lan.add_tap("tap0", [f"{HOST4}/24"])
    server = dnsmasq(lan, "--address=/peer.example/192.168.77.7", "--address=/peer.example/fd00::7")
    guest = ready(boot, nic, cmdline="hostname=web-1")
    code = """
wait(lan.isconnected)
print(*lan.ifconfig(), lan.status(), lan.config('mac').hex(':'), network.hostname())
print(socket.getaddrinfo('peer.example', 80, 0, socket.SOCK_STREAM)[0][-1])
print(socket.getaddrinfo('peer.example', 80, socket.AF_INET6)[0][-1][:2])
try: socket.getaddrinfo('nobody.example', 80)
except socket.gaierror as e: print(e.errno)
"""
    address, rest = guest.output_of(code).split(" ", 1)
    assert FIRST4 <= address <= LAST4
    assert rest.splitlines() == [
        f"255.255.255.0 {HOST4} {HOST4} 3 {nic.mac} web-1",
        "('192.168.77.7', 80)",
        "('fd00::7', 80)",
        "-2",
    ]
    assert f"DHCPACK(tap0) {address} {nic.mac} web-1" in server.output


def test_addresses_of_ipv6_routers(boot: Boot, lan: Lan) -> None:
    nic = lan.add_tap("tap0", [f"{HOST4}/24", f"{HOST6}/64"])
    dnsmasq(lan, f"--dhcp-range={HOST6[:-1]},ra-only", "--enable-ra")
    guest = ready(boot, nic)
    address = guest.output_of(
        "wait(lambda: lan.ipconfig('has_autoconf6')); print(global6()[0])"
    ).strip()
    with lan.inside():
        server = socket.create_server((HOST6, 7000), family=socket.AF_INET6)
    with server:
        code = f"""
s = socket.create_connection(({HOST6!r}, 7000)); s.settimeout(20)
s.sendall(b'hello'); print(s.recv(10), s.getsockname()[0])
"""
        echo = threading.Thread(target=_answer_once, args=(server,))
        echo.start()
        assert guest.output_of(code) == f"b'HELLO' {address}\n"
        echo.join()


def _answer_once(server: socket.socket) -> None:
    server.settimeout(60)
    connection, _ = server.accept()
    with connection:
        connection.sendall(connection.recv(100).upper())


def test_a_static_address_by_the_command_line(boot: Boot, lan: Lan) -> None:
    nic = lan.add_tap("tap0", [f"{HOST4}/24"])
    guest = ready(boot, nic, cmdline=f"ip=192.168.77.5::{HOST4}:24:static:eth0:off:{HOST4}")
    code = "print(*lan.ifconfig(), network.hostname(), lan.ipconfig('dhcp4'))"
    expected = f"192.168.77.5 255.255.255.0 {HOST4} {HOST4} static False\n"
    assert guest.output_of(code) == expected
    assert "1 received" in lan.run("ping", "-c", "1", "-W", "10", "192.168.77.5")


@pytest.mark.parametrize("value", ["10.0.0.1", "10.0.0.1:::255.0.255.0", "no", "x:::::::::::"])
def test_a_setting_that_makes_no_sense_ends_the_boot(boot: Boot, value: str) -> None:
    guest = boot(cmdline=f"ip={value}")
    with pytest.raises(Exception, match="the setting ip= wants"):
        guest.wait_for_prompt()


@pytest.mark.only_on("qemu", "nested")
def test_a_server_is_reached_by_published_ports(boot: Boot, free_port: Callable[[], int]) -> None:
    tcp, udp = free_port(), free_port()
    guest = ready(boot, Nic(ports=[Port(tcp, 80), Port(udp, 53, "udp")]))
    code = """
import _thread
wait(lan.isconnected)
server = socket.create_server(('', 80))
datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); datagrams.bind(('', 53))
def serve():
    while True:
        one, _ = server.accept()
        with one: one.sendall(one.recv(100).upper())
def answer():
    while True:
        data, where = datagrams.recvfrom(2000)
        datagrams.sendto(data.upper(), where)
_thread.start_new_thread(serve, ()); _thread.start_new_thread(answer, ())
"""
    guest.output_of(code)
    for _ in range(3):
        with socket.create_connection(("127.0.0.1", tcp), 30) as connection:
            connection.sendall(b"hello")
            assert connection.recv(100) == b"HELLO"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(30)
        client.sendto(b"datagram", ("127.0.0.1", udp))
        assert client.recv(100) == b"DATAGRAM"
    # The prompt is alive beside it.
    assert guest.output_of("print(lan.ifconfig()[0])") == "10.0.2.15\n"


def test_a_port_that_is_in_use_is_refused(boot: Boot, vmm_name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        says = "no user networking" if vmm_name == "cloud_hypervisor" else f"{port} cannot be"
        with pytest.raises(UserError, match=says):
            boot(nics=[Nic(ports=[Port(port, 80)])])


@pytest.mark.parametrize("size", [100_000, 5_000_000])
def test_bytes_go_both_ways(boot: Boot, lan: Lan, size: int) -> None:
    nic = lan.add_tap("tap0", [f"{HOST4}/24"])
    guest = ready(boot, nic, cmdline="ip=192.168.77.5:::24::eth0:off")
    code = f"""
import _thread, hashlib
server = socket.create_server(('', 7000))
def serve():
    while True:
        one, _ = server.accept()
        with one:
            sum, left, buffer = hashlib.sha256(), {size}, bytearray(65536)
            while left:
                got = one.recv_into(buffer)
                sum.update(memoryview(buffer)[:got]); left -= got
            one.sendall(sum.digest())
            data = bytes(range(251)) * 1024
            for at in range(0, {size}, len(data)): one.sendall(data[:{size} - at])
_thread.start_new_thread(serve, ())
"""
    guest.output_of(code)
    data = os.urandom(size)
    with lan.connect("192.168.77.5", 7000, 120) as connection:
        connection.sendall(data)
        reader = connection.makefile("rb")
        assert reader.read(32) == _sha256(data)
        assert reader.read(size) == (bytes(range(251)) * (size // 251 + 1))[:size]
        assert reader.read() == b""


def _sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def test_several_devices(boot: Boot, lan: Lan) -> None:
    nics = [lan.add_tap(f"tap{i}", [f"192.168.{80 + i}.1/24"]) for i in range(3)]
    settings = " ".join(f"ip=192.168.{80 + i}.2:::24::eth{i}:off" for i in range(3))
    guest = ready(boot, *nics, cmdline=settings)
    code = "for i in range(3): print(network.LAN(i).config('mac').hex(':'))"
    assert guest.output_of(code).splitlines() == [nic.mac for nic in nics]
    for i in range(3):
        assert "1 received" in lan.run("ping", "-c", "1", "-W", "10", f"192.168.{80 + i}.2")


def test_who_came_by_a_device_is_answered_by_it(boot: Boot, lan: Lan) -> None:
    nics = [lan.add_tap(f"tap{i}", [f"192.168.{80 + i}.1/24"]) for i in range(2)]
    lan.run("ip", "address", "add", "10.9.9.9/32", "dev", "lo")
    settings = [f"ip=192.168.{80 + i}.2::192.168.{80 + i}.1:24::eth{i}:off" for i in range(2)]
    guest = ready(boot, *nics, cmdline=" ".join(settings))
    guest.output_of("server = socket.create_server(('', 7000))")
    # What takes the way of the first device, which leads to other networks, is lost.
    lan.run("ip", "link", "set", "tap0", "down")
    with lan.inside():
        client = socket.create_connection(("192.168.81.2", 7000), 30, ("10.9.9.9", 0))
    with client:
        guest.output_of("one = server.accept()[0]; one.sendall(b'hello')")
        assert client.recv(10) == b"hello"
        assert guest.eval("one.getpeername()[0]") == "10.9.9.9"


@pytest.mark.parametrize("mtu", [1280, 9000])
def test_mtu(boot: Boot, lan: Lan, mtu: int) -> None:
    nic = lan.add_tap("tap0", [f"{HOST4}/24"], mtu=mtu)
    nic = Nic(tap=nic.tap, enter=nic.enter, mtu=mtu)
    guest = ready(boot, nic, cmdline="ip=192.168.77.5:::24::eth0:off")
    assert guest.eval("lan.config('mtu')") == mtu
    size = str(mtu - 28)
    assert "1 received" in lan.run(
        "ping", "-c", "1", "-W", "10", "-s", size, "-M", "do", "192.168.77.5"
    )
    assert "1 received" in lan.run("ping", "-c", "1", "-W", "10", "-s", "5000", "192.168.77.5")


@pytest.fixture
def free_port() -> Callable[[], int]:
    """A port of the loopback interface that nobody has."""

    def find() -> int:
        with socket.create_server(("127.0.0.1", 0)) as server:
            return int(server.getsockname()[1])

    return find


def test_no_tap_interface_is_made_by_the_way(boot: Boot) -> None:
    with pytest.raises(UserError, match="There is no interface nobody0"):
        boot(nics=[Nic(tap="nobody0")])


@pytest.mark.only_on("nested")
def test_idle_connections_take_no_cpu(boot: Boot) -> None:
    guest = ready(boot, Nic())
    code = """
import asyncio
async def serve(reader, writer): await reader.read(1)
async def main():
    server = await asyncio.start_server(serve, '127.0.0.1', 80, backlog=250)
    clients = []
    for _ in range(200): clients.append(await asyncio.open_connection('127.0.0.1', 80))
    wait(lan.isconnected)
    print('idle')
    await asyncio.sleep(1000)
asyncio.run(main())
"""
    guest.repl.start(code.encode(), guest.timeout)
    guest.read_until(b"idle")
    vmm = guest.vmm
    assert isinstance(vmm, Nested)
    deadline = time.monotonic() + 60
    # At first it asks for routers, and whether somebody else has its address.
    before, now = -1, vmm.vm_exits()
    while now != before:
        assert time.monotonic() < deadline, "The guest never rests."
        time.sleep(4)
        before, now = now, vmm.vm_exits()
