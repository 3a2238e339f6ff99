# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""machine.Disk: virtio-blk disks as block devices."""

from pathlib import Path

import pytest

from tests.guest.conftest import Boot, Image
from tools.guest import Guest
from tools.vmm.disk import Disk

KIB = 1 << 10
MIB = 1 << 20
TIB = 1 << 40

cpus = pytest.mark.parametrize("cpus", [1, 2, 4])


def booted(boot: Boot, *disks: Disk, **fields: object) -> Guest:
    guest = boot(disks=disks, **fields)
    guest.wait_for_prompt()
    guest.output_of("import machine, os, vfs, time")
    return guest


def test_a_machine_without_disks_has_none(shared_guest: Guest) -> None:
    assert shared_guest.eval("__import__('machine').Disk.list()") == []
    with pytest.raises(Exception, match="ENODEV"):
        shared_guest.output_of("import machine\nmachine.Disk(0)")


def test_what_is_told_of_it(boot: Boot, image: Image) -> None:
    disks = [
        Disk(image("a.img", 3 * MIB), serial="first"),
        Disk(image("b.img", 5 * TIB), readonly=True, serial="second"),
    ]
    guest = booted(boot, *disks)
    code = "[(d.id, d.size, d.sector_size, d.readonly, d.serial) for d in machine.Disk.list()]"
    assert guest.eval(code) == [
        (0, 3 * MIB, 512, False, "first"),
        (1, 5 * TIB, 512, True, "second"),
    ]
    assert guest.output_of("print(machine.Disk('second'), machine.Disk())") == (
        "Disk(1, readonly=True) Disk(0)\n"
    )


def test_what_is_written_is_in_the_image(boot: Boot, image: Image) -> None:
    path = image()
    guest = booted(boot, Disk(path))
    code = (
        "d = machine.Disk(0)\n"
        "data = bytes(i * 7 & 255 for i in range(3000)) * 512\n"
        "print(d.writeblocks(5, data), d.ioctl(3, 0))\n"
        "back = bytearray(len(data))\n"
        "print(d.readblocks(5, back), back == data)"
    )
    assert guest.output_of(code) == "0 0\n0 True\n"
    guest.stop()
    data = bytes(i * 7 & 255 for i in range(3000)) * 512
    with path.open("rb") as file:
        file.seek(5 * 512)
        assert file.read(len(data)) == data
        assert file.read(512) == bytes(512)


@pytest.mark.parametrize("size", [1, 511, 512, 513, 4096, 100_000])
@pytest.mark.parametrize("offset", [0, 1, 500, 512, 4095])
def test_any_bytes(shared_disk: Guest, offset: int, size: int) -> None:
    code = (
        "before = bytearray(200704); d.readblocks(0, before)\n"
        f"data = bytes(i * 13 + {size} & 255 for i in range({size}))\n"
        f"print(d.writeblocks(3, data, {offset}))\n"
        f"back = bytearray({size}); print(d.readblocks(3, back, {offset}), back == data)\n"
        "after = bytearray(200704); d.readblocks(0, after)\n"
        f"at = 3 * 512 + {offset}\n"
        f"before[at:at + {size}] = data\n"
        "print(before == after)"
    )
    assert shared_disk.output_of(code) == "0\n0 True\nTrue\n"


@pytest.fixture
def shared_disk(boot: Boot, image: Image) -> Guest:
    guest = booted(boot, Disk(image()))
    guest.output_of("d = machine.Disk(0)")
    return guest


def test_misuse_is_an_error(shared_disk: Guest) -> None:
    code = (
        "end = d.size // 512\n"
        "b = bytearray(512)\n"
        "two = bytearray(1024)\n"
        "print(d.readblocks(end - 1, b), d.readblocks(end, b), d.readblocks(end - 1, two))\n"
        "print(d.writeblocks(end, b), d.writeblocks(1 << 62, b), d.readblocks(-1, b))\n"
        "odd = bytearray(513)\n"
        "print(d.readblocks(0, odd), d.readblocks(0, b, -1), d.readblocks(end, b, 1 << 62))\n"
        "print(d.readblocks(0, bytearray(0)), d.ioctl(99, 0))\n"
        "for wrong in (lambda: d.readblocks(0, bytes(512)), lambda: d.discard(end, 1),\n"
        "              lambda: d.write_zeroes(-1, 1),\n"
        "              lambda: machine.Disk(1), lambda: machine.Disk('x'),\n"
        "              lambda: machine.Disk(0, block_size=100),\n"
        "              lambda: machine.Disk(0, partition=1)):\n"
        "    try: wrong(); print('?')\n"
        "    except Exception as error: print(repr(error))\n"
        "print(d.readblocks(0, b))"
    )
    assert shared_disk.output_of(code).splitlines() == [
        "0 -22 -22",
        "-22 -22 -22",
        "-22 -22 -22",
        "0 -22",
        "TypeError('object with buffer protocol required',)",
        "OSError(22,)",
        "OSError(22,)",
        "OSError(19,)",
        "OSError(19,)",
        'ValueError("block_size must be a multiple of the disk\'s",)',
        "OSError(19,)",
        "0",
    ]


