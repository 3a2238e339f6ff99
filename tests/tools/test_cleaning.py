# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""What `clean` removes, and what it says of what it cannot remove."""

import os
from pathlib import Path

import pytest

from tools import cleaning
from tools.errors import WorkFailed


@pytest.fixture
def build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A build directory with a file in it, in a repository of its own."""
    build = tmp_path / "build"
    (build / "default").mkdir(parents=True)
    (build / "default" / "main.o").touch()
    monkeypatch.setattr(cleaning, "ROOT", tmp_path)
    monkeypatch.setattr(cleaning, "BUILD", build)
    return build


def test_removes_what_is_there(build: Path, private_cache: Path) -> None:
    (private_cache / "sources").mkdir(parents=True)
    (private_cache / "sources").chmod(0o555)
    cleaning.clean(everything=False)
    assert not build.exists()
    assert private_cache.exists()
    cleaning.clean(everything=True)
    assert not private_cache.exists()


def test_says_what_it_cannot_remove(build: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: str, **options: object) -> None:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(os, "unlink", refuse)
    with pytest.raises(WorkFailed, match=r"main\.o cannot be removed: Permission denied \(and"):
        cleaning.clean(everything=False)
