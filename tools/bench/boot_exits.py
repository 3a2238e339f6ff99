# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""What a boot costs the host of the real Cloud Hypervisor: VM exits, pages, the VMM's memory.

Taken on the nested back end, whose Linux ("L1") counts and traces every exit of its KVM. The same
figures of a guest that only halts are what the VMM itself costs.
"""

import re
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import WorkFailed
from ..guest import Guest
from ..vmm.base import VmSpec
from ..vmm.disk import Disk
from ..vmm.nested import Nested, shared_linux
from ..vmm.nested_linux import NestedLinux
from ..vmm.nic import Nic
from .functions import PAGE_SHIFT, Functions, Sections

_KVM_EXIT = "/sys/kernel/debug/tracing/events/kvm/kvm_exit/enable"
_TRACE = "/sys/kernel/debug/tracing/trace"
_EXIT = re.compile(
    r" kvm_exit: vcpu \d+ reason (\w+) rip 0x([0-9a-f]+) info1 0x([0-9a-f]+) info2 0x([0-9a-f]+)"
)
_LOST = re.compile(r"entries-in-buffer/entries-written: (\d+)/(\d+)")

_SETTLING_INTERVAL = 0.3
_SETTLING_TIMEOUT = 60.0
_ATTEMPTS = 5

# AMD's information on an exit because of port I/O (15.10.2): a write to the UART's data register.
_PORT_MASK = 0xFFFF0001
_CONSOLE_WRITE = 0x3F8 << 16

# AMD's name of an exit because of a physical address (AMD64 manual, volume 2, 15.25.6), and the two
# kinds of it: memory that the host has not mapped yet, and devices.
_NESTED_FAULT = "npf"
FIRST_TOUCH = "first touch of a page"
DEVICE_REGISTER = "device register"


def measure(
    kernel: Path,
    huge_pages: str,
    awaited: bytes | None,
    initramfs: Path | None = None,
    disks: Sequence[Disk] = (),
    nics: Sequence[Nic] = (),
    cmdline: str = "",
) -> dict[str, Any]:
    """One boot's figures; `huge_pages` is L1's setting for transparent huge pages.

    `awaited`: what the guest says before it rests, if anything.
    """
    linux = shared_linux()
    linux.set_transparent_huge_pages(huge_pages)
    vmm = Nested()
    spec = VmSpec(kernel, cmdline=cmdline, initramfs=initramfs, disks=disks, nics=nics)
    with tracing(linux), Guest(vmm, spec) as guest:
        if awaited is not None:
            guest.read_until(awaited)
        exits, traced = _traced_exits(vmm, guest.spec.memory_bytes)
        memory = vmm.memory_of_process("RssAnon")
        process = _process_of_vmm(linux)
        pages = _resident_pages(linux, process, guest.spec.memory_bytes)
        command = linux.read_file(f"/proc/{process}/cmdline").decode().split("\0")
        console_bytes = len(guest.transcript)
    functions, sections = Functions(kernel), Sections(kernel)
    return {
        "huge_pages": huge_pages,
        "command": " ".join(command).strip(),
        "exits": exits,
        "console_bytes": console_bytes,
        "exits_beside_console": exits - console_bytes,
        "exits_to_last_byte": traced.until_silence - console_bytes,
        "exits_by_reason": traced.by_reason(),
        "exits_by_function": {
            reason: functions.sums(Counter(rips).items()) for reason, rips in traced.rips.items()
        },
        "touched_guest_pages": len(traced.touched),
        "touched_by_section": dict(Counter(map(sections.of_page, traced.touched)).most_common()),
        "resident_guest_pages": pages,
        "rss_anon": memory,
    }


@dataclass(frozen=True)
class ExitTrace:
    """The exits of one guest."""

    rips: dict[str, list[int]]
    """The guest's instruction pointer at each exit, by the reason of the exit."""
    touched: set[int]
    """The numbers of the pages that the host mapped because the guest touched them."""
    until_silence: int = 0
    """How many there were up to the last byte on the console: at rest, the prompt's."""

    @property
    def count(self) -> int:
        return sum(map(len, self.rips.values()))

    def by_reason(self) -> dict[str, int]:
        """Numbers of exits, the largest first."""
        return dict(
            Counter({reason: len(rips) for reason, rips in self.rips.items()}).most_common()
        )


