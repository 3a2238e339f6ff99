# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Writes the names of all modules of a firmware, each ended by a NUL, for firmware_info.S.

Those in C by their names, frozen ones by their files' paths.

    python module_names.py genhdr/moduledefs.h frozen_content.c > module_names
"""

import re
import sys
from pathlib import Path

definitions, frozen = (Path(argument).read_text() for argument in sys.argv[1:])
names = re.findall(r"\{ MP_ROM_QSTR\(MP_QSTR_(\w+)\), MP_ROM_PTR", definitions)
names += re.findall(r'^    "(\S+)\\0"$', frozen.partition("mp_frozen_names[]")[2], re.MULTILINE)
sys.stdout.write("".join(f"{name}\0" for name in names))
