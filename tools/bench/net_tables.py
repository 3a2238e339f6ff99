# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""The tables of `./inv bench net`."""

import statistics
from collections.abc import Iterator

from rich.table import Table

from . import net_flow
from .net_job import KINDS
from .report import Figures, added_table, amount, table

_WHO = ("ours", "linux")


def tables(figures: Figures) -> Iterator[Table]:
    yield flow_table(figures)
    yield cost_table(figures)
    yield http_table(figures["http"])
    yield request_table(figures["requests"])
    yield tls_table(figures["tls"])
    yield boot_table(figures["boot"])


def counted_ratio(one: Figures) -> float:
    """Linux's instructions by ours, to three places."""
    return int(1000 * one["linux"] / max(one["ours"], 1)) / 1000


def mark(value: float) -> str:
    return f"{value:.2f}" if value >= 1 else f"[bold red]{value:.2f}[/bold red]"


def flow_table(figures: Figures) -> Table:
    columns = ["Mbit/s; requests/s", "ours", "Linux", "ours : Linux", "least", "greatest"]
    title = f"Beside Linux, {figures['vmm']}, medians of {net_flow.ROUNDS} turns"
    shown = table(title, columns)
    for name, one in figures["flows"].items():
        scale = 1 if name == net_flow.LATENCY else 1000
        ratios = [
            mine / max(theirs, 1e-9) for mine, theirs in zip(*map(one.get, _WHO), strict=True)
        ]
        rates = [f"{statistics.median(one[who]) / scale:,.1f}" for who in _WHO]
        shown.add_row(name, *rates, mark(one["ratio"]), f"{min(ratios):.2f}", f"{max(ratios):.2f}")
    return shown


def cost_table(figures: Figures) -> Table:
    columns = ["for each, ours : Linux", "VM exits", "instructions", "Linux's by ours"]
    shown = table("What it costs; instructions in QEMU", columns)
    for kind in KINDS:
        exits, counted = figures["exits"][kind.name], figures["instructions"][kind.name]
        shown.add_row(
            kind.about,
            " : ".join(f"{exits[who]:.2f}" for who in _WHO),
            " : ".join(amount(counted[who]) for who in _WHO),
            f"{counted_ratio(counted):.2f}",
        )
    return shown


def http_table(figures: Figures) -> Table:
    """Requests a second, and in brackets how many failed."""
    shown = table("HTTP requests a second, handlers in Python", ["", *figures])
    for name in next(iter(figures.values())):
        cells = []
        for loads in figures.values():
            one = loads[name]
            failed = f" ({one['failed']} failed)" if one["failed"] else ""
            cells.append(f"{one['requests'] / one['seconds']:,.0f}{failed}")
        shown.add_row(name, *cells)
    return shown


def request_table(figures: Figures) -> Table:
    columns = ["for each request", "instructions, QEMU", "VM exits, nested"]
    shown = table("What an HTTP request costs", columns)
    for name, one in figures.items():
        shown.add_row(name, amount(one["instructions"]), f"{one['exits']:.1f}")
    return shown


def tls_table(figures: Figures) -> Table:
    machines = next(iter(figures.values()))["rates"]
    columns = ["", *(f"handshakes/s, {vmm}" for vmm in machines), "instructions, QEMU"]
    shown = table("TLS, the guest as server, ECDSA P-256, no resumption", columns)
    for version, one in figures.items():
        rates = [f"{rate:.1f}" for rate in one["rates"].values()]
        shown.add_row(version, *rates, amount(one["instructions"]))
    return shown


def boot_table(figures: Figures) -> Table:
    columns = ["", "without a network device", "with one", "added"]
    rows = {
        "instructions to the prompt, less QEMU's clocks": "instructions",
        "VM exits to the prompt, THP never": "exits_to_last_byte",
        "VM exits until it rests": "exits_beside_console",
        "pages touched by the guest": "touched_guest_pages",
    }
    title = "A boot, with an address on the command line"
    shown = added_table(title, columns, rows, figures["none"], figures["network"])
    shown.caption = "VM exits beside the console's bytes."
    shown.caption_justify = "left"
    return shown
