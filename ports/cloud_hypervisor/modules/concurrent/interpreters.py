# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Interpreters that run at the same time: CPython's concurrent.interpreters (PEP 734)."""

import queue
from threading import Thread

import _interpreters
from _interpreters import (  # noqa: F401
    InterpreterError,
    InterpreterNotFoundError,
    NotShareableError,
    is_shareable,
    shared_memory,
)


class ExecutionFailed(InterpreterError):
    """What was run in the other interpreter has raised an exception that nobody caught."""

    def __init__(self, excinfo):
        self.excinfo = excinfo
        # What prints an exception that nobody catches shows this, and asks for no __str__().
        super().__init__(
            f"{excinfo.formatted}\n\nUncaught in the interpreter:\n\n{excinfo.errdisplay}"
        )


class QueueNotFoundError(Exception):
    pass


class QueueEmpty(queue.Empty):
    pass


class QueueFull(queue.Full):
    pass


class _Namespace:
    def __init__(self, **attributes):
        for name, value in attributes.items():
            setattr(self, name, value)

    def __repr__(self):
        items = ", ".join(f"{name}={value!r}" for name, value in sorted(self.__dict__.items()))
        return f"namespace({items})"


def _find(find, id, error):
    if not isinstance(id, int):
        raise TypeError("id must be an int")
    if id < 0:
        raise ValueError("id must not be negative")
    found = find(id)
    if found is None or found.id() != id:
        raise error(f"unrecognized ID {id}")
    return found


def _all(find):
    found = find(0)
    while found:
        yield found
        found = find(found.id() + 1)


class _ById:
    """What another interpreter makes again of its id."""

    @property
    def id(self):
        return self._it.id()

    def __repr__(self):
        return f"{type(self).__name__}({self.id})"

    def __eq__(self, other):
        return type(self) is type(other) and self.id == other.id

    def __hash__(self):
        return self.id


class Interpreter(_ById):
    def __init__(self, id):
        if not isinstance(id, _interpreters.Interpreter):
            id = _find(_interpreters.find, id, InterpreterNotFoundError)
        self._it = id

    def __reduce__(self):
        return Interpreter, (self.id,)

    @property
    def whence(self):
        return "_interpreters module" if self.id else "runtime init"

    def is_running(self):
        return self._it.is_running()

    def close(self):
        self._it.close()

    # The compiler knows no "/": these take by position what may also be the name of an argument.

    def prepare_main(*args, **kwargs):
        self, *ns = args
        names = {} if ns == [None] else dict(*ns)
        names.update(kwargs)
        if not names:
            raise ValueError("no names are given")
        for name in names:
            if not isinstance(name, str):
                raise TypeError("names must be strings")
        self._ask(_interpreters.SET, names)

    def exec(self, code, dedent=True):
        if not isinstance(code, str):
            raise TypeError("code must be a string")
        self._ask(_interpreters.EXEC, _dedent(code) if dedent else code)

    def call(*args, **kwargs):
        self, callable, *rest = args
        return self._ask(_interpreters.CALL, callable, tuple(rest), kwargs)

    def call_in_thread(*args, **kwargs):
        self, callable, *rest = args
        request = (_interpreters.CALL, callable, tuple(rest), kwargs)
        thread = Thread(target=self._ask, args=request)
        thread.start()
        return thread

    def _ask(self, *request):
        status, *rest = self._it.call(request)
        if status == _interpreters.DONE:
            return rest[0]
        if status == _interpreters.FAILED:
            raise _failure(*rest)
        raise NotShareableError(rest[0])


def _failure(name, module, msg, traceback, exception):
    type = _Namespace(__name__=name, __qualname__=name, __module__=module)
    formatted = name if module in ("builtins", "__main__") else f"{module}.{name}"
    if msg:
        formatted += f": {msg}"
    failure = ExecutionFailed(
        _Namespace(type=type, msg=msg, formatted=formatted, errdisplay=traceback.rstrip())
    )
    failure._exception = exception
    return failure


def _dedent(text):
    """As textwrap.dedent()."""
    lines = text.split("\n")
    indents = [line[: len(line) - len(line.lstrip())] for line in lines if line.strip()]
    common = indents[0] if indents else ""
    for indent in indents:
        while not indent.startswith(common):
            common = common[:-1]
    return "\n".join(line[len(common) :] if line.strip() else "" for line in lines)


def create():
    return Interpreter(_interpreters.create())


def list_all():
    return [Interpreter(it) for it in _all(_interpreters.find)]


def get_current():
    return Interpreter(_interpreters.get_current())


def get_main():
    return Interpreter(0)


class Queue(_ById):
    def __init__(self, id):
        if not isinstance(id, _interpreters.Queue):
            id = _find(_interpreters.find_queue, id, QueueNotFoundError)
        self._it = id

    def __reduce__(self):
        return Queue, (self._it,)

    @property
    def maxsize(self):
        return self._it.limit()

    def qsize(self):
        return len(self._it)

    def empty(self):
        return not len(self._it)

    def full(self):
        return 0 < self.maxsize <= len(self._it)

    def put(self, obj, block=True, timeout=None):
        if not self._it.put(obj, timeout if block else 0):
            raise QueueFull

    def put_nowait(self, obj):
        self.put(obj, False)

    def get(self, block=True, timeout=None):
        item = self._it.get(timeout if block else 0)
        if item is None:
            raise QueueEmpty
        return item[0]

    def get_nowait(self):
        return self.get(False)


def create_queue(maxsize=0):
    return Queue(_interpreters.Queue(maxsize))
