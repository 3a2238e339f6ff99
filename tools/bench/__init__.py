# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""The `bench` task. docs/benchmarks.md tells how each figure is taken."""

from rich.console import Console

from tools import host
from tools.bench import report
from tools.errors import UserError


def main(names: list[str]) -> int:
    """Run the benchmarks named, all if none is; print tables, write build/bench/NAME.json.

    Returns 0 once everything was measured: a missed budget is shown, in the file too, and is no
    failure of the measurement. UserError for an unknown name, UserError or WorkFailed where
    something cannot be measured.
    """
    from tools.bench.boot import BOOT
    from tools.bench.console import CONSOLE
    from tools.bench.python import PYTHON
    from tools.bench.size import SIZE

    known = {one.name: one for one in (BOOT, SIZE, CONSOLE, PYTHON)}
    for name in names:
        if name not in known:
            raise UserError(f"There is no benchmark {name!r}.", f"Choose of: {', '.join(known)}.")
    chosen = [known[name] for name in names] or list(known.values())
    host.require(*dict.fromkeys(group for one in chosen for group in one.packages))
    output = Console(highlight=False)
    for benchmark in chosen:
        output.rule(f"{benchmark.name}: {benchmark.about}", align="left")
        figures = benchmark.measure()
        report.show(benchmark, figures, output)
        output.print(f"Written to {report.write(benchmark, figures)}", soft_wrap=True)
    return 0
