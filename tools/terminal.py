# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""What the tasks say about their own work: on stderr, so that stdout stays the guest's."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich import progress as rich_progress
from rich.console import Console
from rich.markup import escape
from rich.status import Status
from rich.table import Column

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
    """Show `message` while the body runs: a moving line on a terminal, else one plain line.

    The plain line comes only if the body takes longer than a second.
    """
    if console.is_terminal:
        with console.status(escape(message), spinner="line") as status:
            yield Progress(message, status)
        return
    timer = threading.Timer(1.0, lambda: console.print(message, markup=False, soft_wrap=True))
    timer.start()
    try:
        yield Progress(message, None)
    finally:
        timer.cancel()


class SideBySide:
    """One line for each of several works at the same time. Its methods may run in any thread."""

    # Without a terminal to redraw: how often a work says where it is, in seconds.
    INTERVAL = 30.0

    def __init__(self, display: rich_progress.Progress | None) -> None:
        self._display = display
        self._ids: dict[str, rich_progress.TaskID] = {}
        self._said: dict[str, float] = {}

    def add(self, name: str) -> Callable[[str], None]:
        """A new line; what is returned shows a text in it."""
        self._said[name] = time.monotonic()
        if self._display is not None:
            self._ids[name] = self._display.add_task(name, total=None, text="waits")
        return lambda text: self._show(name, text)

    def end(self, name: str, text: str) -> None:
        """The work is done: its last line."""
        if self._display is not None:
            self._display.update(self._ids[name], total=1, completed=1, text=escape(text))
        else:
            console.print(f"{name}: {text}", markup=False, soft_wrap=True)

    def _show(self, name: str, text: str) -> None:
        if self._display is not None:
            self._display.update(self._ids[name], text=escape(text))
        elif time.monotonic() - self._said[name] > self.INTERVAL:
            self._said[name] = time.monotonic()
            console.print(f"{name}: {text}", markup=False, soft_wrap=True)


@contextmanager
def side_by_side() -> Iterator[SideBySide]:
    """Show several works while the body runs."""
    if not console.is_terminal:
        yield SideBySide(None)
        return
    columns = (
        rich_progress.SpinnerColumn("line"),
        rich_progress.TextColumn("{task.description:10}"),
        rich_progress.TimeElapsedColumn(),
        rich_progress.TextColumn("{task.fields[text]}", table_column=Column(no_wrap=True)),
    )
    with rich_progress.Progress(*columns, console=console) as display:
        yield SideBySide(display)
