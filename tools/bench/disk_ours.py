# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Our guest of `./inv bench disk`: a thread for each request in flight, with its own
buffer."""

import ast
from typing import Any

from ..guest import Guest
from .disk_job import Job, Turn

_TIMEOUT = 300.0

# The threads exist, with their buffers and the places that they go to, before the clock starts. No
# request allocates; a collection on account of the buffers, in some turns only, would be noise.
_PROGRAM = """
import _thread, cloud_hypervisor, gc, machine, random, time
from time import ticks_us, ticks_diff
disk = machine.Disk(0)
def places(scattered, block, count):
    there = disk.size // block
    step = block // 512
    return [(random.randrange(there) if scattered else i % there) * step for i in range(count)]
buffers = {}
def buffers_of(block, depth):
    mine = buffers.setdefault(block, [])
    while len(mine) < depth:
        mine.append(bytearray(block))
    return mine[:depth]
def work(act, mine, buffer):
    for at in mine:
        if act(at, buffer):
            raise OSError(at)
def run(writes, scattered, block, depth, count):
    gc.enable()
    gc.collect()
    gc.disable()
    act = disk.writeblocks if writes else disk.readblocks
    all = places(scattered, block, count)
    if depth == 1:
        buffer = buffers_of(block, 1)[0]
        begin = ticks_us()
        work(act, all, buffer)
        taken = ticks_diff(ticks_us(), begin)
    else:
        go = _thread.allocate_lock()
        go.acquire()
        ready, ended = [], []
        def thread(mine, buffer, over):
            ready.append(1)
            with go:
                pass
            work(act, mine, buffer)
            over.release()
        for n, buffer in enumerate(buffers_of(block, depth)):
            over = _thread.allocate_lock()
            over.acquire()
            ended.append(over)
            _thread.start_new_thread(thread, (all[n::depth], buffer, over))
        while len(ready) < depth:
            time.sleep_ms(1)
        begin = ticks_us()
        go.release()
        for over in ended:
            over.acquire()
        taken = ticks_diff(ticks_us(), begin)
    print((taken, cloud_hypervisor.interrupts().get("disk0", 0)))
"""


class OurDisk:
    """A running guest of ours that does one job at a time."""

    def __init__(self, guest: Guest) -> None:
        """Waits until it is up."""
        self.guest = guest
        guest.wait_for_prompt()
        guest.output_of(_PROGRAM)

    def run(self, job: Job) -> Turn:
        call = f"({job.writes}, {job.scattered}, {job.block}, {job.depth}, {job.count})"
        return Turn(*self.value_of(f"run{call}", _TIMEOUT))

    def value_of(self, code: str, timeout: float) -> Any:
        """What the code prints: a Python literal."""
        return ast.literal_eval(self.guest.output_of(code, timeout).strip())
