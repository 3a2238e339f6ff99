# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""`./inv bench net`: the network beside Linux's, HTTP and TLS in Python, and what a network device
adds to a boot."""

from functools import partial

from ..vmm import cloud_hypervisor_cli, make_vmm, qemu
from ..vmm.nested import Nested
from . import iperf, linux_guest, net_boot, net_count, net_flow, net_http, net_tls
from .net_job import KINDS
from .net_pair import make_pair
from .net_tables import counted_ratio, tables
from .report import Benchmark, Budget, Figures

RATIO = 1.0
BOOT_EXITS = 50
"""Which the network adds before the prompt."""

# Twice and ten times what TamaGo's handler in Go answers on the target, nested.
_TAMAGO = {(True, 1): 2 * 94, (True, 8): 2 * 60, (False, 1): 10 * 4.4}


def benchmark(vmm: str) -> Benchmark:
    """`vmm`: the back end on which the two guests are compared."""
    return Benchmark(
        name="net",
        about=f"the network, beside Linux's on {vmm}",
        packages=("build", "run", "peers"),
        measure=partial(measure, vmm),
        tables=tables,
        budgets=budgets,
        versions=versions,
    )


def measure(vmm: str) -> Figures:
    """Keys: `vmm`; `flows` and `exits` as net_flow.measure; `instructions` as net_count.measure;
    `http` as net_http.measure; `requests` as net_http.costs; `tls` as net_tls.measure; `boot` as
    net_boot.measure."""
    make_vmm(vmm)  # UserError for a name that is none.
    with make_pair() as pair:
        flows, exits = net_flow.measure(pair, vmm)
        return {
            "vmm": vmm,
            "flows": flows,
            "exits": exits,
            "instructions": net_count.measure(pair),
            "http": net_http.measure(pair, vmm),
            "requests": net_http.costs(pair),
            "tls": net_tls.measure(pair, vmm),
            "boot": net_boot.measure(pair.firmware),
        }


def budgets(figures: Figures) -> list[Budget]:
    flows, counted = figures["flows"], figures["instructions"]
    dearest = min(KINDS, key=lambda kind: counted_ratio(counted[kind.name]))
    boot = figures["boot"]
    added = boot["network"]["exits_to_last_byte"] - boot["none"]["exits_to_last_byte"]
    return [
        *(Budget(f"{name}, ours : Linux", flows[name]["ratio"], RATIO, "", True) for name in flows),
        Budget(
            f"Linux's instructions : ours, least: {dearest.about}",
            counted_ratio(counted[dearest.name]),
            RATIO,
            "",
            at_least=True,
        ),
        *_http_budgets(figures["http"]),
        Budget("VM exits before the prompt, added", added, BOOT_EXITS, ""),
    ]


def _http_budgets(figures: Figures) -> list[Budget]:
    """Of the slower handler; rates on the target only, which the rival's are of."""
    failed = sum(one["failed"] for loads in figures.values() for one in loads.values())
    found = [Budget("HTTP requests that failed", failed, 0, "")]
    loads = figures.get(f"{Nested.name}, 1 CPU", {})
    for (keeps, clients), least in _TAMAGO.items():
        rates = {
            load.name: loads[load.name]["requests"] / loads[load.name]["seconds"]
            for load in net_http.LOADS
            if (load.keeps, load.clients) == (keeps, clients) and load.name in loads
        }
        if rates:
            slowest = min(rates, key=lambda name: rates[name])
            found.append(Budget(f"HTTP, {slowest}", round(rates[slowest], 1), least, "/s", True))
    return found


def versions() -> dict[str, str]:
    program = cloud_hypervisor_cli.find()
    found = {"Cloud Hypervisor": cloud_hypervisor_cli.version_of(program)} if program else {}
    return found | {
        "QEMU": qemu.version(),
        "Linux": linux_guest.kernel_version(),
        "iperf3": iperf.version(),
    }
