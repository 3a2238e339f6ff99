# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""ThreadPoolExecutor."""

import os
from queue import Empty, SimpleQueue
from threading import RLock, Thread, _register_atexit

from ._base import BrokenExecutor, Executor, Future, _report


class BrokenThreadPool(BrokenExecutor):
    pass


class WorkerContext:
    """What one worker runs its tasks in; other executors have others. All but its making is done
    by the worker's thread."""

    def __init__(self, initializer, initargs):
        self._initializer = initializer
        self._initargs = initargs

    def initialize(self):
        """Raises: the pool is broken."""
        if self._initializer is not None:
            self._initializer(*self._initargs)

    def run(self, task):
        """Gives the future's result, or raises its exception."""
        fn, args, kwargs = task
        return fn(*args, **kwargs)

    def finalize(self):
        """Called after initialize(), when the worker ends."""


class ThreadPoolExecutor(Executor):
    BROKEN = BrokenThreadPool

    _count = 0

    def __init__(self, max_workers=None, thread_name_prefix="", initializer=None, initargs=()):
        if max_workers is None:
            max_workers = min(32, os.process_cpu_count() + 4)
        if max_workers <= 0:
            raise ValueError("max_workers must be greater than 0")
        if initializer is not None and not callable(initializer):
            raise TypeError("initializer must be a callable")
        if not thread_name_prefix:
            thread_name_prefix = f"{type(self).__name__}-{ThreadPoolExecutor._count}"
            ThreadPoolExecutor._count += 1
        self._max_workers = max_workers
        self._name = thread_name_prefix
        self._initializer = initializer
        self._initargs = initargs
        self._lock = RLock()
        self._tasks = SimpleQueue()  # Future and task; None: one worker is to end.
        self._unfinished = 0  # How many tasks are in the queue or run.
        self._threads = []
        self._broken = False
        self._is_shutdown = False

    def _create_context(self):
        """A new worker's. A subclass has its own kind."""
        return WorkerContext(self._initializer, self._initargs)

    def _resolve_task(self, fn, args, kwargs):
        """What the context's run() is to be given. It may raise: then submit() does."""
        return fn, args, kwargs

    def submit(self, fn, *args, **kwargs):
        with self._lock:
            if self._broken:
                raise self._new_error()
            if _exiting:
                raise RuntimeError("cannot schedule new futures after interpreter shutdown")
            if self._is_shutdown:
                raise RuntimeError("cannot schedule new futures after shutdown")
            task = self._resolve_task(fn, args, kwargs)
            future = Future()
            if len(self._threads) <= self._unfinished and len(self._threads) < self._max_workers:
                self._add_thread()
            self._unfinished += 1
            self._tasks.put((future, task))
            return future

    def _new_error(self):
        return self.BROKEN("an initializer failed, the pool is not usable anymore")

    def _add_thread(self):
        name = f"{self._name}_{len(self._threads)}"
        thread = Thread(None, self._work, name, (self._create_context(),))
        _pools.add(self)
        try:
            thread.start()
        except OSError:
            if not self._threads:
                raise
        else:
            self._threads.append(thread)

    def _work(self, context):
        try:
            context.initialize()
        except BaseException as e:
            _report("Exception in initializer:", e)
            self._break()
            return
        try:
            while True:
                item = self._tasks.get()
                if item is None:
                    break
                self._run(context, *item)
                item = None  # Nothing of it is kept while this one waits.
        finally:
            self._tasks.put(None)  # For the next one.
            context.finalize()

    def _run(self, context, future, task):
        runs = future.set_running_or_notify_cancel()
        result = exception = None
        if runs:
            try:
                result = context.run(task)
            except BaseException as e:
                exception = e
        with self._lock:
            self._unfinished -= 1  # First: who has the result and submits more finds a worker.
        if exception is not None:
            future.set_exception(exception)
        elif runs:
            future.set_result(result)

    def _break(self):
        with self._lock:
            self._broken = True
            for future in self._take_all():
                if future.set_running_or_notify_cancel():
                    future.set_exception(self._new_error())

    # The futures that nobody has begun with.
    def _take_all(self):
        futures = []
        try:
            while True:
                item = self._tasks.get_nowait()
                if item is not None:
                    futures.append(item[0])
        except Empty:
            self._unfinished -= len(futures)
            return futures

    def shutdown(self, wait=True, *, cancel_futures=False):
        with self._lock:
            self._is_shutdown = True
            if cancel_futures:
                for future in self._take_all():
                    future.cancel()
            self._tasks.put(None)
        if wait:
            for thread in self._threads:
                thread.join()
            _pools.discard(self)


_pools = set()  # Those that have threads.
_exiting = False


def _end_all():
    global _exiting
    _exiting = True
    for pool in list(_pools):
        pool.shutdown()


_register_atexit(_end_all)
