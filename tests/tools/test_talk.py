# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""When a guest at the user's terminal is taken for one that resets itself for ever."""

from types import SimpleNamespace
from typing import Any

import pytest

from tools import talk
from tools.guest import GuestEnded


class Watched:
    """A guest whose resets the test counts, and the clock."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        self.guest: Any = SimpleNamespace(vmm=SimpleNamespace(reboots=0, slowness=1.0), output="")
        self.watch = talk._ResetWatch()
        monkeypatch.setattr("time.monotonic", lambda: self.now)

    def pass_time(self, seconds: float, resets_a_second: float = 0, prompt: bool = False) -> None:
        for _ in range(round(seconds * 10)):
            self.now += 0.1
            self.guest.vmm.reboots += resets_a_second / 10
            self.watch.check(self.guest, prompt)


def test_a_burst_of_resets_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched(monkeypatch)
    for phase in (0.3, 0.9, 1.5):
        watched.pass_time(phase, prompt=True)
        watched.guest.vmm.reboots += 12
        watched.pass_time(5)


def test_resets_with_prompts_between_them_are_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched(monkeypatch)
    for _ in range(10):
        watched.pass_time(0.5, resets_a_second=4)
        watched.pass_time(0.2, prompt=True)


def test_resets_without_a_prompt_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched(monkeypatch)
    watched.pass_time(1, prompt=True)
    with pytest.raises(GuestEnded, match="resets itself for ever"):
        watched.pass_time(6, resets_a_second=20)
