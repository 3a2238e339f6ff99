# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""The target back end: Cloud Hypervisor on this host's own KVM."""

import os
import shutil
import socket
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..errors import UserError
from . import cloud_hypervisor_cli as cli
from . import kvm_probe
from .base import Ending, Vmm, VmmError, VmSpec
from .cloud_hypervisor_disks import GuestDisks, HostImage
from .cloud_hypervisor_nics import GuestNics, HostTap
from .disk import Disk, sector_size_of, why_refused
from .gdb_port import GdbRelay
from .kernel_image import check_kernel
from .nic import Nic
from .process import ChildProcess
from .serial_bridge import SerialBridge

_START_TIMEOUT = 10.0


class CloudHypervisor(Vmm):
    """One Cloud Hypervisor process. The serial line is a port of the loopback interface.

    The machine is made and booted by the API, not by options: so the serial line can be connected
    before the guest runs.
    """

    name = "cloud_hypervisor"

    def __init__(self) -> None:
        super().__init__()
        self._program = cli.require()
        self._process: ChildProcess | None = None
        self._directory: Path | None = None
        self._events_fd = -1
        self._events = cli.EventReader()
        self._bridge: SerialBridge | None = None
        self._relay: GdbRelay | None = None
        self._booted = False
        self._disks = GuestDisks(self.api, HostImage)
        self._nics = GuestNics(self.api, self._host_tap)
        self._place: Sequence[str] = ()
        self._first_disks: Sequence[Disk] = ()
        self._allow_reboot = False
        self._ending: Ending | None = None

    @property
    def version(self) -> str:
        return cli.version_of(self._program)

    def start(self, spec: VmSpec) -> None:
        reason = kvm_probe.why_unusable()
        if reason is not None:
            raise UserError(f"KVM is not usable here: {reason}.", "Use --vmm nested or qemu.")
        check_kernel(spec.kernel, spec.memory_bytes)
        _check_sector_sizes(spec.disks)
        if spec.nics:
            self._place = spec.nics[0].enter
        nics = self._nics.lend(spec.nics)
        self._first_disks = spec.disks
        disks = self._disks.lend(spec.disks, spec.cpus)
        if spec.gdb_port is not None:
            cli.require_gdb(self._program)
        self._allow_reboot = spec.allow_reboot
        self._directory = Path(tempfile.mkdtemp(prefix="cloud-hypervisor-"))
        self._events_fd, events = os.pipe()
        os.set_blocking(self._events_fd, False)
        command = [
            *self._place,
            str(self._program),
            "--api-socket",
            f"path={self._directory}/api",
        ]
        command += ["--event-monitor", f"fd={events}"]
        if spec.gdb_port is not None:
            self._relay = GdbRelay(spec.gdb_port, lambda: self._connect("gdb"))
            self.gdb_port = self._relay.port
            command += ["--gdb", f"path={self._directory}/gdb"]
        try:
            self._process = ChildProcess(command, pass_fds=(events,))
        finally:
            os.close(events)
        self._wait_for_api()
        serial = self._directory / "serial"
        self.api("PUT", "vm.create", cli.machine_config(spec, serial, disks, nics))
        self._bridge = SerialBridge(serial, spec.allow_reboot)

    def boot(self) -> None:
        if not self._booted:
            self._booted = True
            try:
                self.api("PUT", "vm.boot")
            except VmmError as error:
                raise (
                    why_refused(f"{error}{self.stderr_text}", self._first_disks) or error
                ) from None

    @property
    def serial(self) -> str:
        if self._bridge is None:
            raise VmmError("Cloud Hypervisor is not running.")
        return f"socket://127.0.0.1:{self._bridge.port}"

    def _wait_for_api(self) -> None:
        deadline = time.monotonic() + _START_TIMEOUT
        while True:
            try:
                self._connect("api").close()
                return
            except OSError:
                if self._process is None or self._process.poll() is not None:
                    text = self.stderr_text.strip()
                    raise VmmError(f"Cloud Hypervisor did not start: {text}") from None
                if time.monotonic() > deadline:
                    raise VmmError("Cloud Hypervisor opens no API.") from None
            time.sleep(0.002)

    def _connect(self, name: str) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.connect(f"{self._directory}/{name}")
        except OSError:
            connection.close()
            raise
        return connection

    def poll(self) -> Ending | None:
        if self._ending is None and self._process is not None:
            code = self._process.poll()
            resets = self._events.feed(self._read_events()).count("vm rebooting")
            self.reboots += resets
            if resets and not self._allow_reboot:
                self._ending = Ending.RESET
                self._process.kill()
            elif code is not None:
                self._ending = cli.ending_of_process(code, self.stderr_text)
        return self._ending

    def _read_events(self) -> bytes:
        try:
            return os.read(self._events_fd, 65536)
        except BlockingIOError:
            return b""

    @property
    def stderr_text(self) -> str:
        return self._process.output if self._process is not None else ""

    def inject_nmi(self) -> None:
        self.api("PUT", "vm.nmi")

    def press_power_button(self) -> None:
        self.api("PUT", "vm.power-button")

    def add_disk(self, disk: Disk) -> str:
        _check_sector_sizes([disk])
        return self._disks.add(disk)

    def remove_disk(self, id: str, timeout: float) -> bool:
        return self._disks.remove(id, timeout)

    def add_nic(self, nic: Nic) -> str:
        return self._nics.add(nic)

    def remove_nic(self, id: str, timeout: float) -> bool:
        return self._nics.remove(id, timeout)

    def _host_tap(self, nic: Nic) -> HostTap:
        if tuple(nic.enter) != tuple(self._place):
            raise UserError("All tap interfaces have to be in one network namespace.")
        return HostTap(nic)

    def resize_disk(self, id: str, size: int) -> None:
        self._disks.resize(id, size)

    def api(self, method: str, command: str, body: Any = None) -> Any:
        """A call of Cloud Hypervisor's API, such as ("GET", "vm.info")."""
        try:
            connection = self._connect("api")
        except OSError as error:
            raise VmmError(f"Cloud Hypervisor's API cannot be reached: {error}.") from None
        return cli.call_api(connection, method, command, body)

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
        if self._bridge is not None:
            self._bridge.close()
            self._bridge = None
        if self._relay is not None:
            self._relay.close()
            self._relay = None
        if self._events_fd >= 0:
            os.close(self._events_fd)
            self._events_fd = -1
        if self._directory is not None:
            shutil.rmtree(self._directory, ignore_errors=True)
            self._directory = None


def _check_sector_sizes(disks: Sequence[Disk]) -> None:
    """UserError unless Cloud Hypervisor can give the disks the sectors that are asked for: those of
    a block device are its own, those of a file have 512 bytes."""
    for disk in disks:
        size = sector_size_of(disk.path)
        if size != disk.sector_size:
            raise UserError(
                f"Cloud Hypervisor gives {disk.path} sectors of {size} bytes.",
                f"Write sector_size={size}, or give a block device: "
                f"losetup --find --show --sector-size {disk.sector_size} FILE makes one.",
            )
