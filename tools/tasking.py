# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""What `tasks.py` needs of invoke beyond invoke itself.

- `task`: an invoke task whose errors are one line and an exit code (tools/errors.py).
- `number`: an option's value as a checked integer.
- `repair_parser`: a positional argument that may be absent, as in `run [APP]`, and one that takes
  all words to the end, as in `disk put IMAGE FILE…`.
"""

import contextlib
import functools
import inspect
import os
import shlex
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from invoke.exceptions import Exit
from invoke.parser.argument import Argument
from invoke.parser.parser import ParseMachine
from invoke.tasks import Task
from invoke.tasks import task as invoke_task

from . import standard_streams
from .errors import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_USER_ERROR, UserError
from .orderly import orderly_signals


class _Task(Task[Any]):
    """A task whose positional arguments may have defaults; `()` takes any number of words."""

    def get_arguments(self, ignore_unknown_help: bool | None = None) -> list[Argument]:
        arguments = super().get_arguments(ignore_unknown_help)
        parameters = inspect.signature(self.body).parameters
        for argument in arguments:
            if argument.positional:
                default = parameters[argument.attr_name or str(argument.name)].default
                if default is not inspect.Parameter.empty:
                    # To the parser a positional argument with a default has its value already,
                    # and takes no other. So the default is hidden until the line's end.
                    argument.default = None
                    argument.if_absent = default  # type: ignore[attr-defined]
                if isinstance(default, tuple):
                    argument.kind = _one_word
        return arguments


def _one_word(text: str) -> tuple[str, ...]:
    return (text,)


def task(name: str, **options: Any) -> Callable[[Callable[..., int | None]], Callable[..., None]]:
    """Make a function an invoke task. An int that it returns is the exit code."""

    def decorate(function: Callable[..., int | None]) -> Callable[..., None]:
        @functools.wraps(function)
        def guarded(*arguments: Any, **named: Any) -> None:
            code = _run(name, functools.partial(function, *arguments, **named))
            if code:
                raise Exit(code=code)

        made: Callable[..., None] = invoke_task(
            name=name, klass=_Task, auto_shortflags=False, **options
        )(guarded)
        return made

    return decorate


def _run(name: str, function: Callable[[], int | None]) -> int | None:
    """Run a task's function; turn what it raises into a line and an exit code."""
    standard_streams.repair()
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with orderly_signals():
            code = function()
        sys.stdout.flush()
        return code
    except UserError as error:
        raise Exit(f"{name}: {error}", error.exit_code) from None
    except KeyboardInterrupt:
        raise Exit("Stopped.", EXIT_INTERRUPTED) from None
    except BrokenPipeError:
        # Nobody reads on, as in `| head`: the end that SIGPIPE would have made.
        standard_streams.abandon(1)
        raise Exit(code=128 + signal.SIGPIPE) from None
    except OSError as error:
        if os.environ.get("INVOKE_DEBUG"):
            raise
        with contextlib.suppress(OSError):
            sys.stdout.flush()
        standard_streams.abandon(1)
        where = f"{error.filename}: " if error.filename is not None else ""
        raise Exit(f"{name}: {where}{error.strerror or error}", EXIT_FAILED) from None


def repair_parser() -> None:
    """Teach invoke's parser four things; its version is pinned.

    A positional argument with a default may be absent. One whose default is a tuple takes all words
    that are left, also those that are the names of tasks. A word that begins with `-` is none of
    them: upstream takes `run --cpu 2` (a mistyped option) for an APP named --cpu, and `exec --help`
    for code. A word that it does not understand ends with our exit code and the way to the help.
    """
    if "--complete" in sys.argv:
        return  # Half a line, which only upstream's own errors let it complete.
    handle, complete_context = ParseMachine.handle, ParseMachine.complete_context

    def handle_token(self: ParseMachine, token: str) -> None:
        context = self.context
        if context is None or self.waiting_for_flag_value:
            handle(self, token)
            return
        if not token.startswith("-"):
            for argument in context.missing_positional_args[:1]:
                before = getattr(argument, "if_absent", None)
                if isinstance(before, tuple):
                    argument.if_absent = (*before, token)  # type: ignore[attr-defined]
                    return
            handle(self, token)
            return
        wanted = [each for each in context.missing_positional_args if not _may_be_absent(each)]
        positional, context.positional_args = context.positional_args, []
        try:
            handle(self, token)
        except Exit as refusal:
            if not wanted:
                raise
            head, see, help_line = str(refusal.message).rpartition(" See ")
            name = wanted[0].name
            more = f"As {name} it is --{name}={shlex.quote(token)}."
            raise Exit(f"{head} {more}{see}{help_line}", refusal.code) from None
        finally:
            context.positional_args = positional

    def complete(self: ParseMachine) -> None:
        help_wanted = self.initial is not None and self.initial.flags["--help"].value
        if self.context is not None:
            for argument in self.context.missing_positional_args:
                if help_wanted or _may_be_absent(argument):
                    argument.set_value(getattr(argument, "if_absent", ""), cast=False)
        complete_context(self)

    def error(self: ParseMachine, msg: str) -> None:
        name = self.context.name if self.context is not None else None
        program = "mpch" if Path(sys.argv[0]).name == "mpch" else "./inv"
        more = f"{program} {name} --help" if name else f"{program} --list"
        raise Exit(f"{msg} See {more}", EXIT_USER_ERROR)

    ParseMachine.error = error  # type: ignore[method-assign]
    ParseMachine.handle = handle_token  # type: ignore[method-assign]
    ParseMachine.complete_context = complete  # type: ignore[method-assign]


def _may_be_absent(argument: Argument) -> bool:
    return hasattr(argument, "if_absent")


def number(option: str, text: str, least: int, most: int) -> int:
    """An option's value as an integer (decimal or 0x…) in `least`..`most`, or UserError."""
    try:
        value = int(text, 0)
    except ValueError:
        value = least - 1
    if not least <= value <= most:
        raise UserError(f"--{option} {text!r} is not right.", f"Give {least} to {most}.")
    return value
