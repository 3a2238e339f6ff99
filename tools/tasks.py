# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""The invoke tasks for applications and firmware: the command line, and nothing else.

Exit codes stand in tools/errors.py. A task imports what it needs when it runs: `./inv --list`
stays quick.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from invoke.context import Context

from .tasking import number, repair_parser, task

repair_parser()

VMM_HELP = "cloud_hypervisor, nested or qemu; else Cloud Hypervisor where KVM works, or QEMU"
BOARD_HELP = {"board": "a board of the port, or a directory; else the environment's BOARD_DIR"}
MACHINE_HELP = BOARD_HELP | {
    "vmm": VMM_HELP,
    "cpus": "virtual CPUs, 1 unless given",
    "memory": "RAM with K, M or G, 512M unless given",
    "disk": "a disk, path=FILE[,readonly=on][,…]: see README.md; may be repeated",
    "net": "a network device, user or tap=NAME[,…]: see README.md; may be repeated",
    "publish": "a port of this machine that is the guest's, PORT:GUEST_PORT; may be repeated",
    "cmdline": "the guest's kernel command line",
    "timeout": "stop the guest after this many seconds",
}


def machine(
    board: str,
    vmm: str,
    cpus: str,
    memory: str,
    disk: Sequence[str] | None,
    net: Sequence[str] | None,
    publish: Sequence[str] | None,
    cmdline: str,
    timeout: str,
) -> dict[str, Any]:
    """A guest's options, as tools.session takes them, once what runs it is installed."""
    from . import boards, host
    from .vmm.disk import parse_disk
    from .vmm.nic import parse_nics

    boards.choose(board)
    host.require("run")
    return {
        "vmm": vmm or None,
        "cpus": number("cpus", cpus, 1, 254),
        "memory": memory,
        "disks": [parse_disk(text) for text in disk or ()],
        "nics": parse_nics(net or (), publish or ()),
        "cmdline": cmdline,
        "timeout": float(number("timeout", timeout, 1, 1_000_000)) if timeout else None,
    }


WHEELS_HELP = {"wheels": "a directory of wheels for requirements.txt, in PyPI's place"}
PROGRAM_HELP = {
    "share": "a directory that the guest has at /share, DIR[:/NAME][:ro]; may be repeated",
    "raw": "pass on each key of a terminal as it is typed; Ctrl-] leaves",
    "timings": "print what takes the time",
}


@contextmanager
def timed(wanted: bool) -> Iterator[None]:
    """Print what took the time of the body, if that is wanted."""
    from .timings import timings

    try:
        yield
    finally:
        if wanted:
            timings.show()


@task(
    "run",
    positional=["app"],
    iterable=["disk", "net", "publish", "share"],
    help={"app": "a .py file, a directory or a flashed file; without it, the prompt"}
    | MACHINE_HELP
    | PROGRAM_HELP
    | WHEELS_HELP,
)
def run(
    _: Context,
    app: str = "",
    board: str = "",
    vmm: str = "",
    cpus: str = "1",
    memory: str = "512M",
    disk: Sequence[str] | None = None,
    net: Sequence[str] | None = None,
    publish: Sequence[str] | None = None,
    cmdline: str = "",
    timeout: str = "",
    share: Sequence[str] | None = None,
    raw: bool = False,
    timings: bool = False,
    wheels: str = "",
) -> int:
    """Boot a guest at your terminal; with APP, run it and exit with its code.

    Standard input, output and error are APP's. At the prompt, Ctrl-] leaves.
    """
    from . import session
    from .share.option import parse_share

    shares = [parse_share(text) for text in share or ()]
    options = machine(board, vmm, cpus, memory, disk, net, publish, cmdline, timeout)
    with timed(timings):
        return session.run(
            Path(app) if app else None,
            **options,
            shares=shares,
            raw=raw,
            wheels=Path(wheels) if wheels else None,
        )


@task(
    "exec",
    positional=["code"],
    iterable=["disk", "net", "publish", "share"],
    help={"code": "Python source"} | MACHINE_HELP | PROGRAM_HELP,
)
def execute(
    _: Context,
    code: str,
    board: str = "",
    vmm: str = "",
    cpus: str = "1",
    memory: str = "512M",
    disk: Sequence[str] | None = None,
    net: Sequence[str] | None = None,
    publish: Sequence[str] | None = None,
    cmdline: str = "",
    timeout: str = "",
    share: Sequence[str] | None = None,
    raw: bool = False,
    timings: bool = False,
) -> int:
    """Run CODE in a fresh guest, print what it prints, exit with its code."""
    from . import session
    from .share.option import parse_share

    shares = [parse_share(text) for text in share or ()]
    options = machine(board, vmm, cpus, memory, disk, net, publish, cmdline, timeout)
    with timed(timings):
        return session.execute(code, **options, shares=shares, raw=raw)


