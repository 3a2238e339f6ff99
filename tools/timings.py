# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""What takes the time of a task, step by step, on standard error: the option --timings."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Timings:
    """The steps that were taken. They are noted always, and shown where a task asks for it."""

    def __init__(self) -> None:
        self._steps: list[tuple[str, float]] = []

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """The body is one step."""
        end = self.start(name)
        try:
            yield
        finally:
            end()

    def start(self, name: str) -> Callable[[], None]:
        """A step that ends when what is returned is called for the first time."""
        begun = time.monotonic()
        ended = False

        def end() -> None:
            nonlocal ended
            if not ended:
                ended = True
                self._steps.append((name, time.monotonic() - begun))

        return end

    def show(self) -> None:
        """Print the steps in the order of their ends."""
        for name, seconds in self._steps:
            print(f"{seconds:8.3f} s  {name}", file=sys.stderr)


timings = Timings()
"""Of this process, which runs one task."""
