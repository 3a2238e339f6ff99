# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Each directory of examples/, booted as an application."""

from pathlib import Path

import pytest

from tests.guest.applications import Start, outcome

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"

SERVERS = ("http_server", "mqtt_client", "parallel_http_server", "tls_server", "udp_echo")

INPUT = b"one\ntwo words\n\n"

# Example, command line, exit status, output, why it ended badly.
RUNS = [
    ("hello", "", 0, "Hello from PVH guest with x86-64, MicroPython ", ""),
    ("arguments", "UNIT=metres 1 2.5", 0, "metres 3.5\n", ""),
    ("arguments", "-- -1 0x=1", 2, "not a number: invalid syntax for number\n", ""),
    ("arguments", "", 1, "", "usage: NUMBER...\n"),
    ("timer", "", 0, "tick 1\ntick 2\ntick 3\ntick 4\ntick 5\n", ""),
    ("parallel", "", 0, "2262 primes below 20000\n", ""),
    ("filter", "", 0, "3 lines, 3 words\n", ""),
    ("package", "", 0, "200 {'hello': 'world'}\n", ""),
    ("data", "", 0, "Hello, world!\nHello, Cloud Hypervisor!\n", ""),
]


def files_of(example: str) -> dict[str, str]:
    folder = EXAMPLES / example
    paths = (path for path in folder.rglob("*") if path.suffix in (".py", ".txt"))
    return {str(path.relative_to(folder)): path.read_text() for path in paths}


@pytest.mark.parametrize(("example", "cmdline", "status", "output", "error"), RUNS)
def test_example(
    start: Start, example: str, cmdline: str, status: int, output: str, error: str
) -> None:
    told, said, why = outcome(start, files_of(example), cmdline, INPUT)
    assert (told, why.decode()) == (status, error)
    assert said.decode().startswith(output)
    assert output or not said


def test_every_example_is_run() -> None:
    elsewhere = {"board", "project"}  # test_boards.py, test_project.py
    elsewhere |= set(SERVERS)  # test_network_examples.py
    assert {path.name for path in EXAMPLES.iterdir()} - elsewhere == {run[0] for run in RUNS}
