# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""MicroPython's unix port with TLS, as the peer of a guest: upstream's tests of two instances."""

import sys
from collections.abc import Mapping
from pathlib import Path

from tools import build, host, sources
from tools.cache import locked
from tools.paths import BUILD, ROOT
from tools.terminal import progress

_HERE = Path(__file__).parent
_OPTIONS = {
    "VARIANT": "standard",
    "FROZEN_MANIFEST": str(_HERE / "unix" / "manifest.py"),
    # Of micropython-lib the build wants a README.
    "MPY_LIB_DIR": str(ROOT / "ports" / "cloud_hypervisor" / "modules"),
    "MICROPY_PY_FFI": "0",
    "MICROPY_PY_BTREE": "0",
}


def build_unix_port() -> Path:
    """The program, built if it is stale. UserError or WorkFailed as tools.build.build raises."""
    host.require("build")
    tree = sources.micropython()
    directory = BUILD / "test" / "unix-port"
    with locked(directory.parent / ".unix-port.lock"):
        variables = {
            **_OPTIONS,
            "BUILD": str(directory / "build"),
            "MICROPY_MPYCROSS": str(build.mpy_cross(tree)),
            "PYTHON": sys.executable,
        }
        key = {**variables, "tree": str(tree.path), "mbedtls": str(sources.mbedtls())}
        build.discard_if_changed(directory, key)
        top = directory / "tree"
        # Debian's source package has no Mbed TLS where the unix port wants it.
        _overlay(tree.path / "lib", top / "lib", {"mbedtls": sources.mbedtls()})
        for place in ("ports/unix", "ports", "."):
            _overlay(tree.path / place, top / place)
        with progress("Building MicroPython's unix port with TLS") as line:
            build.run_make(
                top / "ports" / "unix",
                variables,
                build.environment_of(tree),
                directory / "build.log",
                line.detail,
            )
    return directory / "build" / "micropython"


def _overlay(original: Path, copy: Path, others: Mapping[str, Path] | None = None) -> None:
    """Links to all that is in a directory, or to `others` in its place, but for what is there."""
    copy.mkdir(parents=True, exist_ok=True)
    for path in original.iterdir():
        link = copy / path.name
        if not link.exists():
            link.symlink_to((others or {}).get(path.name, path))
