# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Standard streams that are closed, or that cannot show every character."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

REPORT = """
import os, sys
from tools import standard_streams
standard_streams.repair()
print("into nothing")
print("and this", file=sys.stderr)
sys.stdin.read()
with open(sys.argv[1], "w") as file:
    print(file.fileno(), [os.get_inheritable(number) for number in range(3)], file=file)
"""


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_lead_nowhere(tmp_path: Path, root: Path, closed: str) -> None:
    seen = tmp_path / "seen"
    shell = f'exec "$@" {closed}'
    command = ["sh", "-c", shell, "sh", sys.executable, "-c", REPORT, str(seen)]
    subprocess.run(command, cwd=root, stdin=subprocess.DEVNULL, timeout=30, check=True)
    number, _, inheritable = seen.read_text().strip().partition(" ")
    assert int(number) > 2
    assert inheritable == "[True, True, True]"


def test_characters_that_the_encoding_lacks_are_shown_by_their_codes(root: Path) -> None:
    code = "from tools import standard_streams; standard_streams.repair(); print('\\u2713')"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=root,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        timeout=30,
        check=True,
    )
    assert done.stdout == b"\\u2713\n"
