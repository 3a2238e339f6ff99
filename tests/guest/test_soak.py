# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""`./inv soak`, for half a minute: all that several CPUs may do at the same time."""

from pathlib import Path

import pytest

from tests.guest.conftest import Boot
from tools import soak
from tools.errors import WorkFailed
from tools.guest import Guest

SECONDS = 30
ACTIVITIES = {
    "both_ways",
    "crowd",
    "interrupts",
    "lives",
    "pools",
    "pressure",
    "queues",
    "timers",
    "turns",
}


def booted(boot: Boot) -> Guest:
    guest = boot(cpus=2, **soak.MACHINE)
    guest.wait_for_prompt()
    return guest


@pytest.mark.timeout(400)
def test_nothing_is_lost(boot: Boot) -> None:
    soaked = soak.Soak(booted(boot), seed=1)
    soaked.run(SECONDS, show=lambda _: None)
    assert soaked.figures.counts.keys() == ACTIVITIES
    assert min(soaked.figures.counts.values()) > 0


@pytest.mark.only_on("qemu")
def test_an_answer_that_is_lost_is_found(
    boot: Boot, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    changed = soak.PROGRAM.read_text().replace("    back.put(item)", "    pass")
    (tmp_path / "program.py").write_text(changed)
    monkeypatch.setattr(soak, "PROGRAM", tmp_path / "program.py")
    monkeypatch.setattr(soak, "DEADLINE", 3.0)
    with pytest.raises(WorkFailed, match="queues, 0 done: QueueEmpty"):
        soak.Soak(booted(boot), seed=1).run(1, show=lambda _: None)


@pytest.mark.only_on("qemu")
def test_memory_that_is_not_given_back_is_found(boot: Boot) -> None:
    soaked = soak.Soak(booted(boot), seed=1)
    soaked.run(1, show=lambda _: None)
    assert soaked.memory is not None
    free, promised = soaked.memory
    soaked.memory = free + 4096, promised
    with pytest.raises(WorkFailed, match=r" left [\d,]+ bytes free and [\d,]+ promised; it was"):
        soaked.round()
