# SPDX-License-Identifier: MIT
"""What the tests of `inv`, the tasks and the build side share."""

import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def root() -> Path:
    """This repository."""
    return ROOT


@pytest.fixture
def private_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache in place of the user's; its root, which does not exist yet."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "micropython-cloud-hypervisor"


@pytest.fixture
def bare_copy(tmp_path: Path) -> Path:
    """`inv` and what it needs, in a directory of its own without an environment."""
    copy = tmp_path / "copy"
    (copy / "tools").mkdir(parents=True)
    for name in ("inv", "pyproject.toml", "tasks.py"):
        shutil.copy(ROOT / name, copy / name)
    for path in (ROOT / "tools").glob("*.py"):
        shutil.copy(path, copy / "tools" / path.name)
    return copy
