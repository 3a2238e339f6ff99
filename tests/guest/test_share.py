# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""`--share DIR`, and the setting mount= by which a disk comes to its place."""

from pathlib import Path

import pytest

from tests.guest.conftest import Boot
from tests.guest.user import LIMIT, Host, any_vmm_will_do
from tools.disk.create import Wish, create
from tools.vmm.disk import Disk

pytestmark = pytest.mark.timeout(2 * LIMIT)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    made = tmp_path / "dir"
    (made / "sub").mkdir(parents=True)
    (made / "sub" / "data").write_text("of the host")
    (made / "old").touch()
    return made


def test_a_directory_there_and_back(host: Host, directory: Path) -> None:
    code = (
        "import os\n"
        "print(open('/share/sub/data').read(), sorted(os.listdir('/share')))\n"
        "os.mkdir('/share/new')\n"
        "with open('/share/new/big', 'wb') as f:\n"
        "    for i in range(100): f.write(bytes([i]) * 1000)\n"
        "with open('/share/sub/data', 'w') as f: f.write('of the guest')\n"
        "os.remove('/share/old')"
    )
    done = host.run("exec", code, f"--share={directory}")
    assert (done.returncode, done.stdout) == (0, b"of the host ['old', 'sub']\n"), done.stderr
    assert (directory / "sub/data").read_text() == "of the guest"
    big = b"".join(bytes([i]) * 1000 for i in range(100))
    assert (directory / "new/big").read_bytes() == big
    assert not (directory / "old").exists()
    assert list(host.temporary.glob("share-*")) == []


@any_vmm_will_do
def test_readonly_at_another_place(host: Host, directory: Path) -> None:
    code = (
        "import os\n"
        "print(sorted(os.listdir('/')), os.listdir('/src'))\n"
        "try: open('/src/x', 'w')\n"
        "except OSError as e: print(e.errno)"
    )
    done = host.run("exec", code, f"--share={directory}:/src:ro")
    assert (done.returncode, done.stdout) == (0, b"['rom', 'src'] ['old', 'sub']\n30\n")


@any_vmm_will_do
def test_what_a_guest_has_flushed_comes_back_after_a_crash(host: Host, directory: Path) -> None:
    code = (
        "f = open('/share/log', 'w'); f.write('so far'); f.flush()\nimport machine\nmachine.reset()"
    )
    done = host.run("exec", code, f"--share={directory}")
    assert done.returncode == 123
    assert (directory / "log").read_text() == "so far"


@any_vmm_will_do
def test_main_of_a_directory_at_the_root(host: Host, directory: Path) -> None:
    (directory / "module.py").write_text("print('imported')")
    done = host.run("exec", "import os; os.chdir('/'); import module", f"--share={directory}:/")
    assert (done.returncode, done.stdout) == (0, b"imported\n")


@any_vmm_will_do
@pytest.mark.parametrize("setting", ["data", "data:", ":/data", "data:data", "data:/a/b", "/", ""])
def test_a_setting_that_cannot_be(host: Host, setting: str) -> None:
    done = host.run("exec", "1", f"--cmdline=mount={setting}")
    assert done.returncode == 2
    assert b"the setting mount= wants a disk's serial and a place" in done.stderr


@any_vmm_will_do
def test_a_disk_that_is_missing_is_told_before_a_program(host: Host) -> None:
    done = host.run("exec", "print(1)", "--cmdline=mount=none:/x")
    assert (done.returncode, done.stdout) == (0, b"1\n")
    assert done.stderr.endswith(b"mount=none:/x: there is no such disk with a filesystem.\n")


def test_disks_come_to_where_the_settings_want_them(boot: Boot, tmp_path: Path) -> None:
    disks = []
    for name in ("one", "two", "a:b", "three"):
        path = tmp_path / name
        create(path, Wish(1 << 20), source=None, force=False)
        disks.append(Disk(path, serial=name))
    guest = boot(disks=disks, cmdline="mount=two:/data mount=a:b:/colon mount=none:/none")
    said = guest.wait_for_prompt()
    assert b"mount=none:/none: there is no such disk with a filesystem." in said
    names = "[m[1] for m in __import__('vfs').mount()]"
    assert sorted(guest.eval(names)) == ["/", "/colon", "/data", "/disk1"]
    where = "[str(d) for d in __import__('os').listdir('/')]"
    assert sorted(guest.eval(where)) == ["colon", "data", "disk1"]


@any_vmm_will_do
def test_the_root_by_a_setting(boot: Boot, tmp_path: Path) -> None:
    disks = []
    for name in ("one", "two"):
        source = tmp_path / f"of {name}"
        source.mkdir()
        (source / name).touch()
        create(tmp_path / name, Wish(1 << 20), source=source, force=False)
        disks.append(Disk(tmp_path / name, serial=name))
    guest = boot(disks=disks, cmdline="mount=two:/")
    guest.wait_for_prompt()
    assert guest.eval("__import__('os').listdir('/disk1')") == ["one"]
    assert sorted(guest.eval("__import__('os').listdir('/')")) == ["disk1", "two"]
    guest.soft_reset()
    assert sorted(guest.eval("__import__('os').listdir('/')")) == ["disk1", "two"]


@any_vmm_will_do
def test_memory_is_the_root_where_no_disk_is(boot: Boot, tmp_path: Path) -> None:
    create(tmp_path / "one", Wish(1 << 20), source=None, force=False)
    guest = boot(disks=[Disk(tmp_path / "one", serial="one")], cmdline="mount=one:/data")
    guest.wait_for_prompt()
    guest.output_of("open('/x', 'w').close()")
    assert sorted(guest.eval("__import__('os').listdir('/')")) == ["data", "x"]
