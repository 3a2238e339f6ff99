# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Devices of one guest of Cloud Hypervisor that come and go by its API, and what of the host they
are lent for that long."""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, Generic, Protocol, TypeVar

from .base import VmmError

_POLL_INTERVAL = 0.05


class Lent(Protocol):
    """What of the host a device has."""

    def take_back(self) -> None:
        """Cloud Hypervisor has let go of it."""


D = TypeVar("D")
L = TypeVar("L", bound=Lent)


class GuestDevices(ABC, Generic[D, L]):
    """Devices of one kind. `api` is Cloud Hypervisor's; `lend` gives a device what it needs of the
    host, UserError if it cannot."""

    def __init__(self, api: Callable[..., Any], lend: Callable[[D], L]) -> None:
        self._api = api
        self._lend = lend
        self._lent: dict[str, L] = {}
        self._named = 0

    @abstractmethod
    def _config(self, device: D, number: int, lent: L) -> dict[str, Any]:
        """The device as the API has it, with an `id` that has the number in it."""

    def _lend_all(self, devices: Sequence[D]) -> list[dict[str, Any]]:
        """The devices for a machine that is to be made, as the API has them."""
        return [self._lend_one(device) for device in devices]

    def _add(self, call: str, device: D) -> str:
        """Plug a device into the guest by a call of the API; gives its id."""
        config = self._lend_one(device)
        id = str(config["id"])
        try:
            self._api("PUT", call, config)
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
        for id in list(self._lent):
            self._take_back(id)

    def _lend_one(self, device: D) -> dict[str, Any]:
        number = self._named
        self._named += 1
        lent = self._lend(device)
        config = self._config(device, number, lent)
        self._lent[config["id"]] = lent
        return config

    def _take_back(self, id: str) -> None:
        lent = self._lent.pop(id, None)
        if lent is not None:
            lent.take_back()
