# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""littlefs after a power cut: exactly what was synced, and no block used for two things."""

import littlefs_blocks
import vfs
from checks import least_difference, tree
from workload import DIRECTORY

IN_PLACE = False
AFTER = bytes(range(256)) * 20


def mount(disk):
    # As the port does: a cache of a block or 8 KiB.
    return vfs.VfsLfs2(disk, readsize=2048, progsize=512, lookahead=256)


def make(disk):
    vfs.VfsLfs2.mkfs(disk, readsize=512, progsize=512, lookahead=256)


def findings(disk, worlds, _image):
    """What is wrong, as (kind, of what). The disk is written to."""
    try:
        if disk.sector(0)[8:16] != b"littlefs":
            return [("no superblock at the beginning", "")]
        filesystem = mount(disk)
        found = tree(filesystem)
        wrong = least_difference(found, worlds) + blocks(disk, found)
        if not wrong:
            wrong = go_on(disk, filesystem, found)
    except OSError as error:
        return [("OSError %s" % error, "")]
    return wrong


def blocks(disk, found):
    uses = littlefs_blocks.uses(disk, disk.block, disk.size // disk.block)
    twice = sum(1 for n in uses if n == 2)
    directories = sum(1 for value in found.values() if value == DIRECTORY)
    if twice != 2 * directories or max(uses) > 2:
        return [("blocks used for two things", "")]
    return []


def go_on(disk, filesystem, found):
    """The filesystem must still be one to write to: all else stays as it was."""
    filesystem.mkdir("/new")
    for name in ("/new/file", "/new/other"):
        with filesystem.open(name, "wb") as file:
            file.write(AFTER)
    filesystem.rename("/new/other", "/new/file")
    filesystem.umount()
    filesystem = mount(disk)
    expected = dict(found)
    expected["/new"] = DIRECTORY
    expected["/new/file"] = AFTER
    again = tree(filesystem)
    wrong = least_difference(again, [expected]) + blocks(disk, again)
    return [(kind + ", after going on", path) for kind, path in wrong]
