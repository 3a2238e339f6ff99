# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""What the tests of disk images share: images, trees of files, and the `disk` task itself."""

import contextlib
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tools import host
from tools.disk.create import Wish, create
from tools.disk.detect import find_place, open_filesystem
from tools.disk.filesystem import Filesystem
from tools.disk.image import open_image
from tools.disk.transfer import get, put

ROOT = Path(__file__).resolve().parents[2]
FAT_12, FAT_16, FAT_32 = 2 << 20, 32 << 20, 64 << 20

KINDS = [
    Wish(FAT_12, "fat"),
    Wish(FAT_16, "fat"),
    Wish(1 << 30, "fat"),
    Wish(2 << 20),
    Wish(2 << 20, block_size=512),
    Wish(4 << 20, "fat", table="mbr"),
    Wish(4 << 20, "fat", table="gpt"),
    Wish(4 << 20, table="mbr"),
    Wish(4 << 20, table="gpt", label="data"),
]
NAMES = [f"{each.filesystem}-{each.size >> 20}M-{each.table}-{each.block_size}" for each in KINDS]


def make(path: Path, wish: Wish, source: Path | None = None) -> Path:
    create(path, wish, source=source, force=False)
    return path


@contextlib.contextmanager
def opened(path: Path, *, write: bool = False) -> Iterator[Filesystem]:
    with open_image(path, write=write) as image:
        yield open_filesystem(find_place(image, None).area)


def put_into(path: Path, *sources: Path, target: str = "/", into: bool = True) -> None:
    with opened(path, write=True) as filesystem:
        put(filesystem, list(sources), target, into=into)


def get_from(path: Path, what: str, target: Path) -> Path:
    with opened(path) as filesystem:
        get(filesystem, what, target)
    return target


def listed(path: Path) -> dict[str, int]:
    """Path and size of all files; directories have -1."""
    with opened(path) as filesystem:
        found = list(filesystem.walk())
    return {entry.path: -1 if entry.is_directory else entry.size for entry in found}


def tree(directory: Path) -> dict[str, bytes | None]:
    """Each path in a directory of the host, and its content."""
    return {
        str(path.relative_to(directory)): path.read_bytes() if path.is_file() else None
        for path in directory.rglob("*")
    }


def plant(directory: Path) -> Path:
    """A tree with what is hard: long, short and unicode names, empty and large files."""
    chance = random.Random(7)
    files = {
        "README": b"r",
        "UPPER.TXT": b"u",
        "empty": b"",
        ".hidden": b"h",
        "two.dots.tar.gz": b"d",
        "with spaces and +,;=[].txt": b"s",
        "sub/grüße-日本-😀.txt": "日本".encode(),
        "sub/deep/" + "n" * 200 + ".bin": chance.randbytes(1000),
        "sub/large.bin": chance.randbytes(300_000),
        **{f"many/a file that begins as others do {n}.txt": b"%d" % n for n in range(120)},
        **{
            f"sizes/{n}": chance.randbytes(n) for n in (1, 127, 128, 129, 511, 512, 513, 4096, 4097)
        },
    }
    for name, content in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (directory / "nothing in it").mkdir()
    return directory


def files_of(directory: Path) -> int:
    """How many files are in a directory."""
    return sum(content is not None for content in tree(directory).values())


def fsck(path: Path, offset: int = 0) -> None:
    """Assert that fsck.fat finds nothing."""
    host.require("disk")
    if offset:
        part = path.with_suffix(".part")
        part.write_bytes(path.read_bytes()[offset:])
        path = part
    done = subprocess.run(
        ["/usr/sbin/fsck.fat", "-n", str(path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def mkfs(path: Path, size: int, *options: str) -> Path:
    """An image by mkfs.fat alone."""
    host.require("disk")
    with path.open("xb") as file:
        file.truncate(size)
    subprocess.run(["/usr/sbin/mkfs.fat", *options, str(path)], capture_output=True, check=True)
    return path


def disk(*words: str | Path, directory: Path | None = None) -> "subprocess.CompletedProcess[str]":
    """The task, as a user types it."""
    return subprocess.run(
        [sys.executable, "-P", str(ROOT / "tools" / "start.py"), "--search-root", str(ROOT), "disk"]
        + [str(word) for word in words],
        cwd=directory,
        capture_output=True,
        text=True,
        env=os.environ | {"COLUMNS": "200"},
        timeout=60,
        check=False,
    )
