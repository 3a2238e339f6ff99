# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""The command `mpch` of the installed package: the tasks, without a tasks.py."""

from importlib.metadata import version

from invoke.collection import Collection
from invoke.program import Program

from . import tasks

_DISTRIBUTION = "micropython-cloud-hypervisor"


def main() -> None:
    """Run the tasks that the command line names; ends the process with their exit code."""
    Program(
        name="mpch",
        binary="mpch",
        version=version(_DISTRIBUTION),
        namespace=Collection.from_module(tasks),
    ).run()
