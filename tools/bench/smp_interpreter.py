# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""What a new interpreter costs: instructions until its first bytecode and back, and its memory.

One CPU, so that nothing runs beside it. The program under test writes marks to the console between
its steps; two of them with nothing between tell what a mark itself costs.
"""

import json
import tempfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from rich.table import Table

from ..errors import WorkFailed
from ..guest import Guest
from ..vmm.base import VmSpec
from .functions import Functions
from .instruction_log import LoggingQemu, Span, spans
from .report import Budget, Figures, amount, table

INSTRUCTIONS = 40_000
"""Each way."""
MEMORY = 64 << 10

_PROGRAM = """
import _guest, json, sys
from concurrent import interpreters
mark = sys.stdout.write
def nothing(): pass
def run():
    mark("["); mark("]"); mark("<")
    it = interpreters.create()
    it.call(nothing)
    mark("|")
    it.close()
    mark(">")
def memory():
    its = [interpreters.create() for _ in range(4)]
    for it in its: it.exec("pass")
    before = _guest.pages()[1]
    it = interpreters.create()
    created = _guest.pages()[1]
    it.exec("pass")
    return {"created": before - created, "idle": before - _guest.pages()[1]}
run()
run()
"""
_MARKS = b"[]<|>"

# What is done, in this order, and the function that ends each.
_PARTS = {
    "create(), in Python": "interpreter_new",
    "the kernel makes it; the request is encoded and sent": "interpreter_fill_data",
    "its data is filled": "further_main",
    "MicroPython starts in it": "call_next",
    "the request is received": "mp_execute_bytecode",
}
_FUNCTIONS_SHOWN = 12


def measure(kernel: Path) -> Figures:
    """Keys: `there`, `reply` and `close`, in instructions, and `back`, which is the sum of the two;
    `parts`: of `there`, by what is done; `by_function`: all of these; `memory`: bytes of one that
    was `created`, and that is `idle` after it has run something, its touched heap included."""
    functions = Functions(kernel)
    with tempfile.TemporaryDirectory(prefix="trace-") as directory:
        log = Path(directory) / "log"
        vmm = LoggingQemu()
        with Guest(vmm, VmSpec(kernel, count_instructions=True)) as guest:
            guest.wait_for_prompt()
            guest.output_of(_PROGRAM)
            memory = json.loads(guest.output_of("print(json.dumps(memory()))"))
            vmm.start_log(log)
            guest.output_of("run()")
        with log.open("rb") as lines:
            found = spans(lines, _MARKS, list(map(functions.address, _PARTS.values())))
    return {**costs(found, functions), "memory": memory}


def costs(found: list[Span], functions: Functions) -> Figures:
    """The figures of the four spans between the marks, of which the first one is empty."""
    mark, _, there, back = found
    ends = [mark.executed, *there.reached]
    if len(there.reached) < len(_PARTS):
        raise WorkFailed(f"A new interpreter did not come to {list(_PARTS)[len(there.reached)]}.")
    reply, close = there.executed - ends[-1], back.executed - mark.executed
    addresses = there.addresses + back.addresses
    addresses.subtract(mark.addresses)
    addresses.subtract(mark.addresses)
    return {
        "there": ends[-1] - mark.executed,
        "reply": reply,
        "close": close,
        "back": reply + close,
        "parts": dict(zip(_PARTS, (b - a for a, b in pairwise(ends)), strict=True)),
        "by_function": functions.sums(addresses.items()),
    }


def budgets(figures: Figures) -> list[Budget]:
    what = "instructions, new interpreter"
    return [
        Budget(f"{what} until its first bytecode", figures["there"], INSTRUCTIONS, ""),
        Budget(f"{what}, from there until it is closed", figures["back"], INSTRUCTIONS, ""),
        Budget("memory of an idle interpreter", figures["memory"]["idle"], MEMORY, "bytes"),
    ]


def tables(figures: Figures) -> Iterator[Table]:
    shown = table("A new interpreter, instructions on one CPU", ["", ""])
    for part, count in figures["parts"].items():
        shown.add_row(part, amount(count))
    shown.add_row("all, until its first bytecode", amount(figures["there"]), style="bold")
    shown.add_section()
    shown.add_row("its reply", amount(figures["reply"]))
    shown.add_row("close()", amount(figures["close"]))
    shown.add_row("all, from its first bytecode on", amount(figures["back"]), style="bold")
    shown.add_section()
    for name, count in list(figures["by_function"].items())[:_FUNCTIONS_SHOWN]:
        shown.add_row(f"in {name}", amount(count))
    shown.add_section()
    for state, size in figures["memory"].items():
        shown.add_row(f"bytes, {state}", amount(size))
    yield shown
