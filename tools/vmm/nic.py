# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""A network device of a guest, and what of the host it is connected to: the same on every back end.

- `user`: QEMU's user networking. The guest reaches what this machine reaches, as any program here
  does; it is reached by the ports that are published. Needs no privileges.
- `tap=NAME`: a tap interface that somebody has made. Who may use it is the host's business.
"""

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..errors import UserError

SYNTAX = "user[,mac=MAC][,mtu=BYTES] or tap=NAME[,mac=MAC][,mtu=BYTES]"
PUBLISH_SYNTAX = "[ADDRESS:]PORT:GUEST_PORT[/udp]"

_MTU = range(1280, 65521)
"""The least that IPv6 works with, to the most that a tap interface has."""
_NAME_MOST = 15
_LOOPBACK = "127.0.0.1"


def _any_mac() -> str:
    # One that nobody has given out, in the range of QEMU's and KVM's guests.
    return "52:54:00:" + ":".join(f"{byte:02x}" for byte in secrets.token_bytes(3))


@dataclass(frozen=True)
class Port:
    """A port of the host that is one of the guest."""

    host: int
    guest: int
    protocol: str = "tcp"
    address: str = _LOOPBACK
    """Of the host: who can reach that can reach the guest."""

    def __str__(self) -> str:
        return f"{self.address}:{self.host}:{self.guest}/{self.protocol}"


@dataclass(frozen=True)
class Nic:
    """A virtio-net device. UserError for values that no VMM takes."""

    tap: str = ""
    """The name of a tap interface; QEMU's user networking without."""
    mac: str = field(default_factory=_any_mac)
    mtu: int = 0
    """What the device tells the guest; 0: nothing."""
    ports: Sequence[Port] = ()
    """What is published: of user networking only."""
    enter: Sequence[str] = ()
    """Words before a command that have it run where the tap interface is, such as `nsenter` and its
    options; none: here."""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"([0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}", self.mac):
            raise UserError(f"'{self.mac}' is no MAC address.", "Write one as 52:54:00:12:34:56.")
        if int(self.mac[:2], 16) & 1:
            raise UserError(f"{self.mac} is the address of a group, not of a device.")
        if self.mtu and self.mtu not in _MTU:
            raise UserError(
                f"An MTU cannot be {self.mtu}.", f"Give {_MTU.start} to {_MTU.stop - 1}."
            )
        if self.tap and not re.fullmatch(rf"[\w.-]{{1,{_NAME_MOST}}}", self.tap, re.ASCII):
            raise UserError(f"'{self.tap}' is no name of a tap interface.")
        if self.tap and self.ports:
            raise UserError(
                "Ports are published for --net user only.",
                "By a tap interface the guest has an address of its own.",
            )


def parse_nic(text: str) -> Nic:
    """A network device as `--net` has it (SYNTAX)."""
    kind, *words = text.split(",")
    values: dict[str, Any] = {}
    if kind != "user":
        words.insert(0, kind)
    for word in words:
        key, equals, value = word.partition("=")
        if key not in ("tap", "mac", "mtu") or not equals or (key == "tap" and kind == "user"):
            raise UserError(f"--net does not know '{word}'.", f"Write {SYNTAX}.")
        if key in values:
            raise UserError(f"--net {text} gives {key} twice.")
        if key == "mtu" and not re.fullmatch(r"\d{1,9}", value, re.ASCII):
            raise UserError(f"--net mtu={value} is not right.", "Give a number.")
        values[key] = int(value) if key == "mtu" else value
    if kind != "user" and not values.get("tap"):
        raise UserError(f"--net {text} names no tap interface.", f"Write {SYNTAX}.")
    return Nic(**values)


def parse_port(text: str) -> Port:
    """A port as `--publish` has it (PUBLISH_SYNTAX)."""
    match = re.fullmatch(r"(?:([\d.]+):)?(\d{1,5}):(\d{1,5})(?:/(tcp|udp))?", text, re.ASCII)
    if match is None:
        raise UserError(f"--publish {text} is not right.", f"Write {PUBLISH_SYNTAX}.")
    address, host, guest, protocol = match.groups()
    for number in (host, guest):
        if not 1 <= int(number) <= 65535:
            raise UserError(f"--publish {text}: there is no port {number}.")
    return Port(int(host), int(guest), protocol or "tcp", address or _LOOPBACK)


def parse_nics(nets: Sequence[str], published: Sequence[str]) -> list[Nic]:
    """The devices that `--net` and `--publish` give a machine, each of them repeated."""
    nics = [parse_nic(text) for text in nets]
    ports = [parse_port(text) for text in published]
    users = [nic for nic in nics if not nic.tap]
    if len(users) > 1:
        raise UserError("--net user can be given once.", "Others can be taps.")
    if ports and not users:
        raise UserError("--publish needs --net user.")
    return [nic if nic.tap else replace(nic, ports=ports) for nic in nics]
