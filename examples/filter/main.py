"""A filter: counts the lines and words of its standard input.

./inv run examples/filter < README.md
"""

import sys

lines = words = 0
for line in sys.stdin:
    lines += 1
    words += len(line.split())
print(f"{lines} lines, {words} words")
