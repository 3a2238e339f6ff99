# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""`./inv bench python`: upstream's perfbench on our firmware and on the unix port in Linux.

Both are the same MicroPython source at -O2, on the same machine of the same QEMU, with heaps of the
same size, and take turns benchmark by benchmark. First they are counted: an instruction takes one
nanosecond of the guests' time, so the time that a benchmark itself prints is its instructions,
those of the kernel below it included, nearly the same in every run. Then they are timed.
"""

import statistics
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.table import Table

from .. import sources
from ..build import build
from ..errors import UserError, WorkFailed
from ..guest import PROMPT, SOFT_REBOOT
from ..raw_repl import RawRepl
from ..terminal import progress
from ..vmm import qemu
from . import linux_guest, unix_port
from .emulator import Emulator
from .report import Benchmark, Budget, Figures, table

# Upstream's parameters for a PC: about so many MHz, and KiB of heap.
N, M = 1000, 1000

HEAPS = ("2M", "32M")
"""The unix port's usual heap, and ours."""
TIMED_HEAP = HEAPS[0]
TURNS = 3

RATIO = 1.0

_QUICK = 30.0
_TIMEOUT = 120.0


class FirmwareGuest:
    """Our firmware, which runs one benchmark at a time."""

    def __init__(self, emulator: Emulator) -> None:
        """Waits until it is up."""
        self._emulator = emulator
        self._repl = RawRepl(emulator)
        emulator.read_until(PROMPT, _QUICK)

    def run(self, script: bytes, timeout: float) -> str:
        """What the benchmark prints in a fresh interpreter; WorkFailed if it fails."""
        self._repl.leave(_QUICK)
        self._emulator.write(b"\x04")
        self._emulator.read_until(SOFT_REBOOT, _QUICK)
        self._emulator.read_until(PROMPT, _QUICK)
        output, traceback = self._repl.execute(script, timeout)
        if traceback:
            raise WorkFailed(f"A benchmark failed in our guest:\n{traceback.decode()}")
        return output.decode()


class Pair:
    """Both guests with heaps of one size, up and idle, and the scripts that they run."""

    def __init__(
        self,
        ours: FirmwareGuest,
        linux: linux_guest.LinuxGuest,
        heap: str,
        scripts: dict[str, bytes],
    ) -> None:
        self._ours = ours
        self._linux = linux
        self._heap = heap
        self._scripts = scripts

    def run(self, name: str) -> tuple[int, int]:
        """One turn of a benchmark: microseconds on our guest and on the unix port.

        WorkFailed unless both computed the same.
        """
        unix, unix_result = read_output(name, self._linux.run(name, self._heap, _TIMEOUT))
        ours, our_result = read_output(name, self._ours.run(self._scripts[name], _TIMEOUT))
        if our_result != unix_result:
            raise WorkFailed(f"{name} gave {our_result!r} on our guest, {unix_result!r} on unix.")
        return ours, unix


def read_output(name: str, output: str) -> tuple[int, str]:
    """What benchrun.py prints: microseconds, and the rest, which is the same everywhere."""
    microseconds, _, rest = output.strip().partition(" ")
    if not microseconds.isdigit():
        raise WorkFailed(f"{name} printed {output!r} instead of its time.")
    return int(microseconds), rest.replace("\r\n", "\n")


def benchmark_scripts(tests: Path) -> dict[str, bytes]:
    """Each benchmark of upstream's tests/perf_bench, as run-perfbench.py puts it together."""
    directory = tests / "perf_bench"
    runner = (directory / "benchrun.py").read_bytes()
    scripts = {
        file.stem: b"import sys\nsys.path.remove('')\n\n%s%sbm_run(%u, %u)\n"
        % (file.read_bytes(), runner, N, M)
        for file in sorted(directory.glob("*.py"))
        if file.stem != "benchrun"
    }
    if not scripts:
        raise UserError(f"{directory} holds no benchmarks.", "Is the source tree complete?")
    return scripts


