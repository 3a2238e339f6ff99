# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""The VMM back ends, seen through a tiny guest that has no MicroPython in it (guests/echo.S)."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.guest.conftest import Boot
from tools.errors import UserError
from tools.guest import Guest, GuestEnded, GuestTimeout
from tools.vmm.base import Ending

READY = b"ready\r\n"
EVERY_BYTE = bytes(value for value in range(256) if value not in b"PRT\n")


@pytest.fixture
def echo(tiny_guest: Callable[[str], Path]) -> Path:
    return tiny_guest("echo")


@pytest.fixture
def echo_guest(boot: Boot, echo: Path) -> Guest:
    guest = boot(echo)
    guest.read_until(READY)
    return guest


def test_first_byte_of_output_is_not_lost(boot: Boot, echo: Path) -> None:
    guest = boot(echo)
    assert guest.read_until(b"\n") == READY


def test_serial_line_carries_every_byte_value(echo_guest: Guest) -> None:
    echo_guest.write(EVERY_BYTE * 4)
    assert echo_guest.read_exactly(len(EVERY_BYTE) * 4) == EVERY_BYTE * 4


def test_power_off_is_told(echo_guest: Guest) -> None:
    echo_guest.write(b"bye\rP")
    assert echo_guest.wait_for_end() is Ending.POWERED_OFF
    assert echo_guest.output.endswith("bye\r")
    with pytest.raises(GuestEnded) as caught:
        echo_guest.read_until(b"more")
    assert caught.value.ending is Ending.POWERED_OFF


@pytest.mark.parametrize("order", [b"R", b"T"], ids=["reset", "triple fault"])
def test_reset_ends_the_machine(echo_guest: Guest, order: bytes) -> None:
    echo_guest.write(order)
    assert echo_guest.wait_for_end() is Ending.RESET


@pytest.mark.parametrize("order", [b"R", b"T"], ids=["reset", "triple fault"])
def test_reset_boots_again_where_allowed(boot: Boot, echo: Path, order: bytes) -> None:
    guest = boot(echo, allow_reboot=True)
    for _ in range(3):
        guest.read_until(READY)
        guest.write(b"still the same line" + order)
        guest.read_until(b"same line")
    guest.read_until(READY)
    assert guest.vmm.poll() is None
    assert guest.vmm.reboots >= 3
    guest.write(b"P")
    assert guest.wait_for_end() is Ending.POWERED_OFF


def test_endless_resets_are_stopped(boot: Boot, tiny_guest: Callable[[str], Path]) -> None:
    guest = boot(tiny_guest("reset_loop"))
    assert guest.wait_for_end() is Ending.RESET
    assert guest.output.count("again") <= 2


def test_timeout_shows_the_last_lines(echo_guest: Guest) -> None:
    echo_guest.write(b"\rthe last line")
    with pytest.raises(GuestTimeout, match=r"(?s)never.*the last line"):
        echo_guest.read_until(b"never", timeout=1)


def test_stop_is_quick_and_leaves_no_machine(echo_guest: Guest) -> None:
    begin = time.monotonic()
    echo_guest.stop()
    assert time.monotonic() - begin < 5
    echo_guest.stop()
    with pytest.raises(GuestEnded):
        echo_guest.write(b"anyone?")


def test_two_machines_do_not_meet(boot: Boot, echo: Path) -> None:
    guests = [boot(echo), boot(echo)]
    for guest in guests:
        guest.read_until(READY)
    guests[0].write(b"first")
    guests[1].write(b"second")
    assert guests[0].read_exactly(5) == b"first"
    assert guests[1].read_exactly(6) == b"second"


def test_cpus_and_large_memory(boot: Boot, echo: Path) -> None:
    guest = boot(echo, cpus=4, memory="4G", cmdline="some words", initramfs=echo)
    guest.read_until(READY)


def test_file_that_is_no_elf(boot: Boot, tmp_path: Path) -> None:
    kernel = tmp_path / "kernel"
    kernel.write_bytes(b"MZ" + bytes(1000))
    with pytest.raises(UserError, match="is not a whole ELF file"):
        boot(kernel)


def test_nmi_reaches_the_guest(boot: Boot, tiny_guest: Callable[[str], Path]) -> None:
    guest = boot(tiny_guest("nmi"))
    guest.read_until(READY)
    guest.vmm.inject_nmi()
    guest.read_until(b"nmi\r\n")
