# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Our guest of `./inv bench net`, which runs net_guest.py."""

import ast
from pathlib import Path
from typing import Any

from ..guest import Guest
from .net_job import OURS, Flow, Kind

_PROGRAM = Path(__file__).parent / "net_guest.py"
_TIMEOUT = 120.0

CMDLINE = f"ip={OURS.guest}:::24::eth0:off"


class OurNet:
    """A running guest of ours that does one thing at a time."""

    def __init__(self, guest: Guest) -> None:
        """Waits until it is up."""
        self.guest = guest
        guest.wait_for_prompt()
        guest.output_of(_PROGRAM.read_text(), _TIMEOUT)

    def flow(self, flow: Flow, seconds: int) -> float:
        return float(self.value_of(f"iperf({OURS.host!r}, {flow.udp}, {flow.receives}, {seconds})"))

    def turn(self, kind: Kind, count: int) -> float:
        return float(self.value_of(f"turn({kind.name!r}, {OURS.host!r}, {count})"))

    def value_of(self, code: str) -> Any:
        """The value of an expression: a Python literal."""
        return ast.literal_eval(self.guest.output_of(f"print({code})", _TIMEOUT).strip())
