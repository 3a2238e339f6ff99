# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""The line is clean for every byte, and nothing that is sent to a busy guest is lost."""

import hashlib
import random
import time
from pathlib import Path

import pytest

from tools.guest import Guest
from tools.serial_line import SerialLine
from tools.vmm import make_vmm
from tools.vmm.base import VmSpec

EVERY_BYTE = bytes(range(256))
END = b"\x04"


def noise(size: int) -> bytes:
    """Bytes of every value, the same in each run."""
    return random.Random(size).randbytes(size)


def start(guest: Guest, code: str) -> None:
    """Start a program that says READY when it has got so far."""
    guest.repl.start(code.encode(), guest.timeout)
    guest.read_until(b"READY\r\n")


def finish(guest: Guest, timeout: float | None = None) -> bytes:
    """The rest of its output. The program must end well."""
    output = guest.read_until(END, timeout)[:-1]
    assert guest.repl.finish(guest.timeout) == b""
    return output


# Ctrl-C is data here. What the guest is busy with while its input comes stands in the middle.
RECEIVE = """
import gc, hashlib, micropython, sys, time
kept = [[number] for number in range(20000)]
micropython.kbd_intr(-1)
print("READY")
{busy}
digest = hashlib.sha256()
left = {size}
while left:
    data = sys.stdin.buffer.read(min(left, 1024))
    digest.update(data)
    left -= len(data)
print(digest.digest().hex(), end="")
"""
BUSY = {
    "sleep": "time.sleep(3)",
    "computation": """
end = time.ticks_ms() + 3000
while time.ticks_diff(end, time.ticks_ms()) > 0:
    pass
""",
    "collection": """
end = time.ticks_ms() + 3000
while time.ticks_diff(end, time.ticks_ms()) > 0:
    gc.collect()
""",
    "allocation": """
end = time.ticks_ms() + 3000
while time.ticks_diff(end, time.ticks_ms()) > 0:
    bytearray(1_000_000)
""",
}


@pytest.mark.only_on("nested", "cloud_hypervisor")
def test_input_before_the_boot_is_kept(vmm_name: str, firmware: Path) -> None:
    with make_vmm(vmm_name) as vmm:
        vmm.start(VmSpec(firmware))
        line = SerialLine(vmm.serial)
        line.write(b"'typed' + ' early'\r", 10)
        vmm.boot()
        seen = b""
        deadline = time.monotonic() + 15 * vmm.slowness
        while b"'typed early'\r\n>>> " not in seen and time.monotonic() < deadline:
            seen += line.read(0.1)
        line.close()
    assert seen.endswith(b">>> 'typed' + ' early'\r\n'typed early'\r\n>>> ")


def test_every_byte_value_is_received(shared_guest: Guest) -> None:
    start(
        shared_guest,
        "import sys, micropython\nmicropython.kbd_intr(-1)\nprint('READY')\n"
        "print(sys.stdin.buffer.read(256) == bytes(range(256)), end='')",
    )
    shared_guest.write(EVERY_BYTE)
    assert finish(shared_guest) == b"True"


def test_every_byte_value_is_sent(shared_guest: Guest) -> None:
    start(
        shared_guest,
        "import sys\nprint('READY')\nsys.stdout.buffer.write(bytes(range(256)) * 16)",
    )
    assert shared_guest.read_exactly(16 * 256) == EVERY_BYTE * 16
    assert finish(shared_guest) == b""


def test_text_is_utf8(shared_guest: Guest) -> None:
    text = "Grüße, 世界 🐍"
    start(
        shared_guest,
        "import sys\nprint('READY')\ntext = sys.stdin.readline()\nprint(len(text), text, end='')",
    )
    # The Enter key sends a carriage return; a program reads a newline.
    shared_guest.write(text.encode() + b"\r")
    assert finish(shared_guest).decode() == f"{len(text) + 1} {text}\r\n"


def test_newline_is_sent_as_a_terminal_wants_it(shared_guest: Guest) -> None:
    start(
        shared_guest, "import sys\nprint('READY')\nprint('a\\nb')\nsys.stdout.buffer.write('\\n')"
    )
    assert finish(shared_guest) == b"a\r\nb\r\n\n"


