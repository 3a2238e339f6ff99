# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""The RAM disk: a filesystem that is there without being asked for."""

import pytest

from tests.guest.conftest import Boot
from tools.guest import Guest

MIB = 1 << 20


def test_new_machine_has_an_empty_disk(guest: Guest) -> None:
    assert guest.eval("__import__('os').listdir('/')") == []
    assert guest.eval("__import__('os').getcwd()") == "/"


def test_files_outlast_a_soft_reset(guest: Guest) -> None:
    guest.output_of("open('kept.bin', 'wb').write(bytes(range(256)) * 1000)")
    guest.soft_reset()
    assert guest.eval("open('kept.bin', 'rb').read() == bytes(range(256)) * 1000") is True


def test_boot_py_and_main_py_run_after_a_soft_reset(guest: Guest) -> None:
    guest.output_of(
        "open('boot.py', 'w').write('print(\"boot\")')\n"
        "open('main.py', 'w').write('print(\"main\")\\nmain = 1')"
    )
    guest.leave_raw_repl()
    guest.write(b"\x04")
    assert b"soft reboot\r\nboot\r\nmain\r\nMicroPython v1." in guest.read_until(b">>> ")
    guest.write(b"print(main)\r")
    guest.read_until(b"\r\n1\r\n>>> ")


def test_directories_and_names(shared_guest: Guest) -> None:
    output = shared_guest.output_of(
        "import os\n"
        "os.mkdir('d')\n"
        "with open('d/größe 世界.txt', 'w') as file: print('text', file=file)\n"
        "os.rename('d/größe 世界.txt', 'd/b')\n"
        "print(os.listdir('d'), os.stat('d/b')[6], list(os.ilistdir('d'))[0][1])\n"
        "os.remove('d/b')\n"
        "os.rmdir('d')"
    )
    assert output == "['b'] 5 32768\n"


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("open('none')", "[Errno 2] ENOENT"),
        ("os.remove('none')", "[Errno 2] ENOENT"),
        ("os.mkdir('dir')\nos.mkdir('dir')", "[Errno 17] EEXIST"),
        (
            "os.mkdir('full')\nopen('full/x', 'w').close()\nos.remove('full')",
            "[Errno 39] ENOTEMPTY",
        ),
        ("os.chdir('none')", "[Errno 2] ENOENT"),
        ("os.mkdir('dir')\nopen('dir', 'w')", "[Errno 21] EISDIR"),
        ("open('none/x', 'w')", "[Errno 2] ENOENT"),
    ],
)
def test_errors_are_the_right_ones(guest: Guest, code: str, error: str) -> None:
    _, traceback = guest.exec(f"import os\n{code}")
    assert traceback.splitlines()[-1] == f"OSError: {error}"


@pytest.mark.machine(cmdline="ramdisk=1M")
def test_disk_that_is_full(guest: Guest) -> None:
    _, traceback = guest.exec("file = open('large', 'wb'); file.write(bytes(2_000_000))")
    assert traceback.splitlines()[-1] == "OSError: [Errno 28] ENOSPC"
    guest.output_of("import os; file.close(); os.remove('large')")
    guest.output_of("with open('small', 'w') as file: file.write('x' * 500_000)")
    assert guest.eval("len(open('small').read())") == 500_000


@pytest.mark.parametrize(("memory", "setting", "size"), [
    ("64M", "", 8 * MIB), ("512M", "", 64 * MIB), ("4G", "", 256 * MIB),
    ("512M", "ramdisk=200M", 200 * MIB), ("64M", "ramdisk=64K", 64 << 10),
])  # fmt: skip
def test_size_of_the_disk(boot: Boot, memory: str, setting: str, size: int) -> None:
    guest = boot(memory=memory, cmdline=setting)
    guest.wait_for_prompt()
    block, _, blocks = guest.eval("__import__('os').statvfs('/')[:3]")
    assert 0.95 * size < block * blocks <= size


@pytest.mark.machine(cmdline="ramdisk=0")
def test_machine_without_a_disk(guest: Guest) -> None:
    assert "OSError: [Errno 19] ENODEV" in guest.exec("open('x', 'w')")[1]
    assert guest.eval("6 * 7") == 42


