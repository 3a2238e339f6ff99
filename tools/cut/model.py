# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""What must be on the disk after each step of a guest, and between two: what docs/disks.md promises
where only the VMM ends, and writes keep their order.
"""

from dataclasses import dataclass, field
from typing import Any

from .content import record

Tree = dict[str, bytes | None]
"""Path -> content; None of a directory."""
Step = tuple[Any, ...]
"""(what, path, and what it needs): program.py does it."""


@dataclass(frozen=True)
class Flux:
    """A file that is being written in place: what a cut may leave of it."""

    before: bytes | None
    """Its content until it is synced for the first time; None: it need not be there."""
    synced: bytes
    now: bytes

    def admits(self, found: Tree, path: str) -> bool:
        value = found.get(path)
        if value is None:
            return path not in found and self.before is None
        if value in (self.before, self.synced, self.now):
            return True
        # Each byte is the old one or the new one.
        return len(value) in (len(self.synced), len(self.now)) and all(
            byte in (self.synced[at : at + 1], self.now[at : at + 1])
            for at, byte in ((at, value[at : at + 1]) for at in range(len(value)))
        )


@dataclass(frozen=True)
class Stage:
    """A moment at which power may be cut."""

    step: int
    """The last step that has ended, or begun."""
    files: Tree
    flux: dict[str, Flux] = field(default_factory=dict)
    alias: bytes | None = None
    """A file of this content may have its short name alone."""

    def difference(self, found: Tree) -> list[str]:
        """What is not as it must be."""
        wrong = []
        for path in sorted({*found, *self.files, *self.flux}):
            if path in self.flux:
                if not self.flux[path].admits(found, path):
                    wrong.append(f"{path}, being written, is neither old nor new")
            elif path not in found:
                wrong.append(f"{path} is lost")
            elif path not in self.files:
                if "~" not in path or self.alias is None or found[path] != self.alias:
                    wrong.append(f"{path} appeared")
            elif found[path] != self.files[path]:
                wrong.append(f"{path} has other content")
        return wrong


class Model:
    """A filesystem to which steps are done."""

    def __init__(self, files: Tree, in_place: bool) -> None:
        self.files = dict(files)
        """What a program sees that opens nothing."""
        self.stages = [Stage(-1, dict(files))]
        self._in_place = in_place
        self._open: dict[str, bytearray] = {}
        self._end: dict[str, bool] = {}
        """Of open files: whether they are written at their end only."""
        self._flux: dict[str, Flux] = {}
        self._step = -1

    def do(self, step: Step) -> None:
        """Add the stages of one more step."""
        self._step += 1
        what, path, *rest = step
        if what == "rename":
            self._rename(path, rest[0])
        elif what == "remove":
            self._remove(path)
        elif what == "mkdir":
            self.files[path] = None
        elif what == "rmdir":
            del self.files[path]
        elif what == "open":
            self._opened(path, rest[0])
        elif what == "write":
            self._write(path, *rest)
        elif what in ("flush", "close"):
            self.files[path] = bytes(self._open[path])
            self._flux.pop(path, None)
            if what == "close":
                del self._open[path]
        self._add()

    def _add(self, alias: bytes | None = None) -> None:
        self.stages.append(Stage(self._step, dict(self.files), dict(self._flux), alias))

    def _opened(self, path: str, mode: str) -> None:
        before = self.files.get(path)
        self._open[path] = bytearray(b"" if "w" in mode else before or b"")
        if self._in_place and ("w" in mode or before is None):
            self.files.pop(path, None)
            self._flux[path] = Flux(before, b"", b"")
        elif before is None:
            self.files[path] = b""

    def _write(self, path: str, generation: int, at: int | None, size: int) -> None:
        content = self._open[path]
        begin = len(content) if at is None else at
        content[begin : begin + size] = record(generation, size)
        if not self._in_place:
            return
        if path in self._flux:
            flux = self._flux[path]
            self._flux[path] = Flux(flux.before, flux.synced, bytes(content))
        else:
            synced = self.files.pop(path)
            assert synced is not None
            self._flux[path] = Flux(synced, synced, bytes(content))

    def _remove(self, path: str) -> None:
        content = self.files.pop(path)
        if self._in_place:
            self._add(alias=content)

    def _rename(self, path: str, to: str) -> None:
        content = self.files[path]
        if self._in_place:
            if to in self.files:
                self._remove(to)
                self._add()
            self.files[to] = content
            self._add()
            del self.files[path]
            self._add(alias=content)
        else:
            del self.files[path]
            self.files[to] = content
