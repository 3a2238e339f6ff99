# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""The program that `inv` starts in the virtual environment: invoke, which runs tasks.py.

`inv` has blocked SIGINT. Until a task takes it over (tools/tasking.py) it ends this program at
once, without a traceback; where it came ignored it stays so.
"""

import signal

if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})

from importlib.metadata import version  # noqa: E402

from invoke.program import Program  # noqa: E402

if __name__ == "__main__":
    # Its name is what the help and the completion of a shell say, and run.
    Program(name="Invoke", binary="./inv", binary_names=["./inv"], version=version("invoke")).run()
