"""kernel/cmdline.c against the shell whose quoting it promises."""

import random
import re
import shutil
import subprocess

from tests.host import programs

# What quoting is made of.
ALPHABET = ["a", "b", "=", "-", " ", " ", "\t", "'", "'", '"', '"', "\\", "\\\n", "\\$", "\\`"]
LINES = 400

# Dumps the words of $1 in hexadecimal, each ended by a NUL, and says `good`; or only says
# `malformed`. The line goes into a program of its own, which a malformed one ends.
SHELL_PROGRAM = r"""
program=$(printf 'set -- %s\nfor word do printf "%%s\\0" "$word"; done | od -An -v -tx1' "$1")
if sh -c "$program" 2>/dev/null; then echo good; else echo malformed; fi
"""

MALFORMED = b"\x01"
GOOD = b"\x02"


def as_the_shell_splits(line: str) -> list[bytes] | None:
    """The words, or None where the quoting is malformed."""
    shell = shutil.which("sh")
    assert shell is not None
    done = subprocess.run(
        [shell, "-c", SHELL_PROGRAM, "sh", line],
        capture_output=True,
        text=True,
        timeout=10,
        check=True,
    )
    *dump, verdict = done.stdout.split()
    if verdict == "malformed":
        return None
    return bytes.fromhex("".join(dump)).split(b"\0")[:-1]


def as_the_kernel_splits(lines: list[str]) -> list[tuple[list[bytes], bool]]:
    """For each line the words, and whether it was well-formed."""
    text = b"".join(line.encode() + b"\0" for line in lines)
    output = programs.run("probe_cmdline", stdin=text).stdout
    results = []
    words = b""
    for byte in output:
        mark = bytes([byte])
        if mark in (MALFORMED, GOOD):
            results.append((words.split(b"\0")[:-1], mark == GOOD))
            words = b""
        else:
            words += mark
    return results


def random_lines(count: int) -> list[str]:
    """Lines that a shell does nothing with but quoting."""
    source = random.Random(3)
    lines: list[str] = []
    while len(lines) < count:
        line = "".join(source.choices(ALPHABET, k=source.randrange(1, 16)))
        # With what a backslash quotes taken out, nothing to expand and no end of a command.
        if not re.search(r"[$`\n]", re.sub(r"\\.", "", line, flags=re.DOTALL)):
            # What a backslash at the very end means a shell may choose; here it is an error.
            lines.append(line + " z")
    return lines


def test_quoting_is_that_of_the_shell() -> None:
    lines = random_lines(LINES)
    results = as_the_kernel_splits(lines)
    assert len(results) == len(lines)
    well_formed = 0
    for line, (words, good) in zip(lines, results, strict=True):
        expected = as_the_shell_splits(line)
        assert good == (expected is not None), line
        if expected is not None:
            assert words == expected, line
            well_formed += 1
    assert LINES // 4 < well_formed < LINES * 3 // 4  # Both kinds were tried.
