# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""That instructions and exits are counted exactly, on a guest whose instructions are known."""

import subprocess
from pathlib import Path

import pytest

from tests.guests import build_guest
from tools.bench import boot_exits, boot_instructions
from tools.bench.boot_instructions import read_trace
from tools.bench.functions import Functions, Sections, pvh_entry
from tools.errors import WorkFailed

# tests/guests/prompt.S numbers them.
TO_PROMPT = 14
UNTIL_IT_HALTS = 16


@pytest.fixture(scope="module")
def prompt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_guest("prompt", tmp_path_factory.mktemp("guests"))


def test_qemu_counts_every_instruction_of_a_guest(prompt: Path) -> None:
    figures = boot_instructions.measure(prompt)
    assert figures["instructions_to_prompt"] == TO_PROMPT
    assert figures["instructions_until_it_waits"] == UNTIL_IT_HALTS
    assert figures["by_function"] == {"_start": TO_PROMPT}


def test_the_entry_is_where_the_note_says(prompt: Path) -> None:
    assert pvh_entry(prompt) == 0x100000


def test_addresses_belong_to_the_function_before_them(tmp_path: Path) -> None:
    source = tmp_path / "two.S"
    source.write_text(
        ".text; .globl a, b, image_start; image_start: a: nop; nop; .type b, @function; b: nop\n"
    )
    elf = tmp_path / "two.elf"
    command = ["gcc", "-nostdlib", "-static", "-Wl,-Ttext=0x100000,-e,a", "-o", str(elf)]
    subprocess.run([*command, str(source)], check=True, timeout=60)
    functions = Functions(elf)
    names = [functions.name(address) for address in (0x100000, 0x100001, 0x100002, 0x100003)]
    assert names == ["a", "a", "b", "b"]
    assert functions.name(0) == "?"
    assert functions.sums([(0x100000, 1), (0x100002, 5), (0x100001, 3)]) == {"b": 5, "a": 4}


def test_pages_belong_to_the_last_section_in_them(prompt: Path) -> None:
    sections = Sections(prompt)
    names = [sections.of_page(page) for page in (0x7, 0x100, 0x101)]
    assert names == ["below 1 MiB", ".note.pvh", "memory beyond the image"]


def executed(address: int) -> bytes:
    return b"Trace 0: 0x7f9fe81fccc0 [00000000/%016x/18c0c2b0/ff020201] \n" % address


def sent(text: bytes) -> list[bytes]:
    return [b"serial_write write addr 0x00 val 0x%02x\n" % byte for byte in text]


STOPPED = b"Stopped execution of TB chain before 0x7f9fe81fccc0 [0000000000000020] \n"
REWOUND = b"cpu_io_recompile: rewound execution of TB to 0000000000000020\n"
PAGE_FAULT = b"     3: v=0e e=0002 i=0 cpl=0 IP=0008:20 pc=20 SP=0010:0 CR2=0\n"
TIMER_INTERRUPT = b"     4: v=22 e=0000 i=0 cpl=0 IP=0008:20 pc=20 SP=0010:0 EAX=0\n"
INT_INSTRUCTION = b"     5: v=03 e=0000 i=1 cpl=0 IP=0008:20 pc=20 SP=0010:0 EAX=0\n"


@pytest.mark.parametrize("begun_anew", [STOPPED, REWOUND, PAGE_FAULT])
def test_an_instruction_that_begins_anew_counts_once(begun_anew: bytes) -> None:
    lines = [executed(0x10), executed(0x20), begun_anew, executed(0x20), *sent(b">>> ")]
    trace = read_trace(lines)
    assert (trace.executed, trace.at_awaited) == (2, 2)
    assert trace.addresses == {0x10: 1, 0x20: 1}


@pytest.mark.parametrize("interrupt", [TIMER_INTERRUPT, INT_INSTRUCTION])
def test_an_interrupt_takes_no_instruction_back(interrupt: bytes) -> None:
    lines = [executed(0x10), executed(0x20), interrupt, executed(0x30), *sent(b">>> ")]
    assert read_trace(lines).executed == 3


def test_what_follows_the_prompt_is_told_apart() -> None:
    lines = [executed(1), *sent(b"\x01>>>"), executed(2), *sent(b" "), executed(3), *sent(b">>> ")]
    trace = read_trace(lines)
    assert (trace.at_awaited, trace.executed) == (2, 3)
    assert trace.addresses == {1: 1, 2: 1}


def test_a_log_without_prompt_is_an_error() -> None:
    with pytest.raises(WorkFailed, match="no b'>>> '"):
        read_trace([executed(1), *sent(b">>>")])


TRACE = """# tracer: nop
#
# entries-in-buffer/entries-written: {kept}/5   #P:1
 vcpu0-9 [000] ..... 1.0: kvm_exit: vcpu 0 reason npf rip 0x100000 info1 0x14 info2 0x100000 intr_info 0x0
 vcpu0-9 [000] ..... 1.1: kvm_exit: vcpu 0 reason npf rip 0x100005 info1 0x6 info2 0x100fff intr_info 0x0
 vcpu0-9 [000] ..... 1.2: kvm_exit: vcpu 0 reason npf rip 0x100009 info1 0x6 info2 0xfee000f0 intr_info 0x0
 vcpu0-9 [000] ..... 1.3: kvm_exit: vcpu 0 reason io rip 0x100012 info1 0x3f80010 info2 0x100013 intr_info 0x0
 vcpu0-9 [000] ..... 1.4: kvm_exit: vcpu 0 reason hlt rip 0x100014 info1 0x0 info2 0x0 intr_info 0x0
"""  # noqa: E501


def test_exits_are_told_apart_by_reason_and_address() -> None:
    traced = boot_exits.read_trace(TRACE.format(kept=5), memory=512 << 20)
    assert traced.count == 5
    assert traced.by_reason() == {
        boot_exits.FIRST_TOUCH: 2,
        boot_exits.DEVICE_REGISTER: 1,
        "io": 1,
        "hlt": 1,
    }
    assert traced.touched == {0x100}
    assert traced.rips["io"] == [0x100012]
    assert traced.until_silence == 4


def test_a_trace_that_lost_exits_is_an_error() -> None:
    with pytest.raises(WorkFailed, match="incomplete"):
        boot_exits.read_trace(TRACE.format(kept=4), memory=512 << 20)
