# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Joins standard input and output to a guest's serial line: `bridge.py socket://HOST:PORT`.

This is what upstream's runner starts for `-t exec:COMMAND`. It ends when either side does.
"""

import os
import select
import sys

from tools.serial_line import LineClosed, SerialLine

_WRITE_TIMEOUT = 60.0


def main(url: str) -> None:
    try:
        line = SerialLine(url)
        while True:
            readable = select.select([0, line.fileno()], [], [])[0]
            if 0 in readable:
                data = os.read(0, 65536)
                if not data:
                    return
                line.write(data, _WRITE_TIMEOUT)
            if line.fileno() in readable:
                os.write(1, line.read(0))
    except LineClosed as error:
        sys.exit(f"The guest's serial line is closed: {error}")


if __name__ == "__main__":
    main(sys.argv[1])
