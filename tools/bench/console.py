# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""`./inv bench console`: bytes a second into and out of the prompt, against what the VMM can do.

Into: a program by raw-paste mode, up to its end's acknowledgement: all of it has been received and
parsed. Out: what a program prints, from its first byte to its last. The rival is pump.S of
tests/guests, which does nothing but move bytes, through the same tools. Both take turns in one run,
on QEMU and on Cloud Hypervisor nested.
"""

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from rich.table import Table

from tests.guests import build_guest

from ..build import build
from ..errors import WorkFailed
from ..guest import Guest
from ..vmm import cloud_hypervisor_cli, make_vmm, qemu
from ..vmm.base import VmSpec
from .report import Benchmark, Budget, Figures, amount, table

# Bytes of one turn, in both directions: some seconds each. What pump.S sends at one order divides
# them.
_PUMP_BLOCK = 32 << 10
_SIZES = {"qemu": 256 << 10, "nested": 32 << 10}
_TURNS = 3
_TIMEOUT = 120.0
_END = b"\x04"

IN_ON_QEMU = 100_000
"""Bytes a second."""


def measure() -> Figures:
    """By VMM, direction ("in", "out") and guest ("prompt", "pump"): bytes a second of each turn."""
    kernel = build().elf
    with tempfile.TemporaryDirectory(prefix="pump-") as directory:
        pump = build_guest("pump", Path(directory))
        return {vmm: measure_on(vmm, kernel, pump, size) for vmm, size in _SIZES.items()}


def measure_on(vmm: str, kernel: Path, pump: Path, size: int) -> Figures:
    """The rates on one VMM, with `size` bytes a turn."""
    rates: Figures = {"bytes": size}
    directions: dict[str, tuple[Callable[[Guest, int], float], Callable[[Guest, int], float]]] = {
        "in": (paste, pump_in),
        "out": (print_out, pump_out),
    }
    for direction, (of_prompt, of_pump) in directions.items():
        rates[direction] = {"prompt": [], "pump": []}
        for _ in range(_TURNS):
            # Fresh guests: one that polls while the other is measured would slow that down.
            with Guest(make_vmm(vmm), VmSpec(kernel)) as guest:
                guest.wait_for_prompt()
                rates[direction]["prompt"].append(size / of_prompt(guest, size))
            with Guest(make_vmm(vmm), VmSpec(pump)) as guest:
                guest.read_until(b"ready\r\n")
                rates[direction]["pump"].append(size / of_pump(guest, size))
    return rates


def program_of(size: int) -> bytes:
    """A program of `size` bytes that costs little to compile: comments, then one statement."""
    last = b"print('end')\n"
    line = b"#" * 79 + b"\n"
    lines, rest = divmod(size - len(last), len(line))
    return line * lines + b"#" * (rest - 1) + (b"\n" if rest else b"") + last


def paste(guest: Guest, size: int) -> float:
    """Seconds for a program of `size` bytes by raw-paste mode; it must then run."""
    guest.repl.enter(_TIMEOUT)
    begin = time.monotonic()
    guest.repl.start(program_of(size), _TIMEOUT)
    seconds = time.monotonic() - begin
    output = guest.read_until(_END)[:-1]
    if guest.repl.finish(_TIMEOUT) or output != b"end\r\n":
        raise WorkFailed(f"A pasted program of {size} bytes printed {output!r}.")
    return seconds


def print_out(guest: Guest, size: int) -> float:
    """Seconds from the first to the last of `size` bytes that a program prints."""
    text = "abcdefghijklmnop"
    code = f"import sys\nblock = {text!r} * 64\nfor _ in range({size // 1024}):\n"
    code += "    sys.stdout.write(block)\n"
    guest.repl.start(code.encode(), _TIMEOUT)
    seconds = receive(guest, text.encode() * (size // len(text)))
    guest.repl.finish(_TIMEOUT)
    return seconds


def pump_in(guest: Guest, size: int) -> float:
    """Seconds until pump.S has taken `size` bytes and says so."""
    begin = time.monotonic()
    guest.write(b"I" + b"#" * size + _END)
    guest.read_until(_END, _TIMEOUT)
    return time.monotonic() - begin


def pump_out(guest: Guest, size: int) -> float:
    """Seconds from the first to the last of `size` bytes that pump.S sends."""
    guest.write(b"O" * (size // _PUMP_BLOCK) + b"I" + _END)
    return receive(guest, b"abcdefghijklmnop" * (size // 16))


def receive(guest: Guest, expected: bytes) -> float:
    """Seconds from the first of the bytes to the 0x04 after them; WorkFailed if others come."""
    first = guest.read_exactly(1)
    begin = time.monotonic()
    received = first + guest.read_until(_END, _TIMEOUT)
    seconds = time.monotonic() - begin
    if received != expected + _END:
        raise WorkFailed(f"{len(received)} bytes came instead of {len(expected) + 1}, or others.")
    return seconds


def budgets(figures: Figures) -> list[Budget]:
    return [
        Budget("raw-paste on QEMU", median(figures, "qemu", "in"), IN_ON_QEMU, "bytes/s", True),
    ]


def median(figures: Figures, vmm: str, direction: str, guest: str = "prompt") -> float:
    return float(round(statistics.median(figures[vmm][direction][guest])))


def tables(figures: Figures) -> Iterator[Table]:
    columns = ["bytes a second", "MicroPython", "the VMM's best", "ratio", "least", "greatest"]
    shown = table("The serial console, medians of turns taken in one run", columns)
    for vmm, rates in figures.items():
        for direction in ("in", "out"):
            ours, best = (median(figures, vmm, direction, guest) for guest in ("prompt", "pump"))
            spread = rates[direction]["prompt"]
            shown.add_row(
                f"{direction}, {vmm}",
                amount(ours),
                amount(best),
                f"{ours / best:.2f}",
                amount(round(min(spread))),
                amount(round(max(spread))),
            )
    yield shown


def versions() -> dict[str, str]:
    program = cloud_hypervisor_cli.require()
    return {
        "QEMU": qemu.version(),
        "Cloud Hypervisor": cloud_hypervisor_cli.version_of(program),
    }


CONSOLE = Benchmark(
    name="console",
    about="bytes a second over the serial line",
    packages=("build", "run"),
    measure=measure,
    tables=tables,
    budgets=budgets,
    versions=versions,
)
