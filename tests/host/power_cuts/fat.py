# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""FAT after a power cut: what MicroPython finds, what it writes next, and what fsck.fat says."""

import os

import vfs
from checks import difference, is_in_flight, least_difference, tree
from disk import SECTOR
from workload import DIRECTORY

IN_PLACE = True
AFTER = bytes(range(256)) * 20

# What fsck.fat 4.2 says, and what it means. What is not here is reported as it stands.
_COMPLAINTS = (
    ("Reclaimed", "clusters that belong to nothing"),
    ("cluster chain length is >", "file with more clusters than its size needs"),
    ("cluster chain length is", "file with fewer clusters than its size needs"),
    ("Contains a free cluster", "entry of a free cluster"),
    ("share clusters", "two entries of the same clusters"),
    ("Orphaned long file name", "part of a long name"),
    ("Long filename fragment", "part of a long name"),
    ("Invalid '..' entry", "directory with another parent"),
    ("Expected a valid '.", "directory that was never written"),
    ("FATs differ", "copies of the FAT that differ"),
    ("Free cluster summary wrong", "wrong count of free clusters"),
)
# Lines of its own doings, and those that begin with a name.
_ASIDE = (
    "/",
    "fsck.fat ",
    "Leaving ",
    "Truncating ",
    "Auto-",
    "Not auto-",
    "Using first FAT",
    "Creating",
    "(Maybe the start bit",
)


def mount(disk):
    return vfs.VfsFat(disk)


def make(disk):
    vfs.VfsFat.mkfs(disk)


def findings(disk, worlds, image):
    """What is wrong, as (kind, of what). The disk is written to; `image`: a file for fsck.fat."""
    write_image(disk, image)
    wrong = [(kind, "") for kind in complaints(image)]
    try:
        found = tree(mount(disk))
        wrong += least_difference(found, worlds)
        wrong += go_on(disk, found, worlds)
    except OSError as error:
        wrong.append(("OSError %s" % error, ""))
    return wrong


def write_image(disk, path):
    with open(path, "wb") as image:
        for sectors in (disk.before, disk.sectors):
            for number, content in sectors.items():
                image.seek(number * SECTOR)
                image.write(content)
        image.seek(disk.size - SECTOR)
        image.write(disk.sector(disk.size // SECTOR - 1))


def complaints(image):
    log = image + ".log"
    os.system("fsck.fat -n %s >%s 2>&1" % (image, log))
    said = set()
    with open(log) as lines:
        for line in lines:
            line = line.strip()
            kinds = [kind for words, kind in _COMPLAINTS if words in line]
            if line and (kinds or not line.startswith(_ASIDE)):
                said.add("fsck.fat: " + (kinds[0] if kinds else line))
    return sorted(said)


def go_on(disk, found, worlds):
    """Writes a file. What was not being written at the cut must not suffer by that."""
    filesystem = mount(disk)
    filesystem.mkdir("/new")
    with filesystem.open("/new/file", "wb") as file:
        file.write(AFTER)
    expected = dict(found)
    expected["/new"] = DIRECTORY
    expected["/new/file"] = AFTER
    again = tree(mount(disk))
    return [
        (
            kind + (", being changed" if is_in_flight(path, worlds) else "") + ", after going on",
            path,
        )
        for kind, path in difference(again, expected)
    ]
