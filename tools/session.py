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
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from . import build, host, sources
from .app_files import collect
from .application import Application, compile_app, compile_text
from .attach import say
from .errors import UserError
from .guest import Guest, GuestCrashed, GuestEnded, GuestError, GuestTimeout
from .paths import PACKAGE, ROOT
from .program import Run
from .romfs import IMAGE_SUFFIX
from .run_application import run_application
from .share.option import Share
from .talk import talk
from .timings import timings
from .vmm import cloud_hypervisor_cli as cli
from .vmm import make_vmm
from .vmm.base import Ending, Vmm, VmmError, VmSpec
from .vmm.disk import Disk
from .vmm.gdb_port import require_free_port
from .vmm.kernel_image import LEAST_MEMORY, check_memory
from .vmm.nic import Nic
from .vmm.qemu import Qemu

GUEST_CRASHED = 122
GUEST_RESET = 123
TIMED_OUT = 124
VMM_FAILED = 125

_BAD_SETTING = "the setting "
"""So begins what the guest's kernel says of the command line, or of the application's settings;
nothing is wrong with the kernel."""
_GDB_PORT = 1234
GDB_SCRIPT = PACKAGE / "gdb" / "micropython.py"
ELF_SUFFIX = ".elf"


def run(
    app: Path | None,
    *,
    vmm: str | None,
    cpus: int,
    memory: str,
    cmdline: str,
    timeout: float | None,
    disks: Sequence[Disk] = (),
    nics: Sequence[Nic] = (),
    shares: Sequence[Share] = (),
    raw: bool = False,
    wheels: Path | None = None,
) -> int:
    """Boot a guest; attach the terminal to its prompt, or run APP in it.

    APP is a program, or a file that `flash` made. `raw`: a terminal is put into raw mode; `wheels`:
    as app_files.collect takes it.
    """
    spec = VmSpec(Path(), cpus, memory, cmdline, disks=disks, nics=nics)
    return _with_shares(spec, shares, lambda spec: _run(app, vmm, spec, timeout, raw, wheels))


def _run(
    app: Path | None,
    vmm: str | None,
    spec: VmSpec,
    timeout: float | None,
    raw: bool,
    wheels: Path | None,
) -> int:
    if app is None:
        return _session(make_vmm(vmm), replace(spec, allow_reboot=True), timeout, talk)
    if app.suffix == ELF_SUFFIX and not app.is_dir():
        return _run_application(vmm, replace(spec, kernel=app), timeout, raw)
    if app.suffix == IMAGE_SUFFIX and app.is_file():
        return _run_application(vmm, replace(spec, initramfs=app), timeout, raw)
    check_memory(spec.memory_bytes)  # A mistake in the command line need not wait for a build.
    with timings.step("compile the application"):
        compiler = build.mpy_cross(sources.micropython())
        files = collect(app, wheels)
        loaded = compile_app(files, compiler, files.main)
    return _run_loaded(loaded, vmm, spec, timeout, raw)


def execute(
    code: str,
    *,
    vmm: str | None,
    cpus: int,
    memory: str,
    cmdline: str,
    timeout: float | None,
    disks: Sequence[Disk] = (),
    nics: Sequence[Nic] = (),
    shares: Sequence[Share] = (),
    raw: bool = False,
) -> int:
    """Run a piece of Python in a fresh guest."""
    spec = VmSpec(Path(), cpus, memory, cmdline, disks=disks, nics=nics)
    check_memory(spec.memory_bytes)
    with timings.step("compile the code"):
        loaded = compile_text("<string>", code, build.mpy_cross(sources.micropython()))
    return _with_shares(spec, shares, lambda spec: _run_loaded(loaded, vmm, spec, timeout, raw))


def _run_loaded(
    loaded: Application, vmm: str | None, spec: VmSpec, timeout: float | None, raw: bool
) -> int:
    """Run an application that comes as --initramfs beside the firmware."""
    loaded.check_size(spec.memory_bytes - LEAST_MEMORY)
    with tempfile.TemporaryDirectory(prefix="run-") as scratch:
        image = Path(scratch) / "app.romfs"
        image.write_bytes(loaded.romfs())
        return _run_application(vmm, replace(spec, initramfs=image), timeout, raw)


def _run_application(vmm: str | None, spec: VmSpec, timeout: float | None, raw: bool) -> int:
    the_run = Run()
    spec = replace(spec, cmdline=f"{the_run.settings} {spec.cmdline}")
    work = partial(run_application, the_run=the_run, raw=raw)
    return _session(make_vmm(vmm), spec, timeout, work)


def _with_shares(spec: VmSpec, shares: Sequence[Share], work: Callable[[VmSpec], int]) -> int:
    if not shares:
        return work(spec)
    from .share.session import with_shares  # What makes filesystems takes a while to load.

    return with_shares(spec, shares, work)


def debug(
    *,
    vmm: str | None,
    cpus: int,
    memory: str,
    cmdline: str,
    timeout: float | None,
    disks: Sequence[Disk] = (),
    nics: Sequence[Nic] = (),
) -> int:
    """Boot a guest that waits for gdb before its first instruction; attach the terminal."""
    # Not every Cloud Hypervisor has a server for gdb: which one is used has to be asked for.
    chosen = make_vmm(vmm or Qemu.name)
    if chosen.name != Qemu.name:
        cli.require_gdb(cli.require())
    host.require("debug")
    require_free_port(_GDB_PORT)
    say(f"In another terminal: {gdb_command(build.build().debug)}")
    spec = VmSpec(Path(), cpus, memory, cmdline, disks=disks, nics=nics, gdb_port=_GDB_PORT)
    return _session(chosen, spec, timeout, talk)


def gdb_command(symbols: Path) -> str:
    """The line that connects gdb with a guest that waits for it, shows it all sources, and gives it
    py-bt and py-locals.

    The build names them relatively: to the repository, and to `micropython`, `mbedtls` and `lwip`.
    """
    commands = [
        f"set substitute-path micropython {sources.micropython().path}",
        f"set substitute-path mbedtls {sources.mbedtls()}",
        f"set substitute-path lwip {sources.lwip()}",
        f"target remote :{_GDB_PORT}",
        # In hardware: the code is not in memory yet.
        "hbreak boot_main",
        "continue",
    ]
    words = ["gdb", "-d", str(ROOT), "-x", str(GDB_SCRIPT), str(symbols)]
    return shlex.join(words + [word for each in commands for word in ("-ex", each)])


_Work = Callable[[Guest], int]


def _session(vmm: Vmm, spec: VmSpec, timeout: float | None, work: _Work) -> int:
    """Boot a guest, do the work with it, and turn whatever happens into an exit code."""
    check_memory(spec.memory_bytes)  # A mistake in the command line need not wait for a build.
    if not spec.kernel.name:
        with timings.step("build what is stale"):
            spec = replace(spec, kernel=build.build().elf)
    guest = Guest(vmm, spec)
    started = timings.start("start the VMM")
    try:
        with guest:
            started()
            guest.limit(timeout)
            return work(guest)
    except GuestCrashed as error:
        if error.reason.startswith(_BAD_SETTING):
            raise UserError(f"The guest stopped: {error.reason}.") from None
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
