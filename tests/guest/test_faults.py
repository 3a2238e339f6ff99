# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Guests that must die, each for the right reason and with the right report (guests/faults)."""

import re
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from tests.guest.conftest import Boot
from tests.guests import build_kernel_guest
from tools.crash import debug_file_of
from tools.guest import Guest, GuestCrashed, GuestEnded
from tools.paths import ROOT
from tools.vmm.base import Ending
from tools.vmm.qemu import Qemu

SOURCES = ROOT / "tests" / "guests" / "faults"


@dataclass(frozen=True)
class Fault:
    """What the report of `fault=NAME` must say."""

    name: str
    headline: str
    """A pattern for its first line, after "*** crash: "."""
    statement: str = ""
    """The statement of faults.c that dies. Empty: execution has left the image."""
    address: str = ""
    """The symbol that CR2 points to."""

    def __str__(self) -> str:
        return self.name


PAGE_FAULT = r"page fault \(#PF\), vector 0x0e, error "
WRITE = PAGE_FAULT + "0x0003: write at {cr2}, not allowed there "
EXECUTE = PAGE_FAULT + "0x0011: execute at {cr2}, not allowed there "
READ = PAGE_FAULT + "0x0000: read at {cr2}, nothing mapped there"

FAULTS = [
    Fault("write-text", WRITE + r"\(the image\)", "app_main = 0x90", "app_main"),
    Fault("write-read-only-data", WRITE + r"\(the image\)", "read_only = 0xbad", "read_only"),
    Fault(
        "write-interpreter-code",
        WRITE + r"\(the interpreter's machine code\)",
        "code[0] = 0x90",
    ),
    Fault("execute-data", EXECUTE + r"\(the interpreter's data\)", address="data"),
    Fault("execute-heap", EXECUTE + r"\(the interpreter's heap\)"),
    Fault("execute-stack", EXECUTE + r"\(the interpreter's stack\)"),
    Fault("execute-direct-map", EXECUTE + r"\(the direct map of memory\)"),
    Fault("read-page-zero", READ + r" \(a null pointer\)", "(volatile uint8_t *)16"),
    Fault("read-low-memory", READ, "(volatile uint8_t *)0x7000"),
    Fault("read-beyond-heap", READ + r" \(the interpreter's heap\)", "heap + size"),
    Fault("read-non-canonical", r"general protection \(#GP\), vector 0x0d, error 0x0000", "0x0123"),
    Fault(
        "overrun-stack",
        PAGE_FAULT + r"0x0002: write at {cr2}, nothing mapped there \(stack overflow\)",
        "big[0] = 1",
    ),
    Fault("undefined-opcode", r"undefined opcode \(#UD\), vector 0x06, error 0x0000", "ud2"),
    Fault("divide-error", r"divide error \(#DE\), vector 0x00, error 0x0000", "divl"),
    # It dies while it reads page zero; the compiler puts that function into this one.
    Fault(
        "double-fault",
        r"double fault \(#DF\), vector 0x08, error 0x0000",
        "(volatile uint8_t *)16",
    ),
    # A trap is reported at the instruction that follows: SDM volume 3, 6.5.
    Fault("breakpoint", r"breakpoint \(#BP\), vector 0x03, error 0x0000", "}"),
    Fault("panic", "on purpose", "on purpose"),
]


@pytest.fixture(scope="session")
def faults_elf() -> Path:
    """The guest that dies on purpose; its symbols lie beside it."""
    return build_kernel_guest("faults")


def crash_of(guest: Guest) -> str:
    """The report of the guest's death, names put to its addresses."""
    with pytest.raises(GuestCrashed) as caught:
        guest.wait_for_end()
    return caught.value.report


def symbol_at(elf: Path, address: int) -> str:
    """The name of the data or function that holds the address."""
    with elf.open("rb") as file:
        table = ELFFile(file).get_section_by_name(".symtab")
        assert isinstance(table, SymbolTableSection)
        for symbol in table.iter_symbols():
            if symbol["st_value"] <= address < symbol["st_value"] + symbol["st_size"]:
                return str(symbol.name)
    return ""


def number_after(name: str, report: str) -> int:
    found = re.search(rf"\b{name} (0x[0-9a-f]+)", report)
    assert found is not None, f"no {name} in {report}"
    return int(found[1], 16)


