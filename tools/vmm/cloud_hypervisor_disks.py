# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""The disks of one guest of Cloud Hypervisor: what it has from the start, and what comes and goes
by the API. The same for both back ends, which differ in where the images are."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from . import cloud_hypervisor_cli as cli
from .base import VmmError
from .cloud_hypervisor_devices import GuestDevices
from .disk import Disk, check_disks, why_refused


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


class GuestDisks(GuestDevices[Disk, Image]):
    """`lend` makes an image of a disk."""

    def __init__(self, api: Callable[..., Any], lend: Callable[[Disk], Image]) -> None:
        super().__init__(api, lend)
        self._cpus = 1

    def lend(self, disks: Sequence[Disk], cpus: int) -> list[dict[str, Any]]:
        """The disks for a machine that is to be made, as the API has them."""
        check_disks(disks, cpus)
        self._cpus = cpus
        return self._lend_all(disks)

    def add(self, disk: Disk) -> str:
        """Plug a disk into the guest; gives its id."""
        check_disks([disk], self._cpus)
        try:
            return self._add("vm.add-disk", disk)
        except VmmError as error:
            raise why_refused(str(error), [disk]) or error from None

    def resize(self, id: str, size: int) -> None:
        """Give a disk another size, and tell the guest."""
        if id not in self._lent:
            raise VmmError(f"The guest has no disk '{id}'.")
        self._lent[id].resize(size)
        self._api("PUT", "vm.resize-disk", {"id": id, "desired_size": size})

    def _config(self, device: Disk, number: int, lent: Image) -> dict[str, Any]:
        return cli.disk_config(device, f"disk{number}", lent.path)
