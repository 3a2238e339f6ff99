# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Memory: all that the machine has is Python's, what gc tells is true, and running out of it is
an exception.

A collection reads every live bytearray word by word, which takes seconds for a gigabyte under
emulation: where much is alive, there is none.
"""

import re

import pytest

from tests.guest.conftest import Boot
from tools.errors import UserError
from tools.guest import PROMPT, Guest, GuestCrashed
from tools.vmm.base import parse_size
from tools.vmm.nested import Nested

MIB = 1 << 20

SWEEP = """
import gc, micropython

@micropython.viper
def write(block, pages: int, first: int):
    words = ptr32(block)
    for i in range(pages):
        words[i << 10] = first + i

# How many pages do not begin with the word that write() put there; or, before it, with zero.
@micropython.viper
def wrong(block, pages: int, first: int, step: int) -> int:
    words = ptr32(block)
    count = 0
    for i in range(pages):
        if words[i << 10] != first + i * step:
            count += 1
    return count

def sweep(sizes):
    gc.collect()
    gc.disable()
    blocks = [bytearray(size) for size in sizes]
    pages = [size >> 12 for size in sizes]
    firsts = [1 + sum(pages[:i]) for i in range(len(sizes))]
    bad = sum(wrong(block, n, 0, 0) for block, n in zip(blocks, pages))
    for block, n, first in zip(blocks, pages, firsts):
        write(block, n, first)
    bad += sum(wrong(block, n, first, 1) for block, n, first in zip(blocks, pages, firsts))
    print(sum(len(block) for block in blocks), bad)
    blocks.clear()
    block = None
    gc.enable()
