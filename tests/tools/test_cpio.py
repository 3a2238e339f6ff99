# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""The archive read back, by the kernel's description of the format."""

import stat
from collections.abc import Iterator

from tools.vmm.cpio import make_archive


def entries(archive: bytes) -> Iterator[tuple[str, int, bytes]]:
    """Path, mode and content of each entry, up to the trailer."""
    offset = 0
    while True:
        assert archive[offset : offset + 6] == b"070701"
        fields = [int(archive[offset + 6 + 8 * i : offset + 14 + 8 * i], 16) for i in range(13)]
        mode, size, name_size = fields[1], fields[6], fields[11]
        name = archive[offset + 110 : offset + 110 + name_size]
        assert name.endswith(b"\0")
        begin = (offset + 110 + name_size + 3) // 4 * 4
        if name == b"TRAILER!!!\0":
            assert begin == len(archive)
            return
        yield name[:-1].decode(), mode, archive[begin : begin + size]
        offset = (begin + size + 3) // 4 * 4


def test_archive_holds_what_went_in() -> None:
    files = {
        "init": (b"#!/bin/sh\n", 0o755),
        "dir/inner/data": (bytes(range(256)) * 9, 0o644),
        "dir/odd": (b"12345", 0o600),
        "empty": (b"", 0o644),
    }
    found = list(entries(make_archive(["dir", "dir/inner"], files)))
    assert [entry[:2] for entry in found[:2]] == [
        ("dir", stat.S_IFDIR | 0o755),
        ("dir/inner", stat.S_IFDIR | 0o755),
    ]
    assert {path: (content, mode) for path, mode, content in found[2:]} == {
        path: (content, stat.S_IFREG | mode) for path, (content, mode) in files.items()
    }
