# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""The Linux guest ("L1") in QEMU in which the nested back end runs Cloud Hypervisor.

QEMU emulates a CPU with AMD's SVM, so that L1 has a KVM that works on every host. L1 is up in some
seconds and serves many guests, one after another or together. Its agent (tools/vmm/l1_agent)
answers on a port of the loopback interface; each call below is one connection to it.
"""

import hashlib
import os
import socket
import time
from collections import deque
from pathlib import Path

from . import qemu
from .base import VmmError
from .nested_image import NestedImage
from .process import ChildProcess
from .qmp import Qmp

# cx16 off and one CPU: QEMU 7.2's CMPXCHG16B sometimes corrupts RFLAGS, and with two CPUs a kernel
# text patch is sometimes seen half done; each crashes L1's kernel now and then.
_CPU = "EPYC,+svm,+npt,+x2apic,+xsave,-cx16"
_MEMORY_MIB = 6144
"""Room for a guest of 4 GiB; the host's memory is taken only as guests touch theirs."""
_CMDLINE = "console=ttyS0 quiet mitigations=off panic=-1"
_READY = "agent: ready"
_PANIC = "Kernel panic"
_AGENT_PORT = 1
DISK_CONTROLLER = "disks"
"""QEMU's id of the SCSI controller for the disks of guests."""
_DISK_TARGETS = 255
_NIC_PORTS = 8

_BOOT_TIMEOUT = 120.0
_ANSWER_TIMEOUT = 60.0
_FORWARD_ATTEMPTS = 20


class NestedLinuxDied(VmmError):
    """L1 itself has ended, by a panic of its kernel or with its QEMU."""


class NestedLinux:
    """One running L1. Dies with the thread that started it; `stop` ends it at once."""

    def __init__(self, image: NestedImage) -> None:
        """Start L1 and wait until its agent answers. NestedLinuxDied if it does not come up."""
        qemu.version()
        monitor, qemu_monitor = socket.socketpair()
        self.monitor = Qmp(monitor)
        """The monitor of L1's QEMU."""
        with qemu_monitor:
            self._process = ChildProcess(
                _command(image, qemu_monitor.fileno()), pass_fds=(qemu_monitor.fileno(),)
            )
        self._uploaded: dict[str, str] = {}
        self._machines = 0
        self._disk_targets = deque(range(_DISK_TARGETS))
        self._nic_ports = deque(range(_NIC_PORTS))
        try:
            self._wait_until_ready()
            self._agent_port = self.forward(_AGENT_PORT)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End L1 and all in it. May be called twice."""
        self._process.kill()
        self.monitor.close()

    @property
    def console(self) -> str:
        """What L1's kernel and agent, and QEMU, have said."""
        return self._process.output

    @property
    def alive(self) -> bool:
        """Whether L1 still runs."""
        return self._process.poll() is None and _PANIC not in self.console

    def require_alive(self) -> None:
        """NestedLinuxDied, with the end of its console, unless L1 runs."""
        if not self.alive:
            tail = "\n".join(self.console.splitlines()[-15:])
            raise NestedLinuxDied(f"The Linux guest between QEMU and the guest died:\n{tail}")

    # Files.

    def read_file(self, path: str) -> bytes:
        """The content of a file in L1, also of /proc and /sys; of a directory its names."""
        with self._connect() as connection:
            return _request(connection, f"get {path}")

    def write_file(self, path: str, content: bytes) -> None:
        """Make or replace a file in L1, or write to one of /sys."""
        with self._connect() as connection:
            _request(connection, f"put {len(content)} {path}", content)

    def flush(self, path: str) -> None:
        """Have all that was written to a file or a block device in L1 reach what it lies on."""
        with self._connect() as connection:
            _request(connection, f"flush {path}")

    def upload(self, file: Path) -> str:
        """The path in L1 of a copy of a file of the host; it is sent once for each content."""
        content = file.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        if digest not in self._uploaded:
            path = f"/run/{digest[:16]}-{file.name}"
            self.write_file(path, content)
            self._uploaded[digest] = path
        return self._uploaded[digest]

    # Places for disks.

    def take_disk_target(self) -> int:
        """A target of DISK_CONTROLLER that nobody has."""
        if not self._disk_targets:
            raise VmmError(f"{_DISK_TARGETS} disks are the most that guests have together.")
        return self._disk_targets.popleft()

    def give_back_disk_target(self, target: int) -> None:
        """Let others have it: the last one first gets a rest, as L1 may still hear of its disk."""
        self._disk_targets.append(target)

    # Places for network devices.

    def take_nic_port(self) -> int:
        """The number of a port into which a network device can be plugged."""
        if not self._nic_ports:
            raise VmmError(f"{_NIC_PORTS} network devices are the most that guests have together.")
        return self._nic_ports.popleft()

    def give_back_nic_port(self, port: int) -> None:
        """Let others have it."""
        self._nic_ports.append(port)

    @staticmethod
    def nic_port(port: int) -> str:
        """QEMU's id of it."""
        return f"nics{port}"

    def make_tap(self, name: str, interface: str) -> None:
        """Make a tap interface in L1, and a bridge between it and an interface."""
        with self._connect() as connection:
            _request(connection, f"tap {name} {interface}")

    def remove_tap(self, name: str) -> None:
        """Undo `make_tap`, if it is done."""
        with self._connect() as connection:
            _request(connection, f"untap {name}")

    # Connections.

    def forward(self, port: int) -> int:
        """Make a TCP port of L1 reachable from the host; gives the port of 127.0.0.1."""
        for _ in range(_FORWARD_ATTEMPTS):
            with socket.create_server(("127.0.0.1", 0)) as unused:
                host_port = int(unused.getsockname()[1])
            # Another process may take the port between the two: then QEMU says so.
            if not self._forward_command(f"hostfwd_add net tcp:127.0.0.1:{host_port}-:{port}"):
                return host_port
        raise VmmError("QEMU cannot open a port on the loopback interface.")

    def end_forward(self, host_port: int) -> None:
        """Undo `forward`."""
        self._forward_command(f"hostfwd_remove net tcp:127.0.0.1:{host_port}")

    def connect_unix(self, path: str) -> socket.socket:
        """A connection to a Unix socket in L1."""
        connection = self._connect()
        try:
            _request(connection, f"connect {path}")
        except BaseException:
            connection.close()
            raise
        return connection

    def new_machine_name(self) -> str:
        """A name that no file in L1 begins with yet."""
        self._machines += 1
        return f"/run/vm{self._machines}"

    def run(self, arguments: list[str], serial: str, follow_resets: bool) -> socket.socket:
        """Prepare a program as l1_agent/run.c describes; gives the connection of its frames."""
        if any("\n" in argument for argument in arguments):
            raise VmmError("An argument for Cloud Hypervisor holds a newline.")
        connection = self._connect()
        lines = [f"run {len(arguments)} {int(follow_resets)} {serial}", *arguments]
        connection.sendall("\n".join(lines).encode() + b"\n")
        return connection

    # What the benchmarks need.

    def set_transparent_huge_pages(self, mode: str) -> None:
        """Whether L1 backs its guests' memory with huge pages: always, madvise or never."""
        self.write_file("/sys/kernel/mm/transparent_hugepage/enabled", mode.encode())

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + _BOOT_TIMEOUT
        while _READY not in self.console:
            self.require_alive()
            if time.monotonic() > deadline:
                raise NestedLinuxDied(f"The Linux guest does not come up:\n{self.console}")
            time.sleep(0.02)

    def _forward_command(self, command: str) -> str:
        answer = self.monitor.execute("human-monitor-command", **{"command-line": command})
        return str(answer).strip()

    def _connect(self) -> socket.socket:
        self.require_alive()
        connection = socket.create_connection(("127.0.0.1", self._agent_port), _ANSWER_TIMEOUT)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection


