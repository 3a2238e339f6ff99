# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Disks that fail, or do not answer: what a program is told, and that they are used afterwards."""

import os
from pathlib import Path
from typing import Any

import pytest

from tests.guest.conftest import Boot
from tests.guest.losing_disk import LosingDisk
from tools.guest import Guest, GuestCrashed
from tools.vmm.disk import Disk
from tools.vmm.qemu import Qemu

KIB = 1 << 10
MIB = 1 << 20
SECTOR = 512
EIO, ENOSPC, ETIMEDOUT = 5, 28, 110

on_qemu = pytest.mark.only_on("qemu")


class FaultyDisk:
    """A guest of QEMU's whose disk can be made to fail."""

    def __init__(self, guest: Guest) -> None:
        assert isinstance(guest.vmm, Qemu)
        self.guest = guest
        self.do = guest.vmm.monitor.execute
        self._nodes = 0

    def eval(self, expression: str) -> Any:
        return self.guest.eval(expression)

    def _use(self, node: str) -> None:
        path = "/machine/peripheral/disk0/virtio-backend"
        self.do("qom-set", path=path, property="drive", value=node)

    def fail(self, *rules: dict[str, Any]) -> None:
        """From now on, by QEMU's block driver blkdebug."""
        self._nodes += 1
        name = f"faulty{self._nodes}"
        every = [{"event": "none", **rule} for rule in rules]
        node = {"driver": "blkdebug", "node-name": name, "image": "disk0", "discard": "unmap"}
        self.do("blockdev-add", **node, **{"inject-error": every})
        self._use(name)

    def mend(self) -> None:
        self._use("disk0")

    def serve(self, path: Path) -> LosingDisk:
        """From now on it is one of zeros that can lose requests."""
        served = LosingDisk(path, 16 * MIB)
        address = {"type": "unix", "path": str(path)}
        self.do("blockdev-add", **{"driver": "nbd", "node-name": "served", "server": address})
        self._use("served")
        return served

    def throttle(self, bytes_per_second: int) -> None:
        """0: no more."""
        limits = dict.fromkeys(("bps", "bps_rd", "bps_wr", "iops", "iops_rd", "iops_wr"), 0)
        limits["bps"] = bytes_per_second
        path = "/machine/peripheral/disk0/virtio-backend"
        self.do("block_set_io_throttle", id=path, **limits)


def booted(boot: Boot, directory: Path, **fields: object) -> FaultyDisk:
    path = directory / "a.img"
    path.touch()
    os.truncate(path, 16 * MIB)
    guest = boot(disks=[Disk(path)], **fields)
    guest.wait_for_prompt()
    guest.output_of(
        "import machine, time, vfs, os, _thread\n"
        "d = machine.Disk()\n"
        "b = bytearray(4096)\n"
        "def error(function, *args):\n"
        "    try: function(*args)\n"
        "    except OSError as e: return e.errno\n"
        "def works():\n"
        "    data = os.urandom(4096)\n"
        "    return (d.writeblocks(80, data), d.readblocks(80, b), d.flush(), b == data)\n"
    )
    return FaultyDisk(guest)


WORKS = (0, 0, None, True)


@pytest.fixture
def disk(boot: Boot, tmp_path: Path) -> FaultyDisk:
    return booted(boot, tmp_path)


@on_qemu
@pytest.mark.parametrize("errno", [EIO, ENOSPC])
@pytest.mark.parametrize("kind", ["read", "write", "flush", "discard", "write-zeroes"])
def test_a_request_that_fails_is_an_error_and_no_other(
    disk: FaultyDisk, kind: str, errno: int
) -> None:
    calls = {
        "read": "d.readblocks(0, b)",
        "write": "d.writeblocks(0, b)",
        "flush": "error(d.flush)",
        "discard": "error(d.discard, 0, 8)",
        "write-zeroes": "error(d.write_zeroes, 0, 8)",
    }
    disk.fail({"iotype": kind, "errno": errno})
    for name, call in calls.items():
        found = disk.eval(call)
        if name == kind:
            assert abs(found) == EIO
        elif name != "write-zeroes":  # Which may be written.
            assert found in (0, None), name
    disk.mend()
    assert disk.eval("works()") == WORKS


