# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Cuts the power at each write of the workload and prints what was found, as JSON.

Run by MicroPython's unix port: tests/host/test_power_cuts.py. What it reads is JSON: `filesystem`
("littlefs" or "fat"), `size` and `block` of the disk; `disk`, an image to begin with, or none;
`order`, `samples` for each write, `seed`, `late_flushes`; `as_upstream` for littlefs; `scratch`, a
file that may be written.
"""

import json
import random
import sys

import vfs
from cuts import cuts
from disk import NOTHING, SECTOR, CutDisk, Disk
from workload import ROOT, User, use

EXAMPLES = 4


def load(disk, path):
    with open(path, "rb") as image:
        for number in range(disk.size // SECTOR):
            content = image.read(SECTOR)
            if content != NOTHING:
                disk.sectors[number] = content


def main(options):
    kind = __import__(options["filesystem"])
    if options.get("as_upstream"):
        __import__("littlefs_blocks").as_upstream(True)
    disk = Disk(options["size"], options["block"])
    if "disk" in options:
        load(disk, options["disk"])
    else:
        kind.make(disk)
    disk.events.clear()
    before = dict(disk.sectors)
    user = User(disk, kind.IN_PLACE)
    vfs.mount(kind.mount(disk), ROOT)
    use(user)
    vfs.umount(ROOT)

    random.seed(options["seed"])
    images = bad = 0
    findings = {}
    for events, durable, samples in cuts(
        disk.events, before, options["order"], options["samples"], random, options["late_flushes"]
    ):
        what, worlds = user.worlds_at(events)
        for changed in samples:
            cut = CutDisk(disk.size, disk.block, durable, changed)
            found = kind.findings(cut, worlds, options.get("scratch"))
            images += 1
            bad += 1 if found else 0
            for finding, path in found:
                examples = findings.setdefault(finding, [0, []])
                examples[0] += 1
                if len(examples[1]) < EXAMPLES:
                    examples[1].append("event %d, %s: %s" % (events, what, path))
    writes = sum(1 for event in disk.events if event)
    print(
        json.dumps(
            {
                "writes": writes,
                "flushes": len(disk.events) - writes,
                "images": images,
                "bad": bad,
                "findings": findings,
            }
        )
    )


main(json.load(sys.stdin))
