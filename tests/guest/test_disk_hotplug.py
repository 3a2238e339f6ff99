# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Disks that come and go, and change their size, while the guest runs."""

import pytest

from tests.guest.conftest import Boot, Image
from tools.guest import Guest
from tools.vmm.cloud_hypervisor import CloudHypervisor
from tools.vmm.disk import Disk
from tools.vmm.nested import Nested

MIB = 1 << 20

come_and_go = pytest.mark.only_on("cloud_hypervisor", "nested")

HELPERS = """\
import machine, time, gc, os, vfs, _thread

def serials():
    found = []
    for d in machine.Disk.list():
        try:
            found.append(d.serial)
        except OSError:  # It was taken out just now.
            pass
    return found

def wait(condition, ms=20000):
    end = time.ticks_add(time.ticks_ms(), ms)
    while not condition():
        if time.ticks_diff(end, time.ticks_ms()) < 0:
            return False
        time.sleep_ms(1)
    return True

def error(function, *args):
    try:
        function(*args)
    except OSError as e:
        return e.errno

def works(disk, block=0):
    data = os.urandom(4096)
    back = bytearray(4096)
    errors = disk.writeblocks(block, data), disk.readblocks(block, back)
    return errors == (0, 0) and back == data
"""


def booted(boot: Boot, *disks: Disk, **fields: object) -> Guest:
    guest = boot(disks=disks, **fields)
    guest.wait_for_prompt()
    guest.output_of(HELPERS)
    return guest


def wait_for(guest: Guest, condition: str) -> None:
    assert guest.eval(f"wait(lambda: {condition})"), guest.eval("serials()")


def wait_for_disks(guest: Guest, *serials: str) -> None:
    wait_for(guest, f"serials() == {list(serials)}")


@come_and_go
@pytest.mark.parametrize("cpus", [1, 2, 4])
def test_a_disk_is_used_and_taken_out_again(boot: Boot, image: Image, cpus: int) -> None:
    guest = booted(boot, cpus=cpus)
    assert guest.eval("serials()") == []
    path = image()
    id = guest.add_disk(Disk(path, serial="new", num_queues=cpus))
    wait_for_disks(guest, "new")
    guest.output_of("d = machine.Disk('new')")
    assert guest.eval("(d.size, d.readonly, works(d))") == (16 * MIB, False, True)
    assert guest.eval("(d.writeblocks(8, b'abcd' * 128), d.ioctl(3, 0))") == (0, 0)
    guest.remove_disk(id)
    assert guest.eval(
        "(serials(), d.readblocks(0, bytearray(512)), d.writeblocks(0, bytes(512)))"
    ) == (
        [],
        -19,
        -19,
    )
    assert (
        guest.eval("[error(lambda: d.serial), error(d.flush), error(machine.Disk, 0)]") == [19] * 3
    )
    assert path.read_bytes()[4096:4608] == b"abcd" * 128


@come_and_go
def test_a_disk_that_came_before_anybody_asked(boot: Boot, image: Image) -> None:
    guest = booted(boot)
    guest.add_disk(Disk(image(), serial="early"))
    assert guest.eval("serials()") == ["early"]
    assert guest.eval("works(machine.Disk())") is True


@come_and_go
def test_a_disk_of_the_boot_goes_before_anybody_asked(boot: Boot, image: Image) -> None:
    guest = booted(boot, Disk(image("a.img")), Disk(image("b.img")))
    guest.remove_disk("disk0")
    assert guest.eval("[(d.id, d.serial, works(d)) for d in machine.Disk.list()]") == [
        (1, "b.img", True)
    ]


@come_and_go
def test_a_disk_goes_while_a_file_on_it_is_open(boot: Boot, image: Image) -> None:
    guest = booted(boot, Disk(image("first.img")))
    id = guest.add_disk(Disk(image()))
    wait_for_disks(guest, "first.img", "a.img")
    guest.output_of(
        "vfs.mount(machine.Disk('a.img'), '/a', mkfs=True)\n"
        "f = open('/a/f', 'wb')\n"
        "f.write(bytes(100000))"
    )
    guest.remove_disk(id)
    code = "[error(lambda: f.write(bytes(100000))), error(open, '/a/f'), error(open, '/a/g', 'w')]"
    assert guest.eval(code) == [5, 5, 5]
    # What was written and not flushed is lost, and that is told.
    assert guest.eval("[error(f.close), error(vfs.umount, '/a')]") == [5, 19]
    guest.output_of("del f; gc.collect()")
    assert guest.eval("works(machine.Disk('first.img'))") is True
    guest.add_disk(Disk(image()))
    wait_for_disks(guest, "first.img", "a.img")
    guest.output_of("vfs.mount(machine.Disk('a.img'), '/a')")
    assert guest.eval("'f' in os.listdir('/a')") is True


