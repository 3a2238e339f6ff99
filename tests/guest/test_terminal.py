# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""`./inv run` at a terminal, or fed by a pipe: programs, the prompt, and what they leave."""

import os
import re
import signal
import time

import pytest

from tests.guest.user import LIMIT, Host, any_vmm_will_do, terminal

pytestmark = pytest.mark.timeout(2 * LIMIT)


@any_vmm_will_do
def test_output_comes_while_the_program_runs(host: Host) -> None:
    with terminal(host, "exec", "print('early')\nwhile True: pass") as user:
        user.wait_for(b"early\r\n")
        user.type(b"\x03")
        user.wait_for(b"KeyboardInterrupt")
        assert user.wait() == 130


@any_vmm_will_do
def test_program_that_ignores_ctrl_c_is_left_by_the_third(host: Host) -> None:
    code = "while True:\n    try:\n        print('turn')\n        while True: pass\n"
    code += "    except KeyboardInterrupt: pass"
    with terminal(host, "exec", code) as user:
        for _ in range(2):
            user.wait_for(b"turn\r\n")
            user.type(b"\x03")
        user.wait_for(b"once more stops the guest")
        user.wait_for(b"turn\r\n")
        user.type(b"\x03")
        assert user.wait() == 130


@any_vmm_will_do
def test_terminal_gives_lines_and_an_end(host: Host) -> None:
    with terminal(host, "exec", "print(input('? ')); import sys; print(sys.stdin.read())") as user:
        user.wait_for(rb"\? ")
        user.type(b"onn\x7fe\ntwo\n")
        user.wait_for(rb"one\r\n")
        user.type(b"\x04")
        user.wait_for(rb"two\r\n\r\n")
        assert user.wait() == 0


@any_vmm_will_do
def test_raw_terminal_gives_keys(host: Host) -> None:
    code = "import sys\nfor _ in range(3): print(sys.stdin.buffer.read(1), end='\\n')\n"
    code += "print('now')\nwhile True: pass"
    with terminal(host, "exec", code, "--raw") as user:
        user.type(b"a")
        user.wait_for(rb"b'a'\n")
        user.type(b"\x04\r")
        user.wait_for(rb"b'\\x04'\nb'\\r'\nnow\n")
        user.type(b"\x03")
        user.wait_for(b"KeyboardInterrupt")
        assert user.wait() == 130


@any_vmm_will_do
def test_raw_terminal_is_left(host: Host) -> None:
    with terminal(host, "exec", "print('now')\nwhile True: pass", "--raw") as user:
        user.wait_for(b"now")
        user.type(b"\x1d")
        assert user.wait() == 130


@any_vmm_will_do
def test_terminal_that_is_closed_ends_the_task(host: Host) -> None:
    with terminal(host, "run") as user:
        user.wait_for(rb">>> ")
        os.close(user.master)
        assert user.process.wait(LIMIT) == 129
        user.master = os.open(os.devnull, os.O_RDONLY)


@any_vmm_will_do
def test_piped_input_ends_at_the_prompt(host: Host) -> None:
    done = host.run(
        "run", typed="print('a' + 'b')\nimport time; time.sleep(1.5)\nprint('c' + 'd')\n"
    )
    assert done.returncode == 0
    assert b"\nab\r\n" in done.stdout
    assert b"\ncd\r\n" in done.stdout


@any_vmm_will_do
@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("print('a' + 'b')", rb"\nab\r\n>>> \n\Z"),
        ("for x in (1, 2):\n    if x:\n        print(x * 11)", rb"\n11\r\n22\r\n>>> \n\Z"),
        ("print((", rb"\.\.\. \r\n>>> \n\Z"),
    ],
)
def test_piped_input_without_an_end_ends(host: Host, typed: str, shown: bytes) -> None:
    done = host.run("run", typed=typed)
    assert done.returncode == 0
    assert re.search(shown, done.stdout), done.stdout


def test_prompt_at_a_terminal(host: Host) -> None:
    with terminal(host, "run") as user:
        user.wait_for(rb"Ctrl-\] leaves")
        user.wait_for(rb">>> ")
        user.type(b"print(6 * 7)\r")
        user.wait_for(rb"\r\n42\r\n>>> ")
        user.type(b"while True: pass\r\r\r")
        time.sleep(0.5)
        user.type(b"\x03")
        user.wait_for(rb"KeyboardInterrupt")
        user.wait_for(rb">>> ")
        user.type(b"import machine; machine.reset()\r")
        user.wait_for(rb"MicroPython v")
        user.wait_for(rb">>> ")
        user.type(b"\x1d")
        assert user.wait() == 0


@pytest.mark.parametrize(
    "number",
    [
        pytest.param(signal.SIGTERM, marks=any_vmm_will_do),
        pytest.param(signal.SIGHUP, marks=any_vmm_will_do),
        signal.SIGKILL,
    ],
)
def test_killed_run_leaves_nothing(host: Host, number: signal.Signals) -> None:
    with terminal(host, "run") as user:
        user.wait_for(rb">>> ")
        user.process.send_signal(number)
        if number is signal.SIGKILL:
            # Nobody can put the terminal right after that.
            assert user.process.wait(LIMIT) == -number
        else:
            assert user.wait() == 128 + number
