# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""The network devices of one guest of Cloud Hypervisor: what it has from the start, and what comes
and goes by the API. The same for both back ends, which differ in where the tap interfaces are."""

import os
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from ..errors import UserError
from . import cloud_hypervisor_cli as cli
from .base import VmmError
from .nic import Nic
from .tap import open_tap

_POLL_INTERVAL = 0.05


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


class GuestNics:
    """`api` is Cloud Hypervisor's; `lend` makes a connection for a device, UserError if it
    cannot."""

    def __init__(self, api: Callable[..., Any], lend: Callable[[Nic], Connection]) -> None:
        self._api = api
        self._lend = lend
        self._connections: dict[str, Connection] = {}
        self._named = 0

    def lend(self, nics: Sequence[Nic]) -> list[dict[str, Any]]:
        """The devices for a machine that is to be made, as the API has them."""
        return [self._lend_one(nic) for nic in nics]

    def add(self, nic: Nic) -> str:
        """Plug a device into the guest; gives its id."""
        config = self._lend_one(nic)
        id = str(config["id"])
        try:
            self._api("PUT", "vm.add-net", config)
        except VmmError:
            self._take_back(id)
            raise
        return id

    def remove(self, id: str, timeout: float) -> bool:
        """Ask the guest to let go of a device; whether it has done so in time."""
        self._api("PUT", "vm.remove-device", {"id": id})
        deadline = time.monotonic() + timeout
        while id in self._api("GET", "vm.info")["device_tree"]:
            if time.monotonic() > deadline:
                return False
            time.sleep(_POLL_INTERVAL)
        self._take_back(id)
        return True

    def take_all_back(self) -> None:
        """Cloud Hypervisor has ended. May be called twice."""
        for id in list(self._connections):
            self._take_back(id)

    def _lend_one(self, nic: Nic) -> dict[str, Any]:
        id = f"net{self._named}"
        self._named += 1
        self._connections[id] = connection = self._lend(nic)
        return cli.nic_config(nic, id, connection.tap)

    def _take_back(self, id: str) -> None:
        connection = self._connections.pop(id, None)
        if connection is not None:
            connection.take_back()
