# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""What it costs to flash an application, and from the PVH entry to its first line: in three ways.

The application is one line of output, then sleep.
"""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.table import Table

from .. import flash
from ..build import build
from ..romfs import IMAGE_SUFFIX
from . import boot_instructions
from .report import Figures, amount, table

_MAIN = "import time\nprint('ready')\ntime.sleep(1_000_000)\n"
_FIRST_LINE = b"ready\r\n"
_FLASHES = 3

BootExits = Callable[[Path, str, bytes, Path | None], dict[str, Any]]
"""Kernel, setting of transparent huge pages, awaited output, initramfs: figures of boot_exits."""


def measure(exits_of: BootExits) -> Figures:
    """By the way's name: `instructions`, `exits_beside_console` and `touched_guest_pages` to the
    first line, `file_bytes` of what was flashed, `flash_seconds` when all is built."""
    firmware = build().elf
    with tempfile.TemporaryDirectory(prefix="application-") as scratch:
        app = Path(scratch) / "app"
        app.mkdir()
        (app / "main.py").write_text(_MAIN)
        return {
            "frozen": _measure(app, Path(scratch) / "frozen.elf", None, exits_of),
            "--no-compiler": _measure(app, Path(scratch) / "added.elf", firmware, exits_of),
            "--initramfs": _measure(app, Path(scratch) / "app.romfs", firmware, exits_of),
        }


def _measure(app: Path, target: Path, firmware: Path | None, exits_of: BootExits) -> Figures:
    seconds = []
    for _ in range(_FLASHES):
        begun = time.monotonic()
        flash.flash(app, target, firmware=firmware)
        seconds.append(time.monotonic() - begun)
    is_image = target.suffix == IMAGE_SUFFIX
    kernel, image = (firmware, target) if is_image and firmware else (target, None)
    counted = boot_instructions.measure(kernel, _FIRST_LINE, image)
    exits = exits_of(kernel, "never", _FIRST_LINE, image)
    return {
        "instructions": counted["instructions_to_prompt"],
        "exits_beside_console": exits["exits_beside_console"],
        "touched_guest_pages": exits["touched_guest_pages"],
        "file_bytes": target.stat().st_size,
        "flash_seconds": min(seconds),
    }


def ways_table(figures: Figures) -> Table:
    """The ways side by side."""
    shown = table("To the first line of an application", ["", *figures])
    rows = {
        "instructions, QEMU": "instructions",
        "VM exits beside the console's bytes, THP never": "exits_beside_console",
        "pages touched by the guest": "touched_guest_pages",
        "bytes of the file": "file_bytes",
    }
    for title, key in rows.items():
        shown.add_row(title, *(amount(one[key]) for one in figures.values()))
    seconds = (f"{one['flash_seconds']:.2f}" for one in figures.values())
    shown.add_row("seconds to flash, the best of three", *seconds)
    return shown
