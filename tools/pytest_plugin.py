# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""A pytest plugin: tests of an application in a guest. Installed, pytest finds it by itself.

    @pytest.mark.guest(cmdline="--verbose", memory="64M")
    def test_greeting(guest):
        guest.read_until(b"name? ")
        guest.write(b"World\n")
        assert guest.wait().output.endswith(b"Hello, World!\n")

The application is what the setting `guest_application` of pytest names, relative to the file that
has it, or the marker's `app`; the VMM is that of `--guest-vmm`. The fixture `boot_guest` boots
further ones.
"""

from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from .errors import UserError
from .guest import Guest
from .running_application import RunningApplication, running
from .vmm import BACK_ENDS

_GUESTS = pytest.StashKey[list[RunningApplication]]()

BootGuest = Callable[..., RunningApplication]
"""`boot_guest(app=None, **options of running)`: a guest that is stopped at the test's end."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """--guest-vmm, and the setting guest_application."""
    group = parser.getgroup("guest", "guests of Cloud Hypervisor")
    group.addoption("--guest-vmm", choices=sorted(BACK_ENDS), help="where guests run")
    parser.addini("guest_application", "the application that guests run", default=".")


def pytest_configure(config: pytest.Config) -> None:
    """The marker `guest`."""
    config.addinivalue_line(
        "markers", "guest(app=…, cmdline=…, cpus=…, memory=…, disks=…): application and machine"
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that fails shows all that its guests have said."""
    report = yield
    if report.failed:
        show_guests(report, [app.guest for app in item.stash.get(_GUESTS, [])])
    return report


def show_guests(report: pytest.TestReport, guests: list[Guest]) -> None:
    """Add to a report what each guest has said, and what its VMM has."""
    for number, guest in enumerate(guests, start=1):
        text = guest.output + f"\n[{guest.vmm.name}] {guest.vmm.stderr_text}"
        report.sections.append((f"guest {number}", text))


@pytest.fixture
def boot_guest(request: pytest.FixtureRequest) -> Iterator[BootGuest]:
    """Boots guests; see BootGuest."""
    config = request.config
    application = Path(config.inipath.parent if config.inipath else config.rootpath)
    application /= config.getini("guest_application")
    with ExitStack() as stack:

        def boot(app: Path | str | None = None, **options: Any) -> RunningApplication:
            options = {"vmm": config.getoption("--guest-vmm"), **options}
            try:
                booted = stack.enter_context(running(app or application, **options))
            except UserError as error:
                pytest.fail(str(error), pytrace=False)
            request.node.stash.setdefault(_GUESTS, []).append(booted)
            return booted

        yield boot


@pytest.fixture
def guest(request: pytest.FixtureRequest, boot_guest: BootGuest) -> RunningApplication:
    """A guest in which the application has begun."""
    mark = request.node.get_closest_marker("guest")
    return boot_guest(**(mark.kwargs if mark is not None else {}))
