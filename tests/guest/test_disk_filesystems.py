# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""FAT and littlefs on disks: what the host made the guest uses, and the other way round."""

import hashlib
import re
import struct
from pathlib import Path

import pytest
from littlefs import LittleFS, LittleFSError

from tests.guest.conftest import Boot
from tests.guest.disk_images import (
    MIB,
    Content,
    blank,
    divided,
    files,
    formatted,
    put,
    write,
)
from tests.host.disk_images import fat_boot_sector, littlefs_block, mbr, mbr_entry
from tools import flash
from tools.app_files import collect
from tools.disk.detect import open_filesystem
from tools.disk.image import open_image
from tools.disk.littlefs import block_size_for
from tools.guest import Guest
from tools.program import Run
from tools.vmm.base import Ending
from tools.vmm.disk import Disk

KIB = 1 << 10
FAT16 = Content("fat", 16, 16 * MIB)
LITTLEFS = Content("littlefs", 4 * KIB, 16 * MIB)
both = pytest.mark.parametrize("content", [FAT16, LITTLEFS], ids=["fat", "littlefs"])
cpus = pytest.mark.parametrize("cpus", [1, 2, 4])

LONG = "/ein Verzeichnis mit Namen/größe 世界 " + "n" * 40 + ".bin"

IMPORTS = """
import errno, gc, machine, os, time, vfs
def error_of(f, *args, **kwargs):
    try: return f(*args, **kwargs)
    except OSError as e: return errno.errorcode[e.errno]
def put(path, data):
    with open(path, 'wb') as file: file.write(data)
def get(path):
    with open(path, 'rb') as file: return file.read()
"""


def booted(boot: Boot, *disks: Disk, **fields: object) -> tuple[Guest, list[str]]:
    """A guest at its prompt, and what it has said of its disks."""
    guest = boot(disks=disks, **fields)
    said = guest.wait_for_prompt().decode()
    guest.output_of(IMPORTS)
    return guest, re.findall(r"^disk\d.*$", said.replace("\r", ""), re.MULTILINE)


def ended(guest: Guest) -> None:
    """What was written is in the images."""
    guest.output_of("os.sync()")
    guest.stop()


# What the host made.


def test_each_filesystem_is_mounted_and_both_sides_read_what_the_other_wrote(
    boot: Boot, tmp_path: Path
) -> None:
    disks: list[tuple[Path, list[tuple[int | None, Content]]]] = []
    for number, content in enumerate(
        [
            Content("fat", 12, 2 * MIB),
            FAT16,
            Content("fat", 32, 64 * MIB),
            Content("littlefs", 512, MIB),
            LITTLEFS,
            Content("littlefs", 128 * KIB, 16 * MIB),
        ]
    ):
        disks.append((formatted(tmp_path / f"{number}.img", content), [(None, content)]))
    several = [FAT16, Content("littlefs", 64 * KIB, 8 * MIB), Content("fat", 12, MIB), LITTLEFS]
    for table in ("mbr", "gpt"):
        path = divided(tmp_path / f"{table}.img", table, several)
        disks.append((path, list(enumerate(several, 1))))
    large = bytes(range(251)) * 400
    places = [(path, number) for path, contents in disks for number, _ in contents]
    for index, (path, partition) in enumerate(places):
        put(path, {"/who": b"%d" % index, LONG: large}, partition)

    guest, said = booted(boot, *(Disk(path) for path, _ in disks))
    assert said == []
    guest.output_of(
        f"large = bytes(range(251)) * 400\nlong = {LONG!r}\n"
        "roots = ['' if i == 0 else f'/disk{i}' for i in range(14)]"
    )
    assert guest.eval("[int(get(r + '/who')) for r in roots]") == list(range(14))
    assert guest.eval("all(get(r + long) == large for r in roots)") is True
    work = """
for r in roots:
    os.mkdir(r + '/neu')
    os.rename(r + long, r + '/neu/moved')
    put(r + '/neu/größe 世界', bytes(reversed(large)))
    put(r + '/who', b'guest')
"""
    guest.output_of(work, timeout=60 * guest.vmm.slowness)
    ended(guest)
    for path, partition in places:
        assert files(path, partition) == {
            "/who": b"guest",
            "/neu/moved": large,
            "/neu/größe 世界": large[::-1],
        }


