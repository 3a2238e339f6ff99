# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Checks an application's file `settings` as the guest will (docs/applications.md)."""

import re
import shlex
from collections.abc import Sequence

from .app_files import SETTINGS
from .errors import UserError

_SETTING = re.compile(r"([a-z][a-z0-9_-]*)=")
"""CMDLINE_SETTING of kernel/cmdline.h."""


def check(content: bytes, known: Sequence[str]) -> None:
    """UserError for a quote without its end, and for a setting that is not among the known ones."""
    try:
        words = shlex.split(content.decode())
    except ValueError as error:
        raise UserError(f"{SETTINGS}: {error}.") from None
    for word in words:
        if word == "--":
            return
        setting = _SETTING.match(word)
        if setting and setting[1] not in known:
            raise UserError(f"{SETTINGS}: {word} is not known.", f"Known: {', '.join(known)}.")
