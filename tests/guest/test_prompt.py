# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""The prompt: what a person types and sees, and the modes that programs use."""

import re

import pytest

from tools.guest import PROMPT, SOFT_REBOOT, Guest

BANNER = re.compile(
    r"MicroPython v1\.\d+\S* on \d{4}-\d\d-\d\d; PVH guest with x86-64\r\n"
    r'Type "help\(\)" for more information\.\r\n>>> '
)
RAW_BANNER = b"raw REPL; CTRL-B to exit\r\n>"

UP, DOWN, RIGHT, LEFT = b"\x1b[A", b"\x1b[B", b"\x1b[C", b"\x1b[D"
HOME, END, DELETE = b"\x1b[H", b"\x1b[F", b"\x1b[3~"
BACKSPACE = b"\x7f"
CTRL_A, CTRL_B, CTRL_C, CTRL_D, CTRL_E = b"\x01", b"\x02", b"\x03", b"\x04", b"\x05"
CTRL_K, CTRL_U, CTRL_W = b"\x0b", b"\x15", b"\x17"


@pytest.fixture
def prompt(shared_guest: Guest) -> Guest:
    """A guest at its friendly prompt."""
    return shared_guest


def typed(guest: Guest, keys: bytes) -> str:
    """What the guest shows from the keys on to its next prompt."""
    guest.write(keys)
    return guest.read_until(PROMPT).decode()


def result_of(guest: Guest, keys: bytes) -> str:
    """What a line prints; editing keys make its echo hard to read."""
    return typed(guest, keys + b"\r").split("\r\n", 1)[1].removesuffix("\r\n>>> ")


def test_banner_is_the_first_thing_said(guest: Guest) -> None:
    assert BANNER.fullmatch(guest.output)


def test_value_of_an_expression_is_shown(prompt: Guest) -> None:
    assert typed(prompt, b"6 * 7\r") == "6 * 7\r\n42\r\n>>> "


def test_statement_shows_nothing(prompt: Guest) -> None:
    assert typed(prompt, b"x = 1\r") == "x = 1\r\n>>> "


def test_empty_line_gives_a_new_prompt(prompt: Guest) -> None:
    assert typed(prompt, b"\r") == "\r\n>>> "


def test_exception_shows_its_traceback(prompt: Guest) -> None:
    assert typed(prompt, b"1/0\r") == (
        "1/0\r\nTraceback (most recent call last):\r\n"
        '  File "<stdin>", line 1, in <module>\r\n'
        "ZeroDivisionError: divide by zero\r\n>>> "
    )


def test_block_goes_on_and_is_indented(prompt: Guest) -> None:
    # Each line of a block comes with its indentation until two are left empty.
    assert typed(prompt, b"for i in range(3):\rprint(i)\r\r\r\r") == (
        "for i in range(3):\r\n...     print(i)\r\n...     \r\n...     \r\n... \r\n"
        "0\r\n1\r\n2\r\n>>> "
    )


def test_last_value_has_a_name(prompt: Guest) -> None:
    typed(prompt, b"'spam'\r")
    assert result_of(prompt, b"_ * 2") == "'spamspam'"


@pytest.mark.parametrize(
    "keys",
    [
        b"6 * 8" + BACKSPACE + b"7",
        b"6 * x7" + LEFT + BACKSPACE,
        b"x6 * 7" + HOME + DELETE,
        b" * 7" + HOME + b"6",
        b" * 7" + CTRL_A + b"6",
        b" 7" + HOME + RIGHT + LEFT + b"6 *" + END,
        b"6 * 7 + 1" + LEFT * 4 + CTRL_K,
        b"nonsense" + CTRL_U + b"6 * 7",
        b"6 * 7 nonsense" + CTRL_W,
    ],
)
def test_line_can_be_edited(prompt: Guest, keys: bytes) -> None:
    assert result_of(prompt, keys) == "42"


@pytest.mark.parametrize(
    ("keys", "line"),
    [(UP, "third"), (UP * 2, "second"), (UP * 3 + DOWN, "second"), (UP * 9, "first")],
)
def test_history_is_recalled(prompt: Guest, keys: bytes, line: str) -> None:
    for number in ("first", "second", "third"):
        typed(prompt, f"'{number}'\r".encode())
    assert result_of(prompt, keys) == repr(line)


def test_recalled_line_can_be_edited(prompt: Guest) -> None:
    typed(prompt, b"6 * 8\r")
    assert result_of(prompt, UP + BACKSPACE + b"7") == "42"


def test_history_holds_fifty_lines(prompt: Guest) -> None:
    for number in range(60):
        typed(prompt, f"{number}\r".encode())
    assert result_of(prompt, UP * 49) == "11"


def test_name_is_completed(prompt: Guest) -> None:
    typed(prompt, b"import machine\r")
    assert typed(prompt, b"mach\t.unique_\t\r").startswith("machine.unique_id\r\n<function")


def test_import_is_completed(prompt: Guest) -> None:
    guest_says = typed(prompt, b"import cloud_h\t\r")
    assert guest_says == "import cloud_hypervisor\r\n>>> "


def test_choices_are_listed(prompt: Guest) -> None:
    typed(prompt, b"import machine\r")
    prompt.write(b"machine.mem\t")
    shown = prompt.read_until(b">>> machine.mem").decode()
    assert shown.split("\r\n")[1].split() == ["mem16", "mem32", "mem8"]
    typed(prompt, CTRL_C)