def test_what_is_not_mounted_is_named_and_left_as_it_is(boot: Boot, tmp_path: Path) -> None:
    def image(name: str, *pieces: tuple[int, bytes], size: int = 16 * MIB) -> Path:
        return write(blank(tmp_path / name, size), *pieces)

    ext4 = struct.pack("<III", 0x3C, 0x2C2, 0x46B)
    torn = formatted(tmp_path / "torn", LITTLEFS)
    write(torn, (20, b"\xff"), (4 * KIB + 20, b"\xff"))
    lost = divided(tmp_path / "lost", "gpt", [FAT16])
    write(lost, (600, b"x"), (lost.stat().st_size - 500, b"x"))
    partly = divided(tmp_path / "partly", "gpt", [LITTLEFS, FAT16])
    write(partly, (MIB, bytes(8 * KIB)))
    apart = mbr(mbr_entry(0x83, 2048, 4096), mbr_entry(0x83, 4096, 4096))
    expected = [
        (image("blank"), "nothing (all zero); machine.Disk(0).format() makes a filesystem."),
        (image("ext4", (0x438, b"\x53\xef"), (0x45C, ext4)), "an ext4 filesystem"),
        (image("fat", (0, fat_boot_sector(cluster=3))), "a FAT filesystem: "),
        (
            image("large", (0, littlefs_block(block_count=1 << 20))),
            "a littlefs: it is larger than what it lies in",
        ),
        (torn, "nothing that is known here"),
        (image("overlap", (0, apart)), "its partition table is broken: it overlaps another"),
        (lost, "its partition table is broken: GPT: the header's checksum is wrong"),
        (partly, "nothing (all zero); machine.Disk(7, partition=1).format() makes a filesystem."),
        (image("odd", (5, b"x"), size=MIB), "nothing that is known here"),
    ]

    def digests() -> list[str]:
        return [hashlib.sha256(path.read_bytes()).hexdigest() for path, _ in expected]

    before = digests()
    guest, said = booted(boot, *(Disk(path) for path, _ in expected))
    for number, (path, text) in enumerate(expected):
        place = {"overlap": ", partition 2", "partly": ", partition 1"}.get(path.name, "")
        assert said[number].startswith(f"disk{number}{place}: {text}"), said
        assert ("left as it is" in said[number]) is ("zero" not in text)
    assert len(said) == len(expected)
    # The second partition of one is there.
    assert guest.eval("[m[1] for m in vfs.mount()]") == ["/"]
    assert guest.eval("error_of(vfs.mount, machine.Disk(0), '/x')") == "ENODEV"
    assert guest.eval("error_of(machine.Disk, 6, partition=1)") == "ENODEV"
    guest.stop()
    assert digests() == before


@both
def test_programs_on_the_disk_run(boot: Boot, tmp_path: Path, content: Content) -> None:
    path = formatted(tmp_path / "a", content)
    other = formatted(tmp_path / "b", content)
    put(
        path,
        {
            "/boot.py": b"print('boot')\nimport sys\nsys.path.append('/disk1')",
            "/main.py": b"import one.two, three, four\nprint('main', one.two.x, three.x, four.x)",
            "/one/__init__.py": b"",
            "/one/two.py": b"x = 2",
            "/lib/three.py": b"x = 3",
        },
    )
    put(other, {"/four.py": b"x = 4"})
    guest = boot(disks=[Disk(path), Disk(other, readonly=True)])
    assert guest.wait_for_prompt().startswith(b"boot\r\nmain 2 3 4\r\n")
    guest.output_of("with open('/main.py', 'w') as file: file.write('print(\"anew\")')")
    guest.leave_raw_repl()
    guest.write(b"\x04")
    assert b"soft reboot\r\nboot\r\nanew\r\n" in guest.read_until(b">>> ")


def test_a_read_only_disk_is_mounted_read_only(boot: Boot, tmp_path: Path) -> None:
    paths = [formatted(tmp_path / c.kind, c) for c in (FAT16, LITTLEFS)]
    for path in paths:
        put(path, {"/there/file": b"content" * 1000})
    before = [path.read_bytes() for path in paths]
    guest, said = booted(boot, *(Disk(path, readonly=True) for path in paths))
    assert said == []
    code = """
for r in ('', '/disk1'):
    print(get(r + '/there/file') == b'content' * 1000, os.listdir(r + '/there'))
    print(error_of(put, r + '/new', b'x'), error_of(put, r + '/there/file', b'x' * 5000),
          error_of(os.mkdir, r + '/d'), error_of(os.remove, r + '/there/file'),
          error_of(os.rename, r + '/there/file', r + '/x'), error_of(open, r + '/there/file', 'a'))
"""
    all_refused = " ".join(["EROFS"] * 6)
    output = guest.output_of(code).splitlines()
    assert output[0] == output[2] == "True ['file']"
    assert output[1] == all_refused
    assert output[3].split()[:5] == ["EROFS"] * 5
    guest.soft_reset()
    guest.stop()
    assert [path.read_bytes() for path in paths] == before


