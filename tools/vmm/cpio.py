# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Writes an initramfs: a cpio archive of the "newc" format (Linux: driver-api/early-userspace)."""

import stat
from collections.abc import Mapping

_TRAILER = "TRAILER!!!"


def make_archive(directories: list[str], files: Mapping[str, tuple[bytes, int]]) -> bytes:
    """An archive of directories, and of files as path: (content, permissions). All are root's.

    Paths have no leading slash. Parents must come before their children.
    """
    parts = []
    for number, path in enumerate(directories, start=1):
        parts.append(_entry(number, path, stat.S_IFDIR | 0o755, b""))
    for number, (path, (content, mode)) in enumerate(files.items(), start=len(directories) + 1):
        parts.append(_entry(number, path, stat.S_IFREG | mode, content))
    parts.append(_entry(0, _TRAILER, 0, b""))
    return b"".join(parts)


def _entry(inode: int, path: str, mode: int, content: bytes) -> bytes:
    name = path.encode() + b"\0"
    # inode, mode, uid, gid, links, time, size, device and its kind's (major, minor), name, check
    numbers = [inode, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name), 0]
    head = b"070701" + b"".join(b"%08X" % number for number in numbers)
    return _padded(head + name) + _padded(content)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)
