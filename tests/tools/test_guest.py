# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""What a Guest does with output that comes in awkward pieces, and with machines that end badly.

The machine is a thread with a script; what real machines do is tested in tests/guest.
"""

import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tools.guest import Guest, GuestCrashed, GuestEnded, GuestError, GuestTimeout
from tools.vmm.base import Ending, Vmm, VmSpec

REPORT = (
    b"\r\n*** crash: page fault (#PF), error 0x2: write\r\n"
    b"cpu 0, rip 0x0000000000100000, build 0123456789abcdef\r\n*** end of crash\r\n"
)

Script = Callable[[socket.socket, "ScriptedVmm"], None]


class ScriptedVmm(Vmm):
    """A machine that is a function: it gets the other end of the serial line."""

    name = "scripted"
    slowness = 0.2

    def __init__(self, script: Script) -> None:
        super().__init__()
        self._script = script
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.ending: Ending | None = None
        self.version = "1"
        self.stderr_text = "last words"
        self.serial = f"socket://127.0.0.1:{self._listener.getsockname()[1]}"

    version = ""
    stderr_text = ""
    serial = ""

    def start(self, spec: VmSpec) -> None:
        pass

    def boot(self) -> None:
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        with self._listener.accept()[0] as line:
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._script(line, self)

    def poll(self) -> Ending | None:
        return self.ending

    def inject_nmi(self) -> None:
        raise NotImplementedError

    def stop(self) -> None:
        self._listener.close()
        self._thread.join()


def guest_of(script: Script) -> Guest:
    return Guest(ScriptedVmm(script), VmSpec(Path("/none/firmware.elf")))


def wait_for_user(line: socket.socket) -> None:
    """Until the test has closed its end."""
    while line.recv(1000):
        pass


def in_pieces(data: bytes, size: int) -> Script:
    def script(line: socket.socket, vmm: ScriptedVmm) -> None:
        for start in range(0, len(data), size):
            line.sendall(data[start : start + size])
            time.sleep(0.002)
        wait_for_user(line)

    return script


@pytest.mark.parametrize("size", [1, 5, 7, 1000])
def test_receive_gives_all_before_a_crash_and_then_raises(size: int) -> None:
    with guest_of(in_pieces(b"before" + REPORT, size)) as guest:
        output = b""
        with pytest.raises(GuestCrashed) as caught:
            while True:
                output += guest.receive(1)
        assert output.rstrip() == b"before"
        assert caught.value.report.startswith("*** crash: page fault (#PF), error 0x2: write\n")
        assert "*** end of crash" in caught.value.report


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_read_until_raises_at_a_crash(size: int) -> None:
    with guest_of(in_pieces(b"before" + REPORT, size)) as guest:
        with pytest.raises(GuestCrashed):
            guest.read_until(b">>> ")
        with pytest.raises(GuestCrashed):
            guest.read_until(b">>> ")


def test_report_that_is_cut_off_is_shown() -> None:
    def script(line: socket.socket, vmm: ScriptedVmm) -> None:
        line.sendall(REPORT[:60])
        vmm.ending = Ending.RESET

    with guest_of(script) as guest:
        with pytest.raises(GuestEnded) as caught:
            guest.read_until(b">>> ")
        assert caught.value.ending is Ending.RESET
        assert "page fault" in str(caught.value)


def test_pattern_over_several_pieces_leaves_the_rest() -> None:
    with guest_of(in_pieces(b"one\r\n>>> two>>> three", 3)) as guest:
        assert guest.read_until(b">>> ") == b"one\r\n>>> "
        assert guest.read_until(b">>> ") == b"two>>> "
        assert guest.read_exactly(5) == b"three"
        assert guest.transcript == b"one\r\n>>> two>>> three"


def test_silence_is_a_timeout() -> None:
    with guest_of(in_pieces(b"only this", 100)) as guest:
        begin = time.monotonic()
        with pytest.raises(GuestTimeout, match="only this"):
            guest.read_until(b">>> ", timeout=0.3)
        assert time.monotonic() - begin < 5
        assert guest.receive(0) == b"only this"
        assert guest.receive(0) == b""


def test_last_bytes_come_before_the_end() -> None:
    def script(line: socket.socket, vmm: ScriptedVmm) -> None:
        vmm.ending = Ending.POWERED_OFF
        time.sleep(0.05)
        line.sendall(b"bye")
        wait_for_user(line)

    with guest_of(script) as guest:
        assert guest.read_until(b"bye") == b"bye"
        assert guest.wait_for_end() is Ending.POWERED_OFF


def test_failed_vmm_is_quoted() -> None:
    def script(line: socket.socket, vmm: ScriptedVmm) -> None:
        vmm.ending = Ending.VMM_FAILED

    with (
        guest_of(script) as guest,
        pytest.raises(GuestEnded, match="The VMM failed: last words"),
    ):
        guest.read_until(b">>> ")


def test_beginning_of_a_report_that_never_comes_is_given() -> None:
    with guest_of(in_pieces(b"list:\r\n*** cr", 100)) as guest:
        output = b""
        while not output.endswith(b"*** cr"):
            output += guest.receive(5)
        assert output == b"list:\r\n*** cr"


@pytest.mark.parametrize("more", [b"none\r\nmore", bytes(10_000)], ids=["silence", "too much"])
def test_output_like_the_beginning_of_a_report_is_given(more: bytes) -> None:
    text = b"\r\n*** crash: " + more
    with guest_of(in_pieces(text, 5000)) as guest:
        output = b""
        deadline = time.monotonic() + 10
        while len(output) < len(text) and time.monotonic() < deadline:
            output += guest.receive(0.1)
        assert output == text


def test_report_that_does_not_end_is_a_crash() -> None:
    with (
        guest_of(
            in_pieces(REPORT.partition(b"*** end")[0] + b"\r\n*** crash while", 1000)
        ) as guest,
        pytest.raises(GuestCrashed, match="crash while"),
    ):
        guest.read_until(b">>> ")


def test_limit_ends_every_kind_of_waiting() -> None:
    def says_nothing(line: socket.socket, vmm: ScriptedVmm) -> None:
        wait_for_user(line)

    def wait(guest: Guest) -> None:
        while True:
            guest.receive(0)

    for action in (Guest.wait_for_prompt, Guest.wait_for_end, wait):
        with guest_of(says_nothing) as guest:
            guest.limit(0.2)
            with pytest.raises(GuestTimeout) as caught:
                action(guest)
            assert str(caught.value) == "The guest did not end within 0.2 s."


def test_forgotten_output_changes_nothing_but_the_transcript() -> None:
    with guest_of(in_pieces(b">>> " + b"x" * 5000 + b"end" + REPORT, 1000)) as guest:
        guest.read_until(b"x" * 5000)
        guest.forget(keep=100)
        assert guest.transcript.startswith(b"x" * 100)
        assert len(guest.transcript) < 2000
        assert guest.came_up
        assert guest.read_exactly(3) == b"end"
        guest.forget(keep=0)
        with pytest.raises(GuestCrashed, match="page fault"):
            guest.read_until(b"more")


def test_line_that_is_full_takes_what_it_can() -> None:
    started, stop = threading.Event(), threading.Event()

    def script(line: socket.socket, vmm: ScriptedVmm) -> None:
        started.set()
        stop.wait(30)

    with guest_of(script) as guest:
        try:
            started.wait(30)
            total = sent = guest.write_some(bytes(64 << 20))
            while sent:
                sent = guest.write_some(bytes(64 << 20))
                total += sent
            assert 0 < total < 64 << 20
        finally:
            stop.set()


def test_line_that_closes_under_a_living_machine() -> None:
    with (
        guest_of(lambda line, vmm: None) as guest,
        pytest.raises(GuestError, match="without its serial line"),
    ):
        guest.read_until(b">>> ")


def test_guest_that_takes_no_input() -> None:
    stop = threading.Event()

    def script(line: socket.socket, vmm: ScriptedVmm) -> None:
        stop.wait(30)

    with guest_of(script) as guest:
        try:
            with pytest.raises(GuestTimeout, match="takes no input"):
                guest.write(bytes(64 << 20))
        finally:
            stop.set()