@pytest.mark.only_on("qemu", "nested")
def test_sectors_of_4096_bytes(boot: Boot, tmp_path: Path) -> None:
    fat = formatted(tmp_path / "fat", Content("fat", 16, 64 * MIB), 4096)
    littlefs = formatted(tmp_path / "littlefs", Content("littlefs", 16 * KIB, 16 * MIB))
    other = formatted(tmp_path / "other", FAT16)
    guest, said = booted(boot, *(Disk(p, sector_size=4096) for p in (fat, littlefs, other)))
    assert said == ["disk2: a FAT16 filesystem: it cannot be mounted; it is left as it is."]
    guest.output_of("for r in ('', '/disk1'): os.mkdir(r + '/d'); put(r + '/d/f', b'abc' * 99999)")
    assert guest.eval("all(get(r + '/d/f') == b'abc' * 99999 for r in ('', '/disk1'))") is True
    ended(guest)
    assert files(littlefs) == {"/d/f": b"abc" * 99999}
    assert files(fat) == {"/d/f": b"abc" * 99999}


# What the guest does with them.


def test_a_listing_ends_while_files_are_removed(shared_guest: Guest) -> None:
    """On the RAM disk: littlefs is the same everywhere."""
    code = """
import os
os.mkdir('/d')
for i in range(40): open(f'/d/{i:02}', 'w').close()
listing = os.ilistdir('/d')
names = [next(listing)[0]]
for i in range(1, 40, 2): os.remove(f'/d/{i:02}')
names += [entry[0] for entry in listing]
print(names == [f'{i:02}' for i in range(0, 40, 2)], len(os.listdir('/d')))
"""
    assert shared_guest.output_of(code) == "True 20\n"


@both
def test_long_files_seeks_and_a_full_disk(boot: Boot, tmp_path: Path, content: Content) -> None:
    path = formatted(tmp_path / "a", content)
    guest, _ = booted(boot, Disk(path))
    code = """
part = bytes(range(256)) * 4096
with open('/long', 'wb') as file:
    for i in range(8): file.write(part)
with open('/long', 'r+b') as file:
    file.seek(3_000_001); file.write(b'here')
    file.seek(-1, 2); file.write(b'end')
    file.seek(3_000_000); print(file.read(6))
print(os.stat('/long')[6])
full = open('/full', 'wb')
def fill():
    for i in range(20): full.write(part)
print(error_of(fill))
print(error_of(full.close))
print(os.statvfs('/')[3] * os.statvfs('/')[0] < 1 << 20)
os.remove('/full')
put('/after', part)
print(get('/after') == part)
"""
    output = guest.output_of(code, timeout=60 * guest.vmm.slowness).splitlines()
    assert output[:3] == [r"b'\xc0here\xc5'", str((8 << 20) + 2), "ENOSPC"]
    assert output[3] in ("None", "ENOSPC")
    assert output[-1] == "True"
    ended(guest)
    part = bytes(range(256)) * 4096
    long = bytearray(part * 8 + b"nd")
    long[3_000_001:3_000_005] = b"here"
    long[(8 << 20) - 1] = ord("e")
    assert files(path) == {"/long": bytes(long), "/after": part}


