# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""The disks of one guest of Cloud Hypervisor: what it has from the start, and what comes and goes
by the API. The same for both back ends, which differ in where the images are."""

import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from . import cloud_hypervisor_cli as cli
from .base import VmmError
from .disk import Disk, check_disks, why_refused

_POLL_INTERVAL = 0.05


class Image(Protocol):
    """An image where Cloud Hypervisor runs."""

    path: str

    def resize(self, size: int) -> None:
        """Make Cloud Hypervisor able to give the disk another size."""

    def take_back(self) -> None:
        """Cloud Hypervisor has let go of it: what it wrote is in the host's image afterwards."""


class HostImage:
    """The host's image itself."""

    def __init__(self, disk: Disk) -> None:
        self.path = str(disk.path.absolute())

    def resize(self, size: int) -> None:
        """Cloud Hypervisor does it."""

    def take_back(self) -> None:
        """There is nothing to do."""


class GuestDisks:
    """`api` is Cloud Hypervisor's; `lend` makes an image of a disk, UserError if it cannot."""

    def __init__(self, api: Callable[..., Any], lend: Callable[[Disk], Image]) -> None:
        self._api = api
        self._lend = lend
        self._images: dict[str, Image] = {}
        self._named = 0
        self._cpus = 1

    def lend(self, disks: Sequence[Disk], cpus: int) -> list[dict[str, Any]]:
        """The disks for a machine that is to be made, as the API has them."""
        check_disks(disks, cpus)
        self._cpus = cpus
        return [self._lend_one(disk) for disk in disks]

    def add(self, disk: Disk) -> str:
        """Plug a disk into the guest; gives its id."""
        check_disks([disk], self._cpus)
        config = self._lend_one(disk)
        try:
            self._api("PUT", "vm.add-disk", config)
        except VmmError as error:
            self._take_back(config["id"])
            raise why_refused(str(error), [disk]) or error from None
        return str(config["id"])

    def remove(self, id: str, timeout: float) -> bool:
        """Ask the guest to let go of a disk; whether it has done so in time."""
        self._api("PUT", "vm.remove-device", {"id": id})
        deadline = time.monotonic() + timeout
        while id in self._api("GET", "vm.info")["device_tree"]:
            if time.monotonic() > deadline:
                return False
            time.sleep(_POLL_INTERVAL)
        self._take_back(id)
        return True

    def resize(self, id: str, size: int) -> None:
        """Give a disk another size, and tell the guest."""
        if id not in self._images:
            raise VmmError(f"The guest has no disk '{id}'.")
        self._images[id].resize(size)
        self._api("PUT", "vm.resize-disk", {"id": id, "desired_size": size})

    def take_all_back(self) -> None:
        """Cloud Hypervisor has ended. May be called twice."""
        for id in list(self._images):
            self._take_back(id)

    def _lend_one(self, disk: Disk) -> dict[str, Any]:
        id = f"disk{self._named}"
        self._named += 1
        self._images[id] = image = self._lend(disk)
        return cli.disk_config(disk, id, image.path)

    def _take_back(self, id: str) -> None:
        image = self._images.pop(id, None)
        if image is not None:
            image.take_back()
