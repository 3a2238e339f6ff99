# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Copies between the host's files and an image: looked over first, and made whole or not at all."""

import contextlib
import os
import time
from pathlib import Path

from ..errors import UserError
from .filesystem import DEPTH_MAX, DiskFull, Filesystem, joined, split


class _Plan:
    """What is to come into an image: each path of it, and the host's file; None is a directory."""

    def __init__(self, filesystem: Filesystem) -> None:
        self._filesystem = filesystem
        self._items: dict[str, tuple[str, Path | None]] = {}
        """By what the filesystem takes for one name, in the order in which they are made."""

    def add(self, path: str, source: Path | None, said: str) -> None:
        """UserError where the path cannot be made; `said` is what the user calls the source."""
        if path == "/":
            if source is not None:
                raise UserError(f"{said}: / is a directory.")
            return
        parent, name = split(path)
        if path.count("/") > DEPTH_MAX:
            raise UserError(f"{path} lies in more than {DEPTH_MAX} directories.")
        self.add(parent, None, said)
        self._filesystem.check_name(name)
        key = self._filesystem.same_name(path)
        if key in self._items:
            other, file = self._items[key]
            if (file is None) != (source is None) or (source is not None and other != path):
                kind = self._filesystem.kind
                raise UserError(f"{said}: {path} and {other} would have one name on {kind}.")
            if source is not None:
                raise UserError(f"{said}: there would be two files {path}.")
            return
        there = self._filesystem.find(path)
        if there is not None and there.is_directory != (source is None):
            kind = "directory" if there.is_directory else "file"
            raise UserError(f"{said}: {path} is a {kind} in the image.")
        if source is not None:
            self._filesystem.check_size(said, source.stat().st_size)
        self._items[key] = (path, source)

    def carry_out(self) -> None:
        """DiskFull says what there is no room for, and then the image is as before."""
        filesystem = self._filesystem
        free = filesystem.free
        path = ""
        try:
            for path, source in self._items.values():
                if source is None:
                    if filesystem.find(path) is None:
                        filesystem.make_directory(path)
                    continue
                with source.open("rb") as file:
                    about = os.fstat(file.fileno())
                    filesystem.write(path, file, about.st_size, about.st_mtime)
        except DiskFull as full:
            files = [source for _, source in self._items.values() if source is not None]
            size = sum(source.stat().st_size for source in files)
            raise DiskFull(
                f"{full} There are {size:,} bytes in {len(files):,} files, and {free:,} bytes are "
                f"free; {path} is the first that does not fit. Nothing was written."
            ) from None
        filesystem.commit()


def put(filesystem: Filesystem, sources: list[Path], target: str, *, into: bool) -> None:
    """Copy files and directories to the path `target`, which is a directory where `into` says so,
    where it is one already, or where there are several."""
    there = filesystem.find(target)
    into = into or len(sources) > 1 or (there is not None and there.is_directory)
    plan = _Plan(filesystem)
    for source in sources:
        name = source.name or source.resolve().name
        _plan_tree(plan, source, joined(target, name) if into else target)
    plan.carry_out()


def put_content(filesystem: Filesystem, directory: Path) -> None:
    """Copy what a directory holds to the root."""
    plan = _Plan(filesystem)
    _plan_tree(plan, directory, "/")
    plan.carry_out()


def refuse_inside(image: Path, source: Path) -> None:
    """UserError where an image would come into itself."""
    if image.resolve().is_relative_to(source.resolve()):
        raise UserError(f"{image} lies in {source}: it cannot hold itself.", "Keep it elsewhere.")


def _plan_tree(plan: _Plan, source: Path, path: str, above: frozenset[Path] = frozenset()) -> None:
    """Links are followed, but not in a circle."""
    if source.is_file():
        if not os.access(source, os.R_OK):
            raise UserError(f"{source} cannot be read.")
        plan.add(path, source, str(source))
    elif source.is_dir():
        real = source.resolve()
        if real in above:
            raise UserError(f"{source} is a link to a directory that it is in.", "Remove it.")
        plan.add(path, None, str(source))
        for child in sorted(source.iterdir()):
            _plan_tree(plan, child, joined(path, child.name), above | {real})
    elif source.exists() or source.is_symlink():
        raise UserError(f"{source} is neither a file nor a directory.", "Leave it out.")
    else:
        raise UserError(f"{source} does not exist.")


def get(filesystem: Filesystem, path: str, target: Path) -> None:
    """Copy a file or a directory out of the image. A target that is a directory receives it."""
    entry = filesystem.find(path)
    if entry is None:
        raise UserError(f"The image has no {path}.", "`./inv disk ls IMAGE` says what it has.")
    if target.is_dir() and path != "/":
        target = target / entry.name
    if not entry.is_directory:
        _get_file(filesystem, path, target)
        return
    _make_directory(target)
    for each in filesystem.walk(path):
        # Names that lead elsewhere do not come this far: filesystem.py.
        place = target / each.path[len(path.rstrip("/")) + 1 :]
        if each.is_directory:
            _make_directory(place)
        else:
            _get_file(filesystem, each.path, place)


def _make_directory(place: Path) -> None:
    try:
        place.mkdir(exist_ok=True)
    except OSError as error:
        raise UserError(f"{place} cannot be made: {error.strerror}.") from None


def _get_file(filesystem: Filesystem, path: str, place: Path) -> None:
    """Whole, or not at all."""
    new = place.with_name(f".{os.getpid()}.new")
    try:
        with new.open("wb") as file:
            for piece in filesystem.read(path):
                file.write(piece)
        modified = filesystem.modified(path)
        if modified is not None:
            os.utime(new, (time.time(), modified))
        new.replace(place)
    except OSError as error:
        raise UserError(f"{place} cannot be written: {error.strerror}.") from None
    finally:
        with contextlib.suppress(OSError):
            new.unlink()
