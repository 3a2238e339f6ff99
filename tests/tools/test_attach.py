# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Standard input on its way to a guest: a pipe that is faster than the guest, odd terminals."""

import os
import pty
import signal
import socket
import termios
import threading
import time
from collections.abc import Iterator

import pytest

from tests.tools.test_guest import ScriptedVmm, guest_of, wait_for_user
from tools.attach import Keyboard, keyboard_in_use


@pytest.fixture
def piped(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The writing end of what is standard input."""
    reader, writer = os.pipe()
    with os.fdopen(reader) as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        os.set_blocking(writer, False)
        yield writer
    os.close(writer)


def fill(writer: int) -> int:
    written = 0
    try:
        while True:
            written += os.write(writer, bytes(65536))
    except BlockingIOError:
        return written


def test_input_that_the_guest_does_not_take_stays_in_the_pipe(piped: int) -> None:
    end = threading.Event()

    def script(line: socket.socket, vmm: ScriptedVmm) -> None:
        while not line.recv(1, socket.MSG_PEEK):
            pass
        line.sendall(b"still here")
        end.wait(30)

    with guest_of(script) as guest:
        try:
            keyboard = Keyboard(raw=False)
            heard = b""
            last = time.monotonic()
            # Until nothing moves any more.
            while time.monotonic() - last < 0.3:
                wrote = fill(piped)
                keyboard.wait(guest)
                heard += guest.receive(0)
                keyboard.pending += keyboard.read()
                if keyboard.send(guest) or wrote:
                    last = time.monotonic()
            assert len(keyboard.pending) <= 4096
            assert heard == b"still here"
        finally:
            end.set()


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[int, int]]:
    """The master and the slave of a terminal that is standard input, and controls nobody."""
    master, slave = pty.openpty()
    with os.fdopen(os.dup(slave)) as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        yield master, slave
    os.close(slave)


def is_raw(terminal: int) -> bool:
    return not termios.tcgetattr(terminal)[3] & termios.ICANON


def silent(line: socket.socket, vmm: ScriptedVmm) -> None:
    wait_for_user(line)


def test_terminal_that_controls_nobody_is_made_raw(terminal: tuple[int, int]) -> None:
    master, slave = terminal
    with guest_of(silent) as guest, keyboard_in_use(raw=True) as keyboard:
        keyboard.wait(guest)
        assert is_raw(slave)
        os.write(master, b"x")
        keyboard.wait(guest)
        assert keyboard.read() == b"x"
    assert not is_raw(slave)
    os.close(master)


def test_terminal_that_gives_lines_keeps_its_settings(terminal: tuple[int, int]) -> None:
    master, slave = terminal
    before = termios.tcgetattr(slave)
    with guest_of(silent) as guest, keyboard_in_use(raw=False) as keyboard:
        os.write(master, b"li\x7fine\n\x04")
        keyboard.wait(guest)
        assert termios.tcgetattr(slave) == before
        assert keyboard.read() == b"line\n"
        assert not keyboard.at_end
        assert keyboard.read() == b""
        assert keyboard.at_end
    os.close(master)


def test_background_job_leaves_the_terminal_alone_until_it_is_in_the_foreground(
    terminal: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    master, slave = terminal
    group = os.getpgrp()
    monkeypatch.setattr("os.tcgetpgrp", lambda _: group)
    group += 1
    with guest_of(silent) as guest, keyboard_in_use(raw=True) as keyboard:
        os.write(master, b"for another\n")
        keyboard.wait(guest)
        assert not is_raw(slave)
        assert keyboard.read() == b""
        group -= 1
        keyboard.wait(guest)
        assert is_raw(slave)
        assert keyboard.read() == b"for another\n"
        # A shell that stops and continues us leaves its own settings.
        settings = termios.tcgetattr(slave)
        settings[3] |= termios.ICANON
        termios.tcsetattr(slave, termios.TCSANOW, settings)
        os.kill(os.getpid(), signal.SIGCONT)
        keyboard.wait(guest)
        assert is_raw(slave)
    assert not is_raw(slave)
    os.close(master)


def test_terminal_that_goes_away_ends_us_as_sighup_does(terminal: tuple[int, int]) -> None:
    master, _ = terminal
    with guest_of(silent) as guest, pytest.raises(SystemExit) as caught:  # noqa: SIM117
        with keyboard_in_use(raw=True) as keyboard:
            keyboard.wait(guest)
            os.close(master)
            keyboard.wait(guest)
            keyboard.read()
    assert caught.value.code == 129
