# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""How a run's output is taken apart, however it is cut into pieces."""

import ast
import re
from pathlib import Path

import pytest

from tools.program import Kind, Program, Run, load


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
    data += (
        b'  File "<stdin>", line 11, in __run\r\n  File "x.py"\r\n' + mark + b"x001\r\n\x04\x04>"
    )
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


TRACEBACK = b'Traceback (most recent call last):\r\n  File "<stdin>", line 9, in __run\r\n'


@pytest.mark.parametrize(
    ("end", "status"),
    [
        (b"\x04\x04>", 1),
        (b"\x04" + TRACEBACK + b"MemoryError: \r\n\x04>", 1),
        (b"\x04" + TRACEBACK + b"KeyboardInterrupt: \r\n\x04>", 130),
        (b"\x04\x04> ", None),
        (b"\x04 \x04>", None),
    ],
)
@pytest.mark.parametrize("size", [1, 1000])
def test_end_without_a_mark_is_known_by_the_raw_repls(
    end: bytes, status: int | None, size: int
) -> None:
    run = Run(Program("x.py", ""))
    data = b"output" + end
    for start in range(0, len(data), size):
        list(run.feed(data[start : start + size]))
    shown = b"".join(piece for _, piece in run.fell_back())
    assert run.status == status
    if status is not None and b"Error" in end:
        assert shown == b"Traceback (most recent call last):\nMemoryError: \n"


def test_links_to_directories_are_followed_but_not_in_a_circle(tmp_path: Path) -> None:
    app, library = tmp_path / "app", tmp_path / "library"
    app.mkdir()
    library.mkdir()
    (app / "main.py").touch()
    (library / "part.py").touch()
    (app / "one").symlink_to(library)
    (app / "two").symlink_to("../library")
    (library / "back").symlink_to(app)
    (app / "gone").symlink_to("nowhere")
    (app / ".git").mkdir()
    (app / ".git" / "config").touch()
    assert list(load(app).files) == ["main.py", "one/part.py", "two/part.py"]
