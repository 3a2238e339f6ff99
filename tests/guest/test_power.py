# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""The machine's end, and what a new beginning knows of the old one."""

import pytest

from tests.guest.conftest import Boot
from tools.guest import Guest
from tools.vmm.base import Ending

RESET_CAUSE = "(lambda m: (m.reset_cause(), m.PWRON_RESET, m.SOFT_RESET))(__import__('machine'))"


def run_last(guest: Guest, code: str) -> Ending:
    """Run code that ends the machine."""
    guest.repl.start(code.encode(), guest.timeout)
    return guest.wait_for_end()


@pytest.mark.parametrize(
    ("code", "ending"),
    [
        ("machine.poweroff()", Ending.POWERED_OFF),
        ("machine.reset()", Ending.RESET),
        ("machine.deepsleep()", Ending.POWERED_OFF),
        ("machine.deepsleep(50)", Ending.RESET),
        ("machine.WDT(timeout=100)\nwhile True: pass", Ending.RESET),
        ("machine.WDT(0, 100)\n__import__('time').sleep(100)", Ending.RESET),
        # From a callback, with whatever runs interrupted.
        (
            "machine.Timer(mode=machine.Timer.ONE_SHOT, period=20, "
            "callback=lambda t: machine.poweroff())\nwhile True: pass",
            Ending.POWERED_OFF,
        ),
    ],
)
def test_machine_ends_as_told(guest: Guest, code: str, ending: Ending) -> None:
    assert run_last(guest, f"import machine\n{code}") is ending


@pytest.mark.machine(cpus=4)
@pytest.mark.parametrize(
    ("call", "ending"), [("poweroff", Ending.POWERED_OFF), ("reset", Ending.RESET)]
)
def test_machine_of_several_cpus_ends(guest: Guest, call: str, ending: Ending) -> None:
    assert run_last(guest, f"import machine; machine.{call}()") is ending


def test_watchdog_that_is_fed_keeps_still(guest: Guest) -> None:
    timeout_ms = int(500 * guest.vmm.slowness)
    guest.output_of(
        f"import machine, time\nwatchdog = machine.WDT(timeout={timeout_ms})\n"
        f"for _ in range(30):\n    time.sleep_ms({timeout_ms // 10})\n    watchdog.feed()"
    )
    ending = run_last(guest, "while True: pass")
    assert ending is Ending.RESET
    assert "machine.WDT: not fed in time, the machine is reset" in guest.output


@pytest.mark.parametrize("arguments", ["1", "timeout=0", "timeout=-5"])
def test_bad_watchdog_is_refused(shared_guest: Guest, arguments: str) -> None:
    _, traceback = shared_guest.exec(f"import machine; machine.WDT({arguments})")
    assert traceback.splitlines()[-1].startswith("ValueError: ")


def test_output_before_the_end_is_not_lost(guest: Guest) -> None:
    lines = "".join(f"line {number}\n" for number in range(200))
    ending = run_last(
        guest,
        "import machine\nfor number in range(200): print('line', number)\nmachine.poweroff()",
    )
    assert ending is Ending.POWERED_OFF
    assert guest.output.endswith(lines.replace("\n", "\r\n"))


def test_reset_boots_a_fresh_machine(boot: Boot) -> None:
    guest = boot(allow_reboot=True, memory="128M")
    guest.wait_for_prompt()
    total = guest.eval("__import__('cloud_hypervisor').memory()[0]")
    for _ in range(3):
        # Memory keeps what was written to it over a reset of QEMU's.
        guest.output_of("open('kept', 'w').write('x' * 100_000); block = b'\\xff' * 70_000_000")
        guest.repl.start(b"import machine; machine.reset()", guest.timeout)
        guest.wait_for_prompt()
        assert guest.eval("__import__('os').listdir()") == []
        assert guest.eval("bytearray(25_000_000) == bytes(25_000_000)") is True
        cause, power_on, _ = guest.eval(RESET_CAUSE)
        assert cause == power_on
        assert guest.eval("__import__('cloud_hypervisor').memory()[0]") == total
    assert guest.vmm.reboots >= 3


def test_soft_reset_is_another_cause(shared_guest: Guest) -> None:
    shared_guest.soft_reset()
    cause, power_on, soft = shared_guest.eval(RESET_CAUSE)
    assert cause == soft != power_on


def test_soft_reset_by_a_program(shared_guest: Guest) -> None:
    shared_guest.output_of("marker = 1")
    shared_guest.repl.start(b"import machine; machine.soft_reset()", shared_guest.timeout)
    shared_guest.read_until(b"MPY: soft reboot\r\n")
    shared_guest.read_until(b"raw REPL; CTRL-B to exit\r\n>")
    assert shared_guest.eval("'marker' in globals()") is False


@pytest.mark.machine(cmdline="acpi=off")
@pytest.mark.parametrize(
    ("call", "ending"), [("poweroff", Ending.POWERED_OFF), ("reset", Ending.RESET)]
)
def test_machine_without_acpi_ends(guest: Guest, call: str, ending: Ending) -> None:
    assert guest.eval("__import__('cloud_hypervisor').vmm()") == "unknown VMM"
    guest.output_of("import time; time.sleep_ms(20)")
    assert run_last(guest, f"import machine; machine.{call}()") is ending
