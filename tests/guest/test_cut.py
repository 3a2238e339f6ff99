# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""`./inv cut`, a few cuts on each filesystem: what was synced is there; what is lost is found."""

from pathlib import Path

import pytest

from tests.guest.conftest import Boot
from tools import cut
from tools.errors import WorkFailed

CUTS = 4
FEW = 2
"""Where a boot takes long."""


def made(boot: Boot, path: Path, filesystem: str) -> cut.Cuts:
    return cut.Cuts(path, filesystem, seed=1, boot=boot)


@pytest.mark.timeout(400)
@pytest.mark.parametrize("filesystem", cut.FILESYSTEMS)
def test_what_was_synced_is_there(
    boot: Boot, vmm_name: str, tmp_path: Path, filesystem: str
) -> None:
    count = FEW if vmm_name == "nested" else CUTS
    cuts = made(boot, tmp_path / "x.img", filesystem)
    for _ in range(count):
        cuts.cut()
    cuts.end()
    assert cuts.figures.cuts == count
    assert cuts.figures.promises > 0 and cuts.figures.files > 0


@pytest.mark.only_on("qemu")
@pytest.mark.parametrize("filesystem", cut.FILESYSTEMS)
def test_a_promise_that_is_broken_is_found(
    boot: Boot, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, filesystem: str
) -> None:
    # A file that is not closed before its line says so.
    content, program = (path.read_text() for path in cut.PROGRAM)
    changed = program.replace("files.pop(path).close()", "files[(path, number)] = files.pop(path)")
    assert changed != program
    (tmp_path / "content.py").write_text(content)
    (tmp_path / "program.py").write_text(changed)
    monkeypatch.setattr(cut, "PROGRAM", [tmp_path / "content.py", tmp_path / "program.py"])
    cuts = made(boot, tmp_path / "x.img", filesystem)
    with pytest.raises(WorkFailed, match=r"promised.*( is lost|has other content|neither)"):
        for _ in range(CUTS):
            cuts.cut()