def measure() -> Figures:
    """Keys: `parameters`; `commands` that started the guests; `counted`: by heap and benchmark
    `ours` and `unix` in thousands of instructions, and `ratio`; `timed`: by benchmark `ours` and
    `unix` in microseconds, one of each turn, `ratio_of_least` and `ratio_of_medians`. A ratio is
    the unix port's figure by ours: more than 1 is better."""
    firmware = build().elf
    unix = unix_port.build_unix_port()
    scripts = benchmark_scripts(sources.micropython().path / "tests")
    commands: dict[str, str] = {"unix port": unix_port.command()}
    with tempfile.TemporaryDirectory(prefix="perfbench-") as directory:
        initramfs = Path(directory) / "initramfs"
        linux_guest.write_initramfs(unix, scripts, initramfs)
        counted = {}
        for heap in HEAPS:
            with pair(firmware, initramfs, scripts, heap, True, commands) as guests:
                counted[heap] = count(guests, scripts, heap)
        with pair(firmware, initramfs, scripts, TIMED_HEAP, False, commands) as guests:
            timed = time_turns(guests, scripts)
    return {
        "parameters": {"N": N, "M": M, "timed_heap": TIMED_HEAP, "turns": TURNS},
        "commands": commands,
        "counted": counted,
        "timed": timed,
    }


@contextmanager
def pair(
    firmware: Path,
    initramfs: Path,
    scripts: dict[str, bytes],
    heap: str,
    counting: bool,
    commands: dict[str, str],
) -> Iterator[Pair]:
    """Both guests at once; how they were started is added to `commands`."""
    way = "counted" if counting else "timed"
    with (
        linux_guest.start(initramfs, counting) as linux,
        Emulator(firmware, f"heap={heap}", None, counting) as ours,
    ):
        commands[f"linux, {way}"] = " ".join(linux.command)
        commands[f"ours, {way}, {heap}"] = " ".join(ours.command)
        yield Pair(FirmwareGuest(ours), linux_guest.LinuxGuest(linux), heap, scripts)


def count(guests: Pair, names: Iterable[str], heap: str) -> Figures:
    figures = {}
    with progress(f"Counting perfbench with heaps of {heap}") as line:
        for name in names:
            line.detail(name)
            ours, unix = guests.run(name)
            figures[name] = {"ours": ours, "unix": unix, "ratio": ratio(ours, unix)}
    return figures


def time_turns(guests: Pair, names: Iterable[str]) -> Figures:
    turns: dict[str, list[tuple[int, int]]] = {name: [] for name in names}
    with progress(f"Timing perfbench with heaps of {TIMED_HEAP}") as line:
        for turn in range(1, TURNS + 1):
            for name, times in turns.items():
                line.detail(f"turn {turn} of {TURNS}: {name}")
                times.append(guests.run(name))
    figures = {}
    for name, times in turns.items():
        ours, unix = [one for one, _ in times], [one for _, one in times]
        figures[name] = {
            "ours": ours,
            "unix": unix,
            "ratio_of_least": ratio(min(ours), min(unix)),
            "ratio_of_medians": ratio(statistics.median(ours), statistics.median(unix)),
        }
    return figures


def ratio(ours: float, unix: float) -> float:
    """How many times as fast ours is, to three places: what is below 1 stays below."""
    return int(1000 * unix / max(ours, 1)) / 1000


def budgets(figures: Figures) -> list[Budget]:
    """The counts only: the times on a busy host tell nothing exact."""
    made = []
    for heap, by_name in figures["counted"].items():
        worst = min(by_name, key=lambda name: float(by_name[name]["ratio"]))
        what = f"least ratio of instructions, heap {heap}: {worst}"
        made.append(Budget(what, by_name[worst]["ratio"], RATIO, "", at_least=True))
    return made


def tables(figures: Figures) -> Iterator[Table]:
    parameters = figures["parameters"]
    columns = ["unix port : ours, more is better"]
    columns += [f"instructions, heap {heap}" for heap in figures["counted"]]
    columns += [f"least time, heap {parameters['timed_heap']}", "median time"]
    shown = table(f"perfbench, N={parameters['N']} M={parameters['M']}", columns)
    for name, timed in figures["timed"].items():
        counts = [mark(by_name[name]["ratio"]) for by_name in figures["counted"].values()]
        times = [f"{timed[key]:.2f}" for key in ("ratio_of_least", "ratio_of_medians")]
        shown.add_row(name, *counts, *times)
    yield shown


def mark(value: float) -> str:
    return f"{value:.3f}" if value >= RATIO else f"[bold red]{value:.3f}[/bold red]"


def versions() -> dict[str, str]:
    return {"QEMU": qemu.version(), "Linux": linux_guest.kernel_version()}


PYTHON = Benchmark(
    name="python",
    about="the interpreter's speed against the unix port in Linux",
    packages=("build", "run"),
    measure=measure,
    tables=tables,
    budgets=budgets,
    versions=versions,
)
