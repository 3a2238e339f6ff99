# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""A ROMFS on a disk: mounted read-only, as the other filesystems are, and held in memory."""

import re
from pathlib import Path

from tests.guest.conftest import Boot
from tests.guest.disk_images import MIB, SECTOR, Content, blank, divided, formatted, put, write
from tools import flash
from tools.app_files import collect
from tools.guest import Guest
from tools.romfs import MAGIC, make_romfs
from tools.vmm.disk import Disk

IMPORTS = """
import errno, gc, machine, os, vfs
def error_of(f, *args, **kwargs):
    try: return f(*args, **kwargs)
    except OSError as e: return errno.errorcode[e.errno]
def get(path):
    with open(path, 'rb') as file: return file.read()
"""


def image(path: Path, content: bytes) -> Path:
    """A disk that is a ROMFS, in whole sectors."""
    path.write_bytes(content + bytes(-len(content) % SECTOR))
    return path


def booted(boot: Boot, *disks: Path, **fields: object) -> tuple[Guest, str]:
    """A guest at its prompt, and what it has said before that."""
    guest = boot(disks=[Disk(path) for path in disks], **fields)
    said = guest.wait_for_prompt().decode().replace("\r", "")
    guest.output_of(IMPORTS)
    return guest, said


def test_it_is_mounted_as_others_are_and_read_only(boot: Boot, tmp_path: Path) -> None:
    large = bytes(range(251)) * 4001
    files = {
        "boot.py": b"print('boot')",
        "main.py": b"import one.two, three\nprint('main', one.two.x, three.x)",
        "one/__init__.py": b"",
        "one/two.py": b"x = 2",
        "lib/three.py": b"x = 3",
        "größe 世界": large,
        "empty": b"",
    }
    first = image(tmp_path / "first", make_romfs(files))
    content = Content("littlefs", 4096, MIB)
    second = divided(tmp_path / "second", "gpt", [content, content])
    write(second, (2 * MIB, make_romfs({"who": b"partition"})))
    put(second, {"/who": b"littlefs"}, 1)
    named = image(tmp_path / "named", make_romfs({"who": b"named"}))
    guest, said = booted(boot, first, second, named, cmdline="mount=named:/data")
    assert said.startswith("boot\nmain 2 3\n")
    assert guest.eval("sorted(m[1] for m in vfs.mount())") == ["/", "/data", "/disk1", "/disk2"]
    assert guest.eval("[get(p + '/who') for p in ('/disk1', '/disk2', '/data')]") == [
        *(b"littlefs", b"partition", b"named")
    ]
    guest.output_of("large = bytes(range(251)) * 4001")
    code = """
print(get('/größe 世界') == large, get('/empty'), os.stat('/größe 世界')[6], os.listdir('/one'))
print(error_of(open, '/new', 'w'), error_of(open, '/data/who', 'a'))
for d in (machine.Disk(0), machine.Disk(1, partition=2), machine.Disk(2)):
    print(d.writeblocks(0, bytes(512)), error_of(d.format))
print(error_of(vfs.mount, machine.Disk(2), '/x', readonly=True), get('/x/who'))
os.sync()
vfs.umount('/data')
print(machine.Disk(2).writeblocks(0, bytes(512)))
vfs.umount('/x')
print(machine.Disk(2).writeblocks(0, bytes(512)), error_of(vfs.mount, machine.Disk(2), '/x'))
"""
    assert guest.output_of(code).splitlines() == [
        f"True b'' {len(large)} ['__init__.py', 'two.py']",
        "EROFS EROFS",
        *(["-16 EBUSY"] * 3),
        "None b'named'",
        "-16",
        "0 ENODEV",
    ]


