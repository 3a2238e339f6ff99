# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""The loads of smp_loads.py in processes of CPython's multiprocessing, a warm pool for each number.

A program of its own: `python -m tools.bench.smp_rival BATCHES BATCH MICROSECONDS 1 2` prints JSON
as smp_speedup.py's `timed`; one process alone takes about MICROSECONDS a turn.
"""

import json
import sys
import time
from collections.abc import Sequence
from itertools import product
from multiprocessing import get_context
from multiprocessing.pool import Pool

from .smp_loads import LOADS


def run(index: int, n: int) -> float:
    """Seconds of CPU time."""
    begin = time.process_time()
    LOADS[index](n)
    return time.process_time() - begin


def turn(pool: Pool, count: int, index: int, n: int) -> tuple[float, float]:
    """How long it takes that `count` processes do the load: time, and CPU time of all, in us."""
    begin = time.perf_counter()
    seconds = sum(pool.starmap(run, [(index, n)] * count, chunksize=1))
    return (time.perf_counter() - begin) * 1e6, seconds * 1e6


def fitting(pool: Pool, index: int, wanted: int) -> int:
    """The size of a load that takes one process about so many microseconds."""
    n = 1
    while (used := min(turn(pool, 1, index, n)[1] for _ in range(3))) < wanted / 2:
        n *= 2
    return int(n * wanted / used)


def measure(
    batches: int, batch: int, wanted: int, counts: Sequence[int]
) -> dict[str, dict[int, dict[str, float]]]:
    figures = {}
    pools = {count: get_context("fork").Pool(count) for count in counts}
    try:
        for index, load in enumerate(LOADS):
            n = fitting(pools[counts[0]], index, wanted)
            least = dict.fromkeys(counts, float("inf"))
            cpu = dict(least)
            for _, count in product(range(batches), counts):
                turns = [turn(pools[count], count, index, n) for _ in range(batch)]
                least[count] = min(least[count], *(took for took, _ in turns))
                cpu[count] = min(cpu[count], sum(used for _, used in turns) / batch)
            figures[load.__name__] = {
                count: {"least": least[count], "cpu": cpu[count]} for count in counts
            }
    finally:
        for pool in pools.values():
            pool.terminate()
    return figures


if __name__ == "__main__":
    batches, batch, wanted, *counts = (int(argument) for argument in sys.argv[1:])
    print(json.dumps(measure(batches, batch, wanted, counts)))
