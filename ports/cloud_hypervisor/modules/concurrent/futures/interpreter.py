# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""InterpreterPoolExecutor."""

import os
from concurrent import interpreters

from .thread import BrokenThreadPool, ThreadPoolExecutor, WorkerContext


class BrokenInterpreterPool(BrokenThreadPool):
    pass


class _Context(WorkerContext):
    """An interpreter of the worker's own."""

    def __init__(self, initializer, initargs):
        super().__init__(initializer, initargs)
        self._interpreter = interpreters.create()

    def initialize(self):
        try:
            if self._initializer is not None:
                self._call(self._initializer, self._initargs, {})
        except BaseException:
            self.finalize()
            raise

    def run(self, task):
        try:
            self._interpreter.is_running()
        except interpreters.InterpreterNotFoundError:
            # The task before has ended that one, by a crash for example.
            self._interpreter = interpreters.create()
            self.initialize()
        return self._call(*task)

    def _call(self, fn, args, kwargs):
        try:
            return self._interpreter.call(fn, *args, **kwargs)
        except interpreters.ExecutionFailed as failure:
            exception = failure if failure._exception is None else failure._exception
        raise exception

    def finalize(self):
        try:
            self._interpreter.close()
        except interpreters.InterpreterError:
            pass  # It has ended, or who else uses it is to close it.


class InterpreterPoolExecutor(ThreadPoolExecutor):
    """A pool whose workers run at the same time, each in its own interpreter."""

    BROKEN = BrokenInterpreterPool

    def __init__(self, max_workers=None, thread_name_prefix="", initializer=None, initargs=()):
        if max_workers is None:
            max_workers = os.process_cpu_count()
        super().__init__(max_workers, thread_name_prefix, initializer, initargs)

    def _create_context(self):
        return _Context(self._initializer, self._initargs)

    def _add_thread(self):
        try:
            super()._add_thread()
        except interpreters.InterpreterError:
            if not self._threads:
                raise  # Otherwise memory is for fewer.
