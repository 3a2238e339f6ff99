# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""One prompt, whatever CPUs the machine has: how many, and what they can do."""

import pytest

from tests.guest.conftest import Boot
from tools.build import build
from tools.guest import Guest, GuestCrashed
from tools.vmm.nested import Nested

INTERRUPTS = "__import__('cloud_hypervisor').interrupts()"
CR4_SMEP, CR4_SMAP = 1 << 20, 1 << 21


def work(guest: Guest) -> None:
    """What needs the console's interrupt, the timer's, the FPU and machine code."""
    output = guest.output_of(
        "import micropython, time\n"
        "@micropython.native\n"
        "def f(n):\n"
        "    return sum(i * 0.5 for i in range(n))\n"
        "time.sleep_ms(20)\n"
        "print(f(1000))"
    )
    assert output == "249750.0\n"
    counts = guest.eval(INTERRUPTS)
    assert counts["console"] > 0 and counts["timer"] > 0


@pytest.mark.parametrize("cpus", [1, 2, 4])
def test_machine_of_several_cpus(boot: Boot, cpus: int) -> None:
    guest = boot(cpus=cpus)
    guest.wait_for_prompt()
    assert guest.eval("__import__('cloud_hypervisor').cpus()") == cpus
    work(guest)


@pytest.mark.parametrize("cpus", [1, 4])
def test_cpus_are_counted_before_and_after_they_run(boot: Boot, cpus: int) -> None:
    guest = boot(cpus=cpus)
    guest.wait_for_prompt()
    count = "import os; print(os.cpu_count(), os.process_cpu_count())"
    assert guest.output_of(count) == f"{cpus} {cpus}\n"
    guest.exec("import _thread; _thread.start_new_thread(len, ((),))")
    assert guest.output_of(count) == f"{cpus} {cpus}\n"


@pytest.mark.only_on("nested")
def test_other_cpus_stay_parked(boot: Boot) -> None:
    guest = boot(cpus=4)
    guest.wait_for_prompt()
    assert isinstance(guest.vmm, Nested)
    guest.output_of("import time\nend = time.ticks_ms() + 2000\nwhile time.ticks_ms() < end: pass")
    first, *others = guest.vmm.cpu_seconds()
    assert len(others) == 3
    assert first > 1 and max(others) < 0.1


@pytest.mark.only_on("qemu")
@pytest.mark.parametrize(
    "model",
    [
        "qemu64",  # No XSAVE, no RDRAND, no SMEP: what any CPU with long mode has.
        "qemu64,-x2apic",
        "max,-x2apic",
        "max,-xsave",
        "max,-smep,-smap,-umip",
        "max,-pdpe1gb",
        "Nehalem",
        "EPYC",
        "Icelake-Server",
    ],
)
def test_cpu_model(boot: Boot, model: str) -> None:
    guest = boot(cpu_model=model, memory="4G" if "pdpe1gb" in model else "512M")
    guest.wait_for_prompt()
    work(guest)


@pytest.mark.only_on("qemu")
def test_protection_is_on_where_the_cpu_has_it(boot: Boot) -> None:
    for model, expected in (("max", CR4_SMEP | CR4_SMAP), ("max,-smep", CR4_SMAP), ("qemu64", 0)):
        guest = boot(cpu_model=model)
        guest.wait_for_prompt()
        with pytest.raises(GuestCrashed) as caught:
            guest.exec("import machine; machine.mem8[0]")
        cr4 = int(caught.value.report.partition(" cr4 ")[2].split()[0], 16)
        assert cr4 & (CR4_SMEP | CR4_SMAP) == expected, model


def test_image_at_another_address(boot: Boot) -> None:
    """TamaGo's, for one."""
    guest = boot(build(link_address=0x10010000).elf)
    guest.wait_for_prompt()
    work(guest)
    total, free = guest.eval("__import__('cloud_hypervisor').memory()")
    assert total > 500 << 20 and free > 450 << 20


def test_guest_does_not_mind_a_debug_build(boot: Boot) -> None:
    guest = boot(build(debug=True).elf)
    guest.wait_for_prompt()
    work(guest)
    guest.repl.start(b"print('READY')\nwhile True: pass", guest.timeout)
    guest.read_until(b"READY\r\n")
    guest.write(b"\x03")
    guest.read_until(b"\x04")
    assert b"KeyboardInterrupt" in guest.repl.finish(guest.timeout)
