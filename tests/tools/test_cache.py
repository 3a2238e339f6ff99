# SPDX-License-Identifier: MIT
"""The cache: an entry is there whole or not at all, whatever happens meanwhile."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tools.cache import cache_root, cached_directory, remove_tree
from tools.errors import UserError

FILLER = """
import sys, time
from pathlib import Path
from tools.cache import cached_directory

def fill(directory):
    (directory / "half").write_text("x")
    with open(sys.argv[1], "a") as log:
        log.write("fill\\n")
    time.sleep(float(sys.argv[2]))
    (directory / "whole").write_text("y")

print(cached_directory("kind/entry", fill))
"""


def filler(root: Path, log: Path, seconds: float) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", FILLER, str(log), str(seconds)],
        cwd=root,
        stdout=subprocess.PIPE,
        text=True,
    )


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + 30
    while not path.exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_two_processes_fill_once(root: Path, private_cache: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    both = [filler(root, log, 0.5) for _ in range(2)]
    for process in both:
        output, _ = process.communicate(timeout=60)
        assert output.strip() == str(private_cache / "kind" / "entry")
    assert log.read_text() == "fill\n"
    assert (private_cache / "kind" / "entry" / "whole").exists()


def test_killed_filler_leaves_no_entry(root: Path, private_cache: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with filler(root, log, 60) as process:
        wait_for(log)
        process.send_signal(signal.SIGKILL)
    assert not (private_cache / "kind" / "entry").exists()

    def fill(directory: Path) -> None:
        assert list(directory.iterdir()) == []
        (directory / "whole").touch()

    entry = cached_directory("kind/entry", fill)
    assert [path.name for path in entry.iterdir()] == ["whole"]
    # The killed one's rubbish went with it.
    assert sorted(path.name for path in entry.parent.iterdir()) == [".entry.lock", "entry"]


def test_failed_fill_leaves_nothing(private_cache: Path) -> None:
    def fill(directory: Path) -> None:
        (directory / "half").touch()
        raise UserError("no")

    with pytest.raises(UserError, match="no"):
        cached_directory("kind/entry", fill)
    assert [path.name for path in (private_cache / "kind").iterdir()] == [".entry.lock"]


def test_unwritable_cache_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(UserError, match="cannot be written"):
        cached_directory("kind/entry", lambda _: None)


def test_relative_cache_home_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "here")
    assert cache_root().is_relative_to(Path.home())


def test_read_only_tree_can_be_removed(private_cache: Path) -> None:
    def fill(directory: Path) -> None:
        (directory / "deep" / "er").mkdir(parents=True)
        (directory / "deep" / "er" / "file").touch()
        (directory / "deep" / "link").symlink_to("/nowhere")

    entry = cached_directory("kind/entry", fill)
    remove_tree(private_cache)
    assert not entry.exists()
    assert not private_cache.exists()


def test_empty_home_counts_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv("HOME")
    without = cache_root()
    monkeypatch.setenv("HOME", "")
    assert cache_root() == without
    assert without.is_absolute()