@cpus
def test_many_threads_in_one_filesystem_and_in_two(boot: Boot, tmp_path: Path, cpus: int) -> None:
    paths = [formatted(tmp_path / "a", FAT16), formatted(tmp_path / "b", LITTLEFS)]
    guest, _ = booted(boot, *(Disk(path, num_queues=cpus) for path in paths), cpus=cpus)
    code = """
import _thread
bad, done = [], []
def content(n, i): return bytes([n, i]) * (500 + 3000 * (i % 3))
def work(n):
    try:
        for i in range(6):
            for r in ('', '/disk1')[n % 3 // 2:n % 3 + 1]:
                put(f'{r}/a rather long name {n}-{i}', content(n, i))
                forgotten = open(f'{r}/forgotten {n}-{i}', 'wb')
                forgotten.write(b'%3d' % i)
                if i % 3 == 2:
                    forgotten = None
                    gc.collect()
                if get(f'{r}/a rather long name {n}-{i}') != content(n, i): bad.append((r, n, i))
                if i % 3 == 2: os.remove(f'{r}/a rather long name {n}-{i}')
                len(os.listdir(r + '/'))
    except Exception as e: bad.append((n, i, repr(e)))
    done.append(n)
for n in range(6): _thread.start_new_thread(work, (n,))
while len(done) < 6:
    time.sleep_ms(5)
    gc.collect()
print(bad)
gc.collect()
"""
    assert guest.output_of(code, timeout=120 * guest.vmm.slowness) == "[]\n"
    guest.soft_reset()  # It closes the last of the forgotten.
    guest.stop()
    for path, kinds in zip(paths, [(0, 1), (1, 2)], strict=True):
        expected = {
            f"/a rather long name {n}-{i}": bytes([n, i]) * (500 + 3000 * (i % 3))
            for n in range(6)
            if n % 3 in kinds
            for i in range(6)
            if i % 3 != 2
        }
        expected |= {
            f"/forgotten {n}-{i}": b"%3d" % i for n in range(6) if n % 3 in kinds for i in range(6)
        }
        assert files(path) == expected


def test_open_files_at_a_soft_reset_and_at_a_programs_end(
    boot: Boot, tmp_path: Path, firmware: Path
) -> None:
    paths = [formatted(tmp_path / c.kind, c) for c in (FAT16, LITTLEFS)]
    guest, _ = booted(boot, *map(Disk, paths))
    guest.output_of(
        "kept = [open(r + '/reset', 'w') for r in ('', '/disk1')]\n"
        "for file in kept: file.write('left open')"
    )
    guest.soft_reset()
    guest.output_of(IMPORTS)
    assert guest.eval("[get(r + '/reset') for r in ('', '/disk1')]") == [b"left open"] * 2
    guest.output_of("kept = [open(r + '/lost', 'w') for r in ('', '/disk1')]")
    guest.stop()

    app = tmp_path / "app"
    app.mkdir()
    (app / "main.py").write_text(
        "kept = [open(r + '/end', 'w') for r in ('', '/disk1')]\n"
        "for file in kept: file.write('left open too')\n"
    )
    program = tmp_path / "app.elf"
    program.write_bytes(flash.added(collect(app), firmware=firmware))
    guest = boot(program, disks=list(map(Disk, paths)), cmdline=Run().settings)
    assert guest.wait_for_end() is Ending.POWERED_OFF
    guest.stop()
    for path in paths:
        found = files(path)
        assert (found["/reset"], found["/end"]) == (b"left open", b"left open too")


def test_mounting_by_hand(boot: Boot, tmp_path: Path) -> None:
    path = divided(tmp_path / "a", "gpt", [FAT16, LITTLEFS])
    put(path, {"/who": b"fat"}, 1)
    put(path, {"/who": b"littlefs"}, 2)
    guest, _ = booted(boot, Disk(path))
    code = """
print([m[1] for m in vfs.mount()], get('/who'), get('/disk1/who'))
print(error_of(vfs.mount, machine.Disk(0, partition=2), '/x'),
      error_of(vfs.mount, machine.Disk(0), '/x'))
print(machine.Disk(0).writeblocks(0, bytes(512)),
      machine.Disk(0, partition=2).writeblocks(9, bytes(512)))
vfs.umount('/disk1')
second = machine.Disk(0, partition=2)
for i in range(3):
    vfs.mount(second, '/x'); put('/x/new', b'%d' % i)
    print(error_of(vfs.mount, second, '/y')); vfs.umount('/x')
vfs.mount(second, '/x', readonly=True)
vfs.mount(machine.Disk(0, partition=2), '/y', readonly=True)
print(get('/x/new'), get('/y/new'), error_of(put, '/y/z', b''), error_of(put, '/x/z', b''))
print(error_of(vfs.mount, second, '/z'))
vfs.umount('/y'); vfs.umount('/x')
class Derived(machine.Disk): pass
vfs.mount(Derived(0, partition=2), '/x')
print(get('/x/new'), second.writeblocks(9, bytes(512))); vfs.umount('/x')
fs = vfs.VfsLfs2(machine.Disk(0, partition=2, block_size=4096))
vfs.mount(fs, '/z'); print(get('/z/new')); vfs.umount(fs)
vfs.umount('/')
first = machine.Disk(0, partition=1)
vfs.mount(vfs.VfsFat(first), '/'); put('/who', b'again'); print(get('/who'))
vfs.umount('/')
print(error_of(vfs.mount, machine.Disk(0), '/'))
for number in (3, -1): print(error_of(machine.Disk, 0, partition=number))
"""
    assert guest.output_of(code).splitlines() == [
        "['/disk1', '/'] b'fat' b'littlefs'",
        "EBUSY ENODEV",
        "-16 -16",
        "EBUSY",
        "EBUSY",
        "EBUSY",
        "b'2' b'2' EROFS EROFS",
        "EBUSY",
        "b'2' -16",
        "b'2'",
        "b'again'",
        "ENODEV",
        "ENODEV",
        "ENODEV",
    ]
    ended(guest)
    assert files(path, 1) == {"/who": b"again"}
    assert files(path, 2) == {"/who": b"littlefs", "/new": b"2"}


