# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""What `run`, `exec` and `debug` do with a guest. Each gives the exit code of its task.

A program's own code is its exit code, as Python gives it: 0 at its end, 1 after an exception that
nobody caught, N after sys.exit(N), 130 after Ctrl-C. Beside these:

| code | meaning |
|---|---|
| 122 | the guest crashed; its report is on standard error, with function, file and line |
| 123 | the guest reset itself (a program that does it; at the prompt, one that does it for ever) |
| 124 | the guest did not end within the time limit, or did not answer |
| 125 | the VMM failed, or did not start |

A guest that powers itself off is well: 0.
"""

import shlex
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from tools import build, host, program, sources
from tools.attach import say
from tools.errors import UserError
from tools.guest import Guest, GuestCrashed, GuestEnded, GuestError, GuestTimeout
from tools.program import Program, Run
from tools.run_program import run_application, run_program
from tools.talk import talk
from tools.vmm import make_vmm
from tools.vmm.base import Ending, Vmm, VmmError, VmSpec
from tools.vmm.kernel_image import check_memory
from tools.vmm.qemu import Qemu, require_free_port

GUEST_CRASHED = 122
GUEST_RESET = 123
TIMED_OUT = 124
VMM_FAILED = 125

_BAD_SETTING = "the setting "
"""So begins what the guest's kernel says of its command line; nothing is wrong with the kernel."""
_GDB_PORT = 1234
ELF_SUFFIX = ".elf"


def run(
    app: Path | None,
    *,
    vmm: str | None,
    cpus: int,
    memory: str,
    cmdline: str,
    timeout: float | None,
) -> int:
    """Boot a guest; attach the terminal to its prompt, or run APP in it.

    APP is a program, or an ELF file that `flash` made.
    """
    if app is None:
        spec = VmSpec(Path(), cpus, memory, cmdline, allow_reboot=True)
        return _session(make_vmm(vmm), spec, timeout, talk)
    if app.suffix == ELF_SUFFIX and not app.is_dir():
        the_run = Run()
        spec = VmSpec(app, cpus, memory, f"{the_run.setting} {cmdline}")
        return _session(make_vmm(vmm), spec, timeout, lambda guest: run_application(guest, the_run))
    loaded = program.load(app)
    return _session(make_vmm(vmm), VmSpec(Path(), cpus, memory, cmdline), timeout, _runner(loaded))


def execute(
    code: str, *, vmm: str | None, cpus: int, memory: str, cmdline: str, timeout: float | None
) -> int:
    """Run a piece of Python in a fresh guest."""
    spec = VmSpec(Path(), cpus, memory, cmdline)
    return _session(make_vmm(vmm), spec, timeout, _runner(Program("<string>", code)))


def debug(*, vmm: str | None, cpus: int, memory: str, cmdline: str, timeout: float | None) -> int:
    """Boot a guest that waits for gdb before its first instruction; attach the terminal."""
    if vmm not in (None, Qemu.name):
        raise UserError(f"The {vmm} back end has no server for gdb.", "Use --vmm qemu.")
    host.require("debug")
    require_free_port(_GDB_PORT)
    say(f"In another terminal: {gdb_command(build.build().debug)}")
    spec = VmSpec(Path(), cpus, memory, cmdline, gdb_port=_GDB_PORT)
    return _session(Qemu(), spec, timeout, talk)


def gdb_command(symbols: Path) -> str:
    """The line that connects gdb with a guest that waits for it, and shows it all sources.

    The build names them relatively: to the repository, and to `micropython` and `mbedtls`.
    """
    commands = [
        f"set substitute-path micropython {sources.micropython().path}",
        f"set substitute-path mbedtls {sources.mbedtls()}",
        f"target remote :{_GDB_PORT}",
        # In hardware: the code is not in memory yet.
        "hbreak boot_main",
        "continue",
    ]
    words = ["gdb", "-d", str(build.ROOT), str(symbols)]
    return shlex.join(words + [word for each in commands for word in ("-ex", each)])


_Work = Callable[[Guest], int]


def _session(vmm: Vmm, spec: VmSpec, timeout: float | None, work: _Work) -> int:
    """Boot a guest, do the work with it, and turn whatever happens into an exit code."""
    check_memory(spec.memory_bytes)  # A mistake in the command line need not wait for a build.
    if not spec.kernel.name:
        spec = replace(spec, kernel=build.build().elf)
    guest = Guest(vmm, spec)
    try:
        with guest:
            guest.limit(timeout)
            return work(guest)
    except GuestCrashed as error:
        if error.reason.startswith(_BAD_SETTING):
            raise UserError(f"--cmdline: {error.reason}.") from None
        say(error.report)
        return GUEST_CRASHED
    except GuestError as error:
        came_up = guest.came_up
        ending = error.ending if isinstance(error, GuestEnded) else None
        if came_up and ending is Ending.POWERED_OFF:
            return 0
        # Once the guest is up the user has seen what it says.
        say(error.message if came_up else str(error))
        if isinstance(error, GuestTimeout):
            return TIMED_OUT
        return GUEST_RESET if ending is Ending.RESET else VMM_FAILED
    except VmmError as error:
        say(str(error))
        return VMM_FAILED


def _runner(loaded: Program) -> _Work:
    return lambda guest: run_program(guest, loaded)
