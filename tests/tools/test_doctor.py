# SPDX-License-Identifier: MIT
"""The doctor reports whatever is wrong, a line each, and does not fail over it."""

import os
from pathlib import Path

import pytest

from tools import doctor, host


def test_everything_wrong_is_a_line_each(
    tmp_path: Path,
    private_cache: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("CLOUD_HYPERVISOR", "/nowhere/cloud-hypervisor")
    monkeypatch.setenv("MICROPYTHON_DIR", str(tmp_path))
    # Only what the package query needs is found: no QEMU, no clang.
    (tmp_path / "dpkg-query").symlink_to("/usr/bin/dpkg-query")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(host.GROUPS, "run", ("no-such-package-at-all",))
    assert doctor.main() == 0
    lines = capsys.readouterr().out.splitlines()
    by_subject = {line[2:22].strip(): line for line in lines}
    assert (
        "install --no-install-recommends no-such-package-at-all" in by_subject["packages for run"]
    )
    assert "no MicroPython source tree" in by_subject["MicroPython"]
    assert "is not installed" in by_subject["QEMU"]
    assert "CLOUD_HYPERVISOR=/nowhere" in by_subject["Cloud Hypervisor"]
    assert "cannot run" in by_subject["target rung"]
    assert not any(".." in line for line in lines)
    assert all(line[0] in "-✓" for line in lines)


def test_nothing_is_fetched(
    private_cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("MICROPYTHON_DIR", raising=False)
    doctor.main()
    assert "not fetched yet" in capsys.readouterr().out
    assert not private_cache.exists()
    assert os.environ["XDG_CACHE_HOME"] in str(private_cache)
