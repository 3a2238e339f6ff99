# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""mpremote, unmodified, at a guest's serial line."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tools.guest import Guest

Mpremote = Callable[..., str]


@pytest.fixture
def mpremote(shared_guest: Guest, tmp_path: Path) -> Mpremote:
    """`mpremote("eval", "1 + 1")`: what it prints, run in an empty directory of the host."""

    def run(*arguments: str, fails: bool = False, typed: str = "") -> str:
        with shared_guest.lent_line() as address:
            done = subprocess.run(
                [sys.executable, "-m", "mpremote", "connect", address, *arguments],
                input=typed,
                capture_output=True,
                text=True,
                cwd=tmp_path,
                timeout=4 * shared_guest.timeout,
                check=False,
            )
        assert (done.returncode != 0) is fails, done.stdout + done.stderr
        return done.stdout + done.stderr

    return run


def test_eval(mpremote: Mpremote) -> None:
    assert mpremote("eval", "6 * 7") == "42\n"


def test_exec(mpremote: Mpremote) -> None:
    assert mpremote("exec", "x = 6\nprint(x * 7)", "exec", "print(x)") == "42\n6\n"


def test_exec_that_raises(mpremote: Mpremote) -> None:
    assert "ZeroDivisionError: divide by zero" in mpremote("exec", "1/0", fails=True)


def test_run(mpremote: Mpremote, tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text("import sys\nprint('on', sys.platform)\n")
    assert mpremote("run", "script.py") == "on cloud_hypervisor\n"


def test_fs_copies_both_ways(mpremote: Mpremote, tmp_path: Path) -> None:
    content = bytes(range(256)) * 32
    (tmp_path / "data.bin").write_bytes(content)
    mpremote("fs", "mkdir", ":dir", "+", "fs", "cp", "data.bin", ":dir/copy.bin")
    assert f"{len(content)} copy.bin" in mpremote("fs", "ls", ":dir")
    mpremote("fs", "cp", ":dir/copy.bin", "back.bin")
    assert (tmp_path / "back.bin").read_bytes() == content
    mpremote("fs", "rm", ":dir/copy.bin", "+", "fs", "rmdir", ":dir")
    assert "dir" not in mpremote("fs", "ls")


def test_fs_copies_a_tree(mpremote: Mpremote, tmp_path: Path) -> None:
    (tmp_path / "tree" / "inner").mkdir(parents=True)
    (tmp_path / "tree" / "inner" / "module.py").write_text("value = 42\n")
    (tmp_path / "tree" / "text").write_text("grüße\n")
    mpremote("fs", "cp", "-r", "tree", ":")
    assert mpremote("fs", "cat", ":tree/text") == "grüße\n"
    assert mpremote("exec", "from tree.inner.module import value; print(value)") == "42\n"
    assert "module.py" in mpremote("fs", "tree")
    mpremote("fs", "rm", "-r", ":tree")
    assert "tree" not in mpremote("fs", "ls")


def test_fs_of_what_is_not_there(mpremote: Mpremote) -> None:
    assert "No such file" in mpremote("fs", "cat", ":none", fails=True)


def test_fs_sha256sum_and_touch(mpremote: Mpremote) -> None:
    mpremote("fs", "touch", ":empty")
    # Of nothing, as everybody knows it.
    assert "e3b0c44298fc1c149afbf4c8996fb924" in mpremote("fs", "sha256sum", ":empty")
    mpremote("fs", "rm", ":empty")


def test_df(mpremote: Mpremote) -> None:
    assert "/" in mpremote("df").splitlines()[1]


def test_mount_imports_from_the_host(mpremote: Mpremote, tmp_path: Path) -> None:
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__init__.py").write_text("from .part import answer\n")
    (tmp_path / "package" / "part.py").write_text("answer = 42\n")
    output = mpremote(
        "mount", ".", "exec", "import package; print(package.answer)\nopen('made', 'w').write('x')"
    )
    assert "42\n" in output
    assert (tmp_path / "made").read_text() == "x"


def test_soft_reset(mpremote: Mpremote) -> None:
    output = mpremote("exec", "x = 1", "soft-reset", "exec", "print('x' in globals())")
    assert output == "False\n"


def test_rtc_is_set_from_the_host(mpremote: Mpremote) -> None:
    mpremote("rtc", "--set")
    assert mpremote("rtc").startswith("(20")