def test_every_fault_has_a_test() -> None:
    named = re.findall(r'^    \{ "([\w-]+)", \w+ \},$', (SOURCES / "faults.c").read_text(), re.M)
    assert named == [fault.name for fault in FAULTS]


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_fault_is_caught_and_named(boot: Boot, faults_elf: Path, fault: Fault) -> None:
    guest = boot(faults_elf, cmdline=f"fault={fault.name}")
    report = crash_of(guest)
    assert guest.output.startswith(f"about to fault: {fault.name}\r\n\r\n*** crash: ")
    assert "survived" not in guest.output

    headline = fault.headline
    if "{cr2}" in headline:
        # Not format(): the pattern may hold braces of its own.
        headline = headline.replace("{cr2}", f"0x{number_after('cr2', report):016x}")
    assert re.fullmatch(headline, report.splitlines()[0].removeprefix("*** crash: "))
    debug_elf = debug_file_of(faults_elf)
    if fault.address:
        assert symbol_at(debug_elf, number_after("cr2", report)) == fault.address

    place = re.search(r"^  (0x[0-9a-f]{16}) (\S+)  (\S+)$", report, re.MULTILINE)
    assert place is not None, f"no names in {report}"
    address, function, line = place.groups()
    assert int(address, 16) == number_after("rip", report)
    if fault.statement:
        assert re.fullmatch(r"faults\.c:\d+", line)
        text = (SOURCES / "faults.c").read_text().splitlines()[int(line.partition(":")[2]) - 1]
        assert fault.statement in text
        wanted = "say_panic" if fault.name == "panic" else fault.name.replace("-", "_")
        assert function == wanted.replace("interpreter_code", "code_of_interpreter")
    else:
        # What called it is the next line; the call may have been a jump.
        assert (function, line) == ("?", "?")
        assert re.search(r"^  0x\w+ (app_main|run_application)  \S+:\d+$", report, re.MULTILINE)


def test_stopped_guest_stays_stopped(boot: Boot, faults_elf: Path) -> None:
    guest = boot(faults_elf, cmdline="fault=panic on-crash=stop")
    crash_of(guest)
    assert guest.vmm.wait(1) is None
    assert guest.output.endswith("*** end of crash\r\n")


def test_crash_resets_if_told_so(boot: Boot, faults_elf: Path) -> None:
    guest = boot(faults_elf, cmdline="fault=divide-error on-crash=reset")
    crash_of(guest)
    assert guest.vmm.wait(guest.timeout) is Ending.RESET


def test_crash_that_resets_boots_again(boot: Boot, faults_elf: Path) -> None:
    guest = boot(faults_elf, cmdline="fault=panic on-crash=reset", allow_reboot=True)
    crash_of(guest)
    assert guest.vmm.wait(1) is None
    assert guest.vmm.reboots > 0


def test_crash_powers_off_if_told_so(boot: Boot, faults_elf: Path) -> None:
    guest = boot(faults_elf, cmdline="fault=double-fault on-crash=poweroff")
    crash_of(guest)
    assert guest.vmm.wait(guest.timeout) is Ending.POWERED_OFF


def test_faultless_guest_powers_off(boot: Boot, faults_elf: Path) -> None:
    assert boot(faults_elf).wait_for_end() is Ending.POWERED_OFF


def test_nmi_is_reported_by_an_idle_guest(guest: Guest) -> None:
    time.sleep(guest.vmm.slowness / 4)
    guest.vmm.inject_nmi()
    report = crash_of(guest)
    assert report.startswith("*** crash: non-maskable interrupt (NMI), vector 0x02, error 0x0000")
    # The compiler may have put the one into the other.
    assert re.search(r" sched_run  ", report)


def test_nmi_is_reported_by_a_busy_guest(guest: Guest) -> None:
    guest.repl.start(b"print('busy')\nwhile True: pass", guest.timeout)
    guest.read_until(b"busy\r\n")
    guest.vmm.inject_nmi()
    assert " mp_execute_bytecode  " in crash_of(guest)


@pytest.mark.only_on("qemu")
def test_machine_check_is_reported(guest: Guest) -> None:
    """Uncorrected, of bank 0 (Intel SDM volume 3, 16.3.2.2). QEMU alone can be told to make one."""
    assert isinstance(guest.vmm, Qemu)
    command = "mce 0 0 0xb200000000000000 4 0 0"
    guest.vmm.monitor.execute("human-monitor-command", **{"command-line": command})
    assert crash_of(guest).startswith("*** crash: machine check (#MC), vector 0x12")


def test_crash_in_python_is_reported(guest: Guest) -> None:
    """Addresses out of range are the programmer's affair; the report names what he called."""
    with pytest.raises(GuestCrashed) as caught:
        guest.exec("import machine; machine.mem8[0x7fff_0000_0000] = 1")
    assert "write at 0x00007fff00000000, nothing mapped there" in caught.value.report
    assert " machine_mem_subscr  " in caught.value.report
    with pytest.raises(GuestCrashed):
        guest.exec("1")


def test_dead_guest_takes_no_code(guest: Guest) -> None:
    guest.write(b"import machine; machine.poweroff()\r")
    assert guest.wait_for_end() is Ending.POWERED_OFF
    with pytest.raises(GuestEnded):
        guest.exec("1")
