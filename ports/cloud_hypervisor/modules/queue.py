# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Queues between threads: CPython's queue."""

from collections import deque
from heapq import heappop, heappush
from threading import Condition, Lock, _acquire, _seconds


class Empty(Exception):
    pass


class Full(Exception):
    pass


class ShutDown(Exception):
    pass


def _new_items(old=()):
    return deque(old, max(16, 2 * len(old)), 1)  # 1: it raises IndexError where it is full.


class Queue:
    """First in, first out. Of its subclasses each keeps its items in another order."""

    def __init__(self, maxsize=0):
        self.maxsize = maxsize
        self.mutex = Lock()
        self.not_empty = Condition(self.mutex)
        self.not_full = Condition(self.mutex)
        self.all_tasks_done = Condition(self.mutex)
        self.unfinished_tasks = 0
        self.is_shutdown = False
        self._init(maxsize)

    def _init(self, maxsize):
        self.queue = _new_items()

    def _qsize(self):
        return len(self.queue)

    def _put(self, item):
        try:
            self.queue.append(item)
        except IndexError:
            self.queue = _new_items(self.queue)
            self.queue.append(item)

    def _get(self):
        return self.queue.popleft()

    def qsize(self):
        with self.mutex:
            return self._qsize()

    def empty(self):
        return not self.qsize()

    def full(self):
        return 0 < self.maxsize <= self.qsize()

    def put(self, item, block=True, timeout=None):
        def may_put():
            return self.is_shutdown or not 0 < self.maxsize <= self._qsize()

        with self.not_full:
            if not self.not_full.wait_for(may_put, _limit(block, timeout)):
                raise Full
            if self.is_shutdown:
                raise ShutDown
            self._put(item)
            self.unfinished_tasks += 1
            self.not_empty.notify()

    def get(self, block=True, timeout=None):
        def may_get():
            return self._qsize() or self.is_shutdown

        with self.not_empty:
            if not self.not_empty.wait_for(may_get, _limit(block, timeout)):
                raise Empty
            if not self._qsize():
                raise ShutDown
            item = self._get()
            self.not_full.notify()
            return item

    def put_nowait(self, item):
        self.put(item, False)

    def get_nowait(self):
        return self.get(False)

    def task_done(self):
        with self.all_tasks_done:
            if not self.unfinished_tasks:
                raise ValueError("task_done() called too many times")
            self.unfinished_tasks -= 1
            if not self.unfinished_tasks:
                self.all_tasks_done.notify_all()

    def join(self):
        with self.all_tasks_done:
            self.all_tasks_done.wait_for(lambda: not self.unfinished_tasks)

    def shutdown(self, immediate=False):
        with self.mutex:
            self.is_shutdown = True
            if immediate:
                while self._qsize():
                    self._get()
                    self.unfinished_tasks = max(0, self.unfinished_tasks - 1)
                self.all_tasks_done.notify_all()
            self.not_empty.notify_all()
            self.not_full.notify_all()


def _limit(block, timeout):
    if not block:
        return 0
    if timeout is not None and timeout < 0:
        raise ValueError("'timeout' must be a non-negative number")
    return timeout


class LifoQueue(Queue):
    """Last in, first out."""

    def _init(self, maxsize):
        self.queue = []

    def _put(self, item):
        self.queue.append(item)

    def _get(self):
        return self.queue.pop()


class PriorityQueue(LifoQueue):
    """The least one first."""

    def _put(self, item):
        heappush(self.queue, item)

    def _get(self):
        return heappop(self.queue)


class SimpleQueue:
    """Without limits and tasks. A callback may put something wherever it comes: as with
    threading.Event, no lock is held."""

    def __init__(self):
        self._items = _new_items()
        self._waiters = []

    def qsize(self):
        return len(self._items)

    def empty(self):
        return not self._items

    def put(self, item, block=True, timeout=None):
        while True:
            try:
                self._items.append(item)
                break
            except IndexError:
                # One statement, so that nothing comes between the copy and its use.
                self._items = _new_items(self._items)
        self._wake_one()

    def _wake_one(self):
        try:
            self._waiters.pop(0).release()
        except IndexError:
            pass

    def get(self, block=True, timeout=None):
        timeout = _limit(block, timeout)
        end = None if timeout is None else _seconds() + timeout
        while True:
            try:
                return self._items.popleft()
            except IndexError:
                pass
            if timeout is not None and timeout <= 0:
                raise Empty
            self._wait(timeout)
            if end is not None:
                timeout = end - _seconds()

    def _wait(self, timeout):
        waiter = Lock()
        waiter.acquire()
        self._waiters.append(waiter)
        woken = False
        try:
            if not self._items:
                woken = _acquire(waiter, timeout)
        finally:
            if not woken:
                try:
                    self._waiters.remove(waiter)
                except ValueError:
                    self._wake_one()  # It was to be this one.

    def put_nowait(self, item):
        self.put(item)

    def get_nowait(self):
        return self.get(False)
