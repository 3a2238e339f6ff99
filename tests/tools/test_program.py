# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""How a run's output is taken apart, however it is cut into pieces."""

import pytest

from tools.program import Kind, Run


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
    run = Run()
    mark = mark_of(run)
    data = b"one\r\n\x01two\n\x04" + mark + b"e\r\nTraceback\n" + mark + b"x001\r\n>>> "
    shown = feed_in_pieces(run, data, size)
    assert shown[Kind.OUTPUT] == b"one\r\n\x01two\n\x04"
    assert shown[Kind.TRACEBACK] == b"Traceback\n"
    assert run.status == 1


@pytest.mark.parametrize("size", [1, 1000])
def test_program_that_never_ends_shows_all(size: int) -> None:
    run = Run()
    data = b"begun\r" + mark_of(run)[:-1]
    assert feed_in_pieces(run, data, size)[Kind.OUTPUT] == data
    assert run.status is None


def test_output_is_not_held_back_longer_than_needed() -> None:
    assert b"".join(piece for _, piece in Run().feed(b"no newline\r")) == b"no newline\r"


@pytest.mark.parametrize("event", [b"x1", b"x0001", b"x-01", b"x999", b"", b"?", b"x\xff\xff\xff"])
def test_an_event_that_is_none_ends_nothing(event: bytes) -> None:
    run = Run()
    list(run.feed(mark_of(run) + event + b"\r\n"))
    assert run.status is None
    list(run.feed(mark_of(run) + b"x007\r\n"))
    assert run.status == 7


def test_mark_of_another_run_is_output() -> None:
    run, other = Run(), Run()
    data = mark_of(other) + b"x000\r\n"
    assert feed_in_pieces(run, data, 5)[Kind.OUTPUT] == data
    assert run.status is None
