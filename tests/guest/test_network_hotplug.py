# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Network devices that come and go while the guest runs."""

import socket

import pytest

from tests.guest.conftest import Boot
from tools.guest import Guest
from tools.lan import Lan
from tools.vmm.nic import Nic

pytestmark = pytest.mark.only_on("cloud_hypervisor", "nested")

HELPERS = """
import _thread, errno, gc, guest, network, socket, time
def wait(condition, ms=30000):
    end = time.ticks_add(time.ticks_ms(), ms)
    while not condition():
        if time.ticks_diff(end, time.ticks_ms()) < 0: return False
        time.sleep_ms(2)
    return True
def lans():
    found = {}
    for i in range(8):
        try: found[i] = network.LAN(i).config('mac').hex(':')
        except OSError: pass
    return found
def error(function, *args):
    try: return function(*args)
    except OSError as e: return errno.errorcode.get(e.errno, e.errno)
"""


def booted(boot: Boot, *nics: Nic, cmdline: str = "") -> Guest:
    """The first device has an address; what comes later asks for one."""
    guest = boot(nics=nics, cmdline=cmdline, cpus=2)
    guest.wait_for_prompt()
    guest.output_of(HELPERS)
    return guest


def has(guest: Guest, condition: str) -> None:
    assert guest.eval(f"wait(lambda: {condition})"), guest.eval("lans()")


def give_address(guest: Guest, id: int, address: str) -> None:
    guest.output_of(f"network.LAN({id}).ipconfig(addr4='{address}/24')")


def dhcp(lan: Lan, tap: str, network: str) -> None:
    command = ["dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", f"--interface={tap}"]
    command += ["--bind-interfaces", "--no-resolv", "--no-hosts", "--no-ping", "--pid-file"]
    command += ["--user=root", f"--dhcp-leasefile={lan.directory / tap}", "--port=0"]
    lan.start(*command, f"--dhcp-range={network}.10,{network}.99,120")


def test_a_second_device_comes_and_goes(boot: Boot, lan: Lan) -> None:
    first = lan.add_tap("tap0", ["192.168.80.1/24"])
    second = lan.add_tap("tap1", ["192.168.81.1/24"])
    dhcp(lan, "tap1", "192.168.81")
    guest = booted(boot, first, cmdline="ip=192.168.80.2:::24::eth0:off")
    for _ in range(2):
        id = guest.add_nic(second)
        has(guest, f"lans() == {{0: '{first.mac}', 1: '{second.mac}'}}")
        guest.output_of("lan = network.LAN(1)")
        has(guest, "lan.isconnected()")
        address = guest.eval("lan.ifconfig()[0]")
        assert address.startswith("192.168.81.")
        assert "1 received" in lan.run("ping", "-c", "1", "-W", "10", address)
        guest.remove_nic(id)
        assert guest.eval("(list(lans()), error(lan.status), error(network.LAN, 1))") == (
            [0],
            "ENODEV",
            "ENODEV",
        )
        assert "1 received" in lan.run("ping", "-c", "1", "-W", "10", "192.168.80.2")


@pytest.mark.only_on("nested")
def test_a_machine_with_none_gets_one(boot: Boot, lan: Lan) -> None:
    nic = lan.add_tap("tap0", ["192.168.80.1/24"])
    dhcp(lan, "tap0", "192.168.80")
    guest = booted(boot)
    assert guest.eval("lans()") == {}
    # There are sockets before there is a device.
    guest.output_of("server = socket.create_server(('', 7000))")
    id = guest.add_nic(nic)
    has(guest, f"lans() == {{0: '{nic.mac}'}} and network.LAN().isconnected()")
    address = guest.eval("network.LAN().ifconfig()[0]")
    guest.output_of("def serve():\n one, _ = server.accept()\n one.sendall(one.recv(10).upper())")
    guest.output_of("_thread.start_new_thread(serve, ())")
    with lan.connect(address, 7000, 60) as connection:
        connection.sendall(b"hello")
        assert connection.recv(10) == b"HELLO"
    guest.remove_nic(id)
    has(guest, "lans() == {}")


WAITERS = """
ended = {}
def run(name, function, *args):
    try: ended[name] = function(*args)
    except OSError as e: ended[name] = errno.errorcode.get(e.errno, e.errno)
def start(name, function, *args): _thread.start_new_thread(run, (name, function) + args)
"""