@pytest.mark.parametrize("busy", BUSY.values(), ids=BUSY)
def test_input_of_a_busy_guest_is_kept(shared_guest: Guest, busy: str) -> None:
    """More than the ring of 64 KiB holds: the rest waits in the UART and with the VMM."""
    size = 200 * 1024 if busy == BUSY["computation"] else 80 * 1024
    data = noise(size)
    start(shared_guest, RECEIVE.format(busy=busy, size=size))
    shared_guest.write(data)
    digest = finish(shared_guest, 4 * shared_guest.timeout)
    assert digest.decode() == hashlib.sha256(data).hexdigest()


def test_input_and_output_at_the_same_time_are_kept(shared_guest: Guest) -> None:
    size = int(64 * 1024 / shared_guest.vmm.slowness)
    start(
        shared_guest,
        "import sys, micropython\nmicropython.kbd_intr(-1)\nprint('READY')\n"
        f"left = {size}\n"
        "while left:\n"
        "    data = sys.stdin.buffer.read(min(left, 100))\n"
        "    sys.stdout.buffer.write(data)\n"
        "    left -= len(data)\n",
    )
    data = noise(size)
    echoed = b""
    for offset in range(0, size, 1024):
        shared_guest.write(data[offset : offset + 1024])
        echoed += shared_guest.receive(0)
    echoed += shared_guest.read_exactly(size - len(echoed), 4 * shared_guest.timeout)
    assert echoed == data
    assert finish(shared_guest) == b""


def test_typing_ahead_is_kept(shared_guest: Guest) -> None:
    """Lines typed while the one before them still runs."""
    shared_guest.write(
        b"import time; time.sleep(1)\r" + b"".join(b"n = %d\r" % n for n in range(50))
    )
    shared_guest.write(b"print('n', 'is', n)\r")
    shared_guest.read_until(b"n is 49\r\n>>> ")


@pytest.mark.timeout(400)
def test_no_line_is_slept_through(shared_guest: Guest) -> None:
    """Each comes when the guest has just gone to sleep, or is about to."""
    for number in range(1500):
        shared_guest.write(b"%d\r" % number)
        shared_guest.read_until(b"%d\r\n%d\r\n>>> " % (number, number))


@pytest.mark.timeout(400)
def test_mebibyte_of_raw_paste_is_kept(shared_guest: Guest) -> None:
    rng = random.Random(1)
    lines = [
        "".join(rng.choices("abcdefghijklmnopqrstuvwxyz0123456789 é世", k=119)) for _ in range(9000)
    ]
    text = "\n".join(lines)
    code = (
        f'text = """{text}"""\nimport hashlib\nprint(hashlib.sha256(text).digest().hex(), end="")\n'
    )
    assert len(code.encode()) > 1 << 20
    output = shared_guest.output_of(code, 4 * shared_guest.timeout)
    assert output == hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.timeout(400)
def test_long_output_is_kept(shared_guest: Guest) -> None:
    # A nested guest sends less than 2 KB a second: each byte is an exit to an emulated hypervisor.
    size = 1 << 20 if shared_guest.vmm.slowness == 1 else 1 << 16
    start(
        shared_guest,
        "import sys, random, hashlib\nprint('READY')\ndigest = hashlib.sha256()\n"
        f"for _ in range({size >> 10}):\n"
        "    data = bytes(random.getrandbits(8) for _ in range(16)) * 64\n"
        "    digest.update(data)\n"
        "    sys.stdout.buffer.write(data)\n"
        "print(digest.digest().hex(), end='')",
    )
    data = shared_guest.read_exactly(size, 4 * shared_guest.timeout)
    assert finish(shared_guest).decode() == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("size", [1, 63, 64, 65, 16 * 1024])
def test_read_returns_what_was_asked_for(shared_guest: Guest, size: int) -> None:
    """Sizes about the UART's FIFO and the VMM's chunks."""
    start(
        shared_guest,
        "import sys, micropython\nmicropython.kbd_intr(-1)\nprint('READY')\n"
        f"print(len(sys.stdin.buffer.read({size})), sys.stdin.buffer.read(1), end='')",
    )
    shared_guest.write(b"\n" * size + b"x")
    assert finish(shared_guest) == f"{size} b'x'".encode()
