# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""What `--disk` takes and refuses, and what each VMM is told of a disk."""

import json
import os
from pathlib import Path

import pytest

from tools.errors import UserError
from tools.vmm import cloud_hypervisor_cli as cli
from tools.vmm import qemu_disk
from tools.vmm.base import VmSpec
from tools.vmm.disk import Disk, check_disks, parse_disk, sector_size_of, why_refused


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "x.img"
    path.touch()
    os.truncate(path, 1 << 20)
    return path


def test_what_is_not_given_has_a_default(image: Path) -> None:
    disk = parse_disk(f"path={image}")
    assert disk == Disk(image)
    assert (disk.readonly, disk.sector_size, disk.num_queues, disk.queue_size) == (
        False,
        512,
        1,
        128,
    )
    assert disk.shown_serial == "x.img"


def test_all_that_can_be_given(image: Path) -> None:
    text = f"path={image},readonly=on,serial=a_b:1,sector_size=4096,num_queues=2,queue_size=64"
    assert parse_disk(text) == Disk(image, True, "a_b:1", 4096, 2, 64)
    assert parse_disk(f"serial=,readonly=off,path={image}") == Disk(image)


@pytest.mark.parametrize(
    ("more", "complaint"),
    [
        (",size=3", "does not know 'size=3'. Write path=FILE"),
        (",readonly", "does not know 'readonly'"),
        (",", "does not know ''"),
        (",readonly=yes", "readonly=yes is not right"),
        (",readonly=on,readonly=on", "readonly twice"),
        (",serial=" + 21 * "x", "cannot be a disk's serial"),
        (',serial="a"', "cannot be a disk's serial"),
        (",serial=a b", "cannot be a disk's serial"),
        (",serial=ü", "cannot be a disk's serial"),
        (",sector_size=1024", "sector_size cannot be 1024. Give one of 512, 4096"),
        (",sector_size=4K", "sector_size=4K is not right"),
        (",queue_size=100", "queue_size cannot be 100"),
        (",queue_size=2", "queue_size cannot be 2"),
        (",num_queues=0", "0 queues"),
        (",num_queues=-1", "num_queues=-1 is not right"),
    ],
)
def test_what_is_refused(image: Path, more: str, complaint: str) -> None:
    with pytest.raises(UserError, match=complaint):
        parse_disk(f"path={image}{more}")


def test_disk_without_a_file() -> None:
    for text in ("readonly=on", "path="):
        with pytest.raises(UserError, match="names no file"):
            parse_disk(text)


def test_images_that_cannot_be_used(tmp_path: Path, image: Path) -> None:
    with pytest.raises(UserError, match="none cannot be used: No such file"):
        parse_disk(f"path={tmp_path}/none")
    with pytest.raises(UserError, match="is a directory"):
        parse_disk(f"path={tmp_path}")
    with pytest.raises(UserError, match="neither a file nor a block device"):
        parse_disk("path=/dev/null")
    os.truncate(image, 0)
    with pytest.raises(UserError, match=r"is empty.*truncate"):
        parse_disk(f"path={image}")
    os.truncate(image, 512 * 9)
    parse_disk(f"path={image}")
    with pytest.raises(UserError, match="no whole number of sectors"):
        parse_disk(f"path={image},sector_size=4096")


def test_queues_want_cpus(image: Path) -> None:
    check_disks([Disk(image), Disk(image, num_queues=2)], cpus=2)
    with pytest.raises(UserError, match="--cpus 2"):
        check_disks([Disk(image, num_queues=2)], cpus=1)


def test_serial_is_of_ascii(tmp_path: Path) -> None:
    assert (
        Disk(tmp_path / "größe, ein Bild mit langem Namen").shown_serial == "gr__e__ein_Bild_mit_"
    )


def test_all_vmms_are_told_the_same(image: Path, tmp_path: Path) -> None:
    disk = Disk(image, readonly=True, serial="me", num_queues=2, queue_size=64)
    node, properties = qemu_disk.options(disk, "disk0")[1::2]
    assert json.loads(node)["read-only"] is True
    assert json.loads(node)["file"] == {"driver": "file", "filename": str(image), "locking": "on"}
    assert ",serial=me," in properties
    assert ",num-queues=2,queue-size=64" in properties
    config = cli.disk_config(disk, "disk0", "/dev/a")
    assert cli.machine_config(VmSpec(Path("k")), Path("s"), [config])["disks"] == [
        {
            "id": "disk0",
            "path": "/dev/a",
            "readonly": True,
            "serial": "me",
            "num_queues": 2,
            "queue_size": 64,
            "image_type": "Raw",
        }
    ]
    program = tmp_path / "cloud-hypervisor"
    for says, image_type in (("…,image_type=<raw,qcow2>", ",image_type=raw"), ("", "")):
        program.write_text(f"#!/bin/sh\necho '{says}'\n")
        program.chmod(0o755)
        cli.takes_image_type.cache_clear()
        options = cli.disk_arguments([config, config | {"readonly": False}], program)
        rest = f"serial=me,num_queues=2,queue_size=64{image_type}"
        assert options == [
            "--disk",
            f"id=disk0,path=/dev/a,readonly=on,{rest}",
            f"id=disk0,path=/dev/a,readonly=off,{rest}",
        ]
    assert cli.disk_arguments([], program) == []


def test_sectors_of_a_file(image: Path) -> None:
    assert sector_size_of(image) == 512


@pytest.mark.parametrize(
    "said",
    [
        'Failed to get "write" lock\nIs another process using the image [{}]?',
        'Failed to get shared "consistent read" lock\nIs another process using the image [{}]?',
        "Failed to get Write lock for disk image: {}",
    ],
)
def test_lock_of_another_guest_is_told(tmp_path: Path, said: str) -> None:
    disks = [Disk(tmp_path / "a.img"), Disk(tmp_path / "b.img")]
    refusal = why_refused(said.format(tmp_path / "b.img"), disks)
    assert "b.img is in use as the disk of a guest. End that guest" in str(refusal)
    assert "a.img" not in str(refusal)
    assert "a.img or" in str(why_refused(said.format("?"), disks))
    assert why_refused("Could not open 'b.img': No such file", disks) is None