def _request(connection: socket.socket, line: str, data: bytes = b"") -> bytes:
    """One request of l1_agent/agent.h; gives the data of the answer."""
    try:
        connection.sendall(line.encode() + b"\n" + data)
        head = b""
        while not head.endswith(b"\n"):
            head += _receive(connection, 1)
        verdict, _, rest = head.decode(errors="replace").strip().partition(" ")
        if verdict != "ok":
            raise VmmError(f"The nested guest's agent: {rest}.")
        answer = b""
        while len(answer) < int(rest):
            answer += _receive(connection, int(rest) - len(answer))
        return answer
    except OSError as error:
        raise VmmError(f"The nested guest's agent does not answer to '{line}': {error}") from None


def _receive(connection: socket.socket, size: int) -> bytes:
    data = connection.recv(size)
    if not data:
        raise ConnectionResetError("the connection was closed")
    return data


def _command(image: NestedImage, monitor_fd: int) -> list[str]:
    # Of one CPU, but where there can be two memory barriers are kept: qemu.py.
    command = [qemu.PROGRAM, "-machine", "q35,accel=tcg", "-cpu", _CPU, "-smp", "1,maxcpus=2"]
    command += [
        "-m",
        f"{_memory_mib()}M",
        "-nodefaults",
        "-no-user-config",
        "-display",
        "none",
        "-no-reboot",
    ]
    command += ["-kernel", str(image.kernel), "-initrd", str(image.initramfs)]
    command += ["-append", _CMDLINE, "-serial", "stdio"]
    command += ["-chardev", f"socket,id=monitor,fd={monitor_fd}", "-mon", "monitor,mode=control"]
    # restrict: L1 reaches nothing; the host reaches what it asks for by `forward`.
    command += ["-netdev", "user,id=net,restrict=on", "-device", "virtio-net-pci,netdev=net"]
    command += ["-device", f"virtio-scsi-pci,id={DISK_CONTROLLER},disable-legacy=on"]
    for port in range(_NIC_PORTS):
        # A slot each, as one can be plugged in and out by the slot only.
        slot = f"pcie-root-port,id={NestedLinux.nic_port(port)},chassis={1 + port}"
        command += ["-device", slot]
    return command


def _memory_mib() -> int:
    """Linux refuses an allocation of more than the whole memory."""
    host = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") >> 20
    return min(_MEMORY_MIB, host * 3 // 4)
