# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""The `bench` task. docs/benchmarks.md tells how each figure is taken."""

from rich.console import Console

from .. import host
from ..errors import EXIT_FAILED, UserError
from ..guest import GuestError
from ..vmm.base import VmmError
from . import report


def main(names: list[str], vmm: str | None = None) -> int:
    """Run the benchmarks named, all if none is; print tables, write build/bench/NAME.json.

    `vmm`: on which `disk` and `net` compare; the others have theirs.

    One that cannot be measured says why, and the others go on. Returns 0 if all were measured, else
    the exit code of the last failure: a missed budget is shown, in the file too, and is none.
    UserError for an unknown name.
    """
    from .boot import BOOT
    from .console import CONSOLE
    from .disk import benchmark as disk_benchmark
    from .net import benchmark as net_benchmark
    from .python import PYTHON
    from .size import SIZE
    from .smp import SMP

    compared = [make(vmm or "nested") for make in (disk_benchmark, net_benchmark)]
    known = {one.name: one for one in (BOOT, SIZE, CONSOLE, PYTHON, SMP, *compared)}
    for name in names:
        if name not in known:
            raise UserError(f"There is no benchmark {name!r}.", f"Choose of: {', '.join(known)}.")
    chosen = [known[name] for name in names] or list(known.values())
    host.require(*dict.fromkeys(group for one in chosen for group in one.packages))
    output = Console(highlight=False)
    code = 0
    for benchmark in chosen:
        output.rule(f"{benchmark.name}: {benchmark.about}", align="left")
        try:
            run(benchmark, output)
        except (UserError, VmmError, GuestError) as error:
            output.print(f"{benchmark.name}: {error}", markup=False, soft_wrap=True)
            code = error.exit_code if isinstance(error, UserError) else EXIT_FAILED
    return code


def run(benchmark: report.Benchmark, output: Console) -> None:
    """Measure, print, write."""
    figures = benchmark.measure()
    report.show(benchmark, figures, output)
    output.print(f"Written to {report.write(benchmark, figures)}", soft_wrap=True)
