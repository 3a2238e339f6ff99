# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Our guest of `./inv bench disk`: a thread for each request in flight, with its own
buffer; in the main interpreter, or in several."""

import ast
from typing import Any

from ..guest import Guest
from .disk_job import Job, Turn

_TIMEOUT = 300.0

# The threads exist, with their buffers and the places that they go to, before the clock starts. No
# request allocates; a collection on account of the buffers, in some turns only, would be noise.
PROGRAM = """
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
def without_garbage():
    gc.enable()
    gc.collect()
    gc.disable()
def work(act, mine, buffer):
    for at in mine:
        if act(at, buffer):
            raise OSError(at)
def works(writes, scattered, block, depth, count):
    without_garbage()
    act = disk.writeblocks if writes else disk.readblocks
    all = places(scattered, block, count)
    return [(work, (act, all[n::depth], one)) for n, one in enumerate(buffers_of(block, depth))]
def prepared(works):
    if len(works) == 1:
        act, args = works[0]
        return lambda: act(*args)
    go = _thread.allocate_lock()
    go.acquire()
    ready, ended, failed = [], [], []
    def thread(act, args, over):
        ready.append(1)
        with go:
            pass
        try:
            act(*args)
        except Exception as error:
            failed.append(error)
        over.release()
    for act, args in works:
        over = _thread.allocate_lock()
        over.acquire()
        ended.append(over)
        _thread.start_new_thread(thread, (act, args, over))
    while len(ready) < len(works):
        time.sleep_ms(1)
    def run():
        go.release()
        for over in ended:
            over.acquire()
        if failed:
            raise failed[0]
    return run
def timed(act):
    begin = ticks_us()
    act()
    return ticks_diff(ticks_us(), begin)
def run(*job):
    taken = timed(prepared(works(*job)))
    print((taken, cloud_hypervisor.interrupts().get("disk0", 0)))
"""

# Each of the others has the program, and a part of the threads.
_SHARED_PROGRAM = f"""
from concurrent import interpreters
program = {PROGRAM!r}
there = []
def others(count):
    while len(there) < count:
        one = interpreters.create()
        one.exec(program)
        there.append(one)
    return there[:count]
def serve(ready, go, over, *job):
    act = prepared(works(*job))
    ready.put(None)
    go.get()
    act()
    over.put(None)
def run_shared(number, writes, scattered, block, depth, count):
    without_garbage()
    ready, go, over = [interpreters.create_queue() for _ in range(3)]
    job = ready, go, over, writes, scattered, block, depth // number, count // number
    threads = [one.call_in_thread(serve, *job) for one in others(number)]
    for _ in threads:
        ready.get()
    def act():
        for _ in threads:
            go.put(None)
        for _ in threads:
            over.get()
    taken = timed(act)
    for thread in threads:
        thread.join()
    print((taken, cloud_hypervisor.interrupts().get("disk0", 0)))
"""


class OurDisk:
    """A running guest of ours that does one job at a time."""

    def __init__(self, guest: Guest) -> None:
        """Waits until it is up."""
        self.guest = guest
        guest.wait_for_prompt()
        guest.output_of(PROGRAM)
        guest.output_of(_SHARED_PROGRAM)

    def run(self, job: Job) -> Turn:
        args = f"{job.writes}, {job.scattered}, {job.block}, {job.depth}, {job.count}"
        alone = job.interpreters == 1
        code = f"run({args})" if alone else f"run_shared({job.interpreters}, {args})"
        return Turn(*self.value_of(code, _TIMEOUT))

    def value_of(self, code: str, timeout: float) -> Any:
        """What the code prints: a Python literal."""
        return ast.literal_eval(self.guest.output_of(code, timeout).strip())
