# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""The power button asks the program to end, as SystemExit; pressed again it ends the machine."""

from pathlib import Path

import pytest

from tests.guest.applications import Start
from tests.guest.conftest import Boot
from tools.guest import Guest
from tools.program import Run
from tools.vmm.base import Ending
from tools.vmm.disk import Disk

pytestmark = pytest.mark.only_on("cloud_hypervisor", "nested")

WAITS = {
    "a sleep": "time.sleep(1000)",
    "a loop": "while True: pass",
    "a lock": "lock = _thread.allocate_lock(); lock.acquire(); lock.acquire()",
    "input": "input()",
    "a join": "t = threading.Thread(target=time.sleep, args=(1000,)); t.start(); t.join()",
    "an interpreter": "interpreters.create().exec('import time; time.sleep(1000)')",
}


def begin(guest: Guest, code: str) -> None:
    """Run code that says when it waits."""
    guest.repl.start(code.encode(), guest.timeout)
    guest.read_until(b"waits\r\n")


def test_a_machine_at_its_prompt_powers_off(guest: Guest) -> None:
    guest.write(b"1\r")
    guest.wait_for_prompt()
    guest.press_power_button()
    assert guest.wait_for_end() is Ending.POWERED_OFF


@pytest.mark.parametrize("wait", WAITS.values(), ids=WAITS)
@pytest.mark.machine(cpus=2)
def test_a_program_ends_by_system_exit(guest: Guest, wait: str) -> None:
    code = (
        "import time, _thread, threading\n"
        "from concurrent import interpreters\n"
        "try:\n"
        "    print('waits')\n"
        f"    {wait}\n"
        "except SystemExit as error: print('ends', error.args); raise\n"
        "finally: print('finally')"
    )
    begin(guest, code)
    guest.press_power_button()
    guest.read_until(b"ends ()\r\nfinally\r\n")
    assert guest.wait_for_end() is Ending.POWERED_OFF


def test_a_program_that_goes_on_is_not_asked_twice(guest: Guest) -> None:
    code = (
        "import time\n"
        "def wait():\n"
        "    try: time.sleep(1000)\n"
        "    except SystemExit: print('no')\n"
        "print('waits')\n"
        "wait()\n"
        "while True: pass"
    )
    begin(guest, code)
    guest.press_power_button()
    guest.read_until(b"no\r\n")
    guest.press_power_button()
    assert guest.wait_for_end() is Ending.POWERED_OFF


@pytest.mark.parametrize("on_exit", ["poweroff", "reset", "prompt"])
def test_an_application_ends_well(start: Start, on_exit: str) -> None:
    run = Run()
    files = {
        "main.py": "import sys, time\n"
        "sys.atexit(lambda: print('last words'))\n"
        "try: time.sleep(1000)\n"
        "finally: print('finally')"
    }
    guest = start(files, cmdline=f"{run.settings} on-exit={on_exit}")
    guest.read_until(run.begin)
    guest.press_power_button()
    assert guest.wait_for_end() is Ending.POWERED_OFF
    output = bytes(guest.transcript).partition(run.begin)[2]
    assert b"".join(piece for _, piece in run.feed(output)) == b"finally\nlast words\n"
    assert run.status == 0


def test_what_a_program_writes_then_is_on_the_disk(boot: Boot, tmp_path: Path) -> None:
    path = tmp_path / "a.img"
    path.write_bytes(bytes(1 << 20))
    guest = boot(disks=[Disk(path)])
    guest.wait_for_prompt()
    code = (
        "import machine, time\n"
        "print('waits')\n"
        "try: time.sleep(1000)\n"
        "finally: machine.Disk().writeblocks(1, b'x' * 512)"
    )
    begin(guest, code)
    guest.press_power_button()
    assert guest.wait_for_end() is Ending.POWERED_OFF
    guest.stop()
    assert path.read_bytes()[512:1024] == b"x" * 512
