# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""An image of the host as a block device of L1, for a disk of a guest there. Nothing is copied.

L1's QEMU opens the image and plugs it into L1 as a SCSI disk: QEMU plugs those in and out at once,
as many as are wanted, with sectors of any size. A guest's flush goes on from L1's page cache to
QEMU, and from QEMU to the host's file. What was written and not flushed is in the file when the
disk has been taken back.
"""

import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import TypeVar

from .base import VmmError
from .disk import Disk, why_refused
from .nested_linux import DISK_CONTROLLER, NestedLinux
from .qemu_disk import block_node, device

_TIMEOUT = 30.0
_POLL_INTERVAL = 0.02
_DEVICES = "/sys/class/scsi_device"
_SECTOR = 512
"""The unit in which Linux tells sizes, whatever the disk's sectors are."""

_T = TypeVar("_T")


class NestedDisk:
    """One image while L1 has it."""

    def __init__(self, linux: NestedLinux, disk: Disk) -> None:
        """Plug it in. UserError if a guest has it already."""
        self._linux = linux
        self._undo = ExitStack()
        self._target = linux.take_disk_target()
        self._undo.callback(linux.give_back_disk_target, self._target)
        self._node = {"node-name": f"disk{self._target}"}
        try:
            self._plug_in(disk)
            self.path = self._insistently(self._find)
            """The block device in L1."""
        except BaseException as error:
            self.take_back()
            raise why_refused(str(error), [disk]) or error from None
        self._undo.callback(linux.flush, self.path)

    def _plug_in(self, disk: Disk) -> None:
        name = self._node["node-name"]
        do = self._linux.monitor.execute
        do("blockdev-add", **block_node(disk, name))
        # QEMU lets go of the image a moment after the device is gone.
        self._undo.callback(self._insistently, partial(do, "blockdev-del", **self._node))
        place = {"bus": f"{DISK_CONTROLLER}.0", "scsi-id": self._target, "lun": 0}
        do("device_add", driver="scsi-hd", **place, **device(disk, name))
        self._undo.callback(do, "device_del", id=name)

    def resize(self, size: int) -> None:
        """Give the image another size, and wait until L1 has seen it."""
        self._linux.monitor.execute("block_resize", **self._node, size=size)

        def see() -> None:
            seen = int(self._linux.read_file(f"/sys/block/{self.path[5:]}/size")) * _SECTOR
            if seen != size:
                raise VmmError(f"The Linux guest sees {seen} bytes of a disk of {size}.")

        self._insistently(see)

    def take_back(self) -> None:
        """Write what L1 still holds to the image, and plug it out. May be called twice."""
        try:
            self._undo.close()
        except VmmError:
            # What a dead L1 held is lost, as by a power cut of the host.
            if self._linux.alive:
                raise

    def _find(self) -> str:
        """The block device, once it can be opened."""
        linux = self._linux
        for address in linux.read_file(_DEVICES).decode().split():
            if address.split(":")[1:] == ["0", str(self._target), "0"]:
                names = linux.read_file(f"{_DEVICES}/{address}/device/block").decode().split()
                name = next((name for name in names if not name.startswith(".")), None)
                if name is None:
                    break  # It is being made.
                path = f"/dev/{name}"
                linux.flush(path)
                delete = f"{_DEVICES}/{address}/device/delete"
                self._undo.callback(linux.write_file, delete, b"1")
                return path
        raise VmmError("The Linux guest does not see a disk that was plugged in.")

    def _insistently(self, action: Callable[[], _T]) -> _T:
        """Try until it works; after a long time let its VmmError through."""
        deadline = time.monotonic() + _TIMEOUT
        while True:
            try:
                return action()
            except VmmError:
                self._linux.require_alive()
                if time.monotonic() > deadline:
                    raise
            time.sleep(_POLL_INTERVAL)
