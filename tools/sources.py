# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""The third-party sources of sources.toml, and Debian packages that are unpacked, not installed.

Everything is fetched once, checked, unpacked into the cache (tools/cache.py) and from then on
used without any network. What is trusted is the SHA-256 of sources.toml.

Debian's own patches are not applied. For MicroPython they serve Debian's unix port only (its
Mbed TLS, its Java, version numbers out of debian/changelog) and would break this build; without
them the tree is upstream's, the same that MICROPYTHON_DIR may name. lwIP's are about its Unix
port, and its SNMP, which is not built.
"""

import hashlib
import os
import re
import subprocess
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path

from . import apt
from .cache import cache_root, cached_directory
from .errors import UserError
from .paths import PACKAGE
from .terminal import progress

PINNED = PACKAGE / "sources.toml"
LEAST_MICROPYTHON = (1, 25, 0)


@dataclass(frozen=True)
class Source:
    """One table of sources.toml."""

    package: str
    version: str
    suite: str
    archive: str
    sha256: str
    proof: str

    @property
    def entry(self) -> str:
        """The name in the cache; another hash is another entry."""
        return f"sources/{self.package}-{self.sha256[:16]}"


@dataclass(frozen=True)
class MicroPython:
    """A MicroPython source tree: where it lies and which release it is."""

    path: Path
    version: tuple[int, int, int]
    preview: bool
    pinned: bool

    @property
    def name(self) -> str:
        """As upstream's tags: `v1.25.0`, `v1.26.0-preview`."""
        return "v" + ".".join(map(str, self.version)) + ("-preview" if self.preview else "")


def read_sources(path: Path = PINNED) -> dict[str, Source]:
    """sources.toml by table name. UserError where it is not as its head says."""
    try:
        tables = tomllib.loads(path.read_text())
        return {name: Source(**table) for name, table in tables.items()}
    except (OSError, ValueError, TypeError) as error:
        raise UserError(f"{path} is not right: {error}.", "Restore it from git.") from error


def source(name: str, path: Path = PINNED) -> Source:
    """One table of sources.toml. UserError if it is not there."""
    tables = read_sources(path)
    if name not in tables:
        raise UserError(f"{path} has no table [{name}].", "Restore it from git.")
    return tables[name]


def micropython() -> MicroPython:
    """The tree that MICROPYTHON_DIR names, else the pinned one, fetched if it must be."""
    named = os.environ.get("MICROPYTHON_DIR")
    if named:
        return _named_micropython(Path(named).expanduser().resolve())
    path = fetch(source("micropython"))
    version, preview = _micropython_version(path)
    return MicroPython(path, version, preview, pinned=True)


def mbedtls() -> Path:
    """Mbed TLS: the tree that MBEDTLS_DIR names, else the pinned one, fetched if it must be."""
    return _named_or_pinned("mbedtls", "MBEDTLS_DIR", "Mbed TLS")


def lwip() -> Path:
    """lwIP: the tree that LWIP_DIR names, else the pinned one, fetched if it must be."""
    return _named_or_pinned("lwip", "LWIP_DIR", "lwIP")


def _named_or_pinned(table: str, variable: str, what: str) -> Path:
    pinned = source(table)
    named = os.environ.get(variable)
    if not named:
        return fetch(pinned)
    path = Path(named).expanduser().resolve()
    if not (path / pinned.proof).is_file():
        raise UserError(
            f"{variable}={path} is no {what} source tree: it has no {pinned.proof}.",
            f"Name the top directory of one, or unset {variable} to use the pinned source.",
        )
    return path


def fetch(source: Source) -> Path:
    """The unpacked upstream tree of `source`, from the cache where it is there already."""

    def fill(directory: Path) -> None:
        with (
            progress(f"Fetching {source.package} {source.version} from Debian"),
            tempfile.TemporaryDirectory(prefix="source-") as scratch,
        ):
            apt.download_source(source.package, source.version, source.suite, Path(scratch))
            unpack(source, Path(scratch) / source.archive, directory)

    return cached_directory(source.entry, fill)


