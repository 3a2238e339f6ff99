# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""What is fetched once and kept outside the repository: directories that appear whole or not.

`cached_directory` is the only way in. An entry is made in a temporary directory beside its final
name, made read-only, and renamed: a reader never sees half of one, and an interrupted run leaves
only rubbish that the next run removes.
"""

import fcntl
import os
import pwd
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .errors import UserError


def cache_root() -> Path:
    """`${XDG_CACHE_HOME:-~/.cache}/micropython-cloud-hypervisor`; need not exist."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    # The XDG specification says that a relative path is to be ignored.
    if not Path(base).is_absolute():
        # pathlib takes an empty HOME for the current directory.
        base = f"{os.environ.get('HOME') or pwd.getpwuid(os.getuid()).pw_dir}/.cache"
    return Path(base) / "micropython-cloud-hypervisor"


def cached_directory(name: str, fill: Callable[[Path], None]) -> Path:
    """The cache entry `name`, made by `fill(empty directory)` if it is not there yet.

    Safe against other processes that ask for the same entry: one fills it, the others wait.
    What `fill` raises goes to the caller, and nothing of the entry remains.
    """
    entry = cache_root() / name
    if entry.is_dir():
        return entry
    try:
        with locked(entry.parent / f".{entry.name}.lock"):
            if not entry.is_dir():
                _fill(entry, fill)
    except OSError as error:
        raise UserError(
            f"The cache {entry.parent} cannot be written: {error.strerror or error}.",
            "Free some space there, or set XDG_CACHE_HOME to another directory.",
        ) from error
    return entry


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock between processes. `path` is created with its directory and stays."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _fill(entry: Path, fill: Callable[[Path], None]) -> None:
    # Under the lock, whatever stands here was left by a run that was killed.
    prefix = f".{entry.name}.partial-"
    for rubbish in entry.parent.glob(f"{prefix}*"):
        remove_tree(rubbish)
    partial = Path(tempfile.mkdtemp(prefix=prefix, dir=entry.parent))
    try:
        fill(partial)
        # Also against our own mistakes: a build must never write into a source tree.
        for directory, _, files in os.walk(partial):
            for file in files:
                path = Path(directory, file)
                if not path.is_symlink():
                    path.chmod(0o555 if os.access(path, os.X_OK) else 0o444)
            Path(directory).chmod(0o755 if directory == str(partial) else 0o555)
        partial.rename(entry)
        entry.chmod(0o555)
    except BaseException:
        remove_tree(partial)
        raise


def remove_tree(path: Path) -> list[OSError]:
    """Remove a directory, read-only parts included. One that is not there is well.

    Gives what went wrong; what can be removed is removed all the same.
    """
    errors: list[OSError] = []
    for directory, _, _ in os.walk(path):
        with suppress(OSError):  # Another user's: rmtree says so.
            Path(directory).chmod(0o755)
    shutil.rmtree(path, onerror=lambda _, __, info: errors.append(info[1]))  # type: ignore[arg-type]
    return [error for error in errors if not isinstance(error, FileNotFoundError)]
