# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""The module guest: what it tells is true, what it is told wrongly is an error."""

import re
import time
from typing import Any

import pytest
from elftools.elf.elffile import ELFFile

from tests.guest.conftest import Boot
from tools.build import build
from tools.crash import Symbols, debug_file_of
from tools.guest import Guest, GuestCrashed
from tools.vmm.base import Ending

FUNCTIONS = [
    *("build", "info", "uptime", "date", "cpuid", "msr", "interrupts", "acpi", "lspci"),
    *("interfaces", "connections", "ping", "dns", "ntp", "memory"),
    *("mappings", "heap", "top", "peek", "poke", "dump", "physical", "random", "backtrace"),
    *("halt", "reboot"),
]


@pytest.fixture
def looking(shared_guest: Guest) -> Guest:
    shared_guest.output_of("import guest, gc")
    return shared_guest


def shown(guest: Guest, expression: str) -> str:
    """What a person sees at the prompt."""
    return guest.output_of(f"print(repr({expression}))").rstrip("\n")


def record(guest: Guest, expression: str) -> dict[str, Any]:
    """Its plain values."""
    plain = f"{{k: v for k, v in {expression}.items() if not isinstance(v, (list, dict))}}"
    values: dict[str, Any] = guest.eval(plain)
    return values


def rows(guest: Guest, expression: str) -> list[Any]:
    tuples: list[Any] = guest.eval(f"[tuple(row) for row in {expression}]")
    return tuples


def link_address(guest: Guest) -> int:
    """Where the image begins, by its ELF file."""
    with guest.spec.kernel.open("rb") as file:
        segments = ELFFile(file).iter_segments("PT_LOAD")
        return min(int(segment["p_paddr"]) for segment in segments)


def test_module_is_not_imported_at_the_boot(shared_guest: Guest) -> None:
    assert shared_guest.eval("'guest' in __import__('sys').modules") is False


# Help.


def test_help_lists_every_function(looking: Guest) -> None:
    listed = re.findall(r"^(\w+)\(.*\)  +\S", looking.output_of("guest.help()"), re.MULTILINE)
    assert listed == FUNCTIONS
    assert looking.eval(f"[callable(getattr(guest, name)) for name in {FUNCTIONS}]") == [True] * 26


def test_help_of_one(looking: Guest) -> None:
    by_name = looking.output_of("guest.help('cpuid')")
    assert by_name.startswith("guest.cpuid(leaf, subleaf=0)  ")
    assert looking.output_of("guest.help(guest.cpuid)") == by_name
    for dangerous in ("poke", "msr"):
        assert "DANGER" in looking.output_of(f"guest.help({dangerous!r})")


def test_help_of_the_port_names_it(looking: Guest) -> None:
    assert "import guest; guest.help()" in looking.output_of("help()")


# The machine.


def test_build(looking: Guest) -> None:
    found = record(looking, "guest.build()")
    symbols = Symbols(debug_file_of(looking.spec.kernel))
    assert found["build_id"] == symbols.build_id
    assert found["link_address"] == link_address(looking)
    assert found["board"] == looking.eval("__import__('os').uname().machine")
    assert str(found["compiler"]).startswith("GCC ")
    assert {"native code", "asyncio"} <= set(found["features"])


def test_info(looking: Guest) -> None:
    info = record(looking, "guest.info()")
    qemu = looking.vmm.name == "qemu"
    assert info["vmm"] == ("QEMU" if qemu else "Cloud Hypervisor")
    assert info["hypervisor"] == ("TCGTCGTCGTCG" if qemu else "KVMKVMKVM")
    assert info["cpus"] == 1
    assert info["hertz"] == looking.eval("__import__('machine').freq()")
    assert 400 << 20 < info["free"] < info["memory"] <= 512 << 20
    assert {"fpu", "sse2", "apic", "hypervisor"} <= set(info["features"])
    # Leaf 0 gives the vendor in the order EBX, EDX, ECX.
    registers = looking.eval("(lambda r: (r.ebx, r['edx'], r.ecx))(guest.cpuid(0))")
    text = b"".join(register.to_bytes(4, "little") for register in registers).decode()
    assert info["vendor"] == text
    assert looking.eval("guest.info()['cpu'] == guest.info().cpu")
    assert f"vendor      {text}\n" in shown(looking, "guest.info()")


def test_record_has_no_other_attribute(looking: Guest) -> None:
    assert looking.exec("guest.info().nothing")[1].endswith("AttributeError: nothing\n")


