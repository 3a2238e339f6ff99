"""Adds up the numbers on its input, until one is 0; the sum is its exit code."""

import sys

from counter import Counter

counter = Counter()
for line in sys.stdin:
    number = int(line)
    if number == 0:
        break
    print("sum", counter.add(number))
sys.exit(counter.total)
