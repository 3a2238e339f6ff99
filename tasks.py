# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""The invoke tasks of this repository: those that a user has too, in tools/tasks.py, and more."""

from invoke.context import Context

from tools.tasking import number, task
from tools.tasks import VMM_HELP, build, clean, debug, disk, doctor, execute, flash, run, size

__all__ = [
    "bench",
    "build",
    "clean",
    "cut",
    "debug",
    "disk",
    "doctor",
    "execute",
    "flash",
    "fuzz",
    "run",
    "size",
    "soak",
    "test",
]


@task(
    "test",
    iterable=["rung"],
    help={
        "k": "only the tests whose names match this expression of pytest's",
        "rung": "host, qemu, upstream or target; may be given several times",
    },
)
def test(_: Context, rung: list[str], k: str = "") -> int:
    """Run every rung of the tests that this machine can, and say why not for the others."""
    from tools import testing

    return testing.main(k, rung)


@task(
    "bench",
    positional=["name"],
    help={
        "name": "one benchmark, or several with commas",
        "vmm": "where `disk` and `net` compare: nested unless given, qemu or cloud_hypervisor",
    },
)
def bench(_: Context, name: str = "", vmm: str = "") -> int:
    """Measure, and print tables; the numbers go to a JSON file too."""
    from tools import bench

    return bench.main([part for part in name.split(",") if part], vmm or None)


@task(
    "soak",
    help={
        "seconds": "how long, 600 unless given",
        "vmm": VMM_HELP,
        "cpus": "virtual CPUs, as many as the host has unless given",
        "seed": "what chance begins with; another each time unless given",
    },
)
def soak(_: Context, seconds: str = "600", vmm: str = "", cpus: str = "", seed: str = "") -> int:
    """Have a guest do all at once that several CPUs can, and see that nothing is lost."""
    from tools import soak

    return soak.main(
        number("seconds", seconds, 1, 10_000_000),
        vmm or None,
        number("cpus", cpus, 1, 254) if cpus else None,
        number("seed", seed, 0, 2**32) if seed else None,
    )


@task(
    "cut",
    help={
        "cuts": "how many on each filesystem, 100 unless given",
        "filesystem": "littlefs or fat; else one after the other",
        "vmm": VMM_HELP,
        "seed": "what chance begins with; another each time unless given",
    },
)
def cut(_: Context, cuts: str = "100", filesystem: str = "", vmm: str = "", seed: str = "") -> int:
    """Kill guests while they write files, and see that all that was synced is there."""
    from tools import cut

    return cut.main(
        number("cuts", cuts, 1, 1_000_000),
        filesystem,
        vmm or None,
        number("seed", seed, 0, 2**32) if seed else None,
    )


@task(
    "fuzz",
    positional=["name"],
    help={
        "name": "a target, as fuzz_acpi; else each",
        "seconds": "how long each, 600 unless given",
    },
)
def fuzz(_: Context, name: str = "", seconds: str = "600") -> int:
    """Have libFuzzer try what no test thought of, on the host, for as long as wanted."""
    from tests.host import fuzzers

    return fuzzers.main(name, number("seconds", seconds, 1, 10_000_000))
