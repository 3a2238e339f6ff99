# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Counts primes on all CPUs: `run examples/parallel --cpus 4`."""

from concurrent.futures import InterpreterPoolExecutor

LAST = 20000
PARTS = 8


def primes(first, end):
    count = 0
    for number in range(max(first, 2), end):
        divisor = 2
        while divisor * divisor <= number and number % divisor:
            divisor += 1
        count += divisor * divisor > number
    return count


def main():
    bounds = [LAST * part // PARTS for part in range(PARTS + 1)]
    with InterpreterPoolExecutor() as pool:
        counts = list(pool.map(primes, bounds, bounds[1:]))
    print(sum(counts), "primes below", LAST)


main()
