# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Names for the addresses of a crash report, from a real ELF file of gcc."""

import re
import subprocess
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from tools.crash import explain

INNER = """\
int inner(int x) {
    return x * 3;
}
"""
OUTER = """\
int inner(int x);
int outer(int x) {
    return inner(x) + 1;
}
int main(void) {
    return outer(3);
}
"""
LABELS = """\
    .text
first_label:
    nop
    nop
second_label:
    nop
    ret
"""


@pytest.fixture(params=[4, 5], ids=["DWARF 4", "DWARF 5"])
def program(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "inner.c").write_text(INNER)
    (tmp_path / "outer.c").write_text(OUTER)
    (tmp_path / "labels.S").write_text(LABELS)
    command = ["gcc", f"-gdwarf-{request.param}", "-O0", "-no-pie", "-Wl,--build-id=sha1"]
    command += ["-o", "program", "outer.c", "deep/inner.c", "labels.S"]
    subprocess.run(command, cwd=tmp_path, check=True, timeout=60)
    return tmp_path / "program"


def address_of(program: Path, function: str) -> tuple[int, int]:
    with program.open("rb") as file:
        table = ELFFile(file).get_section_by_name(".symtab")
        assert isinstance(table, SymbolTableSection)
        (symbol,) = table.get_symbol_by_name(function) or []
        return symbol["st_value"], symbol["st_size"]


def build_id(program: Path) -> str:
    notes = subprocess.run(["readelf", "-n", program], capture_output=True, text=True, check=True)
    found = re.search(r"Build ID: (\w+)", notes.stdout)
    assert found is not None
    return found[1]


def report(build: str, *addresses: int) -> str:
    backtrace = "".join(f" 0x{address:016x}" for address in addresses)
    return (
        "\r\n*** crash: page fault (#PF), error 0x3: write, protection violation\r\n"
        f"cpu 0, rip 0x{addresses[0]:016x}, build {build}\r\n"
        f"rax 0x{0:016x}\r\nbacktrace:{backtrace}\r\n*** end of crash\r\n"
    )


def test_each_address_gets_function_file_and_line(program: Path) -> None:
    inner, _ = address_of(program, "inner")
    main, size = address_of(program, "main")
    # A return address may lie just behind its function: the call was its last instruction.
    text = explain(report(build_id(program)[:16], inner, main + size, 1), program)
    lines = text.splitlines()
    assert lines[0].startswith("*** crash: page fault (#PF)")
    assert lines[-3] == f"  0x{inner:016x} inner  deep/inner.c:1"
    assert lines[-2] == f"  0x{main + size:016x} main  outer.c:7"
    assert lines[-1] == f"  0x{1:016x} ?  ?"


def test_first_address_is_not_a_return_address(program: Path) -> None:
    outer, _ = address_of(program, "outer")
    assert "outer  outer.c:2" in explain(report(build_id(program)[:16], outer), program)


def test_label_of_assembly_reaches_up_to_the_next(program: Path) -> None:
    first, _ = address_of(program, "first_label")
    # Return addresses: one byte behind the instruction meant.
    text = explain(report(build_id(program)[:16], first, first + 2, first + 4), program)
    lines = text.splitlines()
    assert lines[-3] == f"  0x{first:016x} first_label  labels.S:3"
    assert lines[-2] == f"  0x{first + 2:016x} first_label  labels.S:4"
    assert lines[-1] == f"  0x{first + 4:016x} second_label  labels.S:7"


def test_symbols_of_another_build_are_not_used(program: Path) -> None:
    text = explain(report("0123456789abcdef", 0x401000), program)
    assert "of another build" in text.splitlines()[-1]


def test_missing_symbols_are_said(tmp_path: Path) -> None:
    text = explain(report("0123456789abcdef", 0x401000), tmp_path / "none")
    assert "cannot be read" in text.splitlines()[-1]


def test_report_without_backtrace_stays_as_it_is(tmp_path: Path) -> None:
    assert explain("\r\n*** crash: x\r\n*** end of crash\r\n", tmp_path) == (
        "*** crash: x\n*** end of crash"
    )