@contextmanager
def tracing(linux: NestedLinux) -> Iterator[None]:
    """Have L1's kernel trace VM exits, from an empty buffer."""
    linux.write_file(_TRACE, b"")
    linux.write_file(_KVM_EXIT, b"1")
    try:
        yield
    finally:
        linux.write_file(_KVM_EXIT, b"0")


def read_trace(text: str, memory: int) -> ExitTrace:
    """Take L1's trace apart; `memory` is the guest's, in bytes. WorkFailed if exits are lost."""
    lost = _LOST.search(text)
    if lost is None or lost[1] != lost[2]:
        raise WorkFailed("The trace of L1's kernel is incomplete.")
    rips: dict[str, list[int]] = {}
    touched: set[int] = set()
    until_silence = 0
    for number, (reason, rip, info1, info) in enumerate(_EXIT.findall(text), start=1):
        kind = reason
        if reason == "io" and int(info1, 16) & _PORT_MASK == _CONSOLE_WRITE:
            until_silence = number
        if reason == _NESTED_FAULT:
            address = int(info, 16)
            # Below 3 GiB Cloud Hypervisor's memory has no holes.
            kind = FIRST_TOUCH if address < memory else DEVICE_REGISTER
            if kind == FIRST_TOUCH:
                touched.add(address >> PAGE_SHIFT)
        rips.setdefault(kind, []).append(int(rip, 16))
    return ExitTrace(rips, touched, until_silence)


def _traced_exits(vmm: Nested, memory: int) -> tuple[int, ExitTrace]:
    """The exits of a guest at rest, counted both ways. With a network it wakes now and then."""
    for _ in range(_ATTEMPTS):
        exits = _settled_exits(vmm)
        traced = read_trace(vmm.linux.read_file(_TRACE).decode(), memory)
        if traced.count == exits:
            return exits, traced
    raise WorkFailed(f"L1's KVM counts {exits} exits, its trace holds {traced.count}.")


def _settled_exits(vmm: Nested) -> int:
    """The number of exits once the guest is at rest."""
    deadline = time.monotonic() + _SETTLING_TIMEOUT
    before = 0
    while True:
        now = _exits_so_far(vmm)
        if now and now == before:
            return now
        if time.monotonic() > deadline:
            raise WorkFailed("The guest does not come to rest.")
        before = now
        time.sleep(_SETTLING_INTERVAL)


def _exits_so_far(vmm: Nested) -> int:
    """0 as long as the VMM has made no machine."""
    return vmm.vm_exits() if _machines(vmm.linux) else 0


def _machines(linux: NestedLinux) -> list[str]:
    """KVM's directory of each machine, THREAD-FD; benchmarks run one at a time."""
    names = linux.read_file("/sys/kernel/debug/kvm").decode().split()
    return [name for name in names if re.fullmatch(r"\d+-\d+", name)]


def _process_of_vmm(linux: NestedLinux) -> int:
    machines = _machines(linux)
    if len(machines) != 1:
        raise WorkFailed(f"L1 runs {len(machines)} machines instead of one.")
    thread = machines[0].partition("-")[0]
    status = linux.read_file(f"/proc/{thread}/status").decode()
    match = re.search(r"^Tgid:\s+(\d+)$", status, re.MULTILINE)
    if match is None:
        raise WorkFailed(f"/proc/{thread}/status holds no Tgid.")
    return int(match[1])


def _resident_pages(linux: NestedLinux, process: int, size: int) -> int:
    """How many 4 KiB pages of the guest's memory, a mapping of `size` bytes, exist on the host."""
    smaps = linux.read_file(f"/proc/{process}/smaps").decode()
    found = re.findall(r"^Size:\s+(\d+) kB$.*?^Rss:\s+(\d+) kB$", smaps, re.MULTILINE | re.DOTALL)
    resident = [int(rss) for mapped, rss in found if int(mapped) * 1024 == size]
    if len(resident) != 1:
        raise WorkFailed(f"{len(resident)} mappings of the VMM are as large as the guest's memory.")
    return resident[0] // 4