@on_qemu
def test_a_bad_sector_spoils_only_what_has_it(disk: FaultyDisk) -> None:
    disk.guest.output_of("good = bytes(range(256)) * 32\nd.writeblocks(0, good)")
    disk.fail({"sector": 12, "errno": EIO})
    assert disk.eval("(d.readblocks(8, b), d.readblocks(13, b))") == (-EIO, 0)
    assert disk.eval("(d.readblocks(0, b), b == good[:4096])") == (0, True)
    # Of many requests one fails.
    assert disk.eval("d.readblocks(0, bytearray(4 << 20))") == -EIO
    disk.mend()
    assert disk.eval("works()") == WORKS


@on_qemu
@pytest.mark.parametrize("kind", ["VfsFat", "VfsLfs2"])
def test_a_filesystem_on_a_disk_that_fails(disk: FaultyDisk, kind: str) -> None:
    disk.guest.output_of(
        f"vfs.{kind}.mkfs(machine.Disk(0, block_size=4096) if {kind!r} == 'VfsLfs2' else d)\n"
        "vfs.mount(d, '/d')\n"
        "with open('/d/kept', 'w') as f: f.write('kept')\n"
        "def write(name):\n"
        "    with open('/d/' + name, 'w') as f: f.write(name)"
    )
    disk.fail({"iotype": "write", "errno": EIO}, {"iotype": "flush", "errno": EIO})
    assert disk.eval("error(write, 'lost')") == EIO
    disk.mend()
    disk.guest.output_of("write('new')\nvfs.umount('/d'); vfs.mount(d, '/d')")
    assert disk.eval("[open('/d/' + name).read() for name in ('kept', 'new')]") == ["kept", "new"]


@on_qemu
def test_what_could_not_be_written_is_not_lost(disk: FaultyDisk) -> None:
    disk.guest.output_of(
        "vfs.VfsFat.mkfs(d)\n"
        "vfs.mount(d, '/d')\n"
        "content = bytes(range(256)) * 256\n"
        "with open('/d/other', 'wb') as f: f.write(content)\n"
        "f = open('/d/kept', 'wb')\n"
        "f.flush()"
    )
    disk.fail({"iotype": "write", "errno": ENOSPC})
    assert disk.eval("f.write(content)") == 64 * KIB
    assert disk.eval("[error(f.flush), error(f.flush), error(os.sync)]") == [EIO, EIO, EIO]
    assert disk.eval("d.readblocks(0, b)") == 0
    disk.mend()
    assert disk.eval("error(f.flush)") is None
    disk.guest.output_of("f.close()\nvfs.umount('/d'); vfs.mount(d, '/d')")
    assert disk.eval("[open('/d/' + n, 'rb').read() == content for n in ('kept', 'other')]") == [
        *(True, True)
    ]


@on_qemu
def test_what_is_given_up_is_told(disk: FaultyDisk) -> None:
    disk.guest.output_of(
        "vfs.VfsFat.mkfs(d)\nvfs.mount(d, '/d')\nf = open('/d/lost', 'wb')\nf.write(bytes(4096))"
    )
    disk.fail({"iotype": "write", "errno": EIO})
    assert disk.eval("error(vfs.umount, '/d')") == EIO
    disk.mend()
    disk.guest.output_of("vfs.mount(d, '/d')")  # It was unmounted all the same.
    assert disk.eval("os.stat('/d/lost')[6]") == 0
    disk.guest.output_of("vfs.umount('/d')")
    assert disk.eval("works()") == WORKS


