# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""What only the nested back end offers, and what becomes of it when its Linux guest dies."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.guest.conftest import Boot
from tools.guest import Guest, GuestEnded
from tools.vmm.base import Ending, VmmError, VmSpec
from tools.vmm.nested import Nested, shared_linux
from tools.vmm.nested_linux import NestedLinux, NestedLinuxDied

pytestmark = pytest.mark.only_on("nested")

READY = b"ready\r\n"


@pytest.fixture
def linux() -> NestedLinux:
    return shared_linux()


@pytest.fixture
def echo(tiny_guest: Callable[[str], Path]) -> Path:
    return tiny_guest("echo")


@pytest.fixture
def no_huge_pages(linux: NestedLinux) -> Iterator[None]:
    linux.set_transparent_huge_pages("never")
    yield
    linux.set_transparent_huge_pages("always")


def nested(guest: Guest) -> Nested:
    assert isinstance(guest.vmm, Nested)
    return guest.vmm


def test_vm_exits_are_counted_for_each_guest(
    boot: Boot, tiny_guest: Callable[[str], Path], echo: Path, no_huge_pages: None
) -> None:
    halting, talking = boot(tiny_guest("halt")), boot(echo)
    talking.read_until(READY)
    talking.write(b"x" * 200)
    talking.read_exactly(200)
    # Each byte is polled for, read, and sent: at least four exits.
    assert nested(talking).vm_exits() > 800
    assert 0 < nested(halting).vm_exits() < 20


def test_memory_of_the_vmm_process(boot: Boot, echo: Path) -> None:
    guest = boot(echo)
    guest.read_until(READY)
    vmm = nested(guest)
    assert 0 < vmm.memory_of_process() < vmm.memory_of_process("VmRSS") < 64 << 20
    with pytest.raises(VmmError, match="no NoSuchField"):
        vmm.memory_of_process("NoSuchField")


def test_huge_pages_can_be_set(linux: NestedLinux, no_huge_pages: None) -> None:
    path = "/sys/kernel/mm/transparent_hugepage/enabled"
    assert linux.read_file(path) == b"always madvise [never]\n"
    with pytest.raises(VmmError, match="cannot write"):
        linux.set_transparent_huge_pages("sometimes")


def test_api_of_cloud_hypervisor(boot: Boot, echo: Path) -> None:
    guest = boot(echo, memory="96M", cpus=2)
    guest.read_until(READY)
    vmm = nested(guest)
    info = vmm.api("GET", "vm.info")
    assert info["state"] == "Running"
    assert info["config"]["memory"]["size"] == 96 << 20
    assert info["config"]["cpus"]["boot_vcpus"] == 2
    with pytest.raises(VmmError, match=r"refuses vm\.resume"):
        vmm.api("PUT", "vm.resume")


def test_failure_of_cloud_hypervisor_is_told(boot: Boot, echo: Path, tmp_path: Path) -> None:
    too_large = tmp_path / "initramfs"
    too_large.write_bytes(bytes(8 << 20))
    guest = boot(echo, memory="4M", initramfs=too_large)
    with pytest.raises(GuestEnded) as caught:
        guest.read_until(READY)
    assert caught.value.ending is Ending.VMM_FAILED
    assert "initramfs" in caught.value.message.lower()


def test_files_of_linux(linux: NestedLinux, tmp_path: Path) -> None:
    content = bytes(range(256)) * 5000
    file = tmp_path / "file"
    file.write_bytes(content)
    path = linux.upload(file)
    assert linux.read_file(path) == content
    assert linux.upload(file) == path
    file.write_bytes(b"")
    assert linux.read_file(linux.upload(file)) == b""
    assert b"meminfo" in linux.read_file("/proc").split()
    with pytest.raises(VmmError, match="cannot read /none"):
        linux.read_file("/none")
    with pytest.raises(VmmError, match="cannot write /proc/none"):
        linux.write_file("/proc/none", b"")


def test_panic_of_linux_is_told_and_survived(boot: Boot, echo: Path) -> None:
    linux = shared_linux()
    guest = boot(echo)
    guest.read_until(READY)
    with pytest.raises(VmmError):
        linux.write_file("/proc/sysrq-trigger", b"c")
    with pytest.raises(GuestEnded, match=r"The Linux guest .* died") as caught:
        guest.read_until(b"never")
    assert caught.value.ending is Ending.VMM_FAILED
    with pytest.raises(NestedLinuxDied):
        linux.read_file("/proc/version")
    boot(echo).read_until(READY)
    assert shared_linux() is not linux


def test_machine_that_was_never_booted(linux: NestedLinux, echo: Path) -> None:
    with Nested() as vmm:
        vmm.start(VmSpec(echo))