def test_discard_and_write_zeroes(shared_disk: Guest) -> None:
    code = (
        "ones = b'\\xff' * 4096\n"
        "for block in (0, 8, 16): d.writeblocks(block, ones)\n"
        "d.write_zeroes(8, 8)\n"
        "b = bytearray(12288); d.readblocks(0, b)\n"
        "print(b == ones + bytes(4096) + ones)\n"
        "d.discard(16, 8); d.flush()\n"
        "d.readblocks(0, b); print(b[:8192] == ones + bytes(4096))"
    )
    assert shared_disk.output_of(code) == "True\nTrue\n"


def test_a_read_only_disk(boot: Boot, image: Image) -> None:
    guest = booted(boot, Disk(image(), readonly=True))
    code = (
        "d = machine.Disk(0)\n"
        "print(d.readblocks(0, bytearray(512)), d.writeblocks(0, bytes(512)), d.ioctl(3, 0))\n"
        "try: d.write_zeroes(0, 1)\n"
        "except OSError as e: print(e.errno)\n"
        "print(d)"
    )
    assert guest.output_of(code) == "0 -30 0\n30\nDisk(0, readonly=True)\n"


def test_beyond_two_tebibytes(boot: Boot, image: Image) -> None:
    path = image("big.img", 5 * TIB)
    guest = booted(boot, Disk(path))
    code = (
        "d = machine.Disk(0)\n"
        "last = d.size // 512 - 8\n"
        "print(d.writeblocks(last, b'z' * 4096), d.writeblocks(1 << 32, b'y' * 512))\n"
        "b = bytearray(4096); c = bytearray(512)\n"
        "print(d.readblocks(last, b), b == b'z' * 4096)\n"
        "print(d.readblocks(1 << 32, c), c == b'y' * 512)\n"
        "d.readblocks(0, c); print(c == bytes(512), d.ioctl(4, 0))"
    )
    assert guest.output_of(code) == f"0 0\n0 True\n0 True\nTrue {5 * TIB // 512}\n"


def test_many_disks_and_an_initramfs(boot: Boot, image: Image, tmp_path: Path) -> None:
    initramfs = tmp_path / "initramfs"
    initramfs.write_bytes(b"x" * 5000)
    disks = [Disk(image(f"{n}.img", 1 * MIB), serial=str(n)) for n in range(8)]
    guest = boot(disks=disks, initramfs=initramfs)
    assert "does not begin as a ROMFS" in guest.read_until(b">>> ").decode()
    code = "[d.serial for d in __import__('machine').Disk.list()]"
    assert guest.eval(code) == [str(n) for n in range(8)]


@cpus
@pytest.mark.parametrize("queue_size", [4, 128])
def test_many_threads_and_interpreters(
    boot: Boot, image: Image, queue_size: int, cpus: int
) -> None:
    disk = Disk(image(size=64 * MIB), num_queues=cpus, queue_size=queue_size)
    guest = booted(boot, disk, cpus=cpus)
    work = (
        "def work(n):\n"
        "    import machine\n"
        "    d = machine.Disk(0)\n"
        "    good = 0\n"
        "    for i in range(20):\n"
        "        data = bytes([n, i]) * 8192\n"
        "        at = (n * 20 + i) * 32\n"
        "        d.writeblocks(at, data)\n"
        "        back = bytearray(16384)\n"
        "        good += d.readblocks(at, back) == 0 and back == data\n"
        "    return good\n"
    )
    code = (
        work + "import _thread\n"
        "from concurrent.futures import InterpreterPoolExecutor\n"
        "done = []\n"
        "for n in range(16): _thread.start_new_thread(lambda n: done.append(work(n)), (n,))\n"
        "with InterpreterPoolExecutor(4) as pool:\n"
        "    others = list(pool.map(work, range(16, 32)))\n"
        "while len(done) < 16: time.sleep_ms(1)\n"
        "print(done == others == [20] * 16)"
    )
    assert guest.exec(code, timeout=60) == ("True\n", "")


def test_others_run_while_a_thread_waits_for_the_disk(boot: Boot, image: Image) -> None:
    guest = booted(boot, Disk(image(size=64 * MIB)))
    code = (
        "import _thread\n"
        "d = machine.Disk(0)\n"
        "over = False\n"
        "def reads():\n"
        "    global over\n"
        "    b = bytearray(32 << 20)\n"
        "    for i in range(4): d.readblocks(0, b)\n"
        "    over = True\n"
        "_thread.start_new_thread(reads, ())\n"
        "n = 0\n"
        "while not over: n += 1\n"
        "print(n > 10)"
    )
    assert guest.exec(code, timeout=60) == ("True\n", "")


def test_no_disk_interrupts_while_nothing_is_asked(shared_disk: Guest) -> None:
    code = (
        "import cloud_hypervisor\n"
        "count = lambda: cloud_hypervisor.interrupts()['disk0']\n"
        "before = count(); d.readblocks(0, bytearray(512)); now = count()\n"
        "time.sleep_ms(300)\n"
        "print(now - before, count() - now)"
    )
    assert shared_disk.output_of(code) == "1 0\n"
