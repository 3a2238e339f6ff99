# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""What the guest does in `./inv cut`: steps that the host has planned, a line after each.

A step is (what, path, and what it needs): see plan.py. All of it lies in /rom.
"""

import binascii
import json
import os

from content import record

_DIRECTORY = 0x4000
# Of the machine, not of the disk.
_ASIDE = "/rom"


def do():
    """A line `#number what path generation` is a promise: so far all is there that was synced."""
    with open("/rom/steps.json") as file:
        steps = json.load(file)
    files = {}
    for number, (what, path, *rest) in enumerate(steps):
        if what == "open":
            files[path] = open(path, rest[0])
        elif what == "write":
            generation, at, size = rest
            if at is not None:
                files[path].seek(at)
            files[path].write(record(generation, size))
        elif what == "flush":
            files[path].flush()
        elif what == "close":
            files.pop(path).close()
        elif what == "rename":
            os.rename(path, rest[0])
        elif what == "sync":
            os.sync()
        else:
            getattr(os, what)(path)
        print("#%d" % number, what, path, *rest[:1])


def tree():
    """Prints path -> [size, CRC] of a file, None of a directory, as JSON."""
    found = {}
    waiting = [""]
    while waiting:
        directory = waiting.pop()
        for name, kind, *_ in os.ilistdir(directory or "/"):
            path = directory + "/" + name
            if path == _ASIDE:
                continue
            if kind == _DIRECTORY:
                found[path] = None
                waiting.append(path)
            else:
                found[path] = digest(path)
    print(json.dumps(found))


def digest(path):
    size = crc = 0
    with open(path, "rb") as file:
        while piece := file.read(16384):
            size += len(piece)
            crc = binascii.crc32(piece, crc)
    return [size, crc]
