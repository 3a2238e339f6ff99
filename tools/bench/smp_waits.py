# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""What it costs that one waits for another, or for a time: counted, and timed.

Counted means that an instruction takes a nanosecond on whatever CPU, and a time that nobody uses
passes at once: what is late, is so by the instructions that are executed meanwhile.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path

from rich.table import Table

from tests.guests import build_kernel_guest

from ..errors import WorkFailed
from ..guest import Guest
from ..vmm import make_vmm
from ..vmm.base import VmSpec
from .report import Figures, amount, table

_TURNS = 200  # As BATCH of tests/guests/switches.
_REPETITIONS = 500
_NAPS = 50
_TIMEOUT = 120.0

# `scale`: what a tick of the TSC is, in nanoseconds. Everything happens once before it is measured.
_PROGRAM = """
import _thread, json, machine, time
from concurrent import interpreters
from threading import Thread
from time import ticks_cpu
def summary(ticks):
    ticks.sort()
    names = ("least", "median", "most")
    values = ticks[0], ticks[len(ticks) // 2], ticks[-1]
    return {name: round(value * scale) for name, value in zip(names, values)}
def repeated(step, times):
    for _ in range(20): step()
    ticks = []
    for _ in range(times):
        begin = ticks_cpu()
        step()
        ticks.append(ticks_cpu() - begin)
    return ticks
def queues():
    there, back = interpreters.create_queue(), interpreters.create_queue()
    it = interpreters.create()
    it.prepare_main(there=there, back=back)
    echo = "while (x := there.get()) is not None: back.put(x)"
    thread = Thread(target=it.exec, args=(echo,))
    thread.start()
    def step():
        there.put(1)
        back.get()
    ticks = repeated(step, repetitions)
    there.put(None)
    thread.join()
    it.close()
    return ticks
def locks():
    there, back = _thread.allocate_lock(), _thread.allocate_lock()
    there.acquire()
    back.acquire()
    ended = False
    def other():
        while not ended:
            there.acquire()
            back.release()
    thread = Thread(target=other)
    thread.start()
    def step():
        there.release()
        back.acquire()
    ticks = repeated(step, repetitions)
    ended = True
    there.release()
    thread.join()
    return ticks
def sleeps():
    return [ticks - 3000000 / scale for ticks in repeated(lambda: time.sleep_ms(3), naps)]
def timers():
    late = []
    def fired(_):
        late.append((time.ticks_us() - due) * 1000 / scale)
    for i in range(naps + 1):
        due = (time.ticks_ms() + 3) * 1000
        machine.Timer(mode=machine.Timer.ONE_SHOT, period=3, callback=fired)
        while len(late) <= i: time.sleep_ms(100)
    return late[1:]
"""

_NAMES = {
    "yield": "thread_yield() to another thread",
    "semaphore, 1 CPU": "a semaphore's turn, one CPU",
    "semaphore, 2 CPUs": "a semaphore's turn, from CPU to CPU",
    "locks": "a lock's turn and the GIL's, two Python threads",
    "queues": "there and back by two queues, from CPU to CPU",
    "sleeps": "time.sleep_ms(3) is late by",
    "timers": "machine.Timer is late by",
}


def measure(kernel: Path) -> Figures:
    """Keys: `counted`, in instructions, and `timed`, in nanoseconds: by what was done `least`, and
    `median` and `most` where they are known."""
    switches = build_kernel_guest("switches")
    return {
        way: {**of_kernel(switches, counting), **of_python(kernel, counting)}
        for way, counting in (("counted", True), ("timed", False))
    }


def spec_of(kernel: Path, cpus: int, counting: bool) -> VmSpec:
    return VmSpec(kernel, cpus, count_instructions=counting, skip_idle_time=counting)


def of_kernel(switches: Path, counting: bool) -> Figures:
    """A turn between two threads of tests/guests/switches."""
    figures: Figures = {}
    for cpus, names in ((1, ("yield", "semaphore, 1 CPU")), (2, ("semaphore, 2 CPUs",))):
        with Guest(make_vmm("qemu"), spec_of(switches, cpus, counting)) as guest:
            guest.wait_for_end(_TIMEOUT)
            said = re.findall(r"^\w+ (\d+) (\d+)\r$", guest.output, re.MULTILINE)
        if len(said) != len(names):
            raise WorkFailed(f"tests/guests/switches said {guest.output!r}.")
        for name, (ticks, ns) in zip(names, said, strict=True):
            figures[name] = {"least": round(int(ticks if counting else ns) / _TURNS)}
    return figures


def of_python(kernel: Path, counting: bool) -> Figures:
    """What Python's waits take, on two CPUs."""
    figures: Figures = {}
    with Guest(make_vmm("qemu"), spec_of(kernel, 2, counting)) as guest:
        guest.wait_for_prompt()
        scale = "1" if counting else "1e9 / machine.freq()"
        numbers = f"repetitions, naps, scale = {_REPETITIONS}, {_NAPS}, {scale}"
        guest.output_of(f"{_PROGRAM}{numbers}")
        for name in ("queues", "locks", "sleeps", "timers"):
            said = guest.output_of(f"print(json.dumps(summary({name}())))", _TIMEOUT)
            figures[name] = json.loads(said)
    # There and back are two turns.
    figures["locks"] = {key: round(value / 2) for key, value in figures["locks"].items()}
    return figures


def tables(figures: Figures) -> Iterator[Table]:
    columns = ["", "instructions", "median", "ns, least", "median"]
    shown = table("Waiting for another, and for a time", columns)
    for name, title in _NAMES.items():
        pairs = [figures[way][name] for way in ("counted", "timed")]
        cells = [pair.get(key) for pair in pairs for key in ("least", "median")]
        shown.add_row(title, *("" if cell is None else amount(cell) for cell in cells))
    yield shown
