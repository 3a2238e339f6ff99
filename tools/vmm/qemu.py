# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""The QEMU back end: a q35 machine without firmware devices, emulated by TCG, booted by PVH."""

import functools
import os
import re
import shutil
import socket
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from ..errors import UserError
from . import gdb_port, qemu_disk, qemu_nic
from .base import Ending, Vmm, VmmError, VmSpec
from .disk import check_disks, why_refused
from .kernel_image import check_kernel
from .process import ChildProcess, ask_version
from .qmp import Qmp
from .tap import open_tap

PROGRAM = "qemu-system-x86_64"
_TOO_MUCH_MEMORY = re.compile(
    r"cannot set up guest memory|Cannot allocate memory|ram size too large|phys-bits too low"
)
_OLDEST = (6, 0)  # -action
_SERVES = "server=on,wait=off,nodelay=on"


def version() -> str:
    """The version of the QEMU found, as in 7.2.22; UserError if there is none or it is too old."""
    program = shutil.which(PROGRAM)
    if program is None:
        raise UserError(f"{PROGRAM} is not installed.", "Install the package qemu-system-x86.")
    return _version_of(program)


@functools.cache
def _version_of(program: str) -> str:
    match = re.search(r"version ((\d+)\.(\d+)[.\d]*)", ask_version(program))
    if match is None:
        raise UserError(f"{program} does not tell its version.", "Install qemu-system-x86 again.")
    if (int(match[2]), int(match[3])) < _OLDEST:
        raise UserError(f"QEMU {match[1]} is too old.", "Install 6.0 or newer.")
    return match[1]


class Qemu(Vmm):
    """One QEMU process. The serial line is a port of the loopback interface, one client a time."""

    name = "qemu"

    def __init__(self) -> None:
        super().__init__()
        self._process: ChildProcess | None = None
        self._qmp: Qmp | None = None
        self._port = 0
        self._waits_for_gdb = False
        self._ending: Ending | None = None

    @property
    def version(self) -> str:
        return version()

    def start(self, spec: VmSpec) -> None:
        version()
        check_kernel(spec.kernel, spec.memory_bytes)
        check_disks(spec.disks, spec.cpus)
        self._waits_for_gdb = spec.gdb_port is not None
        with ExitStack() as ours:
            # QEMU is given sockets that listen already: nobody can take their ports meanwhile.
            listener = ours.enter_context(gdb_port.listen(0))
            self._port = listener.getsockname()[1]
            monitor, qemu_monitor = socket.socketpair()
            self._qmp = Qmp(monitor)
            ours.enter_context(qemu_monitor)
            fds = [listener.fileno(), qemu_monitor.fileno()]
            command = _command(spec, *fds)
            for index, nic in enumerate(spec.nics):
                tap = open_tap(nic.tap, nic.enter) if nic.tap else -1
                if nic.tap:
                    ours.callback(os.close, tap)
                    fds.append(tap)
                command += qemu_nic.options(nic, f"net{index}", str(tap))
            if spec.gdb_port is not None:
                gdb = ours.enter_context(gdb_port.listen(spec.gdb_port))
                self.gdb_port = gdb.getsockname()[1]
                fds.append(gdb.fileno())
                command += ["-chardev", f"socket,id=gdb,fd={gdb.fileno()},{_SERVES}"]
                command += ["-gdb", "chardev:gdb"]
            self._process = ChildProcess(command, pass_fds=tuple(fds))
        try:
            self._qmp.execute("query-status")
        except VmmError:
            self._process.wait(5)
            said = self.stderr_text.strip()
            if _TOO_MUCH_MEMORY.search(said):
                raise UserError(
                    f"This machine cannot give the guest {spec.memory} of memory.",
                    "Give it less by --memory.",
                ) from None
            refused = why_refused(said, spec.disks) or qemu_nic.why_refused(said, spec.nics)
            raise refused or VmmError(f"QEMU did not start: {said}") from None

    def boot(self) -> None:
        if self._waits_for_gdb:
            return
        self.monitor.execute("cont")

    @property
    def serial(self) -> str:
        return f"socket://127.0.0.1:{self._port}"

    @property
    def monitor(self) -> Qmp:
        """The QMP connection, for what only QEMU can do."""
        if self._qmp is None:
            raise VmmError("QEMU is not running.")
        return self._qmp

    def poll(self) -> Ending | None:
        if self._ending is None and self._process is not None:
            exited = self._process.poll() is not None
            for event in self.monitor.events():
                self._take_event(event["event"], event.get("data", {}))
            if exited and self._ending is None:
                self._ending = Ending.VMM_FAILED
        return self._ending

    def _take_event(self, name: str, data: dict[str, object]) -> None:
        if name == "RESET" and data.get("guest"):
            self.reboots += 1
        elif name == "SHUTDOWN" and data.get("reason") == "guest-reset":
            self._ending = Ending.RESET
        elif name == "SHUTDOWN" and data.get("guest"):
            self._ending = Ending.POWERED_OFF

    @property
    def stderr_text(self) -> str:
        return self._process.output if self._process is not None else ""

    def cpu_seconds(self) -> list[float]:
        """How long the host has run each virtual CPU so far, where each has a thread of its own."""
        threads: Any = self.monitor.execute("query-cpus-fast")
        # The kernel's Documentation/scheduler/sched-stats.rst: nanoseconds come first.
        stats = [Path(f"/proc/{one['thread-id']}/schedstat").read_text() for one in threads]
        return [int(stat.split()[0]) / 1e9 for stat in stats]

    def inject_nmi(self) -> None:
        self.monitor.execute("inject-nmi")

    def resize_disk(self, id: str, size: int) -> None:
        self.monitor.execute("block_resize", **{"node-name": id}, size=size)

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
        if self._qmp is not None:
            self._qmp.close()


