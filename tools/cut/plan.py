# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Draws by lot what the guest does between two cuts."""

import random
from collections.abc import Iterator

from .model import Model, Step, Tree

GENERATIONS = 1000
"""Of one plan at most."""
_LOG_MAX = 60_000
_MANY = 24
_LARGE = 24_000
"""Bytes of a piece of the large file."""


class Plan:
    """Steps, and the model to which they were done."""

    def __init__(self, files: Tree, in_place: bool, number: int, chance: random.Random) -> None:
        """`number`: how many plans there were before on this disk."""
        self.model = Model(files, in_place)
        self.steps: list[Step] = []
        self._chance = chance
        self._generation = number * GENERATIONS
        self._work = {
            self._append: 4,
            self._overwrite: 4,
            self._replace: 5,
            self._small: 4,
            self._large: 1,
            self._remove: 4,
            self._rewrite: 2,
            self._directory: 1,
            self._sync: 1,
        }

    def extend(self, steps: int) -> None:
        """Until there are so many. They end with whole works, so a few more."""
        if "/many" not in self.model.files:
            self._do("mkdir", "/many")
        while len(self.steps) < steps:
            (work,) = self._chance.choices(list(self._work), list(self._work.values()))
            work()

    def _do(self, *step: object) -> None:
        self.steps.append(step)
        self.model.do(step)

    def _write(self, path: str, size: int, at: int | None = None) -> None:
        self._generation += 1
        self._do("write", path, self._generation, at, size)

    def _file(self, path: str, mode: str, sizes: list[int], at: int | None = None) -> None:
        self._do("open", path, mode)
        for size in sizes:
            self._write(path, size, at)
            if self._chance.random() < 0.3:
                self._do("flush", path)
        self._do("close", path)

    def _size(self, path: str) -> int:
        return len(self.model.files.get(path) or b"")

    def _names(self) -> Iterator[str]:
        return (f"/many/one-of-many-small-files-{number:02}" for number in range(_MANY))

    # What is done.

    def _append(self) -> None:
        mode = "ab" if self._size("/log") < _LOG_MAX else "wb"
        self._file("/log", mode, [self._chance.randrange(20, 3000)])

    def _overwrite(self) -> None:
        size = self._size("/patched")
        if size < 20_000:
            self._file("/patched", "ab", [9000])
        else:
            at = self._chance.randrange(size)
            self._file("/patched", "r+b", [self._chance.randrange(20, 6000)], at)

    def _replace(self) -> None:
        self._file("/config.new", "wb", [self._chance.randrange(20, 9000)])
        self._do("rename", "/config.new", "/config")

    def _small(self) -> None:
        for path in self._chance.sample(list(self._names()), 4):
            self._file(path, "wb", [self._chance.randrange(20, 700)])

    def _large(self) -> None:
        self._file("/large", "wb", [_LARGE] * self._chance.randrange(2, 9))

    def _remove(self) -> None:
        there = [path for path, content in self.model.files.items() if content is not None]
        for path in self._chance.sample(there, min(2, len(there))):
            self._do("remove", path)

    def _rewrite(self) -> None:
        self._file("/state", "wb", [self._chance.randrange(20, 2000)])

    def _directory(self) -> None:
        self._do("rmdir" if "/for-a-while" in self.model.files else "mkdir", "/for-a-while")

    def _sync(self) -> None:
        self._do("sync", "/")