"""


def sweep(guest: Guest, *sizes: int) -> None:
    """Take blocks of these sizes, see that they are zero, and keep a word of its own in each of
    their pages."""
    code = f"{SWEEP}\nsweep({sizes})"
    output = guest.output_of(code, timeout=60 + guest.timeout)
    assert output == f"{sum(sizes)} 0\n"


def free(guest: Guest) -> int:
    """gc.mem_free() of a program that holds nothing."""
    return int(guest.output_of("import gc; gc.collect(); print(gc.mem_free())"))


@pytest.mark.machine(memory="4M")
def test_four_mib_are_enough(guest: Guest) -> None:
    sweep(guest, 512 << 10)


def test_less_gets_a_clear_message(boot: Boot) -> None:
    # QEMU's firmware wants the uppermost 256 KiB of 2 MiB for itself, where the image ends.
    with pytest.raises(GuestCrashed, match="give the machine at least 4 MiB"):
        boot(memory="2560K").wait_for_prompt()


def test_less_than_the_image_is_refused(boot: Boot) -> None:
    with pytest.raises(UserError, match="does not fit into 1 MiB"):
        boot(memory="1M")


@pytest.mark.timeout(400)
@pytest.mark.parametrize(
    ("memory", "share"),
    [
        ("64M", 0.9),
        ("512M", 0.95),
        ("4G", 0.95),
        pytest.param("8G", 0.95, marks=pytest.mark.only_on("qemu")),
    ],
)
def test_all_memory_can_be_used(boot: Boot, memory: str, share: float) -> None:
    guest = boot(memory=memory)
    guest.wait_for_prompt()
    # The common heap is 32 MiB; what is beyond lies in one further area.
    common = 30 * MIB
    sweep(guest, common, int(parse_size(memory) * share) - common)


@pytest.mark.machine(memory="64M")
def test_free_memory_is_that_of_the_machine(guest: Guest) -> None:
    total = int(guest.output_of("import cloud_hypervisor; print(cloud_hypervisor.memory()[0])"))
    assert 0.95 * 64 * MIB < total < 64 * MIB
    assert 0.95 * total < free(guest) < total


@pytest.mark.machine(memory="64M")
def test_free_memory_falls_by_what_is_allocated(guest: Guest) -> None:
    # In the common heap, and where the heap must grow for it by its tables too.
    for size in (10 * MIB, 24 * MIB):
        before = free(guest)
        guest.output_of(f"kept_{size} = bytearray({size})")
        fallen = before - free(guest)
        assert size <= fallen < size * 1.04


@pytest.mark.machine(memory="64M")
def test_free_memory_can_be_allocated_and_comes_back(guest: Guest) -> None:
    before = free(guest)
    sweep(guest, 30 * MIB, int(before * 0.96) - 30 * MIB)
    assert free(guest) > before - 64 * 1024


@pytest.mark.machine(memory="16M")
def test_full_memory_leaves_a_prompt(guest: Guest) -> None:
    before = free(guest)
    guest.leave_raw_repl()
    guest.write(b"full = None\rwhile True: full = [full]\r\r\r\r")
    guest.read_until(b"MemoryError: memory allocation failed", timeout=30 + guest.timeout)
    guest.read_until(PROMPT)
    guest.write(b"print(6 * 7)\r")
    guest.read_until(b"print(6 * 7)\r\n42\r\n>>> ")
    guest.write(b"del full\r")
    guest.read_until(b"del full\r\n>>> ")
    assert free(guest) > before - 64 * 1024


@pytest.mark.machine(memory="16M")
def test_memory_can_be_filled_again_and_again(guest: Guest) -> None:
    for name in ("a", "b", "c"):
        _, traceback = guest.exec(
            f"{name} = None\nwhile True: {name} = [{name}]", timeout=60 + guest.timeout
        )
        assert traceback.splitlines()[-1].startswith("MemoryError: ")
        assert guest.exec("print(6 * 7)") == ("42\n", "")
    guest.output_of("del a, b, c")
    assert guest.output_of("print(len([0] * 100_000))") == "100000\n"


@pytest.mark.machine(memory="16M")
def test_memory_that_stays_full_starts_python_anew(guest: Guest) -> None:
    """Nobody is left at a prompt that takes no line."""
    guest.write(b"k = None\r")
    guest.read_until(PROMPT)
    for _ in range(10):
        guest.write(b"while True: k = [k]\r\r\r\r")
        seen = guest.read_until(re.compile(rb"MemoryError: (?s:.*?)>>> "), 60 + guest.timeout)
        if b"Python starts anew.\r\nMPY: soft reboot\r\n" in seen:
            break
    else:
        pytest.fail("there was always some memory left")
    guest.write(b"print(6 * 7, 'k' in globals())\r")
    guest.read_until(b"\r\n42 False\r\n>>> ")


@pytest.mark.parametrize(
    "code",
    [
        "bytearray(1 << 40)",
        "bytearray((1 << 62) - 1)",
        "[0] * (1 << 40)",
        "'x' * (1 << 45)",
        "1 << (1 << 40)",
    ],
)
def test_too_large_is_a_memory_error(shared_guest: Guest, code: str) -> None:
    output, traceback = shared_guest.exec(code, timeout=30 + shared_guest.timeout)
    assert output == ""
    assert re.search(r"^(MemoryError|OverflowError): ", traceback, re.MULTILINE)
    assert shared_guest.eval("6 * 7") == 42


@pytest.mark.machine(cmdline="heap=2M")
def test_setting_caps_the_heap(guest: Guest) -> None:
    assert 0.9 * 2 * MIB < free(guest) < 2 * MIB
    assert guest.exec(f"bytearray({2 * MIB})")[1].splitlines()[-1].startswith("MemoryError: ")
    sweep(guest, MIB)


@pytest.mark.machine(cmdline="heap=100M", memory="256M")
def test_setting_caps_a_heap_that_grows(guest: Guest) -> None:
    sweep(guest, 30 * MIB, 62 * MIB)
    assert guest.exec(f"bytearray({72 * MIB})")[1].splitlines()[-1].startswith("MemoryError: ")


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("heap=much", "the setting heap= wants a size"),
        ("heap=", "the setting heap= wants a size"),
        ("heap=1K", "heap= at least 64K"),
        ("on_crash=reset", "the setting is not known: on_crash=reset"),
    ],
)
def test_bad_setting_gets_a_clear_message(boot: Boot, setting: str, message: str) -> None:
    with pytest.raises(GuestCrashed, match=message):
        boot(cmdline=setting).wait_for_prompt()


@pytest.mark.only_on("nested")
def test_large_block_touches_nothing(guest: Guest) -> None:
    assert isinstance(guest.vmm, Nested)
    # A collection reads it.
    guest.output_of("import gc; gc.disable()")
    before = guest.vmm.memory_of_process()
    guest.output_of("large = bytearray(100_000_000)")
    # The tables of the heap's extension take some pages, and a page of the host may be 2 MiB.
    assert guest.vmm.memory_of_process() - before < 8 * MIB
