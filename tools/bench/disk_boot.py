# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""What a disk with littlefs, which is mounted, adds to a boot: instructions, VM exits, pages."""

from pathlib import Path

from ..disk.create import Wish, create
from ..guest import PROMPT
from ..vmm.disk import Disk
from . import boot_instructions
from .boot import median_boot
from .disk_pair import IMAGE_BYTES
from .report import Figures

# Who waits with a deadline needs clocks. QEMU tells no frequency of its own: the guest counts for
# 10 ms each, once, in these functions. Cloud Hypervisor tells them.
FOR_CLOCKS = ("pmtimer_measure_tsc_hz", "clock_monotonic_ns", "arm", "lapic_timer_count")
_COPIED = (
    "exits_beside_console",
    "touched_guest_pages",
    "exits_by_reason",
    "exits_by_function",
)


def measure(firmware: Path, directory: Path) -> Figures:
    """By what disk there is ("none", "littlefs"), up to the prompt: `instructions` less those of
    the functions that measure QEMU's clocks, and these `for_clocks`; of boot_exits, with
    transparent huge pages off, what _COPIED names."""
    image = directory / "boot.img"
    create(image, Wish(IMAGE_BYTES), source=None, force=True)
    return {"none": _boot(firmware, []), "littlefs": _boot(firmware, [Disk(image)])}


def _boot(firmware: Path, disks: list[Disk]) -> Figures:
    instructions = boot_instructions.measure(firmware, disks=disks)
    by_function = instructions["by_function"]
    for_clocks = sum(by_function.get(name, 0) for name in FOR_CLOCKS)
    exits = median_boot(firmware, "never", PROMPT, disks=disks)
    return {
        "instructions": instructions["instructions_to_prompt"] - for_clocks,
        "for_clocks": for_clocks,
        "by_function": by_function,
        **{key: exits[key] for key in _COPIED},
    }
