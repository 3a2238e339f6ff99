"""The smallest application: it says where it runs, and ends with an exit code."""

import os
import sys


def main():
    machine = os.uname()
    print(f"Hello from {machine.machine}, MicroPython {machine.release}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