@on_qemu
@pytest.mark.parametrize("cpus", [1, 2])
def test_a_disk_that_does_not_answer_is_reset(boot: Boot, tmp_path: Path, cpus: int) -> None:
    disk = booted(boot, tmp_path, cmdline="disk-timeout=2", cpus=cpus)
    disk.throttle(1)
    disk.guest.output_of(
        "def silent():\n"
        "    begin = time.ticks_ms()\n"
        "    return d.readblocks(0, b), time.ticks_diff(time.ticks_ms(), begin)\n"
        "d.readblocks(0, b)  # Is let through, and owed for.\n"
        "result, took = silent()",
        timeout=30,
    )
    assert disk.eval("result") == -ETIMEDOUT
    assert 2000 <= disk.eval("took") < 6000
    assert "disk0: the device does not answer, and is reset" in disk.guest.output
    disk.throttle(0)
    assert disk.eval("works()") == WORKS


@on_qemu
def test_all_that_wait_for_a_silent_disk_are_told(boot: Boot, tmp_path: Path) -> None:
    disk = booted(boot, tmp_path, cmdline="disk-timeout=2", cpus=2)
    disk.throttle(1)
    disk.eval("d.readblocks(0, b)")
    disk.guest.output_of(
        "ended = []\n"
        "def run():\n"
        "    ended.append(d.readblocks(0, bytearray(4096)))\n"
        "for _ in range(8): _thread.start_new_thread(run, ())\n"
        "end = time.ticks_add(time.ticks_ms(), 10000)\n"
        "while len(ended) < 8 and time.ticks_diff(end, time.ticks_ms()) > 0: time.sleep_ms(10)",
        timeout=30,
    )
    assert len(disk.eval("ended")) == 8
    assert set(disk.eval("ended")) <= {-ETIMEDOUT, -EIO, 0}
    disk.throttle(0)
    assert disk.eval("works()") == WORKS


@on_qemu
@pytest.mark.parametrize("lost", [1, 3])
def test_a_request_is_lost_while_others_are_answered(boot: Boot, tmp_path: Path, lost: int) -> None:
    disk = booted(boot, tmp_path, cmdline="disk-timeout=2", cpus=2)
    served = disk.serve(tmp_path / "nbd")
    served.lose(0)
    disk.guest.output_of(
        "ended, others = [], []\n"
        "def lose():\n"
        "    begin = time.ticks_ms()\n"
        "    result = d.readblocks(0, bytearray(4096))\n"
        "    ended.append((result, time.ticks_diff(time.ticks_ms(), begin)))\n"
        "def go_on():\n"
        "    buffer = bytearray(4096)\n"
        f"    while len(ended) < {lost}:\n"
        "        others.append(d.readblocks(80, buffer))\n"
        "        time.sleep_ms(20)\n"
        "_thread.start_new_thread(go_on, ())\n"
        "while len(others) < 10: time.sleep_ms(10)\n"
        f"for _ in range({lost}): _thread.start_new_thread(lose, ())",
        timeout=30,
    )
    disk.guest.read_until(b"disk0: the device has lost a request, and is reset\r\n", timeout=60)
    served.find()
    disk.guest.output_of(
        f"while len(ended) < {lost}: time.sleep_ms(10)\ntime.sleep_ms(100)",
        timeout=60,
    )
    for result, took in disk.eval("ended"):
        assert result == -ETIMEDOUT
        assert took >= 8000
    assert set(disk.eval("others")) <= {0, -ETIMEDOUT}
    assert disk.eval("others.count(0) > 50")
    disk.mend()
    assert disk.eval("works()") == WORKS


@pytest.mark.parametrize("value", ["0", "", "x", "86401", "-1", "1.5"])
def test_a_timeout_that_is_none_is_refused(boot: Boot, value: str) -> None:
    guest = boot(cmdline=f"disk-timeout={value}")
    with pytest.raises(GuestCrashed, match="disk-timeout= wants a number of seconds"):
        guest.wait_for_prompt()
