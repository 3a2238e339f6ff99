# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""MicroPython's unix port, the rival of `./inv bench python`, built out of the same source tree.

The standard variant at -O2, linked statically because it runs alone in an initramfs. Left out is
what plain Debian cannot build or the benchmarks cannot use: ffi, btree, TLS and frozen modules.
Without a manifest upstream takes 32-bit digits for big integers instead of 16-bit ones, as our port
does: the faster choice for the rival too.
"""

import sys
from pathlib import Path

from .. import build, host, sources
from ..cache import locked
from ..paths import BUILD
from ..terminal import progress

OPTIONS = {
    "VARIANT": "standard",
    # Upstream's own but for -Os.
    "COPT": "-O2 -DNDEBUG -fdata-sections -ffunction-sections",
    "LDFLAGS_EXTRA": "-static",
    "FROZEN_MANIFEST": "",
    "MICROPY_PY_FFI": "0",
    "MICROPY_PY_BTREE": "0",
    "MICROPY_PY_SSL": "0",
}


def build_unix_port() -> Path:
    """The program, built if it is stale. UserError or WorkFailed as tools.build.build raises."""
    host.require("build")
    tree = sources.micropython()
    directory = BUILD / "bench" / "unix"
    variables = {
        **OPTIONS,
        "BUILD": str(directory),
        "MICROPY_MPYCROSS": str(build.mpy_cross(tree)),
        "PYTHON": sys.executable,
    }
    with locked(directory.parent / ".unix.lock"):
        build.discard_if_changed(directory, {**variables, "tree": str(tree.path)})
        with progress(f"Building the unix port of MicroPython {tree.name}") as line:
            build.run_make(
                tree.path / "ports" / "unix",
                variables,
                build.environment_of(tree),
                directory / "build.log",
                line.detail,
            )
    return directory / "micropython"


def command() -> str:
    """How it is built, for the report."""
    options = " ".join(f"{name}='{value}'" for name, value in OPTIONS.items())
    return f"make -C ports/unix {options}"
