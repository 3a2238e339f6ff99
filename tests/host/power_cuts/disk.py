# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""A disk that remembers every write and flush, for MicroPython's unix port.

Its sectors of 512 bytes are written whole or not at all; nothing else is promised. What it holds
is a dict of sectors, so that a large disk costs nothing.
"""

SECTOR = 512
NOTHING = bytes(SECTOR)

_SYNC, _BLOCKS, _BLOCK_SIZE = 3, 4, 5


class Disk:
    """A block device as vfs.AbstractBlockDev has it, of blocks of `block` bytes."""

    def __init__(self, size, block, sectors=None):
        self.size = size
        self.block = block
        self.sectors = sectors if sectors is not None else {}
        self.events = []
        """(first sector, its sectors' bytes) of each write, None of each flush."""

    def first_sector(self, block, buffer, offset):
        start = block * self.block + offset
        if start % SECTOR or len(buffer) % SECTOR or start + len(buffer) > self.size:
            raise ValueError("no such sectors", start, len(buffer))
        return start // SECTOR

    def readblocks(self, block, buffer, offset=0):
        first = self.first_sector(block, buffer, offset)
        for n in range(len(buffer) // SECTOR):
            buffer[n * SECTOR : (n + 1) * SECTOR] = self.sector(first + n)

    def sector(self, number):
        return self.sectors.get(number, NOTHING)

    def writeblocks(self, block, buffer, offset=0):
        first = self.first_sector(block, buffer, offset)
        data = [bytes(buffer[at : at + SECTOR]) for at in range(0, len(buffer), SECTOR)]
        for n, content in enumerate(data):
            self.sectors[first + n] = content
        self.events.append((first, data))

    def ioctl(self, request, argument):
        if request == _BLOCKS:
            return self.size // self.block
        if request == _BLOCK_SIZE:
            return self.block
        if request == _SYNC:
            self.events.append(None)
        return 0


class CutDisk(Disk):
    """What a power cut left of one: the sectors of `changed` instead of those of `before`."""

    def __init__(self, size, block, before, changed):
        super().__init__(size, block, changed)
        self.before = before

    def sector(self, number):
        content = self.sectors.get(number)
        return content if content is not None else self.before.get(number, NOTHING)
