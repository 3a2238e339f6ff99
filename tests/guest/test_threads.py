# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""The kernel's threads, tried by a guest of their own (tests/guests/threads)."""

import re
from pathlib import Path

import pytest

from tests.guest.conftest import Boot
from tests.guests import build_kernel_guest
from tools.guest import GuestCrashed
from tools.paths import ROOT
from tools.vmm.base import Ending

SOURCE = ROOT / "tests" / "guests" / "threads" / "threads.c"
TRIALS = [
    "cpus",
    "mutex",
    "condition",
    "semaphore",
    "deadlines",
    "fairness",
    "registers",
    "priority",
    "overlooked",
    "creation",
    "idleness",
    "shootdown",
    "retirement",
    "anything",
]


@pytest.fixture(scope="session")
def threads_elf() -> Path:
    return build_kernel_guest("threads")


@pytest.fixture(scope="session")
def debug_elf() -> Path:
    """On a kernel that checks its locks."""
    return build_kernel_guest("threads", debug=True)


def outcome(boot: Boot, elf: Path, **fields: object) -> list[str]:
    """All that the guest says."""
    guest = boot(elf, **fields)
    assert guest.wait_for_end(timeout=100) is Ending.POWERED_OFF
    return guest.output.split("\r\n")[:-1]


def all_well(cpus: int) -> list[str]:
    return [f"cpus: {cpus}", *(f"{name}: ok" for name in TRIALS), "done"]


def test_every_trial_is_expected() -> None:
    named = re.findall(r'^    \{ "([\w-]+)", (\w+) \},$', SOURCE.read_text(), re.M)
    assert [name for name, _ in named][: len(TRIALS)] == TRIALS
    assert [name for name, _ in named][len(TRIALS) :] == ["crash", *MISUSES]


@pytest.mark.only_on("qemu")
@pytest.mark.parametrize("cpus", [1, 2, 4])
def test_trials(boot: Boot, threads_elf: Path, cpus: int) -> None:
    assert outcome(boot, threads_elf, cpus=cpus) == all_well(cpus)


@pytest.mark.only_on("nested", "cloud_hypervisor")
def test_trials_on_two_cpus(boot: Boot, threads_elf: Path) -> None:
    assert outcome(boot, threads_elf, cpus=2) == all_well(2)


@pytest.mark.only_on("qemu")
@pytest.mark.parametrize("cpus", [1, 2, 4])
def test_trials_with_the_rules_checked(boot: Boot, debug_elf: Path, cpus: int) -> None:
    assert outcome(boot, debug_elf, cpus=cpus) == all_well(cpus)


@pytest.mark.only_on("qemu")
@pytest.mark.parametrize("model", ["qemu64", "max,-x2apic", "max,-xsave", "EPYC"])
def test_trials_on_another_cpu(boot: Boot, threads_elf: Path, model: str) -> None:
    assert outcome(boot, threads_elf, cpus=2, cpu_model=model) == all_well(2)


@pytest.mark.only_on("qemu")
@pytest.mark.parametrize("model", ["max", "max,-x2apic"])
def test_64_cpus(boot: Boot, threads_elf: Path, model: str) -> None:
    said = outcome(boot, threads_elf, cpus=64, cpu_model=model, cmdline="trial=cpus")
    assert said == ["cpus: 64", "cpus: ok", "done"]


@pytest.mark.only_on("qemu")
@pytest.mark.parametrize("model", ["max", "max,-x2apic"])
def test_cpus_that_never_come_are_left_out(boot: Boot, threads_elf: Path, model: str) -> None:
    said = outcome(boot, threads_elf, cpus=4, cpu_model=model, cmdline="trial=cpus madt=absent")
    absent = [
        f"CPU with APIC id 0x{200 + i:08x} is left out: it does not come up" for i in range(40)
    ]
    assert said == [*absent, "cpus: 4", "cpus: ok", "done"]


@pytest.mark.only_on("qemu")
@pytest.mark.parametrize("cpus", [1, 2, 4])
def test_a_table_need_not_list_the_boot_cpu(boot: Boot, threads_elf: Path, cpus: int) -> None:
    said = outcome(boot, threads_elf, cpus=cpus, cmdline="trial=cpus madt=unlisted")
    assert said == [f"cpus: {cpus}", "cpus: ok", "done"]


def test_a_crash_stops_the_other_cpus_and_tells_where_they_were(
    boot: Boot, threads_elf: Path
) -> None:
    guest = boot(threads_elf, cpus=2, cmdline="trial=crash")
    with pytest.raises(GuestCrashed) as caught:
        guest.wait_for_end()
    report = caught.value.report
    assert re.search(r"undefined opcode.*\ncpu \d{4}, rip 0x\w{16}, thread trial, build ", report)
    assert re.search(r" crash  threads\.c:\d+\n", report)
    assert re.search(
        r"\ncpu \d{4}, thread trial\n  0x\w+ spin_in_a_known_place  threads\.c:\d+$", report
    )


MISUSES = {
    "order": "a spin lock is taken out of order",
    "twice": "a spin lock is taken twice",
    "interrupts-on": "a spin lock is taken with interrupts on",
    "unranked": "a spin lock has no rank",
    "given-back": "a spin lock is given back that is not held here",
    "wait": "a wait with interrupts off",
    "unlocked": "a mutex is unlocked that is not locked",
}


@pytest.mark.only_on("qemu")
@pytest.mark.parametrize("misuse", MISUSES)
def test_misuse_of_a_lock_is_found(boot: Boot, debug_elf: Path, misuse: str) -> None:
    guest = boot(debug_elf, cmdline=f"trial={misuse}")
    with pytest.raises(GuestCrashed, match=MISUSES[misuse]):
        guest.wait_for_end()
