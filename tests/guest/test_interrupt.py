# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Ctrl-C stops whatever runs, at once, and leaves a working prompt."""

import re
import time

import pytest

from tools.guest import Guest

# What a program may be at when Ctrl-C comes. Each says READY first.
LOOPS = {
    "loop": "while True: pass",
    "loop of calls": "def f(): return 1\nwhile True: f()",
    "loop of allocations": "while True: [1] * 1000",
    "loop of prints": "while True: print('.', end='')",
    "loop in a generator": "def g():\n    while True: yield 1\nfor _ in g(): pass",
    "loop that catches exceptions": (
        "while True:\n    try:\n        1 / 0\n    except Exception:\n        pass"
    ),
    "sleep": "time.sleep(1000)",
    "sleep_ms": "time.sleep_ms(1_000_000)",
    "sleep_us": "time.sleep_us(1_000_000_000)",
    "input": "input('READY again> ')",
    "read of a line": "sys.stdin.readline()",
    "read of bytes": "sys.stdin.buffer.read(1)",
    "poll": (
        "import select\np = select.poll()\np.register(sys.stdin, select.POLLIN)\np.poll(1_000_000)"
    ),
    "UART": "machine.UART(0, timeout=1_000_000).read(1)",
    "lightsleep": "machine.lightsleep(1_000_000)",
    "idle": "while True: machine.idle()",
    "asyncio": "async def nap(): await asyncio.sleep(1000)\nasyncio.run(nap())",
    "asyncio task": (
        "async def spin():\n    while True: await asyncio.sleep(0)\nasyncio.run(spin())"
    ),
    "collection": "kept = [[i] for i in range(50_000)]\nwhile True: gc.collect()",
    "timer callbacks": (
        "machine.Timer(period=5, callback=lambda t: [i for i in range(50)])\nwhile True: pass"
    ),
}


def start(guest: Guest, code: str) -> None:
    code = f"import asyncio, gc, machine, micropython, sys, time\nprint('READY')\n{code}"
    guest.repl.start(code.encode(), guest.timeout)
    guest.read_until(b"READY\r\n")


def interrupted(guest: Guest) -> str:
    """Send Ctrl-C; gives the traceback that comes of it."""
    begin = time.monotonic()
    guest.interrupt()
    guest.read_until(b"\x04")
    traceback = guest.repl.finish(guest.timeout).decode()
    # Generous: what matters is that it is not the end of a sleep of 1000 s.
    assert time.monotonic() - begin < 5 * guest.vmm.slowness
    return traceback


@pytest.mark.parametrize("code", LOOPS.values(), ids=LOOPS)
def test_ctrl_c_stops(shared_guest: Guest, code: str) -> None:
    start(shared_guest, code)
    time.sleep(0.1 * shared_guest.vmm.slowness)
    traceback = interrupted(shared_guest)
    assert re.fullmatch(
        r"Traceback \(most recent call last\):\r\n(  File .*\r\n)+KeyboardInterrupt: \r\n",
        traceback,
    )
    assert shared_guest.eval("6 * 7") == 42


def test_ctrl_c_stops_at_the_friendly_prompt(shared_guest: Guest) -> None:
    for code in ("while True: pass\r\r\r", "import time; time.sleep(1000)\r"):
        shared_guest.write(code.encode())
        time.sleep(0.2 * shared_guest.vmm.slowness)
        shared_guest.interrupt()
        shared_guest.read_until(b"KeyboardInterrupt: \r\n>>> ")


def test_ctrl_c_overtakes_what_was_typed_ahead(shared_guest: Guest) -> None:
    """It is seen when it arrives, not when the program reads it."""
    start(shared_guest, "while True: pass")
    shared_guest.write(b"typed ahead " * 1000)
    assert "KeyboardInterrupt" in interrupted(shared_guest)
    # What was typed stays; leaving the raw mode shows it.
    shared_guest.write(b"\x03")
    assert shared_guest.eval("6 * 7") == 42


def test_ctrl_c_can_be_caught(shared_guest: Guest) -> None:
    start(
        shared_guest,
        "try:\n    time.sleep(1000)\nexcept KeyboardInterrupt:\n    print('caught')\n"
        "finally:\n    print('finally')\nprint('goes on')",
    )
    shared_guest.interrupt()
    assert shared_guest.read_until(b"\x04") == b"caught\r\nfinally\r\ngoes on\r\n\x04"
    assert shared_guest.repl.finish(shared_guest.timeout) == b""


def test_ctrl_c_runs_what_cleans_up(shared_guest: Guest) -> None:
    start(
        shared_guest,
        "class Resource:\n"
        "    def __enter__(self): return self\n"
        "    def __exit__(self, *why): print('closed', why[0].__name__)\n"
        "with Resource():\n    while True: pass",
    )
    shared_guest.interrupt()
    assert shared_guest.read_until(b"\x04") == b"closed KeyboardInterrupt\r\n\x04"
    shared_guest.repl.finish(shared_guest.timeout)


def test_ctrl_c_is_data_where_the_program_says_so(shared_guest: Guest) -> None:
    start(
        shared_guest,
        "micropython.kbd_intr(-1)\nprint('READY again')\nprint(sys.stdin.buffer.read(3), end='')",
    )
    shared_guest.read_until(b"READY again\r\n")
    shared_guest.write(b"a\x03b")
    assert shared_guest.read_until(b"\x04") == rb"b'a\x03b'" + b"\x04"
    shared_guest.repl.finish(shared_guest.timeout)
    # The next program is interrupted again, without having to say so.
    start(shared_guest, "while True: pass")
    assert "KeyboardInterrupt" in interrupted(shared_guest)


def test_another_key_can_interrupt(shared_guest: Guest) -> None:
    start(shared_guest, "micropython.kbd_intr(26)\nprint('READY again')\nwhile True: pass")
    shared_guest.read_until(b"READY again\r\n")
    shared_guest.write(b"\x1a")
    shared_guest.read_until(b"\x04")
    assert b"KeyboardInterrupt" in shared_guest.repl.finish(shared_guest.timeout)


def test_hundred_interrupts_do_no_harm(shared_guest: Guest) -> None:
    start(
        shared_guest,
        "count = 0\n"
        "while count < 100:\n"
        "    try:\n"
        "        print('+', end='')\n"
        "        while True: pass\n"
        "    except KeyboardInterrupt:\n"
        "        count += 1\n"
        "print(count, end='')",
    )
    for _ in range(100):
        shared_guest.read_until(b"+")
        shared_guest.interrupt()
    assert shared_guest.read_until(b"\x04") == b"100\x04"
    assert shared_guest.repl.finish(shared_guest.timeout) == b""
