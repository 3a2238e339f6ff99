# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Upstream's tests of filesystems (tests/extmod/vfs_*.py), on disks of the guest.

A test makes its block devices by a class of its own, of RAM. What runs here is its text with
another class of that name, which is a machine.Disk. Of those that go through littlefs 1 and then 2,
the second half runs.
"""

import ast
from pathlib import Path

ON_A_DISK = (
    "vfs_blockdev",
    "vfs_fat_fileio1",
    "vfs_fat_fileio2",
    "vfs_fat_finaliser",
    "vfs_fat_ilistdir_del",
    "vfs_fat_more",
    "vfs_fat_mtime",
    "vfs_fat_ramdisk",
    "vfs_fat_ramdisklarge",
    "vfs_lfs",
    "vfs_lfs_error",
    "vfs_lfs_file",
    "vfs_lfs_ilistdir_del",
    "vfs_lfs_mount",
    "vfs_lfs_mtime",
)
AS_IT_IS = (
    # They have filesystems of their own, and no device.
    *("vfs_basic", "vfs_mountinfo", "vfs_userfs"),
    # Their devices give wrong answers, change what was written, are of an older protocol, have
    # blocks of 64 bytes.
    *("vfs_blockdev_invalid", "vfs_lfs_corrupt", "vfs_fat_oldproto", "vfs_lfs_superblock"),
)
ELSEWHERE = ("vfs_posix", "vfs_rom")
"""How the names begin of tests that are about no device at all."""

DISK_SIZES = (50 * 512, 50 * 512, 30 * 1024, 1 * 1024, 4 << 30)
"""The devices that a test may want at the same time."""

CLEAN = """
import machine, vfs
for _, path in vfs.mount():
    vfs.umount(path)
for disk in machine.Disk.list():
    disk.writeblocks(0, bytearray(min(disk.size, 65536)))
"""
"""Ends what a test has left: at the next soft reset nothing is found on the disks."""

_DISK = """
import machine
class TestDisk(machine.Disk):
    taken = []
    def __init__(self, blocks, sec_size=512):
        size = getattr(self, "ERASE_BLOCK_SIZE", sec_size)
        for disk in machine.Disk.list():
            if disk.size == blocks * size and disk.id not in self.taken:
                break
        else:
            raise ValueError("no disk of %d bytes" % (blocks * size))
        self.taken.append(disk.id)
        super().__init__(disk.id, block_size=size)
    @property
    def data(self):
        content = bytearray(self.size)
        self.readblocks(0, content)
        return content
"""

_LFS1 = "vfs.VfsLfs1"
_LFS2_BEGINS = "test <class 'VfsLfs2'>\n"


def program(path: Path, on_a_disk: bool) -> str:
    """What the guest runs of a test."""
    text = path.read_text()
    if on_a_disk:
        text = _DISK + _with_disks(text)
    return "".join(line for line in text.splitlines(keepends=True) if _LFS1 not in line)


def expected(path: Path) -> str:
    """What it is to say."""
    said = path.with_suffix(".py.exp").read_text()
    if _LFS1 in path.read_text():
        said = said[said.index(_LFS2_BEGINS) :]
    return said


def _with_disks(text: str) -> str:
    """The text with its class of devices replaced; of the class its constants stay."""
    lines = text.splitlines()
    devices = [node for node in ast.parse(text).body if _is_device(node)]
    assert len(devices) == 1
    device = devices[0]
    assert isinstance(device, ast.ClassDef)
    assert device.end_lineno is not None
    constants = [f"    {ast.unparse(node)}" for node in device.body if isinstance(node, ast.Assign)]
    lines[device.lineno - 1 : device.end_lineno] = [
        f"class {device.name}(TestDisk):",
        *(constants or ["    pass"]),
    ]
    return "\n".join(lines) + "\n"


def _is_device(node: ast.stmt) -> bool:
    return isinstance(node, ast.ClassDef) and "readblocks" in {
        each.name for each in node.body if isinstance(each, ast.FunctionDef)
    }
