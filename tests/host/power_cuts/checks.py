# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""What a filesystem holds, and how that differs from what it should hold."""

from disk import SECTOR
from workload import DIRECTORY, Loose, Patched

_KIND_DIRECTORY = 0x4000
_ENTRIES_MAX = 500


class Broken:
    """A file that can be read as far as `start` only."""

    def __init__(self, start):
        self.start = start

    def __eq__(self, other):
        return isinstance(other, Broken) and other.start == self.start


def tree(filesystem):
    """Path -> content, DIRECTORY, or Broken."""
    found = {}
    waiting = [""]
    while waiting and len(found) < _ENTRIES_MAX:
        directory = waiting.pop()
        for entry in filesystem.ilistdir(directory or "/"):
            path = directory + "/" + entry[0]
            if entry[1] == _KIND_DIRECTORY:
                found[path] = DIRECTORY
                waiting.append(path)
            else:
                found[path] = read(filesystem, path)
    return found


def read(filesystem, path):
    with filesystem.open(path, "rb") as file:
        try:
            return file.read()
        except OSError:
            pass
    start = b""
    with filesystem.open(path, "rb") as file:
        try:
            while True:
                start += file.read(SECTOR)
        except OSError:
            return Broken(start)


def agrees(found, expected):
    if not isinstance(expected, (Loose, Patched)):
        return found == expected
    # Of what is being written the end may be unreadable.
    start = found.start if isinstance(found, Broken) else found
    if not isinstance(start, bytes):
        return False
    if isinstance(expected, Loose):
        return start.startswith(expected.prefix)
    old, new = expected.old, expected.new
    return len(start) >= len(old) and all(
        byte in (old[n], new[n]) for n, byte in enumerate(start[: len(old)])
    )


def difference(found, expected):
    """(what is wrong, path) of each path that is not as it should be."""
    wrong = [("appeared", path) for path in found if path not in expected]
    for path, value in expected.items():
        if path in found:
            if not agrees(found[path], value):
                wrong.append(("other content", path))
        elif not (isinstance(value, Loose) and value.new):
            wrong.append(("lost", path))
    return wrong


def is_in_flight(path, worlds):
    """Whether it is something that the step was changing, or that was being written."""
    values = [world.get(path) for world in worlds]
    return any(value != values[0] or isinstance(value, (Loose, Patched)) for value in values)


def least_difference(found, worlds):
    """From the world that is nearest; says of what was being changed that it was."""
    wrong = min((difference(found, world) for world in worlds), key=len)
    return [
        (kind + (", being changed" if is_in_flight(path, worlds) else ""), path)
        for kind, path in wrong
    ]
