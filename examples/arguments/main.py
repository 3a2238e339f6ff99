# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Adds up its arguments; its exit code says whether it could.

./inv flash examples/arguments --out sum.elf
./inv run sum.elf --cmdline "1 2 3"
"""

import os
import sys

if len(sys.argv) < 2:
    sys.exit("usage: NUMBER...")
try:
    total = sum(float(word) for word in sys.argv[1:])
except ValueError as error:
    print("not a number:", error)
    sys.exit(2)
print(os.getenv("UNIT", "sum"), total)
