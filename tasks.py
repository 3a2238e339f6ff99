# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""The invoke tasks of this repository: those that a user has too, tools/tasks.py, and two more."""

from invoke.context import Context

from tools.tasking import task
from tools.tasks import build, clean, debug, doctor, execute, flash, run, size

__all__ = ["bench", "build", "clean", "debug", "doctor", "execute", "flash", "run", "size", "test"]


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


@task("bench", positional=["name"], help={"name": "one benchmark, or several with commas"})
def bench(_: Context, name: str = "") -> int:
    """Measure, and print tables; the numbers go to a JSON file too."""
    from tools import bench

    return bench.main([part for part in name.split(",") if part])
