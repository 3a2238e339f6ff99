# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""What the raw REPL does with a peer that errs. With one that does not: tests/guest."""

import pytest

from tools.raw_repl import RawRepl, RawReplError


class Peer:
    """Says what it was given, whatever it hears."""

    def __init__(self, says: bytes) -> None:
        self.says = says
        self.heard = b""

    def read_exactly(self, count: int, timeout: float) -> bytes:
        if len(self.says) < count:
            raise TimeoutError
        data, self.says = self.says[:count], self.says[count:]
        return data

    def read_until(self, pattern: bytes, timeout: float) -> bytes:
        head, found, self.says = self.says.partition(pattern)
        if not found:
            raise TimeoutError
        return head + found

    def write(self, data: bytes) -> None:
        self.heard += data


BANNER = b">>> \r\nraw REPL; CTRL-B to exit\r\n>"


def execute(answer: bytes, code: bytes = b"pass") -> tuple[Peer, tuple[bytes, bytes]]:
    peer = Peer(BANNER + answer)
    return peer, RawRepl(peer).execute(code, 1)


def test_window_is_never_exceeded() -> None:
    class Watcher(Peer):
        granted = 4

        def read_exactly(self, count: int, timeout: float) -> bytes:
            data = super().read_exactly(count, timeout)
            self.granted += 4 * (data == b"\x01")
            return data

        def write(self, data: bytes) -> None:
            super().write(data)
            sent = self.heard.partition(b"A\x01")[2]
            assert len(sent.rstrip(b"\x04")) <= self.granted

    peer = Watcher(BANNER + b"R\x01\x04\x00" + b"\x01" * 3 + b"\x04out\x04err\x04>")
    assert RawRepl(peer).execute(b"0123456789abcdef", 1) == (b"out", b"err")
    assert peer.heard.endswith(b"0123456789abcdef\x04")


def test_progress_is_told() -> None:
    told: list[int] = []
    RawRepl(Peer(BANNER + b"R\x01\x04\x00" + b"\x01" * 2 + b"\x04")).start(
        b"x" * 10, 1, told.append
    )
    assert told == [4, 8, 10]


def test_compiler_that_gives_up_early() -> None:
    peer, result = execute(b"R\x01\x02\x00\x04\x04SyntaxError\x04>", b"0123456789")
    assert result == (b"", b"SyntaxError")
    assert peer.heard.endswith(b"A\x01" + b"01" + b"\x04")


def test_guest_without_raw_paste_mode() -> None:
    peer, result = execute(b"R\x00OKout\x04\x04>")
    assert result == (b"out", b"")
    assert peer.heard.endswith(b"pass\x04")


@pytest.mark.parametrize(
    "answer",
    [
        b"??",
        b"R\x01\x00\x00",
        b"R\x01\x02\x00?",
        b"R\x01\x40\x00\x01?",
        b"R\x00NO",
        b"R\x01\x40\x00\x04out\x04err\x04?",
    ],
    ids=["refused", "window of 0", "bad grant", "bad end", "not OK", "no prompt"],
)
def test_broken_protocol_is_an_error(answer: bytes) -> None:
    with pytest.raises(RawReplError):
        execute(answer, b"0123456789")


def test_code_cannot_hold_control_bytes() -> None:
    for byte in (b"\x03", b"\x04"):
        with pytest.raises(ValueError, match="0x03 and 0x04"):
            execute(b"", b"print('" + byte + b"')")
