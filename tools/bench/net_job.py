# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""What the guests of `./inv bench net` are asked to do, and where they find each other."""

from dataclasses import dataclass
from typing import Protocol

from ..guest import Guest


@dataclass(frozen=True)
class Place:
    """A guest's tap interface, and the addresses at its two ends."""

    tap: str
    host: str
    guest: str


OURS = Place("tap0", "192.168.77.1", "192.168.77.2")
LINUX = Place("tap1", "192.168.78.1", "192.168.78.2")


@dataclass(frozen=True)
class Flow:
    """As many bytes as there is room for, for some seconds: what iperf3 measures."""

    udp: bool
    receives: bool

    @property
    def name(self) -> str:
        return f"{'UDP' if self.udp else 'TCP'} {'received' if self.receives else 'sent'}"


FLOWS = [Flow(udp, receives) for udp in (False, True) for receives in (False, True)]


@dataclass(frozen=True)
class Kind:
    """A thing that is done a given number of times: net_peer.py tells how."""

    name: str
    about: str
    few: int
    """Times, of a short turn: what it costs, a turn costs beside what is counted."""
    many: int


ECHO = Kind("echo", "TCP request and response, 64 bytes", 50, 250)
KINDS = [
    ECHO,
    Kind("give", "TCP sent, 64 KiB", 8, 72),
    Kind("take", "TCP received, 64 KiB", 8, 72),
    Kind("udp-give", "UDP datagram sent, 1,448 bytes", 64, 576),
    Kind("udp-take", "UDP datagram received, 1,448 bytes", 64, 576),
]


class NetGuest(Protocol):
    """A guest that is up and has the network."""

    guest: Guest

    def flow(self, flow: Flow, seconds: int) -> float:
        """Kilobits of payload a second that have been received."""
        ...

    def turn(self, kind: Kind, count: int) -> float:
        """Microseconds, by the guest's clock."""
        ...
