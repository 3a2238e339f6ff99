# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Boards: the minimal one, the one in examples/, and one that caps its memory."""

from pathlib import Path

import pytest

from tests.guest.applications import Start, outcome
from tests.guest.conftest import Boot
from tools import build as builder
from tools.build import build
from tools.crash import debug_file_of
from tools.errors import WorkFailed
from tools.guest import GuestCrashed, PythonError
from tools.paths import ROOT
from tools.vmm.base import Ending

MIB = 1 << 20
CAPPED = str(ROOT / "tests" / "boards" / "capped")
"""The minimal board, with 4 MiB."""


@pytest.fixture(scope="session")
def minimal() -> Path:
    """The port's smallest firmware."""
    return build("minimal").elf


@pytest.fixture(scope="session")
def example() -> Path:
    """The firmware of examples/board."""
    return build(str(ROOT / "examples" / "board")).elf


def test_minimal_board_comes_to_its_prompt(boot: Boot, minimal: Path) -> None:
    guest = boot(minimal, memory="4M")
    assert b"; minimal PVH guest with x86-64\r\n" in guest.wait_for_prompt()
    assert guest.output_of("print(6 * 7, [x for x in range(3)], 'é')") == "42 [0, 1, 2] é\n"
    output, traceback = guest.exec("def f():\n    g\nf()")
    assert (output, traceback.splitlines()[-2:]) == (
        "",
        ['  File "<stdin>", line 2, in f', "NameError: name not defined"],
    )
    guest.soft_reset()
    assert guest.output_of("print(1)") == "1\n"


def test_minimal_board_survives_its_programs(boot: Boot, minimal: Path) -> None:
    guest = boot(minimal, memory="8M", cmdline="heap=1M")
    guest.wait_for_prompt()
    for code, error in [
        ("def f(): f()\nf()", "RuntimeError: "),
        ("x = []\nwhile True: x.append(bytearray(100))", "MemoryError: "),
        ("2 ** 70", "OverflowError: "),
    ]:
        assert guest.exec(code)[1].splitlines()[-1].startswith(error)
    guest.repl.start(b"print('READY')\nwhile True: pass", guest.timeout)
    guest.read_until(b"READY\r\n")
    guest.interrupt()
    guest.read_until(b"\x04")
    assert b"KeyboardInterrupt" in guest.repl.finish(guest.timeout)


@pytest.mark.parametrize(
    ("code", "status", "output", "error"),
    [
        ("import helper, sys\nprint(helper.x, sys.argv)", 0, "5 ['main.py', 'a b']\n", None),
        ("print(open('data').read())", 0, "text\n", None),
        ("import sys; sys.exit(7)", 7, "", ""),
        ("raise SystemExit('sorry')", 1, "", "sorry\n"),
        ("None + 1", 1, "", None),
    ],
)
def test_minimal_board_runs_applications(
    start: Start, code: str, status: int, output: str, error: str | None
) -> None:
    files = {"main.py": code, "helper.py": "x = 5", "data": "text"}
    told, said, why = outcome(start, files, "'a b'", board="minimal")
    assert (told, said.decode()) == (status, output)
    assert error is None or why.decode() == error


def test_minimal_board_knows_no_setting_of_what_it_lacks(boot: Boot, minimal: Path) -> None:
    with pytest.raises(GuestCrashed, match="the setting is not known: ramdisk=1M") as caught:
        boot(minimal, cmdline="ramdisk=1M").wait_for_prompt()
    assert " app_main  main.c:" in caught.value.report


def test_minimal_board_reports_an_interrupt_that_nobody_handles(boot: Boot, minimal: Path) -> None:
    guest = boot(minimal)
    guest.wait_for_prompt()
    guest.vmm.inject_nmi()
    with pytest.raises(GuestCrashed, match=r"non-maskable interrupt \(NMI\), vector 0x02"):
        guest.wait_for_end()


def test_example_board_has_what_it_chose(boot: Boot, example: Path) -> None:
    guest = boot(example, memory="512M")
    assert b"; example board with x86-64\r\n" in guest.wait_for_prompt()
    code = "import greeting; print(greeting.greet('board'), greeting.__file__)"
    assert guest.output_of(code) == "Hello, board! greeting.py\n"
    total, free = guest.eval("__import__('cloud_hypervisor').memory()")
    assert 60 * MIB < total < 64 * MIB
    assert 0 < free < total
    for module in ("framebuf", "cryptolib"):
        with pytest.raises(PythonError, match="ImportError: no module named"):
            guest.output_of(f"import {module}")
    with pytest.raises(PythonError, match="AttributeError"):
        guest.output_of("import vfs; vfs.VfsFat")
    code = "import hashlib; print(hashlib.sha256(b'').digest()[:4])"
    assert guest.output_of(code) == "b'\\xe3\\xb0\\xc4B'\n"
    code = "with open('/x', 'w') as file: print('files', file=file)\nprint(open('/x').read())"
    assert guest.output_of(code) == "files\n\n"


def test_example_board_lies_where_it_says(example: Path) -> None:
    text = debug_file_of(example).with_name("firmware.map").read_text()
    assert "0x0000000000200000                image_start = ." in text


def test_early_console_takes_the_crash_report(boot: Boot, example: Path) -> None:
    guest = boot(example, cmdline="on-crash=stop no-such-setting=1", debug_console=True)
    with pytest.raises(GuestCrashed, match="not known: no-such-setting=1"):
        guest.wait_for_prompt()
    _, _, report = guest.vmm.stderr_text.partition("*** crash: ")
    assert report.startswith("the setting is not known: no-such-setting=1")
    assert "*** end of crash" in report


def test_program_writes_by_the_board_s_module(boot: Boot, example: Path) -> None:
    guest = boot(example, debug_console=True)
    guest.wait_for_prompt()
    code = b"import debug_port, machine; debug_port.write('by Python\\n'); machine.poweroff()\r"
    guest.write(code)
    assert guest.wait_for_end() is Ending.POWERED_OFF
    assert "by Python" in guest.vmm.stderr_text


def test_capped_memory_is_all_that_is_used(start: Start) -> None:
    code = "from cloud_hypervisor import memory\nprint(*memory())\ntry:\n    x = []\n"
    code += "    while True: x.append(bytearray(1000))\nexcept MemoryError:\n    x = None\n"
    # The initramfs lies at the end of the machine's memory, far above the cap.
    status, output, _ = outcome(start, {"main.py": code}, board=CAPPED, memory="512M")
    total, free = map(int, output.split())
    assert status == 0
    assert 0 < free < total < 4 * MIB


@pytest.mark.parametrize("start", ["added"], indirect=True)
def test_cap_that_leaves_no_memory_is_told(start: Start) -> None:
    files = {"main.py": "print('ran')", "data": "x" * 4 * MIB}
    guest = start(files, board=CAPPED, memory="64M")
    with pytest.raises(GuestCrashed, match=r"no free memory: .* by MICROPY_HW_RAM_CAP"):
        guest.wait_for_end()


def test_cap_that_is_too_small_is_told_by_the_build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(builder, "BUILD", tmp_path / "build")
    board = tmp_path / "board"
    board.mkdir()
    (board / "mpconfigboard.h").write_text("#define MICROPY_HW_RAM_CAP 16\n")
    (board / "mpconfigboard.mk").touch()
    with pytest.raises(WorkFailed, match="MICROPY_HW_RAM_CAP is a number of bytes, 4 MiB at least"):
        build(str(board))