@task("debug", iterable=["disk", "net", "publish"], help=MACHINE_HELP)
def debug(
    _: Context,
    board: str = "",
    vmm: str = "",
    cpus: str = "1",
    memory: str = "512M",
    disk: Sequence[str] | None = None,
    net: Sequence[str] | None = None,
    publish: Sequence[str] | None = None,
    cmdline: str = "",
    timeout: str = "",
) -> int:
    """Boot a guest that waits for gdb, with symbols and source."""
    from . import session

    return session.debug(**machine(board, vmm, cpus, memory, disk, net, publish, cmdline, timeout))


@task(
    "flash",
    positional=["app"],
    help={
        "app": "a .py file or a directory with main.py",
        "out": "the file to write; APP.elf, unless given; X.romfs is APP alone, for --initramfs",
        "inspect": "list what APP, a flashed file, holds",
        "no-compiler": "do not freeze APP; add it to a ready firmware, without gcc",
        "firmware": "the ready firmware; else the one that was built last",
        "timings": PROGRAM_HELP["timings"],
    }
    | WHEELS_HELP
    | BOARD_HELP,
)
def flash(
    _: Context,
    app: str,
    out: str = "",
    inspect: bool = False,
    no_compiler: bool = False,
    firmware: str = "",
    wheels: str = "",
    timings: bool = False,
    board: str = "",
) -> None:
    """Make one bootable ELF file of APP: the firmware with the application in it."""
    from . import boards, flash

    boards.choose(board)
    if inspect:
        return flash.show(Path(app))
    with timed(timings):
        return flash.flash(
            Path(app),
            Path(out) if out else None,
            compiler=not no_compiler,
            firmware=Path(firmware) if firmware else None,
            wheels=Path(wheels) if wheels else None,
        )


BUILD_HELP = BOARD_HELP | {
    "link-address": "where the image lies, a multiple of 4 KiB, if not where the board wants it",
    "debug": "compile the run-time checks in",
}


@task("build", help=BUILD_HELP)
def build(_: Context, board: str = "", link_address: str = "", debug: bool = False) -> None:
    """Build build/firmware.elf, or BOARD's, and print its size by part."""
    from . import build, sizes

    address = number("link-address", link_address, 0, 2**32 - 1) if link_address else None
    sizes.show(build.build(board, link_address=address, debug=debug))


@task("size", help={"json": "print JSON"} | BOARD_HELP)
def size(_: Context, json: bool = False, board: str = "") -> None:
    """Build what is stale and print what takes the bytes."""
    from . import build, sizes

    sizes.show(build.build(board), as_json=json)


@task(
    "disk",
    positional=["action", "image", "words"],
    help={
        "action": "create, ls, put, get or check",
        "image": "the image, a file",
        "words": "ls: a path; put: files and directories, and last where to, as :/lib; "
        "get: a path, and where to",
        "size": "create: bytes, or with K, M, G or T",
        "fs": "create: littlefs or fat; littlefs unless given",
        "label": "create: a name for FAT, or for the partition of a GPT",
        "partition": "create: mbr, gpt or none; none unless given",
        "block-size": "create: of littlefs, in bytes",
        "from": "create: a directory whose content comes into the image",
        "force": "create: replace a file",
        "partition-number": "the others: which partition, else the first with a filesystem",
    },
)
def disk(
    _: Context,
    action: str,
    image: str,
    words: tuple[str, ...] = (),
    size: str = "",
    fs: str = "",
    label: str = "",
    partition: str = "",
    block_size: str = "",
    from_: str = "",
    force: bool = False,
    partition_number: str = "",
) -> int | None:
    """Make, list, fill, read and check a disk image with FAT or littlefs."""
    from .disk import task

    options = task.Options(size, fs, label, partition, block_size, from_, force, partition_number)
    return task.run(action, Path(image), list(words), options)


@task("doctor")
def doctor(_: Context) -> int:
    """Say what this machine can run, what is missing, and what to do about it."""
    from . import doctor

    return doctor.main()


@task("clean", help={"all": "also .venv and what was fetched into the cache"})
def clean(_: Context, all: bool = False) -> None:
    """Remove what was built."""
    from . import cleaning

    cleaning.clean(everything=all)
