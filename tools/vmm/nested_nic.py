# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""What of the host a network device is connected to, as a tap interface of L1.

L1's QEMU plugs a network device into L1, which is connected to user networking or to the host's
tap interface; in L1 a bridge makes it one with a tap interface that Cloud Hypervisor gets. Frames
pass as they are, with what is left to the devices to do: checksums and segments.
"""

import os
import time
from contextlib import ExitStack

from . import qemu_nic
from .base import VmmError
from .nested_linux import NestedLinux
from .nic import Nic
from .tap import open_tap

_TIMEOUT = 30.0
_POLL_INTERVAL = 0.02
_INTERFACES = "/sys/class/net"


class NestedNic:
    """One network device while L1 has it."""

    def __init__(self, linux: NestedLinux, nic: Nic) -> None:
        """Plug it in. UserError if the host's side of it cannot be had."""
        self._linux = linux
        self._undo = ExitStack()
        self._port = linux.take_nic_port()
        self._undo.callback(linux.give_back_nic_port, self._port)
        self.tap = f"tap{self._port}"
        """The tap interface in L1."""
        try:
            self._connect(nic)
            self._plug_in(nic)
            self._undo.callback(linux.remove_tap, self.tap)
            linux.make_tap(self.tap, self._find())
        except BaseException as error:
            self.take_back()
            raise qemu_nic.why_refused(str(error), [nic]) or error from None

    def _connect(self, nic: Nic) -> None:
        monitor = self._linux.monitor
        id = f"guest{self._port}"
        if nic.tap:
            fd = open_tap(nic.tap, nic.enter)
            try:
                monitor.give_file(id, fd)
            finally:
                os.close(fd)
        monitor.execute("netdev_add", **qemu_nic.netdev(nic, id, id))
        self._undo.callback(monitor.execute, "netdev_del", id=id)

    def _plug_in(self, nic: Nic) -> None:
        id = f"nic{self._port}"
        place = {"bus": self._linux.nic_port(self._port), "mac": self._mac}
        mtu = {"host_mtu": nic.mtu} if nic.mtu else {}
        device = {"driver": "virtio-net-pci", "romfile": "", "netdev": f"guest{self._port}"}
        self._linux.monitor.execute("device_add", id=id, **device, **place, **mtu)
        self._undo.callback(self._plug_out, id)

    def _plug_out(self, id: str) -> None:
        """L1 lets go of it when it has seen that it is to."""
        monitor = self._linux.monitor
        monitor.execute("device_del", id=id)
        deadline = time.monotonic() + _TIMEOUT
        while any(
            one["name"] == id for one in monitor.execute("qom-list", path="/machine/peripheral")
        ):
            if time.monotonic() > deadline:
                raise VmmError("The Linux guest does not let go of a network device.")
            time.sleep(_POLL_INTERVAL)

    @property
    def _mac(self) -> str:
        """Of L1's side, which sends nothing."""
        return f"52:54:00:ff:00:{self._port:02x}"

    def _find(self) -> str:
        """L1's name of the device that was plugged in."""
        linux = self._linux
        deadline = time.monotonic() + _TIMEOUT
        while time.monotonic() < deadline:
            for name in linux.read_file(_INTERFACES).decode().split():
                try:
                    mac = linux.read_file(f"{_INTERFACES}/{name}/address").decode().strip()
                except VmmError:
                    linux.require_alive()
                    continue  # `.`, or it is being made.
                if mac == self._mac:
                    return name
            time.sleep(_POLL_INTERVAL)
        raise VmmError("The Linux guest does not see a network device that was plugged in.")

    def take_back(self) -> None:
        """Plug it out. May be called twice."""
        try:
            self._undo.close()
        except VmmError:
            if self._linux.alive:
                raise
