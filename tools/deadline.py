# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""A time limit for all that is done with a guest."""

import time

from tools.guest import Guest, GuestTimeout


class Deadline:
    """The time limit of the user; without one, none."""

    def __init__(self, seconds: float | None) -> None:
        self._seconds = seconds
        self._end = time.monotonic() + seconds if seconds is not None else None

    def check(self, guest: Guest) -> None:
        """GuestTimeout if the limit has passed."""
        if self._end is not None and time.monotonic() > self._end:
            raise GuestTimeout(f"The guest did not end within {self._seconds:g} s.", guest.output)

    def limit(self, timeout: float) -> float:
        """`timeout`, or what is left if that is less."""
        return (
            timeout if self._end is None else max(0.0, min(timeout, self._end - time.monotonic()))
        )
