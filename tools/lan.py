# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""A network of its own for a test or a benchmark: a network namespace with tap interfaces for
guests, in which their peers run. Nothing of it touches an interface of this machine; it needs
root's rights."""

import contextlib
import ctypes
import os
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from .errors import WorkFailed
from .vmm.nic import Nic
from .vmm.process import ChildProcess

_CLONE_NEWNET = 0x40000000  # linux/sched.h
_TIMEOUT = 20

_libc = ctypes.CDLL(None, use_errno=True)


def _enter(namespace: int) -> None:
    if _libc.setns(namespace, _CLONE_NEWNET) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def why_no_lan() -> str | None:
    """Why this machine does not let one be made; None: it does."""
    if not Path("/dev/net/tun").exists():
        return "There is no /dev/net/tun."
    command = ["unshare", "--net", "ip", "tuntap", "add", "mode", "tap", "tap0"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT, check=False)
    return f"{command[0]}: {done.stderr.strip()}" if done.returncode else None


class Lan:
    """One namespace. Use it as a context manager: leaving it ends what runs in it."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._peers: list[ChildProcess] = []
        self.directory = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="lan-")))
        """For the files of peers."""
        # A process keeps the namespace; it has made it when it writes.
        keeper = subprocess.Popen(
            ["unshare", "--net", "sh", "-c", "echo; exec cat"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._stack.callback(keeper.wait, _TIMEOUT)
        for pipe in (keeper.stdin, keeper.stdout):
            assert pipe is not None
            self._stack.callback(pipe.close)
        assert keeper.stdout is not None
        if keeper.stdout.read(1) != b"\n":
            raise WorkFailed("A network namespace cannot be made.")
        self._inside = os.open(f"/proc/{keeper.pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        self._stack.callback(os.close, self._inside)
        self.enter = ("nsenter", "--target", str(keeper.pid), "--net")
        """The words before a command that have it run here."""
        self._stack.callback(self._end_peers)
        self.run("ip", "link", "set", "lo", "up")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def run(self, *command: str) -> str:
        """What a command that was run here has written."""
        done = subprocess.run(
            [*self.enter, *command], capture_output=True, text=True, timeout=_TIMEOUT, check=False
        )
        if done.returncode != 0:
            raise WorkFailed(f"{' '.join(command)}: {done.stdout}{done.stderr}")
        return done.stdout

    def start(self, *command: str) -> ChildProcess:
        """A program that runs here as long as the network is there."""
        self._peers.append(ChildProcess([*self.enter, *command]))
        return self._peers[-1]

    @contextlib.contextmanager
    def inside(self) -> Iterator[None]:
        """In the body this thread is here: the sockets that it makes are of this network."""
        outside = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            _enter(self._inside)
            try:
                yield
            finally:
                _enter(outside)
        finally:
            os.close(outside)

    def connect(self, address: str, port: int, timeout: float = _TIMEOUT) -> socket.socket:
        """A TCP connection from here."""
        with self.inside():
            return socket.create_connection((address, port), timeout)

    def add_tap(self, name: str, addresses: Sequence[str] = (), mtu: int = 1500) -> Nic:
        """Make a tap interface, with these addresses (as 10.0.0.1/24) on this side. Gives what a
        guest has of it."""
        self.run("ip", "tuntap", "add", "mode", "tap", name)
        self.run("ip", "link", "set", name, "mtu", str(mtu), "up")
        for address in addresses:
            nodad = ["nodad"] if ":" in address else []
            self.run("ip", "address", "add", address, "dev", name, *nodad)
        return Nic(tap=name, enter=self.enter)

    def _end_peers(self) -> None:
        for peer in self._peers:
            peer.kill()
