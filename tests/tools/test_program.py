# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""How a run's output is taken apart, however it is cut into pieces."""

import ast
import re

import pytest

from tools.program import Kind, Program, Run


def mark_of(run: Run) -> bytes:
    return run.begin.removesuffix(b"b\r\n")


def feed_in_pieces(run: Run, data: bytes, size: int) -> dict[Kind, bytes]:
    shown = {Kind.OUTPUT: b"", Kind.TRACEBACK: b""}
    for start in range(0, len(data), size):
        for kind, piece in run.feed(data[start : start + size]):
            shown[kind] += piece
    for kind, piece in run.flush():
        shown[kind] += piece
    return shown


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_output_traceback_and_status(size: int) -> None:
    run = Run(Program("x.py", ""))
    mark = mark_of(run)
    data = b"one\r\n\x01two\r\r\n\x04" + mark + b"e\r\nTraceback\r\n"
    data += b'  File "<stdin>", line 11, in __run\r\n  File "x.py"\r\n' + mark + b"x1\r\n\x04\x04>"
    shown = feed_in_pieces(run, data, size)
    assert shown[Kind.OUTPUT] == b"one\n\x01two\r\n\x04"
    assert shown[Kind.TRACEBACK] == b'Traceback\n  File "x.py"\n'
    assert run.status == 1


@pytest.mark.parametrize("size", [1, 1000])
def test_program_that_never_ends_shows_all(size: int) -> None:
    run = Run(Program("x.py", ""))
    data = b"begun\r" + mark_of(run)[:-1]
    assert feed_in_pieces(run, data, size)[Kind.OUTPUT] == data
    assert run.status is None


def test_output_is_not_held_back_longer_than_needed() -> None:
    run = Run(Program("x.py", ""))
    assert b"".join(piece for _, piece in run.feed(b"no newline")) == b"no newline"


def test_mark_of_another_run_is_output() -> None:
    run, other = Run(Program("x.py", "")), Run(Program("x.py", ""))
    data = mark_of(other) + b"x0\r\n"
    assert feed_in_pieces(run, data, 5)[Kind.OUTPUT] == data.replace(b"\r\n", b"\n")
    assert run.status is None


def test_source_reaches_the_guest_unchanged() -> None:
    source = "s = '''\x03\x04\\ {}\r\n\t€ 😀'''\n"
    code = Run(Program("näme.py", source)).code
    assert max(code) < 0x80 and not {3, 4} & set(code)
    call = re.search(rb"^__run\((.*)\)$", code, re.MULTILINE)
    assert call is not None
    assert ast.literal_eval(call[1].decode())[1:] == ("näme.py", source)
