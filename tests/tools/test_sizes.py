# SPDX-License-Identifier: MIT
"""Sizes of a small ELF that the real linker makes: every byte is accounted for, once."""

import json
import subprocess
from pathlib import Path

import pytest

from tools import sizes
from tools.build import BuildResult
from tools.errors import UserError

SOURCES = {
    "kernel/boot/start.c": """
        static int zeroed[1000];
        const char text[] = "a string that is read";
        int a_name_so_long_that_the_map_puts_its_numbers_on_a_line_below(int);
        void _start(void)
        {
            zeroed[3] = a_name_so_long_that_the_map_puts_its_numbers_on_a_line_below(
                text[zeroed[2]]);
        }
    """,
    "py/vm.c": """
        static int data[100] = {1};
        int unused(void) { return 4; }
        int a_name_so_long_that_the_map_puts_its_numbers_on_a_line_below(int x)
        {
            return data[x]++;
        }
    """,
    "lib/oofatfs/ff.c": "const int table[64] __attribute__((retain, used)) = {7};",
}


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> BuildResult:
    source = tmp_path_factory.mktemp("source")
    build = tmp_path_factory.mktemp("repo") / "build" / "default"
    objects = []
    for name, text in SOURCES.items():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(text)
        target = (build / name).with_suffix(".o")
        target.parent.mkdir(parents=True)
        command = [
            "gcc",
            "-ffunction-sections",
            "-fno-pie",
            "-c",
            "-o",
            str(target),
            str(source / name),
        ]
        subprocess.run(command, check=True, timeout=60)
        objects.append(target)
    library = build / "libkernel.a"
    subprocess.run(["ar", "rcsD", library, objects[0]], check=True, timeout=60)
    objects[0] = library
    debug, elf, map_file = (build / f"firmware.{end}" for end in ("debug.elf", "elf", "map"))
    link = ["gcc", "-static", "-nostdlib", "-no-pie", "-Wl,--gc-sections", f"-Wl,-Map={map_file}"]
    link += ["-Wl,--whole-archive"]
    subprocess.run([*link, "-o", debug, *objects], check=True, timeout=60)
    subprocess.run(["strip", "-o", elf, debug], check=True, timeout=60)
    return BuildResult(elf, debug, map_file)


def test_every_byte_is_accounted_for_once(result: BuildResult) -> None:
    measured = sizes.measure(result)
    assert measured.file == result.elf.stat().st_size
    assert sum(measured.parts.values()) == sum(measured.sections.values())
    assert sum(measured.zeroed_parts.values()) == sum(measured.zeroed_sections.values())
    assert measured.headers + sum(measured.sections.values()) == measured.file


def test_parts_are_where_the_source_is(result: BuildResult) -> None:
    measured = sizes.measure(result)
    assert measured.zeroed_parts["boot"] >= 4000
    assert 400 <= measured.parts["py"] < 800
    assert 256 <= measured.parts["lib/oofatfs"] < 400
    assert "port" not in measured.parts


def test_discarded_functions_do_not_count(result: BuildResult) -> None:
    names = {c.section for c in sizes.contributions(result.map.read_text())}
    text = [c for c in sizes.contributions(result.map.read_text()) if c.section == ".text"]
    assert ".text" in names
    code = sum(c.size for c in text if c.file.endswith("py/vm.o"))
    assert 0 < code < 64, "one function of two"


@pytest.mark.parametrize(
    ("file", "part"),
    [
        ("kernel/boot/pvh.o", "boot"),
        ("kernel/kernel/irq.o", "kernel"),
        ("kernel/kernel/libc/memcpy.o", "libc"),
        ("py/vm.o", "py"),
        ("lib/libm_dbl/exp.o", "lib/libm_dbl"),
        ("frozen_content.o", "frozen Python"),
        ("modmachine.o", "port"),
        ("/usr/lib/gcc/x86_64-linux-gnu/12/libgcc.a(_popcountdi2.o)", "libgcc"),
        ("<fill>", "alignment"),
    ],
)
def test_part_of(file: str, part: str) -> None:
    assert sizes.part_of(file) == part


def test_json_and_table(result: BuildResult, capsys: pytest.CaptureFixture[str]) -> None:
    sizes.show(result, as_json=True)
    assert json.loads(capsys.readouterr().out)["file"] == result.elf.stat().st_size
    sizes.show(result)
    assert f"{result.elf.stat().st_size:,}" in capsys.readouterr().out


def test_file_that_is_no_elf_is_one_line(result: BuildResult, tmp_path: Path) -> None:
    (tmp_path / "firmware.elf").write_text("not an ELF")
    broken = BuildResult(tmp_path / "firmware.elf", result.debug, result.map)
    with pytest.raises(UserError, match="cannot be measured"):
        sizes.measure(broken)
