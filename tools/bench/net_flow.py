# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Throughput and latency of both guests: both are up, and take turns."""

import statistics

from ..terminal import progress
from ..vmm import make_vmm
from ..vmm.nested import Nested
from .net_job import ECHO, FLOWS, KINDS, Kind, NetGuest
from .net_pair import Pair
from .report import Figures

ROUNDS = 5
_SECONDS = 1
_TIMES = 3
"""That exits are counted."""
_ECHOES = {"qemu": 2000}
_ECHOES_ELSEWHERE = 250
LATENCY = "TCP request and response"


def measure(pair: Pair, name: str) -> tuple[Figures, Figures]:
    """Of each flow, and of LATENCY: `ours` and `linux`, of each turn the rate (kilobits a second,
    requests a second), and `ratio` of the medians: how many times as fast ours is.

    Of each kind of what is counted, on the nested back end: VM exits for each, `ours` and `linux`.
    """
    turns: dict[str, dict[str, list[float]]] = {}
    with (
        pair.ours(make_vmm(name)) as ours,
        pair.linux(make_vmm(name)) as linux,
        progress("Measuring the network") as line,
    ):
        guests: dict[str, NetGuest] = {"ours": ours, "linux": linux}
        for turn in range(1, ROUNDS + 1):
            for flow in FLOWS:
                line.detail(f"turn {turn} of {ROUNDS}: {flow.name}")
                for who, guest in guests.items():
                    rates = turns.setdefault(flow.name, {}).setdefault(who, [])
                    rates.append(guest.flow(flow, _SECONDS))
            line.detail(f"turn {turn} of {ROUNDS}: {LATENCY}")
            count = _ECHOES.get(name, _ECHOES_ELSEWHERE)
            for who, guest in guests.items():
                rates = turns.setdefault(LATENCY, {}).setdefault(who, [])
                rates.append(count * 1e6 / guest.turn(ECHO, count))
        line.detail("VM exits")
        exits = {
            kind.name: {who: exits_of(guest, kind) for who, guest in guests.items()}
            for kind in KINDS
        }
    return {what: {**rates, "ratio": ratio(rates)} for what, rates in turns.items()}, exits


def ratio(rates: dict[str, list[float]]) -> float:
    """Of the medians, ours by Linux's, to three places."""
    ours, linux = (statistics.median(rates[who]) for who in ("ours", "linux"))
    return int(1000 * ours / max(linux, 1e-9)) / 1000


def exits_of(guest: NetGuest, kind: Kind) -> float:
    """For each of many: those of a short turn are taken off. 0 where nobody counts them."""
    vmm = guest.guest.vmm
    if not isinstance(vmm, Nested):
        return 0
    differences = []
    for _ in range(_TIMES):
        costs = []
        for count in (kind.few, kind.many):
            before = vmm.vm_exits()
            guest.turn(kind, count)
            costs.append(vmm.vm_exits() - before)
        differences.append((costs[1] - costs[0]) / (kind.many - kind.few))
    return round(statistics.median(differences), 3)
