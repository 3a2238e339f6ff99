# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""The `test` task: the four rungs by pytest, and a summary of which ran, on what, and which not.

The host rung comes first; the others do not depend on each other and run two at a time where
there are two cores. Each writes its log to build/test/NAME.log.
"""

import json
import os
import signal
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import asdict
from types import FrameType

from _pytest.mark.expression import Expression
from rich.console import Console
from rich.table import Table

from . import doctor, host, vmm
from .build import build
from .errors import EXIT_FAILED, UserError
from .paths import BUILD
from .rung import Outcome, Rung, RungRunner
from .terminal import side_by_side
from .vmm import qemu

LOGS = BUILD / "test"
RUNGS = ("host", "qemu", "upstream", "target")
RUNG_LIMIT = 60 * 60.0
AT_ONCE = 2
STATES = {
    "passed": "[green]passed[/green]",
    "failed": "[bold red]FAILED[/bold red]",
    "stopped": "[bold red]STOPPED[/bold red]",
    "unavailable": "[yellow]not run[/yellow]",
    "none": "no test selected",
}


def main(expression: str, wanted: list[str]) -> int:
    """Run the rungs named in `wanted` (all, if empty); `expression` is pytest's -k.

    Returns the exit code: 0 if at least one test ran and none failed.
    """
    for name in wanted:
        if name not in RUNGS:
            raise UserError(f"There is no rung {name!r}.", f"Rungs: {', '.join(RUNGS)}.")
    try:
        Expression.compile(expression or "none")
    except SyntaxError as error:
        raise UserError(
            f"-k {expression!r} is no expression: {error.msg}.",
            "Names joined by and, or, not: -k 'timer and not rtc'.",
        ) from None
    names = [name for name in RUNGS if not wanted or name in wanted]
    host.require("build", "run", "test", "debug", "disk", "peers")
    LOGS.mkdir(parents=True, exist_ok=True)
    with terminated_as_interrupted():
        outcomes = run_rungs(names, expression)
    report(outcomes)
    if not any(outcome.is_bad or outcome.passed for outcome in outcomes):
        why = f"No test matches -k {expression!r}." if expression else "No rung could run."
        raise UserError(why, "The table says more.")
    return EXIT_FAILED if any(outcome.is_bad for outcome in outcomes) else 0


def run_rungs(names: list[str], expression: str) -> list[Outcome]:
    """The outcomes, in the order of `names`."""
    outcomes: dict[str, Outcome] = {}
    if "host" in names:
        outcomes |= run_at_once([host_rung(expression)])
    guest_names = [name for name in names if name != "host"]
    if guest_names:
        try:
            # Once here, so that the rungs do not all report a broken build.
            build()
        except UserError as error:
            output().print(str(error), markup=False, soft_wrap=True)
            for name in guest_names:
                outcomes[name] = Outcome(name, "failed", note="the build failed")
            guest_names = []
    rungs = [guest_rung(name, expression) for name in guest_names]
    outcomes |= {item.rung: item for item in rungs if isinstance(item, Outcome)}
    outcomes |= run_at_once([item for item in rungs if isinstance(item, Rung)])
    return [outcomes[name] for name in names]


def host_rung(expression: str) -> Rung:
    """Rung 1. The fast checks of the Python code come first; with -k only the tests are meant."""
    module = [sys.executable, "-m"]
    checks = [
        [*module, "ruff", "format", "--check", "--no-cache", "."],
        [*module, "ruff", "check", "--no-cache", "."],
        [*module, "mypy"],
    ]
    tests = pytest_command("host", expression, "tests/host", "tests/tools")
    return Rung("host", [tests] if expression else [*checks, tests], doctor.clang_version())


def guest_rung(name: str, expression: str) -> Rung | Outcome:
    """Rungs 2 to 4, or the outcome of one that this machine cannot run."""
    if name == "target":
        target, text = vmm.choose_target()
        if target is None:
            return Outcome(name, "unavailable", note=text)
        tests = pytest_command(name, expression, "tests/guest", f"--vmm={target}")
        return Rung(name, [tests], text)
    where = ["tests/guest", "--vmm=qemu"] if name == "qemu" else ["tests/upstream"]
    return Rung(name, [pytest_command(name, expression, *where)], f"QEMU {qemu.version()}")


def pytest_command(name: str, expression: str, *arguments: str) -> list[str]:
    # No cache: rungs at the same time would write the same one.
    command = [sys.executable, "-m", "pytest", "-v", "--color=no", "-p", "no:cacheprovider"]
    command += [f"--junitxml={LOGS / name}.xml", *arguments]
    return command + (["-k", expression] if expression else [])


def run_at_once(rungs: list[Rung]) -> dict[str, Outcome]:
    """Run rungs side by side, show how far they are, print each one's failures in full."""
    outcomes: dict[str, Outcome] = {}
    workers = min(AT_ONCE, len(os.sched_getaffinity(0)))
    with ThreadPoolExecutor(workers) as pool, side_by_side() as lines:
        runners = [RungRunner(rung, LOGS, RUNG_LIMIT, lines.add(rung.name)) for rung in rungs]
        futures = {pool.submit(runner.run): runner for runner in runners}
        try:
            for future in as_completed(futures):
                outcome = future.result()
                outcomes[outcome.rung] = outcome
                lines.end(outcome.rung, f"{outcome.state} in {outcome.seconds:.0f} s")
                if outcome.is_bad:
                    heading = f"\n{outcome.rung}: {outcome.note or outcome.state}"
                    text = f"{heading}\n{futures[future].failure_text()}"
                    output().print(text, markup=False, soft_wrap=True)
        except BaseException:
            for runner in runners:
                runner.interrupt("interrupted")
            for runner in runners:
                runner.end()
            raise
    return outcomes


def report(outcomes: list[Outcome]) -> None:
    """The summary, on stdout and as build/test/summary.json."""
    (LOGS / "summary.json").write_text(json.dumps([asdict(o) for o in outcomes], indent=2))
    table = Table(title="Tests", title_justify="left")
    for heading in ("rung", "result", "passed", "failed", "skipped", "seconds"):
        table.add_column(heading, justify="left" if heading in ("rung", "result") else "right")
    for o in outcomes:
        ran = o.state not in ("unavailable", "none")
        numbers = [str(o.passed), str(o.failed), str(o.skipped), f"{o.seconds:.0f}"]
        table.add_row(o.rung, STATES[o.state], *(numbers if ran else [""] * 4))
    console = output()
    console.print(table)
    for o in outcomes:
        ran_on = f"ran on {o.runs_on}" if o.runs_on else ""
        for note in filter(None, [ran_on, o.note, *o.skip_reasons]):
            console.print(f"{o.rung}: {note}", markup=False, soft_wrap=True)


def output() -> Console:
    return Console(highlight=False)


@contextmanager
def terminated_as_interrupted() -> Iterator[None]:
    """Let SIGTERM, as a CI system sends it, take everything down as Ctrl-C does.

    SIGINT too where it came ignored, as to a shell's background job: pytest would inherit that.
    """

    def interrupt(_: int, __: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {
        number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
