# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""What a user does to a filesystem, and what of it must be there after a power cut at any moment.

A world is what a filesystem should hold: path -> bytes of a file, DIRECTORY, or a Loose content.
Each step says in which worlds a cut before, in, or after it may leave the disk.
"""

import os
import random

ROOT = "/disk"
# No strings: comparing one with bytes makes MicroPython warn.
DIRECTORY = 1


class Loose:
    """A file that is being written in place: it is there, unless it is `new`, and begins with
    what was synced."""

    def __init__(self, prefix, new=False):
        self.prefix = prefix
        self.new = new

    def __repr__(self):
        return "Loose(%d bytes)" % len(self.prefix)


class Patched:
    """A file that is being overwritten in place: each byte is the old one or the new one."""

    def __init__(self, old, new):
        self.old = old
        self.new = new


def content(seed, size):
    state = random.getrandbits(32)
    random.seed(seed)
    made = bytes(random.getrandbits(8) for _ in range(size))
    random.seed(state)
    return made


class User:
    """Does things on `disk`, mounted at ROOT, and keeps account of them."""

    def __init__(self, disk, in_place):
        self.disk = disk
        self.in_place = in_place
        """The filesystem writes over what is there, as FAT does; littlefs writes aside."""
        self.world = {}
        self.account = []
        """(events before, events after, what, worlds) of each step."""

    def step(self, what, action, *worlds):
        """Does it. `worlds`: those that a cut in it may leave beside the present one; the last
        is the one after it."""
        begin = len(self.disk.events)
        result = action()
        self.account.append((begin, len(self.disk.events), what, [self.world] + list(worlds)))
        self.world = worlds[-1] if worlds else self.world
        return result

    def changed(self, changes):
        """The present world with some paths changed; None: gone."""
        world = dict(self.world)
        for path, value in changes.items():
            if value is None:
                world.pop(path, None)
            else:
                world[path] = value
        return world

    def worlds_at(self, events):
        """What may be there when so many events had been given to the disk, and the step."""
        last = ("at first", [{}])
        for begin, end, what, worlds in self.account:
            if events <= begin:
                break
            last = (what, worlds if events < end else worlds[-1:])
        return last

    # What a user does. --------------------------------------------------------------------

    def open(self, path, mode):
        before = self.world.get(path)
        if self.in_place and "w" in mode:
            worlds = [self.changed({path: Loose(b"", before is None)})]
        else:
            worlds = [] if before is not None else [self.changed({path: b""})]
        opened = self.step("open " + path, lambda: open(ROOT + path, mode), *worlds)
        return File(self, path, opened, mode, before)

    def write(self, path, data, mode="wb"):
        """Opens, writes, closes."""
        file = self.open(path, mode)
        file.write(data)
        file.close()

    def mkdir(self, path):
        self.step("mkdir " + path, lambda: os.mkdir(ROOT + path), self.changed({path: DIRECTORY}))

    def rmdir(self, path):
        self.step("rmdir " + path, lambda: os.rmdir(ROOT + path), self.changed({path: None}))

    def remove(self, path):
        between = [self.changed({path: Loose(b"")})] if self.in_place else []
        gone = self.changed({path: None})
        self.step("remove " + path, lambda: os.remove(ROOT + path), *between, gone)

    def rename(self, old, new):
        """Of a file or an empty directory, over what is there."""
        value = self.world[old]
        after = self.changed({old: None, new: value})
        between = []
        if self.in_place:
            # oofatfs removes the target, makes the new entry, removes the old one.
            between = [self.changed({new: None}), self.changed({new: value})]
            if new in self.world:
                between.append(self.changed({new: Loose(b"")}))
        self.step("rename " + old, lambda: os.rename(ROOT + old, ROOT + new), *between, after)

    def sync(self):
        self.step("os.sync", os.sync, self.world)


class File:
    def __init__(self, user, path, opened, mode, synced):
        self.user = user
        self.path = path
        self.file = opened
        self.new = synced is None
        self.data = bytearray(b"" if "w" in mode else synced or b"")
        self.synced = b"" if self.new or ("w" in mode and user.in_place) else synced
        self.position = len(self.data) if "a" in mode else 0

    def seek(self, position):
        self.position = position
        self.user.step("seek " + self.path, lambda: self.file.seek(position), *self.unsynced())

    def write(self, data):
        end = self.position + len(data)
        if len(self.data) < end:
            self.data.extend(bytes(end - len(self.data)))
        self.data[self.position : end] = data
        self.position = end
        self.user.step("write " + self.path, lambda: self.file.write(data), *self.unsynced())

    def unsynced(self):
        """What a cut leaves of what was not synced: nothing, or anything if it is in place."""
        if not self.user.in_place:
            return []
        if self.data[: len(self.synced)] == self.synced:
            now = Loose(self.synced, self.new)
        else:
            now = Patched(self.synced, bytes(self.data))
        return [self.user.changed({self.path: now})]

    def flush(self):
        self.sync("flush", self.file.flush)

    def close(self):
        self.sync("close", self.file.close)

    def sync(self, name, action):
        after = self.user.changed({self.path: bytes(self.data)})
        self.user.step(name + " " + self.path, action, *self.unsynced(), after)
        self.synced = bytes(self.data)
        self.new = False


def use(user):
    """The scripted workload."""
    small = [content(n, 40 + 13 * n) for n in range(12)]
    user.mkdir("/etc")
    for n in range(6):
        user.write("/etc/small%d" % n, small[n])
    user.write("/log", b"first line\n")
    for n in range(6):
        user.write("/log", content(100 + n, 300), "ab")

    # As a careful user replaces a file.
    user.write("/etc/config", content(20, 1500))
    for n in range(4):
        user.write("/etc/config.new", content(21 + n, 1400 + 500 * n))
        user.rename("/etc/config.new", "/etc/config")

    # A large one, synced on its way; others are written meanwhile.
    large = user.open("/large", "wb")
    for n in range(8):
        large.write(content(40 + n, 9000))
        if n in (2, 5):
            large.flush()
        user.write("/etc/note%d" % n, small[n])
    large.close()
    user.sync()

    # In the middle, at the end, from the beginning.
    large = user.open("/large", "r+b")
    large.seek(30000)
    large.write(content(50, 5000))
    large.flush()
    large.seek(70000)
    large.write(content(51, 6000))
    large.close()
    user.write("/large", content(52, 20000), "ab")
    user.write("/log", b"new\n")
    user.write("/etc/config", content(53, 5000))

    # Directories, and names that need many entries.
    user.mkdir("/etc/deep")
    user.mkdir("/etc/deep/er")
    user.write("/etc/deep/er/file", content(60, 700))
    user.rename("/etc/deep/er/file", "/file-with-a-rather-long-name.text")
    user.rename("/etc/deep/er", "/er")
    user.rmdir("/etc/deep")
    for n in range(30):
        user.write("/er/one-of-many-small-files-%02d" % n, content(70 + n, 600))
    for n in range(0, 30, 2):
        user.remove("/er/one-of-many-small-files-%02d" % n)
    for n in range(4):
        user.remove("/etc/note%d" % n)
    user.remove("/large")
    user.write("/large", content(90, 50000))
    for n in range(1, 30, 2):
        user.remove("/er/one-of-many-small-files-%02d" % n)
    user.rmdir("/er")

    # Two at once, one of them removed while it is open elsewhere.
    first = user.open("/first", "wb")
    second = user.open("/second", "wb")
    for n in range(4):
        first.write(content(91 + n, 3000))
        second.write(content(95 + n, 2500))
    first.flush()
    first.write(content(99, 4000))
    second.close()
    user.write("/etc/small0", content(98, 2500))
    first.close()
    user.sync()
