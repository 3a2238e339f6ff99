# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""What each VMM makes of `VmSpec.disks`, told by the VMM itself: no guest looks at a disk here."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.guest.conftest import Boot, Image
from tools.errors import UserError
from tools.guest import Guest, GuestTimeout
from tools.vmm.base import VmmError
from tools.vmm.cloud_hypervisor import CloudHypervisor
from tools.vmm.disk import Disk
from tools.vmm.nested import Nested
from tools.vmm.qemu import Qemu

READY = b"ready\r\n"
TIB = 1 << 40


@pytest.fixture
def echo(tiny_guest: Callable[[str], Path]) -> Path:
    return tiny_guest("echo")


def shown_by_qemu(vmm: Qemu) -> list[dict[str, Any]]:
    def property_of(block: dict[str, Any], name: str) -> Any:
        device = block["qdev"].removesuffix("/virtio-backend")
        return vmm.monitor.execute("qom-get", path=device, property=name)

    return [
        {
            "serial": property_of(block, "serial"),
            "readonly": block["inserted"]["ro"],
            "num_queues": property_of(block, "num-queues"),
            "queue_size": property_of(block, "queue-size"),
        }
        for block in vmm.monitor.execute("query-block")
    ]


def shown(guest: Guest) -> list[dict[str, Any]]:
    """The guest's disks in the words of its VMM."""
    if isinstance(guest.vmm, Qemu):
        return shown_by_qemu(guest.vmm)
    assert isinstance(guest.vmm, (CloudHypervisor, Nested))
    disks = guest.vmm.api("GET", "vm.info")["config"]["disks"]
    assert all(disk.get("image_type", "Raw") == "Raw" for disk in disks)
    keys = ("serial", "readonly", "num_queues", "queue_size")
    return [{key: disk[key] for key in keys} for disk in disks]


def test_disks_are_as_asked_for(boot: Boot, echo: Path, image: Image) -> None:
    disks = [
        Disk(image("a.img")),
        Disk(image("b b,.img", 3 * TIB), readonly=True),
        Disk(image("c.img"), serial="mine", num_queues=2, queue_size=16),
    ]
    guest = boot(echo, cpus=2, disks=disks)
    guest.read_until(READY)
    plain = {"readonly": False, "num_queues": 1, "queue_size": 128}
    assert shown(guest) == [
        plain | {"serial": "a.img"},
        plain | {"serial": "b_b_.img", "readonly": True},
        plain | {"serial": "mine", "num_queues": 2, "queue_size": 16},
    ]


def test_firmware_comes_up_beside_a_disk(boot: Boot, image: Image) -> None:
    path = image(size=1 << 20)
    guest = boot(disks=[Disk(path)])
    guest.wait_for_prompt()
    guest.stop()
    assert path.read_bytes() == bytes(1 << 20)


def test_disk_of_one_guest_is_refused_to_another(boot: Boot, echo: Path, image: Image) -> None:
    path, other = image(), image("other.img")
    guest = boot(echo, disks=[Disk(path)])
    for disk in (Disk(path), Disk(path, readonly=True)):
        with pytest.raises(UserError, match=r"a\.img is in use as the disk of a guest"):
            boot(echo, disks=[Disk(other), disk])
    with pytest.raises(UserError, match=r"other\.img is in use as the disk of a guest"):
        boot(echo, disks=[Disk(other), Disk(other)])
    guest.stop()
    boot(echo, disks=[Disk(other), Disk(path)])


def test_disk_that_is_only_read_is_shared(boot: Boot, echo: Path, image: Image) -> None:
    disk = Disk(image(), readonly=True)
    boot(echo, disks=[disk])
    boot(echo, disks=[disk, disk])
    with pytest.raises(UserError, match="is in use"):
        boot(echo, disks=[Disk(disk.path)])


def test_image_is_looked_at_first(boot: Boot, echo: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be used: No such file"):
        boot(echo, disks=[Disk(tmp_path / "none.img")])


def test_size_of_a_disk_changes(boot: Boot, echo: Path, image: Image) -> None:
    path = image()
    guest = boot(echo, disks=[Disk(image("other.img")), Disk(path)])
    guest.read_until(READY)
    for size in (3 * TIB, 1 << 20):
        try:
            guest.resize_disk("disk1", size)
        except UserError as too_old:
            assert too_old.hint == "v52 can."
            return
        assert path.stat().st_size == size
    with pytest.raises(VmmError, match="disk9"):
        guest.resize_disk("disk9", 1 << 20)


@pytest.mark.only_on("cloud_hypervisor", "nested")
def test_disks_are_plugged_in(boot: Boot, echo: Path, image: Image) -> None:
    guest = boot(echo, disks=[Disk(image("a.img"))])
    guest.read_until(READY)
    added = Disk(image("b.img"), readonly=True, serial="new")
    assert guest.add_disk(added) == "disk1"
    assert [disk["serial"] for disk in shown(guest)] == ["a.img", "new"]
    with pytest.raises(UserError, match=r"a\.img is in use"):
        guest.add_disk(Disk(image("a.img")))
    with pytest.raises(UserError, match="--cpus 2"):
        guest.add_disk(Disk(image("c.img"), num_queues=2))
    assert len(shown(guest)) == 2
    with pytest.raises(GuestTimeout, match="does not let go of disk1"):
        guest.remove_disk("disk1", timeout=0.5)
    with pytest.raises(VmmError, match=r"refuses vm\.remove-device"):
        guest.remove_disk("disk9")


@pytest.mark.only_on("qemu")
def test_where_no_disk_can_be_plugged_in(boot: Boot, echo: Path, image: Image) -> None:
    guest = boot(echo)
    with pytest.raises(UserError, match="no disks that come and go"):
        guest.add_disk(Disk(image()))
    with pytest.raises(UserError, match="no disks that come and go"):
        guest.remove_disk("disk0")
