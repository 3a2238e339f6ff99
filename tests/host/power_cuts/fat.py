# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""FAT after a power cut: what MicroPython finds, what it writes next, and what fsck.fat says."""

import os

import vfs
from checks import difference, is_in_flight, least_difference, tree
from disk import SECTOR
from fsck import kind_of
from workload import DIRECTORY

IN_PLACE = True
AFTER = bytes(range(256)) * 20


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
        for kind in map(kind_of, lines):
            if kind and not kind.startswith("Creating"):
                said.add("fsck.fat: " + kind)
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
