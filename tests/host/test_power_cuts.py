# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""The power is cut at every write of a workload (tests/host/power_cuts/workload.py), on littlefs
and FAT, and what is left is mounted, read, checked, and written to.

POWER_CUT_SAMPLES (1) times as many states of the disk are tried at each write.
"""

import os
from pathlib import Path

import pytest

from tests.host import power_cut

SAMPLES_VARIABLE = "POWER_CUT_SAMPLES"
MIB = 1 << 20

FREE = "free"
"""Between two flushes sectors reach the disk in any order: the host loses power."""
ISSUED = "issued"
"""Writes reach the disk one after the other: the VMM ends, the host goes on."""

FAT_LIMITS = {
    "fsck.fat: clusters that belong to nothing",
    "fsck.fat: copies of the FAT that differ",
    "fsck.fat: directory with another parent",
    "fsck.fat: file with fewer clusters than its size needs",
    "fsck.fat: file with more clusters than its size needs",
    "fsck.fat: part of a long name",
    "fsck.fat: two entries of the same clusters",
    "fsck.fat: wrong count of free clusters",
    "appeared",
}
"""What FAT leaves even if writes keep their order: docs/disks.md."""
FAT_LIMITS_WITHOUT_ORDER = {
    "fsck.fat: directory that was never written",
    "fsck.fat: entry of a free cluster",
    "lost, being changed",
    "appeared, after going on",
    "lost, being changed, after going on",
    "other content, being changed, after going on",
}

# The first builds the unix port.
pytestmark = pytest.mark.timeout(900)


def samples() -> int:
    value = os.environ.get(SAMPLES_VARIABLE, "1")
    if not value.isdecimal() or int(value) < 1:
        pytest.fail(f"{SAMPLES_VARIABLE} is {value!r}; it must be a whole number above 0")
    return int(value)


def cut(filesystem: str, order: str, times: int = 1, **options: object) -> power_cut.Outcome:
    settings: dict[str, object] = {
        "seed": 1,
        "late_flushes": 0,
        "samples": times * samples(),
        **options,
    }
    return power_cut.cut(300.0 * samples(), filesystem=filesystem, order=order, **settings)


def cut_littlefs(block: int, order: str, times: int = 1, **options: object) -> power_cut.Outcome:
    return cut("littlefs", order, times, size=256 * block, block=block, **options)


@pytest.mark.parametrize(("block", "times"), [(4096, 3), (16384, 1)])
def test_littlefs_holds_exactly_what_was_synced(block: int, times: int) -> None:
    outcome = cut_littlefs(block, FREE, times)
    assert outcome.findings == {}
    assert outcome.images == outcome.writes * times * samples() > 200


def test_littlefs_needs_no_flush_where_the_host_lives_on() -> None:
    outcome = cut_littlefs(4096, ISSUED, late_flushes=1_000_000)
    assert outcome.findings == {}


def test_littlefs_on_a_disk_whose_flushes_come_late_is_found_out() -> None:
    outcome = cut_littlefs(4096, FREE, late_flushes=1)
    assert outcome.bad > outcome.images / 10
    assert {"lost", "other content"} & {kind.split(",")[0] for kind in outcome.findings}


def test_littlefs_in_upstreams_order_is_found_out() -> None:
    # v2.8 has no flush between a file's blocks and the entry that names them.
    outcome = cut_littlefs(4096, FREE, 2, as_upstream=True)
    assert "other content, being changed" in outcome.findings


@pytest.mark.parametrize("order", [ISSUED, FREE])
def test_fat_keeps_within_its_limits(order: str, tmp_path: Path) -> None:
    scratch = str(tmp_path / "image")
    outcome = cut("fat", order, size=16 * MIB, block=512, scratch=scratch)
    within_limits(outcome, order)


def test_fat32_keeps_within_its_limits(tmp_path: Path) -> None:
    disk, scratch = tmp_path / "fat32", tmp_path / "image"
    size = 40 * MIB
    power_cut.make_fat32(disk, size)
    outcome = cut("fat", FREE, size=size, block=512, disk=str(disk), scratch=str(scratch))
    within_limits(outcome, FREE)


def within_limits(outcome: power_cut.Outcome, order: str) -> None:
    limits = FAT_LIMITS | (FAT_LIMITS_WITHOUT_ORDER if order == FREE else set())
    beyond = {kind: found for kind, found in outcome.findings.items() if kind not in limits}
    assert beyond == {}
    assert "fsck.fat: clusters that belong to nothing" in outcome.findings
    assert outcome.images == outcome.writes * samples()