def test_one_interpreter_writes(boot: Boot, tmp_path: Path) -> None:
    paths = [formatted(tmp_path / c.kind, c) for c in (LITTLEFS, FAT16)]
    guest, _ = booted(boot, *map(Disk, paths), cpus=2)
    code = """
from concurrent import interpreters
def try_mount(n, readonly=False):
    import errno, machine, vfs
    try: vfs.mount(machine.Disk(n), '/it', readonly=readonly)
    except OSError as e: return errno.errorcode[e.errno]
def use(n):
    import machine, vfs
    with open('/it/from', 'w') as file: file.write(str(n))
def give_back():
    import vfs
    vfs.umount('/it')
one, two = interpreters.create(), interpreters.create()
print(one.call(try_mount, 0), one.call(try_mount, 1, True))
vfs.umount('/'); vfs.umount('/disk1')
print(one.call(try_mount, 0), two.call(try_mount, 0), try_mount(0), try_mount(0, True))
print(two.call(try_mount, 1), one.call(use, 1), two.call(use, 2))
print(machine.Disk(0).writeblocks(0, bytes(4096)))
one.call(give_back)
print(try_mount(0), get('/it/from')); give_back()
two.close()
print(try_mount(1), get('/it/from')); give_back()
print(one.call(try_mount, 0, True), try_mount(0, True), get('/it/from'))
"""
    assert guest.output_of(code).splitlines() == [
        "EBUSY EBUSY",
        "None EBUSY EBUSY EBUSY",
        "None None None",
        "-16",
        "None b'1'",
        "None b'2'",
        "None None b'1'",
    ]
    guest.soft_reset()
    guest.output_of(IMPORTS)
    assert guest.eval("[get(r + '/from') for r in ('', '/disk1')]") == [b"1", b"2"]
    ended(guest)
    assert [files(path) for path in paths] == [{"/from": b"1"}, {"/from": b"2"}]


def test_filesystems_that_the_guest_made(boot: Boot, tmp_path: Path) -> None:
    paths = [blank(tmp_path / name, 32 * MIB) for name in ("fat", "littlefs")]
    guest, said = booted(boot, *map(Disk, paths))
    assert len(said) == 2
    code = """
fat, small = machine.Disk(0), machine.Disk(1, block_size=4096)
vfs.VfsFat.mkfs(fat); vfs.VfsLfs2.mkfs(small)
vfs.mount(fat, '/a'); vfs.mount(small, '/b')
for r in ('/a', '/b'): put(r + '/größe', b'x' * 100000)
print(error_of(vfs.VfsFat.mkfs, machine.Disk(0)),
      error_of(vfs.VfsLfs2.mkfs, machine.Disk(1, block_size=4096)))
print([len(get(r + '/größe')) for r in ('/a', '/b')])
"""
    assert guest.output_of(code) == "EIO EBUSY\n[100000, 100000]\n"
    ended(guest)
    assert [files(path) for path in paths] == [{"/größe": b"x" * 100000}] * 2
    guest, said = booted(boot, *map(Disk, paths))
    assert said == []
    assert guest.eval("[len(get(r + '/größe')) for r in ('', '/disk1')]") == [100000] * 2


