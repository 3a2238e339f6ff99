# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Threads: CPython's threading, on top of _thread.

Nothing here polls: who waits does so for a lock, with a deadline.
"""

import _thread
import sys
from _thread import TIMEOUT_MAX, LockType, RLock, get_ident, stack_size  # noqa: F401
from collections import namedtuple
from time import ticks_us

Lock = LockType
ThreadError = RuntimeError
get_native_id = get_ident


def _seconds():
    return ticks_us() / 1_000_000


def _acquire(lock, timeout):
    return lock.acquire(True, -1 if timeout is None else max(timeout, 0))


class Condition:
    """Threads that hold its lock wait for others, which hold it then, to notify them."""

    def __init__(self, lock=None):
        self._lock = RLock() if lock is None else lock
        self._waiters = []  # A locked lock each.

    def acquire(self, blocking=True, timeout=-1):
        return self._lock.acquire(blocking, timeout)

    def release(self):
        self._lock.release()

    def locked(self):
        return self._lock.locked()

    def __enter__(self):
        return self._lock.__enter__()

    def __exit__(self, *exc):
        return self._lock.__exit__(*exc)

    def _require_lock(self, what):
        lock = self._lock
        if not (lock._is_owned() if isinstance(lock, RLock) else lock.locked()):
            raise RuntimeError(f"cannot {what} on un-acquired lock")

    def wait(self, timeout=None):
        self._require_lock("wait")
        lock = self._lock
        waiter = Lock()
        waiter.acquire()
        self._waiters.append(waiter)
        notified = False
        depth = 0
        try:
            lock.release()
            depth = 1
            while isinstance(lock, RLock) and lock._is_owned():
                lock.release()
                depth += 1
            notified = _acquire(waiter, timeout)
            return notified
        finally:
            while depth:
                lock.acquire()
                depth -= 1
            if not notified:
                if waiter in self._waiters:
                    self._waiters.remove(waiter)
                else:
                    self.notify()  # It came too late for this one.

    def wait_for(self, predicate, timeout=None):
        if timeout is not None:
            end = _seconds() + timeout
        while not (result := predicate()):
            if timeout is not None:
                timeout = end - _seconds()
                if timeout <= 0:
                    break
            self.wait(timeout)
        return result

    def notify(self, n=1):
        self._require_lock("notify")
        for _ in range(min(n, len(self._waiters))):
            self._waiters.pop(0).release()

    def notify_all(self):
        self.notify(len(self._waiters))


class Event:
    """A flag to wait for.

    It is made without a lock that protects it, so that a callback may set it wherever it comes:
    a single operation on a list cannot be interrupted.
    """

    def __init__(self):
        self._flag = False
        self._waiters = []

    def is_set(self):
        return self._flag

    def set(self):
        self._flag = True
        try:
            while True:
                self._waiters.pop().release()
        except IndexError:
            pass

    def clear(self):
        self._flag = False

    def wait(self, timeout=None):
        waiter = Lock()
        waiter.acquire()
        self._waiters.append(waiter)
        try:
            return self._flag or _acquire(waiter, timeout)
        finally:
            try:
                self._waiters.remove(waiter)
            except ValueError:
                pass


class Semaphore:
    """A number that acquire() lowers and release() raises; below zero it never falls."""

    def __init__(self, value=1):
        if value < 0:
            raise ValueError("semaphore initial value must be >= 0")
        self._value = value
        self._condition = Condition(Lock())

    def acquire(self, blocking=True, timeout=None):
        if not blocking:
            if timeout is not None:
                raise ValueError("can't specify timeout for non-blocking acquire")
            timeout = 0
        with self._condition:
            if not self._condition.wait_for(lambda: self._value, timeout):
                return False
            self._value -= 1
            return True

    def release(self, n=1):
        if n < 1:
            raise ValueError("n must be one or more")
        with self._condition:
            self._check(self._value + n)
            self._value += n
            self._condition.notify(n)

    def _check(self, value):
        pass

    def __enter__(self):
        return self.acquire()

    def __exit__(self, *exc):
        self.release()


class BoundedSemaphore(Semaphore):
    """One that is never above its first value."""

    def __init__(self, value=1):
        super().__init__(value)
        self._bound = value

    def _check(self, value):
        if value > self._bound:
            raise ValueError("Semaphore released too many times")


class BrokenBarrierError(RuntimeError):
    pass


class _Round:
    """Those who wait at a barrier for the last of them."""

    def __init__(self):
        self.count = 0
        self.over = False
        self.broken = False


class Barrier:
    """Lets threads pass when so many have come."""

    def __init__(self, parties, action=None, timeout=None):
        if parties < 1:
            raise ValueError("parties must be >= 1")
        self.parties = parties
        self._action = action
        self._timeout = timeout
        self._condition = Condition(Lock())
        self._round = _Round()

    @property
    def n_waiting(self):
        return self._round.count

    @property
    def broken(self):
        return self._round.broken

    def wait(self, timeout=None):
        if timeout is None:
            timeout = self._timeout
        with self._condition:
            here = self._round
            if here.broken:
                raise BrokenBarrierError
            index = here.count
            here.count += 1
            try:
                if here.count == self.parties:
                    self._pass(here)
                elif not self._condition.wait_for(lambda: here.over, timeout):
                    self._break(here)
            finally:
                here.count -= 1
            if here.broken:
                raise BrokenBarrierError
            return index

    def _pass(self, here):
        try:
            if self._action:
                self._action()
        except BaseException:
            self._break(here)
            raise
        self._round = _Round()
        here.over = True
        self._condition.notify_all()

    def _break(self, here):
        here.over = here.broken = True
        self._condition.notify_all()

    def reset(self):
        with self._condition:
            here = self._round
            self._round = _Round()
            if here.count:
                self._break(here)

    def abort(self):
        with self._condition:
            self._break(self._round)


# Threads.

ExceptHookArgs = namedtuple("ExceptHookArgs", ("exc_type", "exc_value", "exc_traceback", "thread"))


def excepthook(args):
    """Tells of an exception that a thread did not catch. A program may put its own here."""
    if args.exc_type is not SystemExit:
        name = get_ident() if args.thread is None else args.thread.name
        print(f"Exception in thread {name}:", file=sys.stderr)
        sys.print_exception(args.exc_value, sys.stderr)


__excepthook__ = excepthook

_active = {}  # Thread by ident.
_active_lock = RLock()  # From a thread's begin until it is in there. A callback may start one, too.
_count = 0


def _new_name(form):
    global _count
    _count += 1
    return form.format(_count)


class Thread:
    def __init__(self, group=None, target=None, name=None, args=(), kwargs=None, *, daemon=None):
        if group is not None:
            raise ValueError("group argument must be None for now")
        if name is None:
            name = _new_name("Thread-{}")
            if target is not None:
                name += f" ({getattr(target, '__name__', target)})"
        self.name = str(name)
        self._target = target
        self._args = args
        self._kwargs = kwargs or {}
        self._daemon = current_thread().daemon if daemon is None else daemon
        self._ident = None
        self._ended = Event()

    @property
    def ident(self):
        return self._ident

    native_id = ident

    @property
    def daemon(self):
        return self._daemon

    @daemon.setter
    def daemon(self, daemon):
        if self._ident is not None:
            raise RuntimeError("cannot set daemon status of active thread")
        self._daemon = bool(daemon)

    def __repr__(self):
        state = "started" if self.is_alive() else "initial" if self._ident is None else "stopped"
        daemon = " daemon" if self._daemon else ""
        return f"<{type(self).__name__}({self.name}, {state}{daemon} {self._ident})>"

    def start(self):
        with _active_lock:
            if self._ident is not None:
                raise RuntimeError("threads can only be started once")
            self._ident = _thread.start_new_thread(self._bootstrap, ())
            _active[self._ident] = self

    def run(self):
        try:
            if self._target is not None:
                self._target(*self._args, **self._kwargs)
        finally:
            # What was given to it may be large.
            del self._target, self._args, self._kwargs

    def _bootstrap(self):
        with _active_lock:
            pass  # Now it is in _active.
        try:
            self.run()
        except BaseException as e:
            excepthook(ExceptHookArgs(type(e), e, None, self))
        finally:
            del _active[self._ident]
            self._ended.set()

    def is_alive(self):
        return self._ident is not None and not self._ended.is_set()

    def join(self, timeout=None):
        if self._ident is None:
            raise RuntimeError("cannot join thread before it is started")
        if self is current_thread():
            raise RuntimeError("cannot join current thread")
        self._ended.wait(timeout)


class Timer(Thread):
    """Calls a function some seconds after its start, unless it is cancelled before."""

    def __init__(self, interval, function, args=None, kwargs=None):
        super().__init__()
        self.interval = interval
        self.function = function
        self.args = args or ()
        self.kwargs = kwargs or {}
        self.finished = Event()

    def cancel(self):
        self.finished.set()

    def run(self):
        if not self.finished.wait(self.interval):
            self.function(*self.args, **self.kwargs)
        self.finished.set()


class _RunningThread(Thread):
    """One that runs already when it is made."""

    def __init__(self, ident, name, daemon):
        super().__init__(name=name, daemon=daemon)
        self._ident = ident
        _active[ident] = self


class _MainThread(_RunningThread):
    pass


class _DummyThread(_RunningThread):
    """One that _thread has started."""

    def join(self, timeout=None):
        raise RuntimeError("cannot join a dummy thread")


_main_thread = _MainThread(_thread._get_main_thread_ident(), "MainThread", False)


def main_thread():
    return _main_thread


def current_thread():
    ident = get_ident()
    thread = _active.get(ident)
    return _DummyThread(ident, _new_name("Dummy-{}"), True) if thread is None else thread


def enumerate():
    return list(_active.values())


def active_count():
    return len(_active)


class local:
    """An object whose attributes each thread has for itself."""

    def __new__(cls, *args, **kwargs):
        self = object.__new__(cls)
        object.__setattr__(self, "_values", {})  # A dict for each thread.
        object.__setattr__(self, "_arguments", (args, kwargs))
        self._values[current_thread()] = {}
        return self

    def __init__(self):
        pass

    def _here(self):
        thread = current_thread()
        values = self._values.get(thread)
        if values is None:
            for other in list(self._values):
                if not other.is_alive():
                    self._values.pop(other, None)
            values = self._values[thread] = {}
            args, kwargs = self._arguments
            self.__init__(*args, **kwargs)
        return values

    def __getattr__(self, name):
        values = self._here()
        if name not in values:
            raise AttributeError(name)
        return values[name]

    def __setattr__(self, name, value):
        self._here()[name] = value

    def __delattr__(self, name):
        values = self._here()
        if name not in values:
            raise AttributeError(name)
        del values[name]


# The program's end.

_at_shutdown = []


def _register_atexit(function):
    _at_shutdown.append(function)


def _shutdown():
    """Waits for all threads but daemons. The port calls it before what sys.atexit() was given."""
    _main_thread._ended.set()
    while _at_shutdown:
        _at_shutdown.pop()()
    while others := [t for t in enumerate() if not t.daemon and t is not _main_thread]:
        others[0].join()
