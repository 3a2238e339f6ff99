# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""The `clean` task."""

import shutil

from tools.build import BUILD, ROOT
from tools.cache import cache_root, remove_tree

CACHES = (".mypy_cache", ".ruff_cache", ".pytest_cache")


def clean(everything: bool) -> None:
    """Remove build products; with `everything` also the environment and the fetched sources."""
    shutil.rmtree(BUILD, ignore_errors=True)
    for name in CACHES:
        shutil.rmtree(ROOT / name, ignore_errors=True)
    if everything:
        remove_tree(cache_root())
        # Last: this very process runs in it.
        shutil.rmtree(ROOT / ".venv", ignore_errors=True)