def test_uptime_goes_on(looking: Guest) -> None:
    begin = looking.eval("guest.uptime().seconds")
    assert begin > 0
    looking.output_of("import time; time.sleep_ms(50)")
    assert looking.eval("guest.uptime().seconds") >= begin + 0.05
    assert re.match(r"uptime +0 d 00:0\d:\d\d\n", shown(looking, "guest.uptime()"))


def test_date_is_set_and_told(looking: Guest) -> None:
    assert abs(looking.eval("guest.date().seconds") - time.time()) < 100
    try:
        assert re.match(
            r"utc +2031-02-03 04:05:0\d\n", shown(looking, "guest.date('2031-02-03T04:05:06Z')")
        )
        assert looking.eval("__import__('time').gmtime()[:5]") == (2031, 2, 3, 4, 5)
    finally:
        now = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime())
        looking.output_of(f"guest.date({now!r})")


def test_cpuid_has_subleaves(looking: Guest) -> None:
    # Leaf 0xd, subleaf 0: XCR0's bits, of which x87 and SSE are always there.
    assert looking.eval("guest.cpuid(0xd).eax & 3") == 3
    assert looking.eval("guest.cpuid(0xd, 1).eax") != looking.eval("guest.cpuid(0xd).eax")
    assert shown(looking, "guest.cpuid(0)").splitlines()[0] == (
        f"eax    {looking.eval('hex(guest.cpuid(0).eax)')}"
    )


def test_msr_is_read_and_written(looking: Guest) -> None:
    # EFER: long mode is enabled and active, and so is NX.
    assert looking.eval("guest.msr(0xc0000080)") & 0xD00 == 0xD00
    # KERNEL_GS_BASE: the kernel never swaps.
    assert looking.eval("guest.msr(0xc0000102, 0xffff800012345678)") is None
    assert looking.eval("guest.msr(0xc0000102)") == 0xFFFF800012345678
    looking.output_of("guest.msr(0xc0000102, 0)")


def test_msr_that_the_cpu_refuses_is_an_error(looking: Guest) -> None:
    # VM_HSAVE_PA wants a page's address. QEMU reads 0 from MSRs that it does not know.
    refused = ["guest.msr(0xc0010117, 1)"]
    if looking.vmm.name != "qemu":
        refused.append("guest.msr(0x12345678)")
    for code in refused * 3:
        assert looking.exec(code)[1].endswith("OSError: [Errno 6] ENXIO\n")
    assert looking.eval("guest.msr(0x277)") > 0


def test_other_general_protection_faults_are_crashes_still(guest: Guest) -> None:
    guest.output_of("import guest, machine; guest.msr(0x277)")
    with pytest.raises(GuestCrashed, match="general protection"):
        guest.exec("machine.mem8[0x123456789abcdef0]")


def test_interrupts_are_counted(looking: Guest) -> None:
    before = dict(rows(looking, "guest.interrupts()"))
    after = dict(rows(looking, "guest.interrupts()"))
    assert {"console", "timer"} <= set(before)
    assert after["console"] > before["console"]
    assert shown(looking, "guest.interrupts()").splitlines()[0].split() == ["name", "count"]


# ACPI.


def test_acpi_tables_are_listed(looking: Guest) -> None:
    tables = rows(looking, "guest.acpi()")
    assert {"FACP", "APIC", "DSDT"} <= {table[0] for table in tables}
    oem = "BOCHS" if looking.vmm.name == "qemu" else "CLOUDH"
    for signature, index, address, length, _, oem_id, *_, whole in tables:
        assert oem_id == oem
        assert whole is True
        content = f"guest.acpi({signature!r}, {index})"
        assert looking.eval(f"(len({content}), sum({content}) & 255)") == (length, 0)
        assert looking.eval(f"bytes(guest.dump({address}, 36)) == bytes({content})[:36]")


def test_acpi_table_prints_as_a_dump(looking: Guest) -> None:
    lines = shown(looking, "guest.acpi('APIC')").splitlines()
    assert lines[0].startswith("00000000  41 50 49 43 ")
    assert "APIC" in lines[0].rpartition("  ")[2]
    assert len(lines) == (looking.eval("len(guest.acpi('APIC'))") + 15) // 16


def test_acpi_costs_no_memory_each_time(looking: Guest) -> None:
    looking.output_of("guest.acpi(); guest.acpi('APIC')")
    devices = "sum(row.size for row in guest.mappings() if row.what.startswith('devices'))"
    before = looking.eval(devices)
    looking.output_of("for _ in range(50): guest.acpi(); guest.peek(0xfee00000, 4)")
    assert looking.eval(devices) == before


