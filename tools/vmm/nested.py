# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""The nested back end: Cloud Hypervisor in a Linux guest ("L1") in QEMU's emulated AMD SVM.

For hosts without a usable KVM. The same Cloud Hypervisor program runs as on the target; its guest's
serial line, API and events are reached through L1's agent.
"""

import atexit
import contextlib
import re
import select
import socket
import struct
from typing import Any

from ..errors import UserError
from ..terminal import progress
from . import cloud_hypervisor_cli as cli
from .base import Ending, Vmm, VmmError, VmSpec
from .cloud_hypervisor_disks import GuestDisks
from .cloud_hypervisor_nics import GuestNics
from .disk import Disk
from .gdb_port import GdbRelay
from .kernel_image import check_kernel
from .nested_disk import NestedDisk
from .nested_image import CLOUD_HYPERVISOR, make_image
from .nested_linux import NestedLinux, NestedLinuxDied
from .nested_nic import NestedNic
from .nic import Nic

_EVENTS_FD = 3  # l1_agent/run.c
_RESIZES_DEVICES = 52
"""The first version that resizes a disk whose image is a block device."""
_START_TIMEOUT = 60.0
_END_TIMEOUT = 10.0

_shared: NestedLinux | None = None


def shared_linux() -> NestedLinux:
    """The L1 of this process, started when first asked for; it ends with the process.

    One that died (its kernel may panic in QEMU's emulation) is replaced by a new one.
    """
    global _shared
    if _shared is not None and not _shared.alive:
        _shared.stop()
        _shared = None
    if _shared is None:
        image = make_image(cli.require())
        with progress("Starting a Linux guest for Cloud Hypervisor"):
            try:
                _shared = NestedLinux(image)
            except NestedLinuxDied:
                _shared = NestedLinux(image)
        atexit.register(_shared.stop)
    return _shared


class Nested(Vmm):
    """One Cloud Hypervisor process in the shared L1."""

    name = "nested"
    slowness = 6.0

    def __init__(self) -> None:
        super().__init__()
        self._linux: NestedLinux | None = None
        self._frames: _Frames | None = None
        self._relay: GdbRelay | None = None
        self._api = ""
        self._port = 0
        self._pid = 0
        self._output = b""
        self._disks = self._no_disks()
        self._nics = self._no_nics()
        self._events = cli.EventReader()
        self._allow_reboot = False
        self._ending: Ending | None = None

    @property
    def version(self) -> str:
        return cli.version_of(cli.require())

    @property
    def linux(self) -> NestedLinux:
        """The L1 in which this VMM runs."""
        if self._linux is None:
            raise VmmError("The nested Cloud Hypervisor is not running.")
        return self._linux

    def start(self, spec: VmSpec) -> None:
        check_kernel(spec.kernel, spec.memory_bytes)
        if spec.gdb_port is not None:
            cli.require_gdb(cli.require())
        try:
            self._prepare(spec)
        except NestedLinuxDied:
            # Between two guests; shared_linux starts another.
            self._disks = self._no_disks()
            self._nics = self._no_nics()
            self._prepare(spec)

    def _prepare(self, spec: VmSpec) -> None:
        self._linux = linux = shared_linux()
        self._allow_reboot = spec.allow_reboot
        name = linux.new_machine_name()
        self._api = f"{name}.api"
        serial = f"{name}.serial"
        kernel = linux.upload(spec.kernel)
        initramfs = linux.upload(spec.initramfs) if spec.initramfs is not None else None
        disks = self._disks.lend(spec.disks, spec.cpus)
        command = [f"/{CLOUD_HYPERVISOR}", "--seccomp", "false"]
        command += cli.arguments(spec, kernel, initramfs, f"socket={serial}", self._api, _EVENTS_FD)
        command += cli.disk_arguments(disks, cli.require())
        command += cli.nic_arguments(self._nics.lend(spec.nics))
        if spec.gdb_port is not None:
            command += ["--gdb", f"path={name}.gdb"]
        self._frames = _Frames(linux.run(command, serial, spec.allow_reboot))
        kind, payload = self._frames.wait(_START_TIMEOUT)
        if kind != "l":
            raise VmmError(f"The nested guest's agent sent {kind!r} instead of a port.")
        self._port = linux.forward(int(payload))
        if spec.gdb_port is not None:
            self._relay = GdbRelay(spec.gdb_port, lambda: linux.connect_unix(f"{name}.gdb"))
            self.gdb_port = self._relay.port

    def _no_disks(self) -> GuestDisks:
        return GuestDisks(self.api, lambda disk: NestedDisk(self.linux, disk))

    def _no_nics(self) -> GuestNics:
        return GuestNics(self.api, lambda nic: NestedNic(self.linux, nic))

    def boot(self) -> None:
        if self._frames is not None and self._pid == 0:
            self._frames.send_go()
            kind, payload = self._frames.wait(_START_TIMEOUT)
            if kind != "p":
                raise VmmError(f"The nested guest's agent sent {kind!r} instead of a process.")
            self._pid = int(payload)

    @property
    def serial(self) -> str:
        return f"socket://127.0.0.1:{self._port}"

    def poll(self) -> Ending | None:
        if self._ending is None and self._frames is not None:
            try:
                frames = self._frames.take()
            except ConnectionError:
                self._ending = Ending.VMM_FAILED
                self._output += f"\n{self._console_of_dead_linux()}".encode()
                return self._ending
            for kind, payload in frames:
                self._take_frame(kind, payload)
        return self._ending

    def _take_frame(self, kind: str, payload: bytes) -> None:
        if kind == "o":
            self._output += payload
        elif kind == "e":
            resets = self._events.feed(payload).count("vm rebooting")
            self.reboots += resets
            if resets and not self._allow_reboot and self._frames is not None:
                self._ending = Ending.RESET
                self._frames.end()
                self._disks.take_all_back()
        elif kind == "x":
            how, number = payload.decode().split()
            code = int(number) if how == "exit" else -int(number)
            self._ending = cli.ending_of_process(code, self.stderr_text)
            self._disks.take_all_back()

    def _console_of_dead_linux(self) -> str:
        try:
            self.linux.require_alive()
        except NestedLinuxDied as error:
            return str(error)
        return "The agent in L1 closed its connection."

    @property
    def stderr_text(self) -> str:
        return self._output.decode(errors="replace")

    def inject_nmi(self) -> None:
        self.api("PUT", "vm.nmi")

    def press_power_button(self) -> None:
        self.api("PUT", "vm.power-button")

    def add_disk(self, disk: Disk) -> str:
        return self._disks.add(disk)

    def remove_disk(self, id: str, timeout: float) -> bool:
        return self._disks.remove(id, timeout)

    def add_nic(self, nic: Nic) -> str:
        return self._nics.add(nic)

    def remove_nic(self, id: str, timeout: float) -> bool:
        return self._nics.remove(id, timeout)

    def resize_disk(self, id: str, size: int) -> None:
        version = self.version
        if int(version.lstrip("v").split(".")[0]) < _RESIZES_DEVICES:
            raise UserError(f"Cloud Hypervisor {version} cannot resize a disk here.", "v52 can.")
        self._disks.resize(id, size)

    def api(self, method: str, command: str, body: Any = None) -> Any:
        """A call of Cloud Hypervisor's API, such as ("GET", "vm.info")."""
        return cli.call_api(self.linux.connect_unix(self._api), method, command, body)

    def vm_exits(self) -> int:
        """VM exits of this guest so far, all CPUs, as L1's KVM counts them."""
        directory = "/sys/kernel/debug/kvm"
        # A machine's directory is THREAD-FD, after the thread that made it.
        threads = self.linux.read_file(f"/proc/{self._pid}/task").decode().split()
        for name in self.linux.read_file(directory).decode().split():
            if name.partition("-")[0] in threads and "-" in name:
                return int(self.linux.read_file(f"{directory}/{name}/exits"))
        raise VmmError("L1's KVM knows no machine of this VMM.")

    def cpu_seconds(self) -> list[float]:
        """How long each virtual CPU has run so far, by the times of the VMM's threads."""
        tasks = f"/proc/{self._pid}/task"
        seconds = {}
        for thread in self.linux.read_file(tasks).decode().split():
            if not thread.isdigit():
                continue
            # proc(5): the name in parentheses, then from the state on; times in ticks of 10 ms.
            name, _, rest = self.linux.read_file(f"{tasks}/{thread}/stat").decode().rpartition(")")
            if match := re.search(r"\(vcpu(\d+)$", name):
                user, system = rest.split()[11:13]
                seconds[int(match[1])] = (int(user) + int(system)) / 100
        return [seconds[index] for index in sorted(seconds)]

    def memory_of_process(self, field: str = "RssAnon") -> int:
        """Bytes of the VMM process's memory, by a field of L1's /proc/PID/status."""
        status = self.linux.read_file(f"/proc/{self._pid}/status").decode()
        match = re.search(rf"^{field}:\s+(\d+) kB$", status, re.MULTILINE)
        if match is None:
            raise VmmError(f"/proc/PID/status holds no {field}.")
        return int(match[1]) * 1024

    def stop(self) -> None:
        if self._relay is not None:
            self._relay.close()
            self._relay = None
        if self._frames is not None:
            self._frames.end()
            self._frames.close()
            self._frames = None
        self._disks.take_all_back()
        self._nics.take_all_back()
        if self._port and self._linux is not None and self._linux.alive:
            with contextlib.suppress(VmmError):  # It may die right now.
                self._linux.end_forward(self._port)
        self._port = 0


class _Frames:
    """The host's end of what l1_agent/run.c sends."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._received = b""

    def send_go(self) -> None:
        self._connection.sendall(b"g")

    def wait(self, timeout: float) -> tuple[str, bytes]:
        """The next frame; VmmError if none comes."""
        while (frame := self._cut()) is None:
            try:
                if not self._receive(timeout):
                    raise VmmError("The nested guest's agent does not answer.")
            except ConnectionError as error:
                raise VmmError(f"The nested guest's agent is gone: {error}") from None
        return frame

    def take(self) -> list[tuple[str, bytes]]:
        """The frames that have come; never waits. ConnectionError when the agent is gone."""
        frames = []
        try:
            while self._receive(0):
                pass
        except ConnectionError:
            if len(self._received) < 5:
                raise
        while (frame := self._cut()) is not None:
            frames.append(frame)
        return frames

    def end(self) -> None:
        """Have the agent kill the VMM, and wait until it is gone. May be called twice."""
        with contextlib.suppress(OSError, VmmError):
            self._connection.shutdown(socket.SHUT_WR)
            while self.wait(_END_TIMEOUT)[0] != "x":
                pass

    def close(self) -> None:
        self._connection.close()

    def _receive(self, timeout: float) -> bool:
        if not select.select([self._connection], [], [], timeout)[0]:
            return False
        data = self._connection.recv(65536)
        if not data:
            raise ConnectionResetError("the connection was closed")
        self._received += data
        return True

    def _cut(self) -> tuple[str, bytes] | None:
        if len(self._received) < 5:
            return None
        (size,) = struct.unpack_from("<I", self._received, 1)
        if len(self._received) < 5 + size:
            return None
        kind = chr(self._received[0])
        payload = self._received[5 : 5 + size]
        self._received = self._received[5 + size :]
        return kind, payload
