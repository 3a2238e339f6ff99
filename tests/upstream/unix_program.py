# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Behaves as the unix port's program `micropython`, with a guest inside: for the tests of the REPL.

Upstream's tests of line editing, completion and prompts (tests/cmdline/repl_*.py) know that program
only: its command line, its terminal, its banner. This one runs a file, or the REPL on its terminal,
in a fresh interpreter of the guest whose serial line GUEST_SERIAL names.
"""

import os
import re
import select
import sys
import termios
import tty
from pathlib import Path

from tests.upstream.line import PROMPT, SOFT_REBOOT, TIMEOUT, Line
from tools.raw_repl import RawRepl
from tools.serial_line import LineClosed


def fresh_interpreter(line: Line) -> bytes:
    """From whatever state the guest is in to a new session; gives its banner and prompt."""
    line.write(b"\r\x03\x03\x02")
    line.read_until(PROMPT)
    line.write(b"\x03\x04")
    line.read_until(SOFT_REBOOT)
    return line.read_until(PROMPT)


def run_file(line: Line, path: str) -> int:
    """Run a program; its exit code is 1 where it raised."""
    fresh_interpreter(line)
    output, traceback = RawRepl(line).execute(Path(path).read_bytes(), TIMEOUT)
    sys.stdout.buffer.write(output + traceback)
    return 1 if traceback else 0


def as_unix(banner: bytes) -> bytes:
    """The first two lines as that program prints them: `; linux [...] version`, `Use ...`.

    Since v1.27 the second is that of every port.
    """
    version = re.search(rb"MicroPython v(\d+)\.(\d+)", banner)
    banner = re.sub(rb"; [^\r\n]*", b"; guest version", banner, count=1)
    if version is not None and (int(version[1]), int(version[2])) >= (1, 27):
        return banner
    return banner.replace(b'Type "help()" for', b"Use help() for")


def run_repl(line: Line) -> int:
    """Join terminal and guest until Ctrl-D ends the session."""
    banner = fresh_interpreter(line)
    before = termios.tcgetattr(0)
    tty.setraw(0)
    try:
        os.write(1, as_unix(banner))
        said = b""
        while SOFT_REBOOT not in said:
            readable = select.select([0, line.port.fileno()], [], [])[0]
            if 0 in readable:
                # A terminal sends CR for Return; the test's file has LF.
                line.write(os.read(0, 4096).replace(b"\n", b"\r"))
            if line.port.fileno() in readable:
                data = line.port.read(0)
                said = (said + data)[-200:]
                os.write(1, data)
    finally:
        termios.tcsetattr(0, termios.TCSADRAIN, before)
    return 0


def main(arguments: list[str]) -> int:
    while arguments[:1] == ["-X"]:
        arguments = arguments[2:]
    if len(arguments) > 1 or (arguments and arguments[0].startswith("-")):
        sys.exit(f"not an option of this program: {arguments}")
    try:
        with Line(os.environ["GUEST_SERIAL"]) as line:
            return run_file(line, arguments[0]) if arguments else run_repl(line)
    except (LineClosed, TimeoutError) as error:
        sys.exit(f"The guest is gone: {error}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