@pytest.mark.machine(cmdline="acpi=off")
def test_without_acpi_there_is_no_table(guest: Guest) -> None:
    guest.output_of("import guest")
    assert rows(guest, "guest.acpi()") == []
    assert guest.exec("guest.acpi('APIC')")[1].endswith("ValueError: there is no such table\n")
    assert rows(guest, "guest.memory()['ranges']") != []


# Memory.


def test_memory_map(looking: Guest) -> None:
    ranges = rows(looking, "guest.memory().ranges")
    ram = [size for _, _, size, kind in ranges if kind == "RAM"]
    assert 511 << 20 < sum(ram) <= 512 << 20
    assert all(start + size == end for start, end, size, _ in ranges)
    uses = {what: (start, end) for start, end, _, what in rows(looking, "guest.memory().uses")}
    assert uses["the image"][0] == link_address(looking)
    pages = record(looking, "guest.memory().pages")
    assert 0 < pages["touched"] <= pages["all"]
    assert pages["promised"] <= pages["free"] < pages["all"]
    assert re.search(r"\n  +0x0  +0x\w+  .* KiB  RAM\n", shown(looking, "guest.memory()"))


def test_initramfs_is_in_the_memory_map(boot: Boot, firmware: object) -> None:
    # No ROMFS: it is left alone, and lies there.
    guest = boot(initramfs=firmware)
    guest.wait_for_prompt()
    guest.output_of("import guest")
    uses = {what: (start, size) for start, _, size, what in rows(guest, "guest.memory().uses")}
    start, size = uses["the initramfs"]
    assert size == guest.spec.kernel.stat().st_size
    assert guest.eval(f"bytes(guest.dump({start}, 4))") == b"\x7fELF"


def test_mappings_are_never_writable_and_executable(looking: Guest) -> None:
    looking.output_of("@micropython.native\ndef f(): pass")
    mappings = rows(looking, "guest.mappings()")
    rights = {row[3] for row in mappings}
    assert rights == {"r-x", "r--", "rw-"}
    names = {row[6] for row in mappings if row[3] == "r-x"}
    assert names == {"the image: code", "machine code made at run time"}
    assert {row[4] for row in mappings} == {"write-back", "uncached"}
    ends = [(row[0], row[1]) for row in mappings]
    assert all(start < end for start, end in ends)
    assert ends == sorted(ends)
    # Null pointers fault.
    assert ends[0][0] == link_address(looking)
    direct = next(row for row in mappings if row[6] == "all RAM")
    assert (direct[0], direct[4], direct[5]) == (0xFFFF800000000000, "write-back", 0)


def test_mappings_agree_with_physical_addresses(looking: Guest) -> None:
    for start, end, _, _, _, physical, _ in rows(looking, "guest.mappings()"):
        if physical is not None:
            assert looking.eval(f"guest.physical({start})") == physical
            last = physical + end - start - 1
            assert looking.eval(f"guest.physical({end} - 1)") == last
    assert looking.eval("guest.physical(0)") is None
    assert looking.eval("guest.physical(1 << 60)") is None


def test_heap(looking: Guest) -> None:
    looking.output_of("gc.collect(); gc.disable()")
    heap = record(looking, "guest.heap()")
    looking.output_of("block = bytearray(1000000)")
    after = record(looking, "guest.heap()")
    assert 1000000 <= after["used"] - heap["used"] < 1200000
    used = looking.eval("(guest.heap().used, gc.mem_alloc())")
    assert abs(used[0] - used[1]) < 20000
    for start, end, size, taken, free, largest in rows(looking, "guest.heap().areas"):
        assert start + size == end
        assert taken + free == size
        assert 0 <= largest <= free
    looking.output_of("block = bytearray(100000000)")  # An area of its own.
    areas = rows(looking, "guest.heap().areas")
    assert len(areas) == 2
    assert looking.eval("guest.heap().free") >= 0
    looking.output_of("del block; gc.enable(); gc.collect()")


@pytest.mark.machine(cpus=2)
def test_top_tells_who_is_busy(guest: Guest) -> None:
    guest.output_of(
        "import guest\n"
        "from concurrent import interpreters\n"
        "it = interpreters.create()\n"
        "it.exec('def work():\\n  global i\\n  for i in range(1 << 62): pass')\n"
        "thread = it.call_in_thread(eval, 'work()')\n"
        "found = guest.top(0.5)"
    )
    busy = sorted(row[1] for row in rows(guest, "found.cpus"))
    assert busy[0] < 50 < busy[1] <= 100
    main, other = rows(guest, "found.interpreters")
    # Where disks come and go a thread of the kernel's looks after them.
    watchers = [] if guest.vmm.name == "qemu" else [(0, "devices")]
    assert main[:3] == (0, True, 2 + len(watchers))
    assert other[:3] == (1, True, 1)
    assert 16384 < other[3] < 1 << 20
    threads = rows(guest, "found.threads")
    assert [(row[0], row[1], row[3] > 50) for row in threads[:1]] == [(1, "main", True)]
    expected = [*watchers, (0, "main"), (0, "python"), (1, "main")]
    assert sorted(row[:2] for row in threads) == expected
    assert {row[4] for row in threads} <= {"running", "ready", "waiting"}
    assert "interpreter  name" in shown(guest, "found")


