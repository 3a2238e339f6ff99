# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""What the guest has changed comes back to the host's directory, after the guest has ended.

What the host has changed meanwhile stays as it is. Names and content are the guest's: whatever they
are, nothing outside of the directory is touched.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..disk.filesystem import Entry, Filesystem
from .host_tree import DIRECTORY, Changed, Digest, HostTree, State

_CHANGED = "the host has changed it too"


@dataclass
class Outcome:
    """What became of the guest's changes."""

    done: list[str] = field(default_factory=list)
    """Paths that were written or removed."""
    left: dict[str, str] = field(default_factory=dict)
    """Paths of the host that were left as they are, and why."""


def bring_back(filesystem: Filesystem, tree: HostTree, before: Mapping[str, State]) -> Outcome:
    """`before`: what the guest was given. Broken where the guest's filesystem is damaged."""
    after = {entry.path: entry for entry in filesystem.walk()}
    back = _Back(filesystem, tree, before)
    # What is in a directory comes before it.
    for path in sorted(before, reverse=True):
        entry = after.get(path)
        if entry is None or entry.is_directory != (before[path] == DIRECTORY):
            back.remove(path)
    for entry in after.values():
        back.put(entry)
    return back.outcome


class _Back:
    def __init__(self, filesystem: Filesystem, tree: HostTree, before: Mapping[str, State]) -> None:
        self._filesystem = filesystem
        self._tree = tree
        self._before = before
        self.outcome = Outcome()

    def remove(self, path: str) -> None:
        with _Reported(self.outcome, path):
            self._tree.remove(path, self._before[path])
            self.outcome.done.append(path)

    def put(self, entry: Entry) -> None:
        before = self._before.get(entry.path)
        if entry.is_directory:
            if before != DIRECTORY:
                with _Reported(self.outcome, entry.path):
                    self._tree.make_directory(entry.path)
                    self.outcome.done.append(entry.path)
            return
        digest = Digest()
        for piece in self._filesystem.read(entry.path):
            digest.add(piece)
        if digest.value != before:
            with _Reported(self.outcome, entry.path):
                self._write(entry.path, digest.value, before)

    def _write(self, path: str, wanted: State, before: State) -> None:
        there = self._tree.state(path)
        if there == wanted:
            return
        # Where a directory was, `remove` has made room.
        before = None if before == DIRECTORY else before
        if there != before:
            raise Changed
        self._tree.write(path, self._filesystem.read(path), before)
        self.outcome.done.append(path)


class _Reported:
    """What goes wrong with one path is told, and the others go on."""

    def __init__(self, outcome: Outcome, path: str) -> None:
        self._outcome = outcome
        self._path = path

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        if isinstance(error, Changed):
            self._outcome.left[self._path] = _CHANGED
        elif isinstance(error, OSError):
            self._outcome.left[self._path] = error.strerror or str(error)
        return isinstance(error, Changed | OSError)
