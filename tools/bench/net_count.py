# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""What the network costs a guest's CPU: instructions, as QEMU counts them, of all that the guest
does for a packet, a request, a block; its kernel and its program. A short turn is taken off."""

from functools import partial

from ..terminal import progress
from .disk_count import cost_of
from .instruction_log import LoggingQemu
from .net_job import KINDS, NetGuest
from .net_pair import Pair
from .report import Figures


def measure(pair: Pair) -> Figures:
    """By kind's name and guest (`ours`, `linux`): instructions for each."""
    figures: Figures = {kind.name: {} for kind in KINDS}
    with progress("Counting instructions of packets") as line:
        for who in ("ours", "linux"):
            line.detail(who)
            vmm = LoggingQemu()
            with getattr(pair, who)(vmm, counting=True) as guest:
                for name, count in counts(vmm, guest).items():
                    figures[name][who] = count
    return figures


def counts(vmm: LoggingQemu, guest: NetGuest) -> dict[str, int]:
    found = {}
    for kind in KINDS:
        guest.turn(kind, kind.many)  # Whatever happens once.
        few, many = (
            cost_of(vmm, partial(guest.turn, kind, count)) for count in (kind.few, kind.many)
        )
        found[kind.name] = round((many - few) / (kind.many - kind.few))
    return found