def test_peek_reads_the_image(looking: Guest) -> None:
    code = looking.spec.kernel.read_bytes()
    # pvh_start, the first bytes of the first segment.
    at = link_address(looking)
    begin = looking.eval(f"bytes(guest.dump({at}, 64))")
    assert begin in code
    for size in (1, 2, 4, 8):
        expected = int.from_bytes(begin[:size], "little")
        assert looking.eval(f"guest.peek({at}, {size})") == expected
    assert looking.eval(f"guest.peek({at})") == int.from_bytes(begin[:8], "little")
    first = shown(looking, f"guest.dump({at + 3}, 20)").splitlines()
    assert [line.split()[0] for line in first] == [f"{at + 3:08x}", f"{at + 19:08x}"]


def test_peek_reads_device_registers(looking: Guest) -> None:
    # The version of an I/O APIC has the number of its pins: 82093AA, 3.2.2.
    window = "guest.poke(0xfec00000, 1, 4); guest.peek(0xfec00010, 4) >> 16"
    pins = int(looking.output_of(window.replace("; ", "; print(") + ")"))
    assert pins == 23


def test_poke_to_memory_reads_back(looking: Guest) -> None:
    looking.output_of(
        "import uctypes\nblock = bytearray(64)\nat = guest.physical(uctypes.addressof(block))"
    )
    for offset, size, value in ((0, 8, 0x1122334455667788), (8, 4, 0xFFFFFFFF), (14, 2, 1)):
        looking.output_of(f"guest.poke(at + {offset}, {value}, {size})")
        assert looking.eval(f"guest.peek(at + {offset}, {size})") == value
    looking.output_of("guest.poke(at + 63, 0xab, 1)")
    expected = 0x1122334455667788.to_bytes(8, "little") + b"\xff" * 4 + b"\0\0\1\0"
    assert looking.eval("bytes(block)") == expected + bytes(47) + b"\xab"


def test_what_nothing_answers_at_is_no_crash(looking: Guest) -> None:
    # In the hole below 4 GiB, and beyond all RAM.
    for address in (0xD0000000, 1 << 36):
        looking.output_of(f"guest.peek({address}, 4); guest.poke({address}, 1, 4)")
    assert looking.eval("1") == 1


BAD_NUMBERS = ["-1", "1 << 64", "-(1 << 70)", "1 << 200"]


@pytest.mark.parametrize(
    ("error", "calls"),
    [
        ("ValueError", [f"peek({number})" for number in BAD_NUMBERS]),
        ("ValueError", [f"poke({number}, 1)" for number in BAD_NUMBERS]),
        ("ValueError", [f"poke(0x100000, {number})" for number in BAD_NUMBERS]),
        ("ValueError", [f"msr({number})" for number in [*BAD_NUMBERS, "1 << 32"]]),
        ("ValueError", [f"msr(0x277, {number})" for number in BAD_NUMBERS]),
        ("ValueError", [f"cpuid({number})" for number in [*BAD_NUMBERS, "1 << 32"]]),
        ("ValueError", [f"cpuid(0, {number})" for number in BAD_NUMBERS]),
        ("ValueError", [f"physical({number})" for number in BAD_NUMBERS]),
        ("ValueError", [f"dump(0, {number})" for number in [*BAD_NUMBERS, "1 << 24"]]),
        ("ValueError", [f"random({number})" for number in [*BAD_NUMBERS, "1 << 24"]]),
        ("ValueError", [f"acpi('APIC', {number})" for number in [*BAD_NUMBERS, "1"]]),
        ("ValueError", ["peek(1, 2)", "peek(4)", "peek(0, 0)", "peek(0, 3)", "peek(0, 16)"]),
        ("ValueError", ["poke(2, 0, 4)", "poke(0, 256, 1)", "poke(0, 0, -8)"]),
        ("ValueError", ["date('yesterday')", "date('2026-02-30 00:00:00')", "date(5)"]),
        ("ValueError", ["help('nothing')", "help(5)", "acpi('NONE')", "acpi('')"]),
        ("OSError: [Errno 14] EFAULT", ["peek(1 << 52)", "peek(1 << 63)", "poke(1 << 60, 1)"]),
        ("OSError: [Errno 14] EFAULT", ["dump(1 << 63)", "dump((1 << 64) - 8)"]),
        ("TypeError", ["peek('0')", "peek(1.0)", "poke(None, 1)", "poke(0, 'x')", "msr([])"]),
        ("TypeError", ["cpuid(())", "physical(b'')", "dump(0, 1.5)", "acpi(5)", "random('1')"]),
    ],
)
def test_nonsense_is_an_error(looking: Guest, error: str, calls: list[str]) -> None:
    for call in calls:
        _, traceback = looking.exec(f"guest.{call}")
        assert traceback.splitlines()[-1].startswith(error), call


