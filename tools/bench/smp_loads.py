# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""What `./inv bench smp` has several interpreters do at the same time: for MicroPython and CPython.

Each takes a time that is proportional to `n`.
"""


def allocate(n: int) -> int:
    """Small objects that soon are garbage."""
    kept = []
    for i in range(n):
        kept.append([i, str(i)])
        if i % 400 == 0:
            kept = []
    return len(kept)


def floats(n: int) -> float:
    """The logistic map."""
    x = 0.25
    for _ in range(n):
        x = 3.9 * x * (1.0 - x)
    return x


def big_integers(n: int) -> int:
    """Squares modulo 2**521 - 1."""
    modulus = (1 << 521) - 1
    x = 3
    for _ in range(n):
        x = (x * x + 1) % modulus
    return x


def dictionaries(n: int) -> int:
    """Dictionaries of some hundred keys, numbers and strings."""
    built: dict[object, int] = {}
    for i in range(n):
        built[i] = i
        built[str(i)] = i
        if i % 300 == 0:
            built = {}
    return len(built)


LOADS = (allocate, floats, big_integers, dictionaries)
