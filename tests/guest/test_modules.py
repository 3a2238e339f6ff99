# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Which modules there are, what this port gives to them, and what it leaves out.

What a module does by itself upstream's own tests prove (tests/upstream).
"""

import re
from uuid import uuid4

import pytest

from tests.guest.conftest import Boot
from tools.guest import Guest

MODULES = (
    "_asyncio _guest _interpreters _socket _thread array asyncio binascii builtins "
    "cloud_hypervisor cmath collections concurrent cryptolib deflate errno framebuf gc guest "
    "hashlib heapq io json machine marshal math micropython mip network ntptime os platform "
    "queue random re requests select socket ssl struct sys threading time tls uasyncio uctypes "
    "umqtt unittest vfs webrepl webrepl_setup websocket"
)
ASKING = {"webrepl_setup"}
"""Not to be imported by the way."""
LATER = {"string", "weakref"}
"""Modules that newer versions of MicroPython add."""
MACHINE = (
    "DEEPSLEEP_RESET HARD_RESET PWRON_RESET RTC SOFT_RESET Timer UART WDT WDT_RESET deepsleep "
    "freq idle lightsleep mem16 mem32 mem8 poweroff reset reset_cause soft_reset unique_id"
)
# Of other ports: there are no pins here, nor what is connected to them.
ABSENT = (
    "ADC ADCBlock CAN DAC I2C I2S PWM Pin PinBase SDCard SPI Signal SoftI2C SoftSPI TouchPad "
    "bitstream disable_irq enable_irq time_pulse_us"
)


def names(guest: Guest, module: str) -> list[str]:
    found: list[str] = guest.eval(f"dir(__import__('{module}'))")
    return found


def test_every_module_can_be_imported(shared_guest: Guest) -> None:
    for module in set(MODULES.split()) - ASKING:
        assert shared_guest.eval(f"__import__('{module}').__name__") == module


def test_help_lists_them_all(shared_guest: Guest) -> None:
    listed = shared_guest.output_of("help('modules')").partition("Plus any modules")[0].split()
    tops = {name.partition("/")[0] for name in listed}
    assert tops - {"__main__"} - LATER == set(MODULES.split())


@pytest.mark.parametrize("module", ["bluetooth", "btree", "esp32"])
def test_what_is_not_there_is_an_import_error(shared_guest: Guest, module: str) -> None:
    _, traceback = shared_guest.exec(f"import {module}")
    assert traceback.endswith(f"ImportError: no module named '{module}'\n")


def test_machine_is_what_the_machine_has(shared_guest: Guest) -> None:
    found = names(shared_guest, "machine")
    assert [name for name in MACHINE.split() if name not in found] == []
    assert [name for name in ABSENT.split() if name in found] == []


def test_identity(shared_guest: Guest) -> None:
    sysname, release, version, machine = shared_guest.eval(
        "(lambda u: (u.sysname, u.release, u.version, u.machine))(__import__('os').uname())"
    )
    assert sysname == "cloud_hypervisor"
    assert re.fullmatch(r"1\.\d+\.\d+(-preview)?", release)
    # Of a tree between two releases git tells more.
    assert re.match(rf"v{re.escape(release)}\S* on 20", version)
    assert machine == "PVH guest with x86-64"
    assert shared_guest.eval("__import__('sys').platform") == "cloud_hypervisor"
    assert shared_guest.eval("__import__('sys').implementation[0]") == "micropython"
    assert shared_guest.eval("__import__('sys').maxsize") == (1 << 63) - 1
    assert shared_guest.eval("__import__('sys').byteorder") == "little"


def test_vmm_is_named(shared_guest: Guest) -> None:
    expected = "QEMU" if shared_guest.vmm.name == "qemu" else "Cloud Hypervisor"
    assert shared_guest.eval("__import__('cloud_hypervisor').vmm()") == expected


@pytest.mark.machine(cmdline="one 'two three' heap=20M --")
def test_command_line_is_told(guest: Guest) -> None:
    line = guest.eval("__import__('cloud_hypervisor').cmdline()")
    assert line.endswith("one 'two three' heap=20M --")


def test_causes_of_a_reset_differ(shared_guest: Guest) -> None:
    names = ("PWRON_RESET", "HARD_RESET", "WDT_RESET", "DEEPSLEEP_RESET", "SOFT_RESET")
    causes = shared_guest.eval(f"[getattr(__import__('machine'), name) for name in {names}]")
    assert len(set(causes)) == len(names)


def test_help_names_the_disk(shared_guest: Guest) -> None:
    assert "cloud_hypervisor.RAMDisk()" in shared_guest.output_of("help()")


# What is raised while nothing can be allocated.
LOCKED_HEAP = """
def inner():
    return [0] * 100
def outer():
    micropython.heap_lock()
    try:
        inner()
    finally:
        micropython.heap_unlock()
