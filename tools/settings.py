# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Checks an application's file `settings` as the guest will (docs/applications.md)."""

import re
import shlex
from collections.abc import Sequence

from .app_files import SETTINGS
from .errors import UserError

LONGEST = 0xFFFF
"""Bytes; BOOT_INFO_CMDLINE_MAX of kernel/boot_info.h is one more."""

_SETTING = re.compile(r"([a-z][a-z0-9_-]*)=")
"""CMDLINE_SETTING of kernel/cmdline.h."""


def check(content: bytes, known: Sequence[str]) -> None:
    """UserError for what the guest refuses, such as a setting that is not among the known ones, and
    for what cannot be meant."""
    if len(content) > LONGEST:
        raise UserError(f"{SETTINGS} has {len(content):,} bytes: {LONGEST:,} can be read.")
    if b"\0" in content:
        raise UserError(f"{SETTINGS} has a NUL byte: the guest would stop reading there.")
    try:
        words = shlex.split(content.decode())
    except ValueError as error:
        raise UserError(f"{SETTINGS}: {error}.") from None
    for word in words:
        if word == "--":
            return
        if word.startswith("#"):
            raise UserError(
                f"{SETTINGS}: there are no comments; {word} would be an argument.",
                "Remove it; or if it is one, put a lone -- before it.",
            )
        setting = _SETTING.match(word)
        if setting and setting[1] not in known:
            raise UserError(f"{SETTINGS}: {word} is not known.", f"Known: {', '.join(known)}.")
