# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""The errors that end a task with one clear line instead of a traceback.

Exit codes of every task:

| code | meaning |
|---|---|
| 0 | done; of `run APP` and `exec`: the program ended well |
| 1 | the work itself failed: a compiler error, a failed test |
| 2 | the request cannot be met: bad input, a missing package, an unreachable mirror |
| 122 to 125 | what became of a guest: tools/session.py |
| 130 | stopped by Ctrl-C |
| 129, 141, 143 | ended as by SIGHUP (the terminal was closed), SIGPIPE (nobody reads on), SIGTERM |
| other | the exit code of the guest's program (`run APP`, `exec`) |
"""

EXIT_FAILED = 1
EXIT_USER_ERROR = 2
EXIT_INTERRUPTED = 130


class UserError(Exception):
    """Something the user can put right. `message` says what is wrong, `hint` what to do.

    Standard library only, and raised by any module of `tools`; `tools.tasking` turns it into a
    line on stderr and the exit code `exit_code`.
    """

    exit_code = EXIT_USER_ERROR

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class WorkFailed(UserError):
    """The request was right and the work failed: a compiler error."""

    exit_code = EXIT_FAILED
