# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""What the guest tests share: guests on the VMM that `--vmm` names, and their last words.

A test is written once and runs on every back end. It takes `guest` (a fresh machine at its prompt),
`shared_guest` (one machine for a module, a fresh interpreter for each test), or `boot`, to start
machines of its own. `@pytest.mark.machine(memory="64M", cpus=2)` sets the fields of VmSpec.
"""

import os
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from uuid import uuid4

import pytest

from tests.guest.applications import Start
from tests.guest.tls_peers import GUEST, HOST, Authority, prepare
from tests.guest.user import Host
from tests.guests import build_guest
from tools import boards, flash
from tools.app_files import collect
from tools.build import build
from tools.guest import Guest, GuestError
from tools.lan import Lan, why_no_lan
from tools.pytest_plugin import show_guests
from tools.vmm import BACK_ENDS, make_vmm
from tools.vmm.base import VmSpec
from tools.vmm.disk import Disk

_GUESTS = pytest.StashKey[list[Guest]]()

Boot = Callable[..., Guest]
"""`boot(kernel=…, **fields of VmSpec)`: a started guest, stopped at the test's end."""

Image = Callable[..., Path]
"""`image(name, size)`: the image of a disk."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--vmm", default="qemu", choices=sorted(BACK_ENDS), help="where guests run")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "machine(**fields): fields of VmSpec for this test's guest")
    config.addinivalue_line("markers", "only_on(*vmms): the test is about these back ends")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A test about another back end is not of this rung: it is left out, not skipped."""
    chosen = config.getoption("--vmm")
    left_out = [
        item
        for item in items
        if (mark := item.get_closest_marker("only_on")) is not None and chosen not in mark.args
    ]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Give the transcripts of a failed test's guests, and what their VMMs said."""
    report = yield
    if report.failed:
        show_guests(report, item.stash.get(_GUESTS, []))
    return report


@pytest.fixture(scope="session")
def vmm_name(request: pytest.FixtureRequest) -> str:
    """The back end of this run."""
    return str(request.config.getoption("--vmm"))


@pytest.fixture(scope="session")
def firmware() -> Path:
    """The firmware, built if it is stale."""
    return build().elf


@pytest.fixture(scope="session")
def tiny_guest(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """`tiny_guest("echo")`: the ELF file of tests/guests/echo.S."""
    directory = tmp_path_factory.mktemp("guests")
    return lambda name: build_guest(name, directory)


@pytest.fixture
def boot(request: pytest.FixtureRequest, vmm_name: str) -> Iterator[Boot]:
    """Starts guests; see Boot. The default kernel is the firmware."""
    with ExitStack() as stack:

        def start(kernel: Path | None = None, **fields: object) -> Guest:
            chosen = kernel or request.getfixturevalue("firmware")
            guest = Guest(make_vmm(vmm_name), VmSpec(chosen, **fields))  # type: ignore[arg-type]
            _remember(request, guest)
            return stack.enter_context(guest)

        yield start


@pytest.fixture(params=["frozen", "added", "initramfs"])
def start(
    request: pytest.FixtureRequest,
    boot: Boot,
    firmware: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Start:
    """Boots applications, in each of the three ways."""

    def start(files: dict[str, str], board: str = "", **fields: object) -> Guest:
        kernel = firmware
        if board:
            monkeypatch.setenv(boards.VARIABLE, board)
            kernel = build().elf
        folder = tmp_path / "app"
        for name, text in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        collected = collect(folder)
        file = tmp_path / "file"
        if request.param == "initramfs":
            file.write_bytes(flash.image(collected, kernel))
            return boot(kernel, initramfs=file, **fields)
        way = flash.frozen if request.param == "frozen" else partial(flash.added, firmware=kernel)
        file.write_bytes(way(collected))
        return boot(file, **fields)

    return start


@pytest.fixture
def image(tmp_path: Path) -> Image:
    """Makes images of zeros that take no room; see Image."""

    def make(name: str = "a.img", size: int = 16 << 20) -> Path:
        path = tmp_path / name
        path.touch()
        os.truncate(path, size)
        return path

    return make


@pytest.fixture
def lan() -> Iterator[Lan]:
    """A network of the test's own, where this machine lets one be made."""
    reason = why_no_lan()
    if reason is not None:
        pytest.skip(reason)
    with Lan() as lan:
        yield lan


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """One that has signed certificates for host.test and guest.test, and rsa.test's."""
    authority = Authority(tmp_path_factory.mktemp("ca"), "ca")
    for host in ("host.test", "guest.test"):
        authority.sign(host)
    authority.sign("rsa.test", rsa=True)
    return authority


@pytest.fixture
def tls_guest(boot: Boot, lan: Lan, authority: Authority) -> Guest:
    """A machine of the test's network that has the authority and a certificate: tls_peers.py."""
    nic = lan.add_tap("tap0", [f"{HOST}/24"])
    guest = boot(nics=[nic], cmdline=f"ip={GUEST}:::24::eth0:off", memory="256M")
    guest.wait_for_prompt()
    prepare(guest, authority)
    return guest


@pytest.fixture
def guest(request: pytest.FixtureRequest, boot: Boot) -> Guest:
    """A fresh machine that has come to its prompt."""
    mark = request.node.get_closest_marker("machine")
    guest = boot(**(mark.kwargs if mark is not None else {}))
    guest.wait_for_prompt()
    return guest


@pytest.fixture(scope="module")
def _module_guests(vmm_name: str, firmware: Path) -> Iterator[list[Guest]]:
    """At most one guest: that of `shared_guest`. A test may leave it dead."""
    guests: list[Guest] = []
    yield guests
    for guest in guests:
        guest.stop()


@pytest.fixture(scope="module")
def shared_disks() -> Sequence[Disk]:
    """Those of `shared_guest`: a module with others has a fixture of this name."""
    return ()


@pytest.fixture
def shared_guest(
    request: pytest.FixtureRequest,
    vmm_name: str,
    firmware: Path,
    shared_disks: Sequence[Disk],
    _module_guests: list[Guest],
) -> Guest:
    """A machine at its prompt with a fresh interpreter, used by this module's tests in turn."""
    if _module_guests:
        guest = _module_guests[0]
        _remember(request, guest)
        try:
            guest.soft_reset()
            return guest
        except GuestError:
            # The test before has reported what it did to it.
            guest.stop()
            _module_guests.clear()
    guest = Guest(make_vmm(vmm_name), VmSpec(firmware, disks=shared_disks))
    _module_guests.append(guest)
    _remember(request, guest)
    guest.start()
    guest.wait_for_prompt()
    return guest


def _remember(request: pytest.FixtureRequest, guest: Guest) -> None:
    request.node.stash.setdefault(_GUESTS, []).append(guest)


@pytest.fixture
def host(vmm_name: str, firmware: Path, tmp_path: Path) -> Iterator[Host]:
    """Nothing may be left of what a test does with it."""
    assert firmware.exists()
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    host = Host(vmm_name, temporary, str(uuid4()))
    yield host
    deadline = time.monotonic() + 5
    while host.processes() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert host.processes() == []
    assert list(temporary.iterdir()) == []
