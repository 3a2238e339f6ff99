# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""`./inv flash` and `./inv run` of what it made, as a user types them."""

import re
from pathlib import Path

import pytest

from tests.guest.user import LIMIT, Host, any_vmm_will_do, flash, flashed
from tools.build import build

pytestmark = pytest.mark.timeout(2 * LIMIT)


def test_flashed_program_runs_and_gives_its_exit_code(host: Host, tmp_path: Path) -> None:
    code = "import sys\nprint(sys.argv[1:], input())\nraise SystemExit('sorry')"
    file = flashed(host, tmp_path, code)
    done = host.run("run", str(file), "--cmdline", "a 'b c'", typed="typed\n")
    assert done.returncode == 1
    assert done.stderr.endswith(b"sorry\n")
    assert done.stdout.endswith(b"['a', 'b c'] typed\n")


@any_vmm_will_do
@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("import sys; sys.exit(7)", 7),
        ("import machine; machine.poweroff()", 0),
        ("import machine; machine.reset()", 123),
        ("while True: pass", 124),
        ("import machine; machine.mem8[0]", 122),
    ],
)
def test_end_of_a_flashed_program(host: Host, tmp_path: Path, code: str, status: int) -> None:
    file = flashed(host, tmp_path, code)
    done = host.run("run", str(file), "--timeout=8")
    # The newline before a crash report looks like the program's.
    assert (done.returncode, done.stdout.strip()) == (status, b"")


@any_vmm_will_do
def test_crash_of_a_flashed_program_has_names(host: Host, tmp_path: Path) -> None:
    done = host.run("run", str(flashed(host, tmp_path, "import machine; machine.mem8[0]")))
    assert done.returncode == 122
    assert re.search(rb"machine_mem_subscr  \S*machine_mem\.c:\d+", done.stderr)


@any_vmm_will_do
def test_prompt_after_a_flashed_program_is_not_its_output(host: Host, tmp_path: Path) -> None:
    done = host.run("run", str(flashed(host, tmp_path, "print('ran')", "on-exit=prompt")))
    assert (done.returncode, done.stdout) == (0, b"ran\n")


@any_vmm_will_do
def test_firmware_without_application_is_refused(host: Host, firmware: Path) -> None:
    done = host.run("run", str(firmware))
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"The guest has no application" in done.stderr


@any_vmm_will_do
def test_image_of_an_application_runs_and_a_broken_one_is_told(host: Host, tmp_path: Path) -> None:
    source, image = tmp_path / "app.py", tmp_path / "app.romfs"
    source.write_text("print('from an image')")
    assert flash(host, str(source), "--out", str(image)).returncode == 0
    assert host.run("run", str(image)).stdout == b"from an image\n"
    image.write_bytes(image.read_bytes()[:-1])
    done = host.run("run", str(image))
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"The application is left alone: it is cut short." in done.stderr


@any_vmm_will_do
def test_flashed_file_is_inspected(host: Host, tmp_path: Path) -> None:
    file = flashed(host, tmp_path, "print(1)", "heap=8M")
    done = flash(host, str(file), "--inspect")
    assert done.returncode == 0
    assert re.search(rb"build [0-9a-f]{40}\n", done.stdout)
    assert b"main.py (frozen)" in done.stdout
    assert b"settings heap=8M\n" in done.stdout


@any_vmm_will_do
def test_syntax_error_is_told_when_flashed(host: Host, tmp_path: Path) -> None:
    source, target = tmp_path / "wrong.py", tmp_path / "wrong.elf"
    source.write_text("x = 1\nif x\n")
    done = flash(host, str(source), "--out", str(target))
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"wrong.py, line 2: SyntaxError: invalid syntax" in done.stderr
    assert not target.exists()


@any_vmm_will_do
def test_board_is_the_one_that_is_named(host: Host, tmp_path: Path) -> None:
    build("minimal")
    source, target = tmp_path / "app.py", tmp_path / "app.elf"
    source.write_text("import sys\nprint(sys.implementation._machine)\nsys.exit(3)\n")
    expected = (3, b"minimal PVH guest with x86-64\n")
    done = host.run("run", str(source), "--board=minimal")
    assert (done.returncode, done.stdout) == expected, done.stderr
    for way in ([], ["--no-compiler"]):
        done = flash(host, str(source), "--out", str(target), "--board=minimal", *way)
        assert done.returncode == 0, done.stderr
        done = host.run("run", str(target))
        assert (done.returncode, done.stdout) == expected, done.stderr


@any_vmm_will_do
def test_board_that_is_none_is_one_line(host: Host) -> None:
    done = host.run("exec", "pass", "--board=examples/hello")
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"exec: examples/hello is no board: it has no mpconfigboard.h." in done.stderr
