# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Upstream's tests of filesystems, on disks: see upstream_vfs.py. One guest for all of them."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.guest.disk_images import blank
from tests.guest.upstream_vfs import (
    AS_IT_IS,
    CLEAN,
    DISK_SIZES,
    ELSEWHERE,
    ON_A_DISK,
    expected,
    program,
)
from tools import sources
from tools.guest import Guest
from tools.vmm.disk import Disk


@pytest.fixture(scope="module")
def shared_disks(tmp_path_factory: pytest.TempPathFactory) -> Sequence[Disk]:
    directory = tmp_path_factory.mktemp("disks")
    return [
        Disk(blank(directory / f"{number}.img", size)) for number, size in enumerate(DISK_SIZES)
    ]


def directory_of(tree: sources.MicroPython) -> Path:
    return tree.path / "tests" / "extmod"


@pytest.mark.parametrize("name", [*ON_A_DISK, *AS_IT_IS])
def test_upstream(shared_guest: Guest, name: str) -> None:
    guest = shared_guest
    path = directory_of(sources.micropython()) / f"{name}.py"
    said = guest.output_of(program(path, name in ON_A_DISK), timeout=15 * guest.vmm.slowness)
    if name in ON_A_DISK:
        assert guest.eval("len(TestDisk.taken)") > 0
    guest.output_of(CLEAN)
    assert said == expected(path)


def test_each_is_there() -> None:
    tree = sources.micropython()
    names = {path.stem for path in directory_of(tree).glob("vfs_*.py")}
    here = {name for name in names if not name.startswith(ELSEWHERE)}
    assert here == {*ON_A_DISK, *AS_IT_IS} or not tree.pinned