def unpack(source: Source, archive: Path, directory: Path) -> None:
    """Check the archive's hash and unpack it, less its top directory, into `directory`."""
    if not archive.is_file():
        others = ", ".join(sorted(path.name for path in archive.parent.iterdir())) or "nothing"
        raise UserError(
            f"Debian {source.suite} no longer has {source.archive}; it gave {others}.",
            "Pin the new version in sources.toml, or name a tree (MICROPYTHON_DIR, MBEDTLS_DIR, "
            "LWIP_DIR).",
        )
    with archive.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != source.sha256:
        raise UserError(
            f"{source.archive} has SHA-256 {digest}, but sources.toml pins {source.sha256}: "
            "refused, nothing was unpacked.",
            "Try again; if it stays, the mirror's file is not the one this project was made with.",
        )
    command = ["tar", "--extract", "--no-same-owner", "--strip-components=1"]
    command += [f"--file={archive}", f"--directory={directory}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0 or not (directory / source.proof).is_file():
        reason = done.stderr.strip().splitlines()[-1:] or [f"it holds no {source.proof}"]
        raise UserError(
            f"{source.archive} cannot be unpacked: {reason[0]}.",
            "Check the free space, and that xz-utils and bzip2 are installed.",
        )


def fetch_binary_package(name: str) -> Path:
    """The files of a Debian package of this machine's own release, unpacked but not installed.

    `name` may be a kernel metapackage (linux-image-cloud-amd64): the real package, on which it
    depends, is taken. An entry of the cache is used for ever, without a look at the mirror;
    `./inv clean --all` forgets it.
    """
    kept = sorted(
        (path for path in cache_root().glob(f"packages/{name}/[!.]*") if path.is_dir()),
        key=lambda path: path.stat().st_mtime,
    )
    if kept:
        return kept[-1]
    real = name
    if re.fullmatch(r"linux-image-(cloud-)?amd64", name):
        real = apt.dependency(name, r"linux-image-\d.*")
    version = apt.candidate_version(real)

    def fill(directory: Path) -> None:
        with (
            progress(f"Fetching {real} {version} from Debian"),
            tempfile.TemporaryDirectory(prefix="package-") as scratch,
        ):
            package = apt.download_binary(real, version, Path(scratch))
            command = ["dpkg-deb", "--extract", str(package), str(directory)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                raise UserError(
                    f"{package.name} cannot be unpacked: {done.stderr.strip()}.",
                    "Check the free space and try again.",
                )

    return cached_directory(f"packages/{name}/{real}_{version.replace(':', '%')}", fill)


def _named_micropython(path: Path) -> MicroPython:
    if not (path / "py" / "py.mk").is_file():
        raise UserError(
            f"MICROPYTHON_DIR={path} is no MicroPython source tree: it has no py/py.mk.",
            "Name the top directory of one, or unset MICROPYTHON_DIR to use the pinned source.",
        )
    version, preview = _micropython_version(path)
    if version < LEAST_MICROPYTHON:
        raise UserError(
            f"MICROPYTHON_DIR={path} is MicroPython {'.'.join(map(str, version))}.",
            f"This port needs {'.'.join(map(str, LEAST_MICROPYTHON))} or newer.",
        )
    return MicroPython(path, version, preview, pinned=False)


def _micropython_version(path: Path) -> tuple[tuple[int, int, int], bool]:
    header = path / "py" / "mpconfig.h"
    pattern = r"^#define MICROPY_VERSION_(MAJOR|MINOR|MICRO|PRERELEASE)\s+\(?(\d+)\)?"
    try:
        found = dict(re.findall(pattern, header.read_text(errors="replace"), re.M))
        numbers = (int(found["MAJOR"]), int(found["MINOR"]), int(found["MICRO"]))
    except (OSError, KeyError) as error:
        raise UserError(
            f"{header} does not tell the version: {error!r}.", "Is the tree complete?"
        ) from error
    return numbers, found.get("PRERELEASE", "0") != "0"
