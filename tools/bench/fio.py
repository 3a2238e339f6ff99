# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""fio, the rival of `./inv bench disk`, built out of Debian's source.

Statically, because it runs alone in an initramfs; Debian's own program needs a hundred packages of
engines for storage that no guest here has.
"""

import shutil
import subprocess
from pathlib import Path

from .. import host, sources
from ..cache import cached_directory
from ..errors import WorkFailed
from ..terminal import progress

OPTIONS = ["--build-static", "--disable-native", "--disable-shm", "--disable-numa"]
OPTIONS += ["--disable-rdma", "--disable-rados", "--disable-rbd", "--disable-http"]
OPTIONS += ["--disable-gfapi", "--disable-pmem", "--disable-lex"]
_TIMEOUT = 1800


def build_fio() -> Path:
    """The program, built when it is first asked for. UserError or WorkFailed if it cannot be."""
    host.require("build")
    source = sources.source("fio")
    tree = sources.fetch(source)

    def fill(directory: Path) -> None:
        work = directory / "work"
        shutil.copytree(tree, work)
        with progress(f"Building fio {source.version}"):
            _run(["sh", "./configure", *OPTIONS], work)
            _run(["make", "fio"], work)
            _run(["strip", "-o", str(directory / "fio"), "fio"], work)
        shutil.rmtree(work)

    return cached_directory(f"fio/{source.sha256[:16]}", fill) / "fio"


def version() -> str:
    """As sources.toml has it."""
    return sources.source("fio").version


def _run(command: list[str], directory: Path) -> None:
    done = subprocess.run(
        command, cwd=directory, capture_output=True, text=True, timeout=_TIMEOUT, check=False
    )
    if done.returncode != 0:
        tail = "\n".join((done.stdout + done.stderr).splitlines()[-15:])
        raise WorkFailed(f"fio cannot be built, {' '.join(command)} says:\n{tail}")
