# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Where the firmware's sources are, and where it is built: in the repository, or as a package."""

import hashlib
import os
from pathlib import Path

from .cache import cache_root

PACKAGE = Path(__file__).resolve().parent
"""These modules: `tools` in the repository, `micropython_cloud_hypervisor` where installed."""

IS_INSTALLED = (PACKAGE / "firmware").is_dir()
"""The package has boot/, drivers/, kernel/ and ports/ in it: pyproject.toml puts them there."""

ROOT = PACKAGE / "firmware" if IS_INSTALLED else PACKAGE.parent
"""The directory of boot/, drivers/, kernel/ and ports/."""

PORT = ROOT / "ports" / "cloud_hypervisor"


def _build_directory() -> Path:
    if not IS_INSTALLED:
        return ROOT / "build"
    # One for each installation: where the package is may not be writable.
    return cache_root() / f"build-{hashlib.sha256(os.fsencode(PACKAGE)).hexdigest()[:12]}"


BUILD = _build_directory()
