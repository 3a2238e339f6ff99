# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""That an initramfs of ours unpacks to what went in."""

import subprocess
from pathlib import Path

from tools.vmm.cpio import make_archive


def test_archive_unpacks(tmp_path: Path) -> None:
    files = {
        "init": (b"#!/bin/sh\n", 0o755),
        "dir/inner/data": (bytes(range(256)) * 9, 0o644),
        "dir/odd": (b"12345", 0o600),
        "empty": (b"", 0o644),
    }
    archive = make_archive(["dir", "dir/inner"], files)
    # Python has no cpio; the kernel's format is what the cpio of any system reads.
    done = subprocess.run(
        ["cpio", "--extract", "--quiet", "--no-absolute-filenames"],
        input=archive,
        cwd=tmp_path,
        capture_output=True,
        timeout=60,
        check=True,
    )
    assert done.stderr == b""
    found = {
        str(path.relative_to(tmp_path)): (path.read_bytes(), path.stat().st_mode & 0o7777)
        for path in tmp_path.rglob("*")
        if path.is_file()
    }
    assert found == files
