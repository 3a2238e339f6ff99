# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""What the tasks say about their own work: on stderr, so that stdout stays the guest's."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.status import Status

console = Console(stderr=True, highlight=False)


class Progress:
    """A line that says what is being done; `detail` may change it as often as it likes."""

    def __init__(self, message: str, status: Status | None) -> None:
        self._message = message
        self._status = status

    def detail(self, text: str) -> None:
        """Show `text` after the message, where the terminal can replace a line."""
        if self._status is not None:
            room = max(console.width - len(self._message) - 8, 10)
            self._status.update(f"{escape(self._message)} [dim]{escape(text[:room])}[/dim]")


@contextmanager
def progress(message: str) -> Iterator[Progress]:
    """Show `message` while the body runs: a moving line on a terminal, else one plain line."""
    if console.is_terminal:
        with console.status(escape(message), spinner="line") as status:
            yield Progress(message, status)
    else:
        console.print(message, markup=False)
        yield Progress(message, None)
