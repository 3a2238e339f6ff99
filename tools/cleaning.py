# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""The `clean` task."""

from .cache import cache_root, remove_tree
from .errors import WorkFailed
from .paths import BUILD, IS_INSTALLED, ROOT

CACHES = (".mypy_cache", ".ruff_cache", ".pytest_cache")


def clean(everything: bool) -> None:
    """Remove build products; with `everything` also the environment and the fetched sources.

    WorkFailed if something remains.
    """
    unwanted = [BUILD]
    if not IS_INSTALLED:
        unwanted += [ROOT / name for name in CACHES]
    if everything:
        unwanted.append(cache_root())
    if everything and not IS_INSTALLED:
        unwanted.append(ROOT / ".venv")  # Last: this very process runs in it.
    errors = [error for path in unwanted for error in remove_tree(path)]
    if errors:
        first = errors[0]
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        raise WorkFailed(
            f"{first.filename} cannot be removed: {first.strerror}{more}.",
            "Repeat this as the user whose it is.",
        )
