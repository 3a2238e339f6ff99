# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""What an event loop has to do with other threads."""

import io

from . import core
from .event import ThreadSafeFlag as _Flag

try:
    from _thread import _wake
except ImportError:  # A board without threads.

    def _wake():
        pass


_POLL = 3  # MP_STREAM_POLL, which asks an ioctl() what is ready.


class ThreadSafeFlag(_Flag):
    """Upstream's, and a loop that sleeps awakes when another thread sets it."""

    _wakes_poll = True  # io_poll.h

    def set(self):
        super().set()
        _wake()


class _Call(io.IOBase):
    """A coroutine that ends when a future of another thread does.

    It is the stream that it waits for, too: ready when the future is done.
    """

    _wakes_poll = True

    def __init__(self, future):
        self._future = future
        self._waits = False

    def ioctl(self, request, flags):
        if request == _POLL:
            return flags if self._future.done() else 0
        return -1

    def send(self, value):
        future = self._future
        if not future.done():
            core._io_queue.queue_read(self)
            if not self._waits:
                self._waits = True
                future.add_done_callback(lambda _: _wake())
            return
        if future.cancelled():
            raise core.CancelledError
        raise StopIteration(future.result())

    def throw(self, exception):
        self._future.cancel()
        raise exception


def wrap_future(future, *, loop=None):
    """A task that ends as the future does. Cancelling it cancels the future."""
    return core.create_task(_Call(future))


_default_executor = None


def run_in_executor(executor, func, *args):
    global _default_executor
    if executor is None:
        if _default_executor is None:
            from concurrent.futures import ThreadPoolExecutor

            _default_executor = ThreadPoolExecutor(thread_name_prefix="asyncio")
        executor = _default_executor
    return wrap_future(executor.submit(func, *args))


async def to_thread(func, *args, **kwargs):
    return await run_in_executor(None, lambda: func(*args, **kwargs))


def get_running_loop():
    core.current_task()  # Raises RuntimeError where there is none.
    return core.Loop
