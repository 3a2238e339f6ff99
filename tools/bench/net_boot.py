# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""What a network device adds to a boot: instructions, VM exits, pages. Its address is on the
command line, else the guest would not rest before it had given up DHCP."""

from pathlib import Path

from ..guest import PROMPT
from ..lan import Lan
from ..vmm.nic import Nic
from . import boot_instructions, net_ours
from .boot import median_boot
from .disk_boot import FOR_CLOCKS
from .net_job import OURS
from .report import Figures

_COPIED = (
    "exits_to_last_byte",
    "exits_beside_console",
    "touched_guest_pages",
    "exits_by_reason",
    "exits_by_function",
)


def measure(firmware: Path) -> Figures:
    """By what there is ("none", "network"): `instructions` to the prompt, less those that measure
    QEMU's clocks; of boot_exits, with transparent huge pages off, what _COPIED names."""
    with Lan() as lan:
        nic = lan.add_tap(OURS.tap)
        return {"none": _boot(firmware, []), "network": _boot(firmware, [nic], net_ours.CMDLINE)}


def _boot(firmware: Path, nics: list[Nic], cmdline: str = "") -> Figures:
    counted = boot_instructions.measure(firmware, nics=nics, cmdline=cmdline)
    by_function = counted["by_function"]
    for_clocks = sum(by_function.get(name, 0) for name in FOR_CLOCKS)
    exits = median_boot(firmware, "never", PROMPT, nics=nics, cmdline=cmdline)
    return {
        "instructions": counted["instructions_to_prompt"] - for_clocks,
        "by_function": by_function,
        **{key: exits[key] for key in _COPIED},
    }
