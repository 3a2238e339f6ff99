# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Files in our guest of `./inv bench disk`: a thread for each request in flight, with its own file
and buffer."""

from .disk_file_job import FileJob
from .disk_ours import OurDisk

_TIMEOUT = 600.0

# For each turn the filesystem is mounted anew: the kernel's cache forgets. Before a turn of writes
# it has looked where there is room, as it does once in a while. Files are open before the clock
# starts, as fio's are; what is written is closed before it stops. Buffers go afterwards: each
# collection looks for addresses in them.
_PROGRAM = """
import os, vfs
def use(file, writes, scattered, mine, buffer):
    act = file.write if writes else file.readinto
    for at in mine:
        if scattered:
            file.seek(at)
        if act(buffer) != len(buffer):
            raise OSError(at)
    if writes:
        file.close()
def mount(serial):
    place = "/" + serial
    vfs.mount(machine.Disk(serial), place)
    return place
def write_first(place):
    with open(place + "/first", "wb") as file:
        file.write(bytes(4096))
def first_write(serial):
    place = mount(serial)
    print(timed(lambda: write_first(place)))
    os.remove(place + "/first")
    vfs.umount(place)
def run_files(serial, names, size, first, is_new, writes, scattered, block, count):
    place = mount(serial)
    if writes:
        write_first(place)
        os.remove(place + "/first")
    without_garbage()
    todo = []
    for name, buffer in zip(names, buffers_of(block, len(names))):
        file = open(f"{place}/{name}", "wb" if is_new else "r+b" if writes else "rb")
        file.seek(first)
        pieces = range(count // len(names))
        mine = [random.randrange(size // block) * block if scattered else 0 for _ in pieces]
        todo.append((use, (file, writes, scattered, mine, buffer)))
    taken = timed(prepared(todo))
    for _, (file, *_) in todo:
        file.close()
    buffers.clear()
    if is_new:
        os.remove(f"{place}/{names[0]}")
    vfs.umount(place)
    print(taken)
def read_all(disk):
    buffer = bytearray(1 << 20)
    for i in range(disk.size >> 20):
        disk.readblocks(i * 2048, buffer)
for one in [path for _, path in vfs.mount()]:
    vfs.umount(one)
for one in machine.Disk.list():
    read_all(one)
"""


class OurFiles:
    """A running guest of ours that has disks whose serials are the filesystems on them."""

    def __init__(self, disk: OurDisk) -> None:
        """Reads all disks once, so that the host has them in its memory."""
        self.disk = disk
        disk.guest.output_of(_PROGRAM, _TIMEOUT)

    def first_write(self, filesystem: str) -> float:
        """Microseconds for a new file of 4 KiB, right after a mount."""
        return float(self.disk.value_of(f"first_write({filesystem!r})", _TIMEOUT))

    def run(self, filesystem: str, job: FileJob) -> float:
        """Microseconds."""
        args = f"{filesystem!r}, {job.files}, {job.file_bytes}, {job.first}, {job.is_new}"
        args += f", {job.writes}, {job.scattered}, {job.block}, {job.count}"
        return float(self.disk.value_of(f"run_files({args})", _TIMEOUT))
