# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""A Python program of the host, run in a guest as `python PROGRAM` would run it here.

The raw REPL drops the value of SystemExit, and ends a program's output with a byte that the program
may print itself. So a small runner in the guest runs the program and reports its end, after a mark
that the program cannot know: a random number made for this run.
"""

import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from tools.errors import UserError

MAIN = "main.py"
UNCAUGHT_EXCEPTION = 1
_TAIL = 16 * 1024
INTERRUPTED = 130  # As a shell says of a program that SIGINT ended.

# The runner. The program may rebind every name, fill the memory and lock the heap: so what the
# runner needs afterwards is made beforehand and kept in its own variables, and the end is told
# without an allocation. `main` is emptied first: what stood there is not the program's.
_RUNNER = """\
def __run(mark, name, source):
    import gc, micropython, sys
    main = globals()
    main.clear()
    main["__name__"] = "__main__"
    main["__file__"] = name
    sys.argv[:1] = [name]
    begin, bad, end, newline = mark + "b\\n", mark + "e\\n", mark + "x", "\\n"
    digits = tuple("0123456789")
    write, show, is_a = sys.stdout.write, print, isinstance
    Any, Exit, Interrupt, Integer = BaseException, SystemExit, KeyboardInterrupt, int
    error = None
    write(begin)
    try:
        try:
            exec(compile(source, name, "exec"), main)
        except Any as caught:
            error = caught
        micropython.heap_lock()
        while micropython.heap_unlock():
            pass
        at_exit = sys.atexit(None)
        if at_exit:
            at_exit()
        # What is typed from now on cannot be meant for the program; the loop lets an interrupt
        # that has come already be raised here.
        micropython.kbd_intr(-1)
        for _ in digits:
            pass
    except Any as caught:
        micropython.kbd_intr(-1)
        error = error or caught
    source = at_exit = None
    gc.collect()
    status = 0
    if is_a(error, Exit):
        status = error.args[0] if error.args else None
        if status is None:
            status = 0
        elif not is_a(status, Integer):
            write(bad)
            show(status)
            status = 1
        elif not -0x8000000000000000 <= status <= 0x7fffffffffffffff:
            status = 255
    elif error is not None:
        write(bad)
        sys.print_exception(error)
        status = {interrupted} if is_a(error, Interrupt) else {uncaught}
    status &= 255
    write(end)
    write(digits[status // 100])
    write(digits[status // 10 % 10])
    write(digits[status % 10])
    write(newline)
__run({mark}, {name}, {source})
"""
_RUNNER_FRAME = re.compile(rb'  File "<stdin>", line \d+, in __run\n')
# What the raw REPL says when the runner itself has failed; a program may print the same.
_RAW_REPL_END = re.compile(rb"\x04((?:Traceback [^\x04]*)?)\x04>\Z")


@dataclass(frozen=True)
class Program:
    """A program: its source, its name for tracebacks, and the files it wants beside it."""

    name: str
    source: str
    files: dict[str, bytes] = field(default_factory=dict)
    """By relative path, parents first where there are any."""


def load(path: Path) -> Program:
    """A .py file, or a directory with a main.py. UserError if it is neither."""
    if path.is_dir():
        main = path / MAIN
        if not main.is_file():
            raise UserError(f"{path} holds no {MAIN}.", f"The program of a directory is {MAIN}.")
        files = {str(file.relative_to(path)): read_file(file) for file in files_of(path)}
        return Program(MAIN, _read_source(main), files)
    if not path.exists():
        raise UserError(f"{path} does not exist.", "Name a .py file, or a directory with main.py.")
    return Program(path.name, _read_source(path))


def files_of(directory: Path, parents: frozenset[Path] = frozenset()) -> Iterator[Path]:
    """The files in and below a directory, sorted. Links are followed, but not in a circle."""
    parents |= {directory.resolve()}
    for path in sorted(directory.iterdir()):
        if path.name == "__pycache__" or path.name.startswith("."):
            continue
        if path.is_file():
            yield path
        elif path.is_dir() and path.resolve() not in parents:
            yield from files_of(path, parents)


def read_file(path: Path) -> bytes:
    """Its content; UserError if it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from None


def _read_source(path: Path) -> str:
    try:
        return read_file(path).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UserError(f"{path} is not text in UTF-8.", "A program is Python source.") from None


class Kind(Enum):
    """What a piece of a run's output is."""

    OUTPUT = "the program's own"
    TRACEBACK = "why it ended badly"


class Run:
    """One run of a program: what starts it, and the taking apart of its output.

    Without a program it is the run of an application that the guest is booted with; then `setting`
    belongs on its command line.
    """

    def __init__(self, program: Program | None = None) -> None:
        self._secret = f"{secrets.token_hex(16)}:"
        self._mark = f"\x01{self._secret}"
        self._program = program
        self._held = b""
        self._tail = b""
        """The last bytes of the output, in which the raw REPL's own end would stand."""
        self._traceback: bytes | None = None
        """What has come since the program ended badly; None while it runs."""
        self.status: int | None = None
        """The exit status, 0 to 255, once the program has ended."""

    @property
    def begin(self) -> bytes:
        """What the guest says right before the program's first byte."""
        return f"{self._mark}b\r\n".encode()

    @property
    def setting(self) -> str:
        """What has the firmware tell of an application's end."""
        return f"exit-mark={self._secret}"

    @property
    def code(self) -> bytes:
        """What the guest's raw REPL has to run."""
        assert self._program is not None
        text = _RUNNER.format(
            mark=ascii(self._mark),
            name=ascii(self._program.name),
            source=ascii(self._program.source),
            interrupted=INTERRUPTED,
            uncaught=UNCAUGHT_EXCEPTION,
        )
        return text.encode()

    def feed(self, data: bytes) -> Iterator[tuple[Kind, bytes]]:
        """Take what came after `begin`; gives what is to be shown, as the program wrote it.

        The console sends each newline that Python prints as CR LF; that is undone here. Bytes
        that could be the beginning of a mark are held back until more is known.
        """
        mark = self._mark.encode()
        self._held += data
        self._tail = (self._tail + data)[-_TAIL:]
        while self.status is None and (found := self._held.find(mark)) >= 0:
            line, newline, rest = self._held[found + len(mark) :].partition(b"\r\n")
            if not newline:
                break
            yield from self._shown(self._held[:found])
            self._held = rest
            if line == b"e":
                self._traceback = b""
            else:
                self.status = int(line[1:])
                yield from self._end()
        if self.status is None:
            end = self._end_of_sure(mark)
            shown, self._held = self._held[:end], self._held[end:]
            yield from self._shown(shown)

    def fell_back(self) -> Iterator[tuple[Kind, bytes]]:
        """To be asked in long silence: whether the guest stands at its raw REPL, without a mark.

        So it is when an interrupt hits the runner, or not even it finds memory. Then the run has
        ended with `UNCAUGHT_EXCEPTION` or `INTERRUPTED`; gives the traceback.
        """
        found = _RAW_REPL_END.search(self._tail) if self.status is None else None
        if found is not None:
            self.status = INTERRUPTED if b"\nKeyboardInterrupt" in found[1] else UNCAUGHT_EXCEPTION
            self._held, self._traceback = b"", found[1].replace(b"\r\n", b"\n")
            yield from self._end()

    def flush(self) -> Iterator[tuple[Kind, bytes]]:
        """What was held back of a program that was stopped."""
        if self.status is None:
            held, self._held = self._held, b""
            yield from self._shown(held)
            yield from self._end()

    def _shown(self, data: bytes) -> Iterator[tuple[Kind, bytes]]:
        data = data.replace(b"\r\n", b"\n")
        if self._traceback is not None:
            self._traceback += data
        elif data:
            yield Kind.OUTPUT, data

    def _end(self) -> Iterator[tuple[Kind, bytes]]:
        """The traceback, less the line that belongs to the runner."""
        if self._traceback:
            yield Kind.TRACEBACK, _RUNNER_FRAME.sub(b"", self._traceback, count=1)
            self._traceback = None

    def _end_of_sure(self, mark: bytes) -> int:
        """How much of what is held cannot be part of a mark or of a CR LF."""
        begin = self._held.find(mark)
        if begin >= 0:
            return begin
        begin = self._held.rfind(mark[:1])
        if begin >= 0 and mark.startswith(self._held[begin:]):
            return begin
        return len(self._held) - self._held.endswith(b"\r")
