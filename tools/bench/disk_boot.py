# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""What a disk that is mounted adds to a boot, up to the prompt: instructions, VM exits, pages."""

from pathlib import Path

from ..disk.create import Wish, create
from ..guest import PROMPT
from ..vmm.disk import Disk
from . import boot_instructions
from .boot import median_boot
from .disk_job import MIB
from .report import Figures

_SIZE = 64 * MIB


def measure(firmware: Path, directory: Path) -> Figures:
    """By what disk there is ("none", "littlefs", "fat"): `instructions`, `exits_beside_console` and
    `touched_guest_pages` with transparent huge pages off, and `exits_by_reason`."""
    figures: Figures = {"none": _boot(firmware, [])}
    for filesystem in ("littlefs", "fat"):
        image = directory / f"{filesystem}.img"
        create(image, Wish(_SIZE, filesystem), source=None, force=False)
        figures[filesystem] = _boot(firmware, [Disk(image)])
    return figures


def _boot(firmware: Path, disks: list[Disk]) -> Figures:
    instructions = boot_instructions.measure(firmware, disks=disks)
    exits = median_boot(firmware, "never", PROMPT, disks=disks)
    return {
        "instructions": instructions["instructions_to_prompt"],
        "by_function": instructions["by_function"],
        **{
            key: exits[key]
            for key in (
                "exits_beside_console",
                "touched_guest_pages",
                "exits_by_reason",
                "exits_by_function",
            )
        },
    }