def _processors(spec: VmSpec) -> str:
    """As -smp takes it. Where there can be one CPU only, QEMU before 8.1 leaves out the guest's
    memory barriers; its devices, on threads of their own, then miss a request now and then, or the
    guest an answer. So there could be another. Where instructions are counted it would not help."""
    alone = spec.cpus == 1 and not spec.count_instructions
    return "cpus=1,maxcpus=2" if alone else str(spec.cpus)


def _command(spec: VmSpec, serial_fd: int, monitor_fd: int) -> list[str]:
    command = [PROGRAM, "-machine", "q35,accel=tcg", "-cpu", spec.cpu_model]
    command += ["-nodefaults", "-no-user-config", "-display", "none"]
    command += ["-smp", _processors(spec), "-m", str(spec.memory_bytes >> 10) + "K"]
    command += ["-chardev", f"socket,id=serial,fd={serial_fd},{_SERVES}"]
    command += ["-serial", "chardev:serial"]
    command += ["-chardev", f"socket,id=monitor,fd={monitor_fd}", "-mon", "monitor,mode=control"]
    # The machine stands still until `boot`, and again when it has ended: no event is missed.
    reboot = "reset" if spec.allow_reboot else "shutdown"
    command += ["-S", "-action", f"reboot={reboot},shutdown=pause"]
    # Else SeaBIOS takes memory for each disk, and that is where the initramfs lies.
    command += ["-boot", "strict=on"]
    command += ["-kernel", str(spec.kernel)]
    if spec.cmdline:
        command += ["-append", spec.cmdline]
    if spec.initramfs is not None:
        command += ["-initrd", str(spec.initramfs)]
    for index, disk in enumerate(spec.disks):
        command += qemu_disk.options(disk, f"disk{index}")
    if spec.entropy is not None:
        command += ["-object", f"rng-random,id=entropy,filename={spec.entropy}"]
        command += ["-device", "virtio-rng-pci,rng=entropy,disable-legacy=on"]
    if spec.uuid is not None:
        command += ["-uuid", str(spec.uuid)]
    if spec.debug_console:
        command += ["-debugcon", "stdio"]
    if spec.count_instructions:
        command += ["-icount", "shift=0,sleep=off" if spec.skip_idle_time else "shift=0"]
    return command
