# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Images of the host in the nested back end's Linux guest, and Cloud Hypervisor's API there."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tools.errors import UserError
from tools.vmm import cloud_hypervisor_cli as cli
from tools.vmm.base import VmmError, VmSpec
from tools.vmm.disk import Disk, why_refused
from tools.vmm.nested import shared_linux
from tools.vmm.nested_disk import NestedDisk
from tools.vmm.nested_image import CLOUD_HYPERVISOR
from tools.vmm.nested_linux import NestedLinux

pytestmark = pytest.mark.only_on("nested")

MIB = 1 << 20
TIB = 1 << 40


@pytest.fixture
def linux() -> NestedLinux:
    return shared_linux()


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "x.img"
    path.touch()
    os.truncate(path, MIB)
    return path


def about(linux: NestedLinux, disk: NestedDisk, what: str) -> str:
    directory = f"/sys/block/{disk.path.removeprefix('/dev/')}"
    return linux.read_file(f"{directory}/{what}").decode().strip()


def block_devices(linux: NestedLinux) -> set[bytes]:
    return set(linux.read_file("/sys/block").split())


def wait_for(action: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            action()
            return
        except VmmError:
            if time.monotonic() > deadline:
                raise


def test_flush_reaches_the_image(linux: NestedLinux, image: Path) -> None:
    disk = NestedDisk(linux, Disk(image))
    assert about(linux, disk, "queue/write_cache") == "write back"
    linux.write_file(disk.path, b"flushed")
    linux.flush(disk.path)
    assert image.read_bytes()[:7] == b"flushed"
    disk.take_back()


def test_what_was_not_flushed_is_there_at_the_end(linux: NestedLinux, image: Path) -> None:
    before = block_devices(linux)
    content = os.urandom(MIB)
    disk = NestedDisk(linux, Disk(image))
    linux.write_file(disk.path, content)
    disk.take_back()
    assert image.read_bytes() == content
    assert block_devices(linux) == before
    disk.take_back()


def test_image_is_read_afresh_each_time(linux: NestedLinux, image: Path) -> None:
    for content in (b"a" * MIB, b"b" * MIB):
        image.write_bytes(content)
        disk = NestedDisk(linux, Disk(image, readonly=True))
        assert linux.read_file(disk.path) == content
        disk.take_back()


def test_disk_is_as_asked_for(linux: NestedLinux, image: Path) -> None:
    os.truncate(image, 3 * TIB)
    disk = NestedDisk(linux, Disk(image, readonly=True, sector_size=4096))
    assert about(linux, disk, "size") == str(3 * TIB // 512)
    assert about(linux, disk, "ro") == "1"
    assert about(linux, disk, "queue/logical_block_size") == "4096"
    assert about(linux, disk, "queue/discard_max_bytes") != "0"
    disk.take_back()


def test_image_grows_and_shrinks(linux: NestedLinux, image: Path) -> None:
    disk = NestedDisk(linux, Disk(image))
    for size in (2 * MIB, 512):
        disk.resize(size)
        assert about(linux, disk, "size") == str(size // 512)
        assert image.stat().st_size == size
    disk.take_back()


def test_places_for_disks_do_not_run_out(linux: NestedLinux, tmp_path: Path) -> None:
    before = block_devices(linux)
    disks = []
    for index in range(20):
        path = tmp_path / f"{index}.img"
        path.write_bytes(b"%3d" % index + bytes(509))
        disks.append(NestedDisk(linux, Disk(path)))
    with pytest.raises(UserError, match=r"3\.img is in use"):
        NestedDisk(linux, Disk(tmp_path / "3.img"))
    for index, disk in enumerate(disks):
        assert linux.read_file(disk.path)[:3] == b"%3d" % index
    for disk in disks:
        disk.take_back()
    assert block_devices(linux) == before


def test_api_takes_the_disks_of_the_target_back_end(
    linux: NestedLinux, tiny_guest: Callable[[str], Path], image: Path
) -> None:
    """The configuration that CloudHypervisor makes: here there may be no KVM to try it on."""
    name = linux.new_machine_name()
    there = linux.upload(image)
    disk = cli.disk_config(Disk(image), "disk0", there)
    spec = VmSpec(Path(linux.upload(tiny_guest("halt"))))
    command = [f"/{CLOUD_HYPERVISOR}", "--seccomp", "false", "--api-socket", f"path={name}.api"]

    def call(method: str, what: str, body: Any = None) -> Any:
        return cli.call_api(linux.connect_unix(f"{name}.api"), method, what, body)

    def create(*disks: dict[str, Any]) -> None:
        call("PUT", "vm.create", cli.machine_config(spec, Path(f"{name}.serial"), disks))

    with linux.run(command, f"{name}.serial", False) as connection:
        connection.sendall(b"g")
        wait_for(lambda: call("GET", "vmm.ping"))
        create(disk, disk | {"id": "disk1"})
        with pytest.raises(VmmError) as refused:
            call("PUT", "vm.boot")
        assert "x.img is in use" in str(why_refused(str(refused.value), [Disk(image)]))
        call("PUT", "vm.delete")
        create(disk)
        call("PUT", "vm.boot")
        assert call("GET", "vm.info")["config"]["disks"][0]["path"] == there
        call("PUT", "vm.resize-disk", {"id": "disk0", "desired_size": 512})
        assert linux.read_file(there) == bytes(512)