def test_first_address_that_the_cpu_does_not_have(looking: Guest) -> None:
    bits = looking.eval("guest.cpuid(0x80000008).eax & 0xff")
    assert looking.exec(f"guest.peek(1 << {bits})")[1].endswith("EFAULT\n")
    looking.output_of(f"guest.peek((1 << {bits}) - 8)")


def test_private_half_survives_nonsense_too(looking: Guest) -> None:
    looking.output_of(
        "import _guest\n"
        "for name in ('peek', 'poke', 'physical', 'mapping', 'range', 'use', 'frames', 'cpuid'):\n"
        "    for number in (-1, 1 << 63, (1 << 64) - 1, 1 << 70, 0, None, 'x'):\n"
        "        for count in (1, 2, 3):\n"
        "            try:\n"
        "                getattr(_guest, name)(*[number] * count)\n"
        "            except (OSError, ValueError, TypeError, OverflowError):\n"
        "                pass\n"
    )
    assert looking.eval("1") == 1


# And more.


def test_random_bytes(looking: Guest) -> None:
    assert looking.eval("(len(guest.random(33)), len(guest.random(0)))") == (33, 0)
    assert looking.eval("bytes(guest.random()) != bytes(guest.random())")
    assert re.fullmatch(r"00000000 ( [0-9a-f]{2}){16}  .{16}", shown(looking, "guest.random()"))


STACK = """\
def inner(n):
    return guest.backtrace() if n == 0 else inner(n - 1)

def generator():
    yield inner(2)

class Thing:
    def method(self):
        try:
            raise ValueError
        except ValueError:
            return next(generator())

@micropython.native
def native():
    return Thing().method()

frames = list(map(lambda _: native(), [1]))[0]
"""


def test_backtrace_names_the_functions_of_python(looking: Guest) -> None:
    looking.output_of(STACK)
    found = [(line, function) for _, line, function in rows(looking, "frames")]
    # What the native emitter makes has no frame.
    assert found == [
        (18, "<module>"),
        (18, "<lambda>"),
        (12, "method"),
        (5, "generator"),
        *[(2, "inner")] * 3,
    ]
    text = shown(looking, "frames")
    assert '\n  File "<stdin>", line 5, in generator\n' in text
    assert text.startswith("Stack (most recent call last):\n")


def test_backtrace_has_frozen_functions_too(looking: Guest) -> None:
    looking.output_of(
        "import asyncio\nasync def main():\n    return guest.backtrace()\n"
        "frames = asyncio.run(main())"
    )
    found = [(file, function) for file, _, function in rows(looking, "frames")]
    assert found[0] == ("<stdin>", "<module>")
    assert ("asyncio/core.py", "run_until_complete") in found
    assert found[-1] == ("<stdin>", "main")


def test_backtrace_names_the_functions_of_c(looking: Guest) -> None:
    symbols = Symbols(debug_file_of(looking.spec.kernel))
    callers = looking.eval("list(guest.backtrace().callers)")
    names = [symbols.describe(address - 1).split()[0] for address in callers]
    assert "mp_execute_bytecode" in names
    assert names[-1] == "run_application" or names[-1] == "thread_enter"


def test_backtrace_in_a_debug_build(boot: Boot) -> None:
    guest = boot(build(debug=True).elf)
    guest.wait_for_prompt()
    guest.output_of("import guest")
    test_backtrace_names_the_functions_of_python(guest)


def test_halt(guest: Guest) -> None:
    guest.write(b"import guest; guest.halt()\r")
    assert guest.wait_for_end() is Ending.POWERED_OFF


def test_reboot(guest: Guest) -> None:
    guest.write(b"import guest; guest.reboot()\r")
    assert guest.wait_for_end() is Ending.RESET