def test_littlefs_has_blocks_of_any_size(boot: Boot, tmp_path: Path) -> None:
    # Not all are whole sectors, or pieces of what is read at once.
    units = [128, 528, 1536, 2048, 10 * KIB, 100_000, MIB]
    contents = [Content("littlefs", unit, max(MIB, 16 * unit)) for unit in units]
    paths = [formatted(tmp_path / f"{content.unit}", content) for content in contents]
    host, guests = bytes(range(251)) * 200, bytes(range(250)) * 120
    for path in paths:
        put(path, {"/host": host})
    guest, said = booted(boot, *map(Disk, paths))
    assert said == []
    code = f"""
host, guests = bytes(range(251)) * 200, bytes(range(250)) * 120
for r in ['' if i == 0 else f'/disk{{i}}' for i in range({len(paths)})]:
    for i in range(20): put(f'{{r}}/{{i}}', b'small')
    put(r + '/guest', guests)
    for i in range(4): # Each block is written to, but those in use.
        put(r + '/much', host * 10)
        os.remove(r + '/much')
    print(get(r + '/host') == host, get(r + '/guest') == guests)
"""
    output = guest.output_of(code, timeout=60 * guest.vmm.slowness)
    assert output == "True True\n" * len(paths)
    ended(guest)
    expected = {"/host": host, "/guest": guests, **{f"/{i}": b"small" for i in range(20)}}
    for path in paths:
        assert files(path) == expected


def test_a_long_directory_of_a_full_littlefs_gives_back_room(boot: Boot, tmp_path: Path) -> None:
    # As whoever fills blocks with a directory makes it; the port would go on in others.
    other = LittleFS(block_size=128 * KIB, block_count=16, read_size=512, prog_size=512)
    other.mkdir("/many")
    for index in range(200):
        with other.open(f"/many/{index:03}", "wb") as file:
            file.write(bytes(60))
    with pytest.raises(LittleFSError):
        for index in range(16):
            with other.open(f"/{index}", "wb") as file:
                file.write(bytes(100 * KIB))
    path = tmp_path / "full.img"
    path.write_bytes(other.context.buffer)
    guest, said = booted(boot, Disk(path))
    assert said == []
    code = """
for i in range(200): os.remove('/many/%03d' % i)
print(os.listdir('/many'))
put('/many/new', bytes(900))
"""
    assert guest.output_of(code) == "[]\n"
    ended(guest)
    assert files(path)["/many/new"] == bytes(900)


def test_a_disk_is_formatted_with_what_suits_it(boot: Boot, tmp_path: Path) -> None:
    gib = KIB * MIB
    sizes = [MIB, 16 * MIB - 512, 16 * MIB, gib, 4 * gib - 512, 4 * gib, 20 * gib]
    paths = [blank(tmp_path / f"{size}", size) for size in sizes]
    fats = [blank(tmp_path / f"fat{size}", size) for size in (MIB, 100 * MIB, 3 * gib)]
    # All of what was there before goes: the table, its copy, a superblock elsewhere.
    used = divided(tmp_path / "used", "gpt", [LITTLEFS, FAT16])
    write(used, (4 * KIB, littlefs_block()))
    parts = divided(tmp_path / "parts", "mbr", [FAT16, LITTLEFS])
    put(parts, {"/stays": b"x"}, 1)
    readonly = blank(tmp_path / "readonly", MIB)
    disks = [*map(Disk, [*paths, *fats, used, parts]), Disk(readonly, readonly=True)]
    guest, said = booted(boot, *disks)
    assert len(said) == len(paths) + len(fats) + 1
    code = """
print([error_of(machine.Disk(n).format) for n in (10, 11, 12)])
for m in vfs.mount(): vfs.umount(m[0])
for wrong in (lambda: machine.Disk(0).format('ext4'), lambda: machine.Disk(0).format(3)):
    try: wrong(); print('?')
    except (TypeError, ValueError) as e: print(repr(e))
for n in range(11): print(n, machine.Disk(n).format('fat' if n in (7, 8, 9) else 'littlefs'))
machine.Disk(11, partition=2).format()
for n in range(11):
    vfs.mount(machine.Disk(n), '/x'); put('/x/größe', b'x' * 30000); vfs.umount('/x')
for n in (1, 2): vfs.mount(machine.Disk(11, partition=n), f'/{n}')
print(os.listdir('/1'), os.listdir('/2'))
"""
    output = guest.output_of(code, timeout=60 * guest.vmm.slowness).splitlines()
    assert output == [
        "['EBUSY', 'EBUSY', 'EROFS']",
        "ValueError('no such filesystem',)",
        "TypeError(\"can't convert 'int' object to str implicitly\",)",
        *(f"{n} None" for n in range(11)),
        "['stays'] []",
    ]
    ended(guest)
    for path in [*paths, *fats, used]:
        assert files(path) == {"/größe": b"x" * 30000}
    for path in (*paths, used):
        with open_image(path, write=False) as image:
            assert open_filesystem(image).unit == block_size_for(image.size)
            assert image.read(image.size - 512, 512) == bytes(512)
    assert files(parts, 1) == {"/stays": b"x"}
