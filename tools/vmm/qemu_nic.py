# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""A network device as QEMU is told of it, on its command line and by its monitor."""

import json
import re
from collections.abc import Sequence
from typing import Any

from ..errors import UserError
from .nic import Nic

_NO_PORT = re.compile(r"Could not set up host forwarding rule '(\w*):([^:]*):(\d*)")


def netdev(nic: Nic, id: str, tap: str) -> dict[str, Any]:
    """What the device is connected to, as netdev_add takes it. `tap`: the name or number by which
    QEMU knows the open tap interface."""
    if nic.tap:
        return {"type": "tap", "id": id, "fd": tap}
    forwards = [
        {"str": f"{port.protocol}:{port.address}:{port.host}-:{port.guest}"} for port in nic.ports
    ]
    return {"type": "user", "id": id} | ({"hostfwd": forwards} if forwards else {})


def options(nic: Nic, id: str, tap: str) -> list[str]:
    """The options that give a q35 machine this device."""
    # Without romfile= QEMU wants a boot ROM for it.
    device = f"virtio-net-pci,netdev={id},mac={nic.mac},disable-legacy=on,romfile="
    if nic.mtu:
        device += f",host_mtu={nic.mtu}"
    return ["-netdev", json.dumps(netdev(nic, id, tap)), "-device", device]


def why_refused(said: str, nics: Sequence[Nic]) -> UserError | None:
    """What QEMU's words say of a port that cannot be published; None if they are about something
    else."""
    match = _NO_PORT.search(said)
    if match is None:
        return None
    ports = [port for nic in nics for port in nic.ports if str(port.host) == match[3]]
    where = f"{ports[0].address}:{match[3]}" if ports else match[3]
    return UserError(
        f"The port {where} cannot be published.", "Publish another one; it may be in use."
    )