outer()
"""


@pytest.mark.parametrize("size", [None, 256, 1000])
def test_exception_without_memory_is_told_in_full(shared_guest: Guest, size: int | None) -> None:
    """None: with the buffer that is there from the start."""
    asked = f"micropython.alloc_emergency_exception_buf({size})\n" if size else ""
    _, traceback = shared_guest.exec(f"import micropython\n{asked}{LOCKED_HEAP}")
    assert "in inner\n" in traceback
    assert "in outer\n" in traceback
    assert traceback.endswith("MemoryError: memory allocation failed, heap is locked\n")


def test_unique_id_is_the_machines_uuid(boot: Boot) -> None:
    uuid = uuid4()
    guest = boot(uuid=uuid)
    guest.wait_for_prompt()
    assert guest.eval("__import__('machine').unique_id().hex()") == uuid.hex


def test_machine_without_uuid_has_no_unique_id(shared_guest: Guest) -> None:
    assert shared_guest.eval("__import__('machine').unique_id()") == b""


def test_frequency_is_that_of_the_clock(shared_guest: Guest) -> None:
    frequency = shared_guest.eval("__import__('machine').freq()")
    assert 100_000_000 < frequency < 20_000_000_000
    _, traceback = shared_guest.exec("import machine; machine.freq(1)")
    assert traceback.splitlines()[-1].startswith("NotImplementedError")


def test_memory_is_read_and_written(shared_guest: Guest) -> None:
    output = shared_guest.output_of(
        "import machine, uctypes\n"
        "block = bytearray(16)\n"
        "at = uctypes.addressof(block)\n"
        "machine.mem32[at] = 0x89abcdef\n"
        "machine.mem16[at + 4] = 0x4567\n"
        "machine.mem8[at + 6] = 0x23\n"
        "print(block.hex(), hex(machine.mem8[at]), hex(machine.mem16[at]), hex(machine.mem32[at]))"
    )
    assert output == "efcdab89674523000000000000000000 0xef 0xcdef 0x89abcdef\n"


def test_real_time_clock_keeps_microseconds(shared_guest: Guest) -> None:
    before, date, after = shared_guest.eval(
        "(lambda t, r: (t.time_ns(), r.datetime(), t.time_ns()))"
        "(__import__('time'), __import__('machine').RTC())"
    )
    year, month, day, _, hour, minute, second, microsecond = date
    seconds = shared_guest.eval(
        f"__import__('time').mktime(({year}, {month}, {day}, {hour}, {minute}, {second}, 0, 0))"
    )
    assert before // 1000 <= seconds * 1_000_000 + microsecond <= after // 1000


def test_uart_is_the_console(shared_guest: Guest) -> None:
    shared_guest.repl.start(
        b"import machine, micropython\nmicropython.kbd_intr(-1)\n"
        b"uart = machine.UART(0, 115200, timeout=5000, timeout_char=5000)\nprint('READY')\n"
        b"data = uart.read(5)\nuart.write(b'got ' + data + b'\\n')\nline = uart.readline()\n"
        b"print(line, uart.any(), uart)",
        shared_guest.timeout,
    )
    shared_guest.read_until(b"READY\r\n")
    shared_guest.write(b"\x00\x03\xffab")
    shared_guest.read_until(b"got \x00\x03\xffab\n")
    shared_guest.write(b"line\n")
    shared_guest.read_until(b"b'line\\n' 0 UART(0, baudrate=115200")
    shared_guest.read_until(b"\x04")
    assert shared_guest.repl.finish(shared_guest.timeout) == b""


def test_uart_takes_what_programs_for_boards_say(shared_guest: Guest) -> None:
    output = shared_guest.output_of(
        "import machine\n"
        "uart = machine.UART(0, 115200, rxbuf=512, txbuf=0, invert=0, flow=0, timeout=7)\n"
        "print(uart)\n"
        "uart.init(baudrate=9600, rxbuf=64)\n"
        "print(uart)"
    )
    assert output == (
        "UART(0, baudrate=115200, bits=8, parity=None, stop=1, timeout=7, timeout_char=0)\n"
        "UART(0, baudrate=9600, bits=8, parity=None, stop=1, timeout=0, timeout_char=0)\n"
    )


@pytest.mark.parametrize("setting", ["invert=1", "flow=2", "bits=7", "parity=0", "stop=2"])
def test_uart_refuses_what_the_line_cannot_do(shared_guest: Guest, setting: str) -> None:
    _, traceback = shared_guest.exec(f"import machine; machine.UART(0, {setting})")
    assert traceback.splitlines()[-1].startswith("ValueError: ")


def test_environment_can_be_changed(shared_guest: Guest) -> None:
    output = shared_guest.output_of(
        "import os\n"
        "print(os.environ)\n"
        "os.putenv('A', 'b'); os.environ['C'] = 'd'\n"
        "print(os.getenv('A'), os.getenv('C'))\n"
        "os.unsetenv('A'); os.unsetenv('A')\n"
        "print(os.environ)"
    )
    assert output == "{}\nb d\n{'C': 'd'}\n"
    shared_guest.soft_reset()
    assert shared_guest.output_of("import os; print(os.environ)") == "{}\n"


def test_uart_that_does_not_exist(shared_guest: Guest) -> None:
    _, traceback = shared_guest.exec("import machine; machine.UART(1)")
    assert traceback.endswith("ValueError: UART doesn't exist\n")


def test_console_is_doubled(shared_guest: Guest) -> None:
    output = shared_guest.output_of(
        "import io, os\n"
        "class Stream(io.IOBase):\n"
        "    def __init__(self): self.got = b''\n"
        "    def write(self, data):\n"
        "        self.got += bytes(data)\n"
        "        return len(data)\n"
        "    def readinto(self, buffer): return None\n"
        "stream = Stream()\n"
        "os.dupterm(stream)\n"
        "print('both')\n"
        "os.dupterm(None)\n"
        "print(stream.got)"
    )
    assert output == "both\nb'both\\r\\n'\n"
