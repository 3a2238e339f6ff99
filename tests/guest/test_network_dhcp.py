# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""What becomes of an address that a DHCP server gave: it is renewed, refused, and gone with the
server."""

import socket
import struct
import threading
import time
from types import TracebackType
from typing import Self

from tests.guest.conftest import Boot
from tests.guest.test_network import HOST4, dnsmasq, ready
from tools.guest import Guest
from tools.lan import Lan

SHORT = ["--dhcp-option=option:T1,3", "--dhcp-option=option:T2,60", "--dhcp-authoritative"]


def wait(guest: Guest, what: str, ms: int = 40000) -> None:
    guest.output_of(f"wait(lambda: {what}, {ms})", timeout=ms / 1000 + guest.timeout)


def test_an_address_is_renewed_then_refused(boot: Boot, lan: Lan) -> None:
    nic = lan.add_tap("tap0", [f"{HOST4}/24"])
    server = dnsmasq(lan, *SHORT)
    guest = ready(boot, nic)
    wait(guest, "lan.isconnected()")
    address = guest.eval("lan.ifconfig()[0]")
    with lan.inside():
        listener = socket.create_server((HOST4, 7000))
    with listener:
        guest.output_of(f"s = socket.create_connection(('{HOST4}', 7000))")
        deadline = time.monotonic() + 40
        while server.output.count("DHCPACK") < 4:
            assert time.monotonic() < deadline, server.output
            time.sleep(0.2)
        assert guest.eval("(lan.status(), lan.ifconfig()[0], s.send(b'x'))") == (3, address, 1)
        # Another server gives others, and refuses this one.
        server.kill()
        (lan.directory / "leases").unlink()
        server = dnsmasq(lan, *SHORT, pool="192.168.77.200,192.168.77.210")
        wait(guest, f"lan.ifconfig()[0] != '{address}' and lan.isconnected()")
        assert "DHCPNAK" in server.output
        assert guest.eval("lan.ifconfig()[0]").startswith("192.168.77.2")
        code = "try: s.recv(1)\nexcept OSError as e: print(errno.errorcode[e.errno])"
        assert guest.output_of(code) == "ECONNABORTED\n"


class Server:
    """A DHCP server with leases as short as wanted, that answers when it wants to."""

    def __init__(self, lan: Lan, address: str, seconds: int) -> None:
        self.discovers = 0
        self.answers_from = 1
        """The number of the question for a new address that it answers first."""
        self.is_silent = False
        self._address, self._seconds = socket.inet_aton(address), seconds
        with lan.inside():
            self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"tap0")
        self._socket.bind(("", 67))
        self._socket.settimeout(0.2)
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ends.set()
        self._thread.join()
        self._socket.close()

    def _run(self) -> None:
        while not self._ends.is_set():
            try:
                self._take(self._socket.recv(2000))
            except TimeoutError:
                continue

    def _take(self, message: bytes) -> None:
        """RFC 2131, 2; RFC 2132, 9."""
        kind = message[message.index(b"\x35\x01", 236) + 2]
        if kind == 1:
            self.discovers += 1
        if self.is_silent or kind not in (1, 3) or self.discovers < self.answers_from:
            return
        answer = struct.pack("!BBBB", 2, 1, 6, 0) + message[4:8] + bytes(4) + bytes(4)
        answer += self._address + socket.inet_aton(HOST4) + bytes(4) + message[28:44] + bytes(192)
        answer += b"\x63\x82\x53\x63" + bytes([53, 1, 2 if kind == 1 else 5])
        answer += b"\x36\x04" + socket.inet_aton(HOST4) + b"\x01\x04\xff\xff\xff\x00"
        answer += b"\x33\x04" + struct.pack("!I", self._seconds) + b"\xff"
        self._socket.sendto(answer, ("255.255.255.255", 68))


def test_a_server_goes_and_comes_back(boot: Boot, lan: Lan) -> None:
    nic = lan.add_tap("tap0", [f"{HOST4}/24"])
    with Server(lan, "192.168.77.50", 6) as server:
        guest = ready(boot, nic)
        wait(guest, "lan.isconnected()")
        # Renewed in time, it stays.
        time.sleep(8)
        assert guest.eval("(lan.status(), lan.ifconfig()[0])") == (3, "192.168.77.50")
        assert server.discovers == 1
        # The lease ends, and nobody answers.
        server.answers_from = server.discovers + 4
        server.is_silent = True
        wait(guest, "lan.status() == 2")
        server.is_silent = False
        assert guest.eval("(lan.ifconfig()[0], lan.ipconfig('has_dhcp4'))") == ("0.0.0.0", False)
        # It begins to look for an address of its own when the server is back, which has priority.
        wait(guest, "lan.status() == 3")
        assert guest.eval("lan.ifconfig()[0]") == "192.168.77.50"
        code = """
seen, start = set(), time.ticks_ms()
while time.ticks_diff(time.ticks_ms(), start) < 10000:
    seen.add(lan.ifconfig()[0])
    time.sleep_ms(20)
print(seen)
"""
        assert guest.output_of(code, guest.timeout + 10) == "{'192.168.77.50'}\n"
