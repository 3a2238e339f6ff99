# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""HTTP requests a second from handlers in Python (net_server.py), and what a request costs."""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path

from ..errors import WorkFailed
from ..guest import Guest
from ..terminal import progress
from ..vmm import make_vmm
from ..vmm.nested import Nested
from .disk_count import cost_of
from .instruction_log import LoggingQemu
from .net_job import OURS
from .net_pair import Pair, program
from .report import Figures

PORTS = {"asyncio": 8001, "plain sockets": 8002}
CLIENTS = (1, 8, 64)
COUNTS = {"qemu": 1500}
COUNT_ELSEWHERE = 320
_FEW, _MANY = 20, 220
_NO_GARBAGE = "import gc; gc.collect(); gc.disable()"
"""A collection in some turns only would be noise."""
_TIMES = 2
"""Now and then the guest has something else to do."""
_TIMEOUT = 60.0
_PROGRAM = Path(__file__).parent / "net_server.py"


@dataclass(frozen=True)
class Load:
    """Requests to one handler, by some clients at a time."""

    handler: str
    keeps: bool
    clients: int

    @property
    def name(self) -> str:
        kept = "keep-alive" if self.keeps else "a connection each"
        return f"{self.handler}, {kept}, {self.clients} client{'s' * (self.clients > 1)}"


LOADS = [
    Load(handler, keeps, clients)
    for handler, keeps, clients in product(PORTS, (True, False), CLIENTS)
]


def start_servers(guest: Guest, count: int) -> None:
    """Waits until they are up, in as many interpreters."""
    text = _PROGRAM.read_text()
    guest.wait_for_prompt()
    guest.output_of(text, _TIMEOUT)
    guest.output_of(f"serve_all({text!r}, {count})", _TIMEOUT)


def run(pair: Pair, load: Load, count: int) -> Figures:
    """Of net_http_load.py."""
    words = [OURS.guest, PORTS[load.handler], load.clients, int(load.keeps), count]
    figures: Figures = json.loads(pair.lan.run(*program("net_http_load", *map(str, words))))
    if figures["requests"] + figures["failed"] != count:
        raise WorkFailed(f"{load.name}: {figures} of {count} requests.")
    return figures


def measure(pair: Pair, name: str) -> Figures:
    """By VMM and CPUs, and by load: `requests`, `failed`, `seconds`."""
    machines = [(name, 1), ("qemu", 1), ("qemu", len(os.sched_getaffinity(0)))]
    return {
        f"{vmm}, {cpus} CPU{'s' * (cpus > 1)}": _loads(pair, vmm, cpus)
        for vmm, cpus in dict.fromkeys(machines)
    }


def _loads(pair: Pair, name: str, cpus: int) -> Figures:
    figures = {}
    with (
        pair.machine(make_vmm(name), cpus) as guest,
        progress(f"Asking for pages, {name}, {cpus} of its CPUs") as line,
    ):
        start_servers(guest, cpus)
        for load in LOADS:
            line.detail(load.name)
            run(pair, load, load.clients)
            figures[load.name] = run(pair, load, COUNTS.get(name, COUNT_ELSEWHERE))
    return figures


def costs(pair: Pair) -> Figures:
    """By load of one client: `instructions` for each request in QEMU, `exits` nested."""
    loads = [load for load in LOADS if load.clients == 1]
    figures: Figures = {load.name: {} for load in loads}
    with progress("Counting what a request costs"):
        vmm = LoggingQemu()
        with pair.machine(vmm, counting=True) as guest:
            start_servers(guest, 1)
            for load in loads:
                run(pair, load, _MANY)
                guest.output_of(_NO_GARBAGE)
                count = _for_each(partial(cost_of, vmm), pair, load)
                figures[load.name]["instructions"] = round(count)
        nested = Nested()
        with pair.machine(nested) as guest:
            start_servers(guest, 1)
            for load in loads:
                run(pair, load, _MANY)
                figures[load.name]["exits"] = _for_each(partial(_exits_of, nested), pair, load)
    return figures


def _for_each(cost: Callable[[Callable[[], object]], int], pair: Pair, load: Load) -> float:
    few, many = (
        min(cost(partial(run, pair, load, count)) for _ in range(_TIMES)) for count in (_FEW, _MANY)
    )
    return round((many - few) / (_MANY - _FEW), 2)


def _exits_of(vmm: Nested, act: Callable[[], object]) -> int:
    before = vmm.vm_exits()
    act()
    return vmm.vm_exits() - before
