# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Upstream's tests of filesystems, on disks: see upstream_vfs.py. One guest for all of them."""

from collections.abc import Iterator
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
from tools.vmm import make_vmm
from tools.vmm.base import VmSpec
from tools.vmm.disk import Disk


@pytest.fixture(scope="module")
def guest_with_disks(
    vmm_name: str, firmware: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Guest]:
    directory = tmp_path_factory.mktemp("disks")
    disks = tuple(
        Disk(blank(directory / f"{number}.img", size)) for number, size in enumerate(DISK_SIZES)
    )
    with Guest(make_vmm(vmm_name), VmSpec(firmware, disks=disks)) as guest:
        guest.wait_for_prompt()
        yield guest


def directory_of(tree: sources.MicroPython) -> Path:
    return tree.path / "tests" / "extmod"


@pytest.mark.parametrize("name", [*ON_A_DISK, *AS_IT_IS])
def test_upstream(guest_with_disks: Guest, name: str) -> None:
    guest = guest_with_disks
    guest.output_of(CLEAN)
    guest.soft_reset()
    path = directory_of(sources.micropython()) / f"{name}.py"
    code = program(path, name in ON_A_DISK)
    assert guest.output_of(code, timeout=20 * guest.vmm.slowness) == expected(path)
    if name in ON_A_DISK:
        assert guest.eval("len(TestDisk.taken)") > 0


def test_each_is_there() -> None:
    tree = sources.micropython()
    names = {path.stem for path in directory_of(tree).glob("vfs_*.py")}
    here = {name for name in names if not name.startswith(ELSEWHERE)}
    assert here == {*ON_A_DISK, *AS_IT_IS} or not tree.pinned