def test_a_device_goes_while_threads_use_it(boot: Boot, lan: Lan) -> None:
    first = lan.add_tap("tap0", ["192.168.80.1/24"])
    second = lan.add_tap("tap1", ["192.168.81.1/24"])
    guest = booted(boot, first, cmdline="ip=192.168.80.2:::24::eth0:off")
    id = guest.add_nic(second)
    has(guest, "1 in lans()")
    give_address(guest, 1, "192.168.81.2")
    with lan.inside():
        server = socket.create_server(("192.168.81.1", 7000), backlog=16)
    with server:
        code = f"""{WAITERS}
reader, writer, idle = [socket.create_connection(('192.168.81.1', 7000)) for _ in range(3)]
bound = socket.create_server(('192.168.81.2', 7001))
everywhere = socket.create_server(('', 7002))
datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); datagrams.bind(('192.168.81.2', 53))
def write():
    while True: writer.send(bytes(10000))
start('recv', reader.recv, 1); start('send', write); start('accept', bound.accept)
start('recvfrom', datagrams.recv, 1)
start('connect', socket.create_connection, ('192.168.81.77', 80))
time.sleep_ms(500)
"""
        guest.output_of(code)
        guest.remove_nic(id)
        # Connections of its address end with it. What listens there goes on when it is back.
        has(guest, "len(ended) == 3")
        assert guest.eval("(ended, error(idle.recv, 1), error(idle.send, b'x'))") == (
            {"recv": "ECONNABORTED", "send": "ECONNABORTED", "connect": "ETIMEDOUT"},
            "ECONNABORTED",
            "ECONNABORTED",
        )
        guest.output_of("for s in (reader, writer, idle): s.close()")
        # The other one, and what listens everywhere, work on.
        guest.output_of("start('everywhere', lambda: everywhere.accept()[0].recv(10))")
        with lan.connect("192.168.80.2", 7002, 60) as connection:
            connection.sendall(b"hello")
            has(guest, "ended.get('everywhere') == b'hello'")
        # The same comes back.
        guest.add_nic(second)
        has(guest, f"lans().get(1) == '{second.mac}'")
        give_address(guest, 1, "192.168.81.2")
        code = "s = socket.create_connection(('192.168.81.1', 7000)); print(s.send(b'x'))"
        assert guest.output_of(code) == "1\n"
        lan.connect("192.168.81.2", 7001, 60).close()
        with lan.inside(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"x", ("192.168.81.2", 53))
            has(guest, "len(ended) == 6")
        guest.output_of("start('last', bound.accept); time.sleep_ms(100); bound.close()")
        has(guest, "ended.get('last') == 'EBADF'")


def test_nothing_is_left_of_devices_that_went(boot: Boot, lan: Lan) -> None:
    first = lan.add_tap("tap0", ["192.168.80.1/24"])
    second = lan.add_tap("tap1", ["192.168.81.1/24"])
    guest = booted(boot, first, cmdline="ip=192.168.80.2:::24::eth0:off")
    # Connections to itself have nobody to tell that they end.
    code = """
def connect(count):
    server = socket.create_server(('192.168.81.2', 7000), backlog=count)
    ours = [socket.create_connection(('192.168.81.2', 7000)) for _ in range(count)]
    return ours, [server.accept()[0] for _ in range(count)], server
"""
    guest.output_of(code)
    free = []
    for _ in range(12):
        id = guest.add_nic(second)
        has(guest, "1 in lans()")
        give_address(guest, 1, "192.168.81.2")
        assert "1 received" in lan.run("ping", "-c", "1", "-W", "10", "192.168.81.2")
        guest.output_of("all = connect(40)")
        guest.remove_nic(id)
        has(guest, "list(lans()) == [0]")
        guest.output_of("del all")
        free.append(guest.eval("(gc.collect(), guest.memory().pages.free)[1]"))
    # Pieces of pages are kept for the next one.
    assert len(set(free[4:])) == 1, free


def test_several_devices_come_and_go_at_once(boot: Boot, lan: Lan) -> None:
    first = lan.add_tap("tap0", ["192.168.80.1/24"])
    others = [lan.add_tap(f"tap{i}", [f"192.168.{80 + i}.1/24"]) for i in (1, 2, 3)]
    guest = booted(boot, first, cmdline="ip=192.168.80.2:::24::eth0:off")
    for _ in range(2):
        ids = [guest.add_nic(nic) for nic in others]
        has(guest, "len(lans()) == 4")
        macs = guest.eval("lans()")
        assert sorted(macs.values()) == sorted(nic.mac for nic in (first, *others))
        for i, mac in macs.items():
            tap = next(nic.tap for nic in (first, *others) if nic.mac == mac)
            network = f"192.168.8{tap[-1]}"
            give_address(guest, i, f"{network}.2")
            assert "1 received" in lan.run("ping", "-c", "1", "-W", "10", f"{network}.2")
        for id in (ids[1], ids[0], ids[2]):
            guest.remove_nic(id)
        has(guest, f"lans() == {{0: '{first.mac}'}}")
        assert "1 received" in lan.run("ping", "-c", "1", "-W", "10", "192.168.80.2")


def test_the_next_device_leads_to_other_networks(boot: Boot, lan: Lan) -> None:
    nics = [lan.add_tap(f"tap{i}", [f"192.168.{80 + i}.1/24"]) for i in range(2)]
    lan.run("ip", "address", "add", "10.9.9.9/32", "dev", "lo")
    with lan.inside():
        server = socket.create_server(("10.9.9.9", 7000), backlog=16)
    settings = [f"ip=192.168.{80 + i}.2::192.168.{80 + i}.1:24::eth{i}:off" for i in range(2)]
    with server:
        guest = booted(boot, *nics, cmdline=" ".join(settings))
        ask = "socket.create_connection(('10.9.9.9', 7000)).getsockname()[0]"
        assert guest.eval(ask) == "192.168.80.2"
        guest.remove_nic("net0")
        assert guest.eval(ask) == "192.168.81.2"
        guest.add_nic(nics[0])
        has(guest, "0 in lans()")
        assert guest.eval(ask) == "192.168.81.2"
        guest.remove_nic("net1")
        give_address(guest, 0, "192.168.80.2")
        guest.output_of("network.LAN(0).ipconfig(gw4='192.168.80.1')")
        assert guest.eval(ask) == "192.168.80.2"