def test_what_is_wrong_with_one_is_told(boot: Boot, tmp_path: Path) -> None:
    whole = make_romfs({"main.py": b"print(1)"})
    spoilt = whole.replace(b"print(1)", b"print(2)")
    wild = MAGIC + bytes([8, 5, 6, 4]) + b"name" + bytes([3, 0])
    disks = [
        image(tmp_path / "spoilt", spoilt),
        image(tmp_path / "wild", wild),
        image(tmp_path / "short", make_romfs({"x": bytes(3 * SECTOR)})[: 2 * SECTOR]),
        # 1 TiB, of which there are the first bytes.
        write(blank(tmp_path / "huge", 2 << 40), (0, MAGIC + b"\xa0\x80\x80\x80\x80\x00")),
        image(tmp_path / "good", whole),
    ]
    before = [path.read_bytes() for path in disks if path.name != "huge"]
    guest, said = booted(boot, *disks)
    assert re.findall(r"^(?:disk|OSError).*$", said, re.MULTILINE) == [
        "disk0: a ROMFS: it cannot be mounted; it is left as it is.",
        "OSError: [Errno 19] ENODEV: its checksum is wrong",
        "disk1: a ROMFS: it cannot be mounted; it is left as it is.",
        "OSError: [Errno 19] ENODEV: a file in it has no content",
        "disk2: a ROMFS: it is cut short; it is left as it is.",
        "disk3: a ROMFS: it cannot be mounted; it is left as it is.",
        "OSError: [Errno 12] ENOMEM: there is not enough memory for it",
    ]
    errors = guest.eval("[error_of(vfs.mount, machine.Disk(n), '/x') for n in range(4)]")
    assert errors == ["ENODEV", "ENODEV", "ENODEV", "ENOMEM"]
    # Nobody has claimed them.
    assert guest.eval("[machine.Disk(n).writeblocks(2, bytes(512)) for n in (0, 3)]") == [-22, 0]
    assert guest.eval("[m[1] for m in vfs.mount()]") == ["/"]
    guest.stop()
    assert [path.read_bytes() for path in disks if path.name != "huge"] == before


def test_its_memory_comes_back_with_a_soft_reset(boot: Boot, tmp_path: Path) -> None:
    path = image(tmp_path / "a", make_romfs({"large": bytes(range(256)) * 4096 * 18}))
    guest, _ = booted(boot, path, memory="64M")
    for _ in range(4):
        assert guest.eval("os.stat('/large')[6]") == 18 * MIB
        assert guest.eval("open('/large', 'rb').read(3)") == b"\0\1\2"
        assert guest.eval("error_of(vfs.mount, machine.Disk(0), '/x')") == "ENOMEM"
        guest.soft_reset()
        guest.output_of(IMPORTS)


def test_what_was_imported_outlasts_the_mount(boot: Boot, tmp_path: Path, firmware: Path) -> None:
    """Strings and code of a module lie in the image: they are not read from the file again."""
    app = tmp_path / "app"
    app.mkdir()
    (app / "main.py").write_text("import module")
    (app / "module.py").write_text(
        "def f(n):\n    return 'a string that is nowhere else', b'nor these bytes', n * 7\n"
    )
    romfs = image(tmp_path / "a", flash.image(collect(app), firmware))
    data = formatted(tmp_path / "b", Content("littlefs", 4096, MIB))
    guest, _ = booted(boot, data, romfs)
    code = """
import sys
sys.path.append('/disk1')
import module
kept = open('/disk1/module.mpy', 'rb')
vfs.umount('/disk1')
gc.collect()
used = [bytes(100) for i in range(20000)]
print(module.f(6), kept.read(1))
"""
    assert (
        guest.output_of(code) == "('a string that is nowhere else', b'nor these bytes', 42) b'M'\n"
    )


def test_each_interpreter_has_its_own(boot: Boot, tmp_path: Path) -> None:
    path = image(tmp_path / "a", make_romfs({"who": bytes(range(250)) * 1000}))
    guest, _ = booted(boot, path, cpus=2)
    code = """
from concurrent import interpreters
def use():
    import machine, vfs
    vfs.mount(machine.Disk(0), '/it')
    with open('/it/who', 'rb') as file: return file.read() == bytes(range(250)) * 1000
others = [interpreters.create() for i in range(3)]
print([other.call(use) for other in others])
vfs.umount('/')
print(machine.Disk(0).writeblocks(0, bytes(512)))
for other in others: other.close()
print(machine.Disk(0).writeblocks(0, bytes(512)))
"""
    assert guest.output_of(code) == "[True, True, True]\n-16\n0\n"


def test_another_thread_collects_while_it_is_read(boot: Boot, tmp_path: Path) -> None:
    """What reads the disk meanwhile is not garbage."""
    large = make_romfs({"large": bytes(range(256)) * 4096 * 8 + b"end"})
    path = image(tmp_path / "a", large)
    guest, _ = booted(boot, path, cpus=2)
    code = """
import _thread
running, collected = True, 0
def collect():
    global collected
    while running:
        gc.collect(); machine.Disk.list(); collected += 1
_thread.start_new_thread(collect, ())
for i in range(4):
    vfs.mount(machine.Disk(0), '/x')
    with open('/x/large', 'rb') as file:
        print(file.seek(-3, 2), file.read())
    vfs.umount('/x')
running = False
print(collected > 4)
"""
    assert guest.output_of(code) == "8388608 b'end'\n" * 4 + "True\n"
