# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Futures, and what waits for them; what all executors have in common."""

import sys
from collections import namedtuple
from queue import Empty, SimpleQueue
from threading import Condition, _seconds

from micropython import const

FIRST_COMPLETED = "FIRST_COMPLETED"
FIRST_EXCEPTION = "FIRST_EXCEPTION"
ALL_COMPLETED = "ALL_COMPLETED"

# A future's states, of which the last ones are ends.
_PENDING = const(0)
_RUNNING = const(1)
_CANCELLED = const(2)
_CANCELLED_AND_NOTIFIED = const(3)  # And whoever would have run it knows.
_FINISHED = const(4)


class Error(Exception):
    pass


class CancelledError(Error):
    pass


class InvalidStateError(Error):
    pass


class TimeoutError(OSError):
    """CPython's is built in."""


class BrokenExecutor(RuntimeError):
    pass


def _report(what, exception):
    print(what, file=sys.stderr)
    sys.print_exception(exception, sys.stderr)


def _deadline(timeout):
    return None if timeout is None else _seconds() + timeout


def _left(deadline):
    return None if deadline is None else max(0, deadline - _seconds())


class Future:
    """What a call will give."""

    def __init__(self):
        self._condition = Condition()
        self._state = _PENDING
        self._result = None
        self._exception = None
        self._callbacks = []

    def cancelled(self):
        return _CANCELLED <= self._state <= _CANCELLED_AND_NOTIFIED

    def running(self):
        return self._state == _RUNNING

    def done(self):
        return self._state >= _CANCELLED

    def cancel(self):
        with self._condition:
            if self._state == _PENDING:
                self._end(_CANCELLED)
            elif not self.cancelled():
                return False
        self._call_back()
        return True

    def result(self, timeout=None):
        self._wait(timeout)
        if self._exception is not None:
            raise self._exception
        return self._result

    def exception(self, timeout=None):
        self._wait(timeout)
        return self._exception

    def _wait(self, timeout):
        with self._condition:
            if not self._condition.wait_for(self.done, timeout):
                raise TimeoutError
        if self.cancelled():
            raise CancelledError

    def add_done_callback(self, function):
        self._add_callback(function, len(self._callbacks))

    def _add_callback(self, function, place=0):
        with self._condition:
            self._callbacks.insert(place, function)
        if self.done():
            self._call_back()

    def _remove_callback(self, function):
        try:
            self._callbacks.remove(function)
        except ValueError:
            pass

    # Each callback is taken out by one thread, which calls it.
    def _call_back(self):
        while True:
            try:
                function = self._callbacks.pop(0)
            except IndexError:
                return
            try:
                function(self)
            except Exception as e:
                _report(f"exception calling callback for {self}", e)

    def _end(self, state):
        self._state = state
        self._condition.notify_all()

    # For executors, and tests of them.

    def set_running_or_notify_cancel(self):
        with self._condition:
            if self._state == _PENDING:
                self._state = _RUNNING
                return True
            if self._state == _CANCELLED:
                self._state = _CANCELLED_AND_NOTIFIED
                return False
            raise RuntimeError("Future in unexpected state")

    def set_result(self, result):
        self._finish(result, None)

    def set_exception(self, exception):
        self._finish(None, exception)

    def _finish(self, result, exception):
        with self._condition:
            if self.done():
                raise InvalidStateError("the future is done already")
            self._result = result
            self._exception = exception
            self._end(_FINISHED)
        self._call_back()


DoneAndNotDoneFutures = namedtuple("DoneAndNotDoneFutures", ("done", "not_done"))


def as_completed(fs, timeout=None):
    return _as_completed(set(fs), _deadline(timeout))


def _as_completed(futures, deadline):
    done = SimpleQueue()
    put = done.put
    for future in futures:
        future._add_callback(put)
    try:
        for i in range(len(futures)):
            future = None
            try:
                future = done.get(timeout=_left(deadline))
            except Empty:
                pass
            if future is None:
                raise TimeoutError(f"{len(futures) - i} (of {len(futures)}) futures unfinished")
            yield future
    finally:
        for future in futures:
            future._remove_callback(put)


def wait(fs, timeout=None, return_when=ALL_COMPLETED):
    if return_when not in (FIRST_COMPLETED, FIRST_EXCEPTION, ALL_COMPLETED):
        raise ValueError("invalid return condition")
    futures = set(fs)
    completed = as_completed(futures, timeout)
    try:
        for future in completed:
            if return_when == FIRST_COMPLETED or (
                return_when == FIRST_EXCEPTION and future._exception is not None
            ):
                break
    except TimeoutError:
        pass
    finally:
        completed.close()
    done = {future for future in futures if future.done()}
    return DoneAndNotDoneFutures(done, futures - done)


class Executor:
    """What runs calls. A subclass has submit() and shutdown()."""

    def submit(self, fn, *args, **kwargs):
        raise NotImplementedError

    def shutdown(self, wait=True, *, cancel_futures=False):
        pass

    def map(self, fn, *iterables, timeout=None, chunksize=1, buffersize=None):
        if buffersize is not None:
            if not isinstance(buffersize, int):
                raise TypeError("buffersize must be an integer or None")
            if buffersize < 1:
                raise ValueError("buffersize must be None or > 0")
        deadline = _deadline(timeout)
        calls = zip(*iterables)
        futures = []
        self._submit_some(futures, fn, calls, buffersize)

        def results():
            try:
                while futures:
                    result = futures[0].result(_left(deadline))
                    futures.pop(0)
                    yield result
                    self._submit_some(futures, fn, calls, buffersize)
            finally:
                for future in futures:
                    future.cancel()

        return results()

    def _submit_some(self, futures, fn, calls, most):
        while most is None or len(futures) < most:
            try:
                args = next(calls)
            except StopIteration:
                return
            futures.append(self.submit(fn, *args))

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.shutdown()
        return False