@come_and_go
@pytest.mark.parametrize("cpus", [1, 2, 4])
def test_a_disk_goes_while_threads_wait_for_it(boot: Boot, image: Image, cpus: int) -> None:
    guest = booted(boot, Disk(image("stays.img")), cpus=cpus)
    id = guest.add_disk(Disk(image(size=64 * MIB), num_queues=cpus))
    wait_for_disks(guest, "stays.img", "a.img")
    guest.output_of(
        "stays, goes = machine.Disk.list()\n"
        "ended, progress = [], [0] * 8\n"
        "def run(i):\n"
        "    b = bytearray(1 << 20)\n"
        "    while not (result := (goes.writeblocks if i & 1 else goes.readblocks)(i * 2048, b)):\n"
        "        progress[i] += 1\n"
        "    ended.append(result)\n"
        "for i in range(8): _thread.start_new_thread(run, (i,))"
    )
    wait_for(guest, "min(progress) > 1")
    guest.remove_disk(id)
    wait_for(guest, "len(ended) == 8")
    assert guest.eval("set(ended) <= {-19, -5}"), guest.eval("ended")
    assert guest.eval("works(stays)") is True


@come_and_go
def test_nothing_is_left_of_disks_that_went(boot: Boot, image: Image) -> None:
    guest = booted(boot, Disk(image("stays.img")), cpus=2)
    guest.output_of("import guest\nstays = machine.Disk(0)")
    vectors = (
        "[row.vector for function in guest.lspci() if function.driver == 'disk1'"
        " for row in guest.lspci(function.address).interrupts]"
    )
    states = []
    for _ in range(20):
        id = guest.add_disk(Disk(image(), num_queues=2))
        wait_for_disks(guest, "stays.img", "a.img")
        assert guest.eval("works(machine.Disk('a.img')) and works(stays)") is True
        states.append(guest.eval(vectors))
        guest.remove_disk(id)
        wait_for_disks(guest, "stays.img")
        states[-1].append(guest.eval("(gc.collect(), guest.memory().pages.free)[1]"))
    # Three interrupts and the memory; pieces of pages are kept for the next one.
    assert len(states[-1]) == 4
    assert states[5:] == [states[-1]] * 15


def remove_at_once(guest: Guest, ids: list[str]) -> None:
    """Without waiting for one before the next."""
    assert isinstance(guest.vmm, (CloudHypervisor, Nested))
    for id in ids:
        guest.vmm.api("PUT", "vm.remove-device", {"id": id})


@come_and_go
def test_disks_come_and_go_at_the_same_time(boot: Boot, image: Image) -> None:
    guest = booted(boot, cpus=2)
    guest.output_of("import guest")
    devices = "sum(row.size for row in guest.mappings() if row.what.startswith('devices'))"
    mapped = []
    for round in range(3):
        names = [f"{round}-{index}.img" for index in range(12)]
        ids = [guest.add_disk(Disk(image(name), num_queues=2)) for name in names]
        wait_for(guest, f"sorted(serials()) == {sorted(names)}")
        assert guest.eval("[works(d) for d in machine.Disk.list()]") == [True] * 12
        remove_at_once(guest, ids[::2])
        wait_for(guest, f"sorted(serials()) == {sorted(names[1::2])}")
        assert guest.eval("[works(d) for d in machine.Disk.list()]") == [True] * 6
        remove_at_once(guest, ids[1::2])
        wait_for_disks(guest)
        mapped.append(guest.eval(devices))
    # Registers at the same addresses are mapped once.
    assert mapped == [mapped[0]] * 3


def test_a_disk_changes_its_size(boot: Boot, image: Image) -> None:
    guest = booted(boot, Disk(image("other.img")), Disk(image()))
    guest.output_of("d = machine.Disk(1)")
    for size in (32 * MIB, 4 * MIB):
        guest.resize_disk("disk1", size)
        wait_for(guest, f"d.size == {size}")
        last = size // 512 - 8
        assert guest.eval(f"works(d, {last})") is True
        assert guest.eval(f"d.writeblocks({last + 1}, bytes(4096))") == -22
