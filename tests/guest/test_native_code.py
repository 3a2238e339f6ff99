# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Machine code made at run time: it runs, it can never be written, and its memory comes back."""

import pytest

from tools.guest import Guest, GuestCrashed

EMITTERS = """
import micropython
@micropython.native
def native(n):
    total = 0.5
    for i in range(n):
        total += i
    return total
@micropython.viper
def viper(n: int) -> int:
    total = 0
    for i in range(n):
        total += i * i
    return total
"""


def test_every_emitter_makes_code(shared_guest: Guest) -> None:
    """Upstream has no inline assembler for x86-64, so these are all."""
    output = shared_guest.output_of(f"{EMITTERS}\nprint(native(100), viper(100))")
    assert output == "4950.5 328350\n"


ADDRESS = """
import machine, micropython, uctypes
@micropython.native
def code():
    return 42
# The function's object has the addresses of its code and, behind that, of its prelude.
words = uctypes.bytearray_at(id(code), 64)
addresses = [int.from_bytes(words[i:i + 8], 'little') for i in range(0, 64, 8)]
at = min(a for a in addresses if 0x4400_0000 <= a < 0x4800_0000)
"""


def test_code_lies_where_it_can_be_read(shared_guest: Guest) -> None:
    assert shared_guest.output_of(f"{ADDRESS}\nprint(machine.mem8[at] != 0xcc, code())") == (
        "True 42\n"
    )


def test_code_cannot_be_written(guest: Guest) -> None:
    with pytest.raises(GuestCrashed) as caught:
        guest.exec(f"{ADDRESS}\nmachine.mem8[at] = 0x90")
    assert "not allowed there (the interpreter's machine code)" in caught.value.report


def test_data_cannot_be_executed(guest: Guest) -> None:
    """A native function whose code is said to lie on the heap, where a copy of it is."""
    with pytest.raises(GuestCrashed) as caught:
        guest.exec(
            f"{ADDRESS}\n"
            "block = bytearray(uctypes.bytearray_at(at, 256))\n"
            "offset = addresses.index(at) * 8\n"
            "words[offset:offset + 8] = uctypes.addressof(block).to_bytes(8, 'little')\n"
            "code()"
        )
    assert "execute at" in caught.value.report
    assert "not allowed there (the interpreter's heap)" in caught.value.report


@pytest.mark.machine(memory="8M")
def test_memory_full_of_code_is_a_memory_error(guest: Guest) -> None:
    """It comes back with a soft reset."""
    program = (
        "import micropython\n"
        "head = '@micropython.native\\ndef f(a, b, c, d):\\n'\n"
        "body = '\\n'.join('    x = a + b * c - d' for _ in range(500))\n"
        "count = 0\n"
        "try:\n"
        "    while True:\n"
        "        exec(head + body, globals())\n"
        "        count += 1\n"
        "except MemoryError:\n"
        "    print('full')\n"
    )
    counts = set()
    for _ in range(3):
        assert guest.output_of(program, timeout=60 + guest.timeout) == "full\n"
        counts.add(guest.eval("count"))
        guest.soft_reset()
    assert len(counts) == 1 and counts.pop() > 10
