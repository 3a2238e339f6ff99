# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""The network devices of one guest of Cloud Hypervisor: what it has from the start, and what comes
and goes by the API. The same for both back ends, which differ in where the tap interfaces are."""

import os
from collections.abc import Sequence
from typing import Any, Protocol

from ..errors import UserError
from . import cloud_hypervisor_cli as cli
from .cloud_hypervisor_devices import GuestDevices
from .nic import Nic
from .tap import open_tap


class Connection(Protocol):
    """What of the host a device is connected to, where Cloud Hypervisor runs."""

    tap: str

    def take_back(self) -> None:
        """Cloud Hypervisor has let go of it."""


class HostTap:
    """The host's tap interface itself. UserError if there is none."""

    def __init__(self, nic: Nic) -> None:
        if not nic.tap:
            raise UserError(
                "Cloud Hypervisor has no user networking.",
                "Use --net tap=NAME, or --vmm qemu or nested.",
            )
        os.close(open_tap(nic.tap, nic.enter))  # Else one is made, which leads nowhere.
        self.tap = nic.tap

    def take_back(self) -> None:
        """There is nothing to do."""


class GuestNics(GuestDevices[Nic, Connection]):
    """`lend` makes a connection for a device."""

    def lend(self, nics: Sequence[Nic]) -> list[dict[str, Any]]:
        """The devices for a machine that is to be made, as the API has them."""
        return self._lend_all(nics)

    def add(self, nic: Nic) -> str:
        """Plug a device into the guest; gives its id."""
        return self._add("vm.add-net", nic)

    def _config(self, device: Nic, number: int, lent: Connection) -> dict[str, Any]:
        return cli.nic_config(device, f"net{number}", lent.tap)