@pytest.mark.parametrize("kind", ["VfsFat", "VfsLfs2"])
def test_other_filesystem_outlasts_a_soft_reset(guest: Guest, kind: str) -> None:
    guest.output_of(
        "import cloud_hypervisor, vfs\n"
        "open('before', 'w').close()\n"
        "disk = cloud_hypervisor.RAMDisk()\n"
        "vfs.umount('/')\n"
        f"vfs.{kind}.mkfs(disk)\n"
        f"vfs.mount(vfs.{kind}(disk), '/')\n"
        "with open('/module.py', 'w') as file: file.write('value = 42')\n"
    )
    guest.soft_reset()
    # The import comes first: it looks in another way than open() does.
    assert guest.eval("__import__('module').value") == 42
    assert guest.eval("__import__('os').listdir('/')") == ["module.py"]
    assert guest.eval(f"isinstance(__import__('vfs').mount()[-1][0], __import__('vfs').{kind})")
    guest.output_of("with open('/more', 'w') as file: file.write('text')")
    assert guest.eval("open('more').read()") == "text"


def test_disk_without_a_filesystem(guest: Guest) -> None:
    guest.output_of(
        "import cloud_hypervisor\n"
        "disk = cloud_hypervisor.RAMDisk()\n"
        "for block in range(64): disk.writeblocks(block, b'\\xa5' * 4096)"
    )
    guest.soft_reset()
    for code in ("os.listdir('/')", "open('/x', 'w')", "os.stat('/x')"):
        _, traceback = guest.exec(f"import os; {code}")
        assert traceback.splitlines()[-1] == "OSError: [Errno 19] ENODEV"
    output = guest.output_of(
        "import cloud_hypervisor, os, vfs\n"
        "disk = cloud_hypervisor.RAMDisk()\n"
        "vfs.umount('/')\n"
        "vfs.VfsLfs2.mkfs(disk)\n"
        "vfs.mount(disk, '/')\n"
        "print(os.listdir('/'))"
    )
    assert output == "[]\n"


def test_disk_that_was_only_looked_at_gets_a_filesystem(guest: Guest) -> None:
    guest.output_of(
        "import cloud_hypervisor; cloud_hypervisor.RAMDisk().readblocks(0, bytearray(9))"
    )
    assert guest.eval("__import__('os').listdir('/')") == []
    guest.output_of("open('/x', 'w').close()")
    guest.soft_reset()
    assert guest.eval("__import__('os').listdir('/')") == ["x"]


@pytest.mark.parametrize("kind", ["VfsFat", "VfsLfs2"])
def test_either_filesystem_can_be_made_in_memory(shared_guest: Guest, kind: str) -> None:
    output = shared_guest.output_of(
        "import os, vfs\n"
        "class Disk:\n"
        "    def __init__(self): self.data = bytearray(512 * 512)\n"
        "    def readblocks(self, block, buffer, offset=0):\n"
        "        at = block * 512 + offset\n"
        "        buffer[:] = self.data[at:at + len(buffer)]\n"
        "    def writeblocks(self, block, buffer, offset=0):\n"
        "        at = block * 512 + offset\n"
        "        self.data[at:at + len(buffer)] = buffer\n"
        "    def ioctl(self, request, argument):\n"
        "        return {4: 512, 5: 512}.get(request, 0)\n"
        "disk = Disk()\n"
        "data = bytes(range(256)) * 100\n"
        f"vfs.{kind}.mkfs(disk)\n"
        f"vfs.mount(vfs.{kind}(disk), '/other')\n"
        "with open('/other/file', 'wb') as file: file.write(data)\n"
        "vfs.umount('/other')\n"
        f"vfs.mount(vfs.{kind}(disk), '/again')\n"
        "print(open('/again/file', 'rb').read() == data, 'again' in os.listdir('/'))\n"
        "vfs.umount('/again')\n"
    )
    assert output == "True True\n"


def test_littlefs_does_not_read_back_what_it_wrote(shared_guest: Guest) -> None:
    output = shared_guest.output_of(
        "import vfs\n"
        "class Counting:\n"
        "    def __init__(self): self.memory, self.read = memoryview(bytearray(1 << 18)), 0\n"
        "    def part(self, block, buffer, offset):\n"
        "        start = block * 4096 + offset\n"
        "        return self.memory[start : start + len(buffer)]\n"
        "    def readblocks(self, block, buffer, offset=0):\n"
        "        self.read += len(buffer)\n"
        "        buffer[:] = self.part(block, buffer, offset)\n"
        "    def writeblocks(self, block, buffer, offset=0):\n"
        "        self.part(block, buffer, offset)[:] = buffer\n"
        "    def ioctl(self, request, _): return {4: 64, 5: 4096}.get(request, 0)\n"
        "disk = Counting()\n"
        "vfs.VfsLfs2.mkfs(disk)\n"
        "with vfs.VfsLfs2(disk).open('large', 'wb') as file:\n"
        "    file.write(bytes(50_000))\n"
        "    read, disk.read = disk.read, 0\n"
        "    file.write(bytes(100_000))\n"
        "print(disk.read)\n"
    )
    assert int(output) < 10_000
