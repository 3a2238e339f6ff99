# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Puts a test's files on the RAM disk of a guest that stands at its prompt."""

import base64
from pathlib import Path

from tools.guest import Guest

_FILE_CHUNK = 12 * 1024


def put_file(guest: Guest, path: str, content: bytes) -> None:
    """Make a file, and its directories, on the guest's disk. PythonError if that fails."""
    parents = [str(parent) for parent in reversed(Path(path).parents)][1:]
    guest.output_of(
        "import os, binascii\n"
        f"for directory in {parents!r}:\n"
        "    try:\n"
        "        os.mkdir(directory)\n"
        "    except OSError as error:\n"
        "        if error.errno != 17:\n"  # EEXIST
        "            raise\n"
        f"file = open({path!r}, 'wb')\n"
    )
    for offset in range(0, len(content), _FILE_CHUNK):
        chunk = base64.b64encode(content[offset : offset + _FILE_CHUNK])
        guest.output_of(f"_ = file.write(binascii.a2b_base64({chunk!r}))\n")
    guest.output_of("file.close()\ndel file\n")