def test_paste_mode_takes_text_as_it_is(prompt: Guest) -> None:
    prompt.write(CTRL_E)
    prompt.read_until(b"paste mode; Ctrl-C to cancel, Ctrl-D to finish\r\n=== ")
    text = b"def f(x):\r    if x:\r        return x + 1\r\r    return -1\r\rprint(f(0), f(1))\r"
    shown = typed(prompt, text + CTRL_D)
    assert shown == text.decode().replace("\r", "\r\n=== ") + "\r\n-1 2\r\n>>> "


def test_paste_mode_can_be_left(prompt: Guest) -> None:
    shown = typed(prompt, CTRL_E + b"print(6 * 7)\r" + CTRL_C)
    assert shown.endswith("=== print(6 * 7)\r\n=== \r\n>>> ")


def test_ctrl_b_shows_the_banner_again(prompt: Guest) -> None:
    assert BANNER.fullmatch(typed(prompt, CTRL_B).removeprefix("\r\n"))


def test_raw_mode_separates_output_and_traceback(prompt: Guest) -> None:
    prompt.write(CTRL_A)
    prompt.read_until(RAW_BANNER)
    prompt.write(b"print('out')\n1/0\n" + CTRL_D)
    assert prompt.read_until(b"\x04>") == (
        b"OKout\r\n\x04Traceback (most recent call last):\r\n"
        b'  File "<stdin>", line 2, in <module>\r\nZeroDivisionError: divide by zero\r\n\x04>'
    )
    prompt.write(b"print(6 * 7)" + CTRL_D)
    assert prompt.read_until(b"\x04\x04>") == b"OK42\r\n\x04\x04>"
    assert BANNER.fullmatch(typed(prompt, CTRL_B).removeprefix("\r\n"))


def test_raw_mode_forgets_a_line_at_ctrl_c(prompt: Guest) -> None:
    prompt.write(CTRL_A)
    prompt.read_until(RAW_BANNER)
    prompt.write(b"print('forgotten')" + CTRL_C + b"print('kept')" + CTRL_D)
    assert prompt.read_until(b"\x04\x04>") == b"OKkept\r\n\x04\x04>"
    typed(prompt, CTRL_B)


def test_raw_paste_mode_grants_a_window_at_a_time(prompt: Guest) -> None:
    prompt.write(CTRL_A)
    prompt.read_until(RAW_BANNER)
    prompt.write(CTRL_E + b"A\x01")
    answer = prompt.read_exactly(4)
    assert answer[:2] == b"R\x01"
    window = int.from_bytes(answer[2:], "little")
    assert window >= 2048
    # The first two windows are granted at the start, the third when one has been used.
    prompt.write(b"#" * (window - 1) + b"\n")
    assert prompt.read_exactly(1) == b"\x01"
    prompt.write(b"print('pasted')\n" + CTRL_D)
    answer = prompt.read_until(b"\x04\x04>")
    assert answer.lstrip(b"\x01") == b"\x04pasted\r\n\x04\x04>"
    typed(prompt, CTRL_B)


def test_raw_paste_mode_stops_at_a_syntax_error(prompt: Guest) -> None:
    output, traceback = prompt.exec("a b c\n" + "# more\n" * 10_000)
    assert output == ""
    assert traceback.endswith("SyntaxError: invalid syntax\n")
    assert prompt.eval("1 + 1") == 2


def test_ctrl_d_gives_a_fresh_interpreter(prompt: Guest) -> None:
    typed(prompt, b"kept = 1\r")
    shown = typed(prompt, CTRL_D)
    assert shown.startswith("\r\n" + SOFT_REBOOT.decode())
    assert BANNER.search(shown)
    assert result_of(prompt, b"kept").endswith("NameError: name 'kept' isn't defined")


def test_ctrl_d_keeps_the_raw_mode(prompt: Guest) -> None:
    prompt.write(CTRL_A)
    prompt.read_until(RAW_BANNER)
    prompt.write(b"kept = 1" + CTRL_D)
    prompt.read_until(b"OK\x04\x04>")
    prompt.write(CTRL_D)
    assert prompt.read_until(RAW_BANNER) == b"OK\r\n" + SOFT_REBOOT + RAW_BANNER
    prompt.write(b"print('kept' in globals())" + CTRL_D)
    assert prompt.read_until(b"\x04\x04>") == b"OKFalse\r\n\x04\x04>"
    typed(prompt, CTRL_B)


def test_ctrl_c_throws_the_line_away(prompt: Guest) -> None:
    assert typed(prompt, b"nonsense" + CTRL_C) == "nonsense\r\n>>> "
    assert result_of(prompt, b"6 * 7") == "42"


def test_ctrl_c_at_the_prompt_does_no_harm(prompt: Guest) -> None:
    for _ in range(20):
        assert typed(prompt, CTRL_C) == "\r\n>>> "


def test_help_knows_this_machine(prompt: Guest) -> None:
    assert "import cloud_hypervisor" in result_of(prompt, b"help()")
    listed = result_of(prompt, b"help('modules')")
    for name in ("cloud_hypervisor", "machine", "asyncio", "json", "unittest"):
        assert name in listed
