# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""The `cut` task: a guest's VMM is killed while the guest writes files, again and again on the same
image, and all that was synced is there.

After each cut the host checks the image and reads it, then the next guest mounts it, reads the
same, and goes on. What may be there follows from which steps the guest has said to have done:
model.py.
"""

import binascii
import json
import random
import re
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console

from .. import host
from ..build import build
from ..disk import create
from ..errors import UserError, WorkFailed
from ..guest import Guest, GuestError, PythonError
from ..paths import BUILD
from ..romfs import make_romfs
from ..terminal import side_by_side
from ..vmm import make_vmm
from ..vmm.base import VmSpec
from ..vmm.disk import Disk
from . import image
from .fsck import SHARED
from .model import Stage, Tree
from .plan import Plan

FILESYSTEMS = create.FILESYSTEMS
SIZE = 32 << 20
STEPS = 100
"""In a plan; the cut comes after one of them."""
LATE = 0.03
"""Seconds at most from a step's promise to the cut, on a VMM as fast as QEMU's emulation."""
REPAIRS = 4
"""Every so many cuts an image with FAT is repaired, and where it has to be."""

PROGRAM = [Path(__file__).with_name(name) for name in ("content.py", "program.py")]
_PROMISE = re.compile(rb"#(\d+) [^\r\n]*\r\n")


@dataclass
class Figures:
    """What the cuts have seen."""

    cuts: int = 0
    promises: int = 0
    """Steps that guests have said to have done."""
    in_between: int = 0
    """Cuts that left something else than what was promised last."""
    ahead: int = 0
    """Steps at most that were on the disk already and not yet promised."""
    files: int = 0
    """That were compared."""
    repaired: int = 0
    limits: Counter[str] = field(default_factory=Counter)
    """Of FAT: after how many cuts each was seen."""


class Cuts:
    """An image, and guests that are killed on it one after the other."""

    def __init__(self, path: Path, filesystem: str, seed: int, boot: Callable[..., Guest]) -> None:
        """Make the image; `boot` starts a guest that has these fields of VmSpec."""
        self.figures = Figures()
        self._path = path
        self._is_fat = filesystem == "fat"
        self._boot = boot
        self._chance = random.Random(seed)
        self._files: Tree = {}
        create.create(path, create.Wish(SIZE, filesystem), source=None, force=True)

    def cut(self) -> None:
        """One more. WorkFailed, GuestError or PythonError if something is not as it must be."""
        plan = Plan(self._files, self._is_fat, self.figures.cuts, self._chance)
        plan.extend(STEPS)
        guest = self._booted(plan)
        try:
            self._compare(guest)
            promised = self._work(guest, plan)
        finally:
            guest.stop()
        self._look(plan, promised)
        self.figures.cuts += 1
        self.figures.promises += promised + 1

    def end(self) -> None:
        """See that what the last cut has left mounts too."""
        guest = self._booted(Plan(self._files, self._is_fat, self.figures.cuts, self._chance))
        try:
            self._compare(guest)
        finally:
            guest.stop()

    def _booted(self, plan: Plan) -> Guest:
        """With its program and the plan in /rom: the serial line would take longer."""
        files = {path.name: path.read_bytes() for path in PROGRAM}
        files["steps.json"] = json.dumps(plan.steps).encode()
        initramfs = self._path.with_suffix(".romfs")
        initramfs.write_bytes(make_romfs(files))
        return self._boot(disks=[Disk(self._path)], initramfs=initramfs)

    def _compare(self, guest: Guest) -> None:
        """The guest reads what the host has read."""
        guest.wait_for_prompt()
        seconds = guest.timeout + len(self._files) * guest.vmm.slowness
        seen = json.loads(guest.output_of("import program; program.tree()", seconds))
        expected = {
            path: None if content is None else [len(content), binascii.crc32(content)]
            for path, content in self._files.items()
        }
        if seen != expected:
            paths = [path for path in seen | expected if seen.get(path) != expected.get(path)]
            raise WorkFailed(f"The guest does not see in {self._path} what is there: {paths}")

    def _work(self, guest: Guest, plan: Plan) -> int:
        """Have it do some of the plan; the step that it has promised last, or -1."""
        last = self._chance.randrange(len(plan.steps))
        guest.repl.start(b"program.do()", guest.timeout)
        awaited = re.compile(rb"#%d [^\r\n]*\r\n|\x04" % last)
        said = guest.read_until(awaited, guest.timeout * 4)
        if said.endswith(b"\x04"):
            raise WorkFailed(guest.repl.finish(guest.timeout).decode(errors="replace"))
        time.sleep(self._chance.random() * LATE * guest.vmm.slowness)
        said += guest.receive(0)
        return max(int(number) for number in _PROMISE.findall(said))

    def _look(self, plan: Plan, promised: int) -> None:
        """Check and read the image."""
        limits = image.check_fat(self._path) if self._is_fat else set()
        if not self._is_fat:
            image.check_littlefs(self._path)
        self._files = image.read(self._path)
        self.figures.files += len(self._files)
        self.figures.limits.update(limits)
        stage = self._stage(plan, promised)
        self.figures.in_between += stage.step > promised
        self.figures.ahead = max(self.figures.ahead, stage.step - promised)
        if self._is_fat and (SHARED in limits or self.figures.cuts % REPAIRS == REPAIRS - 1):
            image.repair_fat(self._path)
            self._files = image.read(self._path)
            self.figures.repaired += 1

    def _stage(self, plan: Plan, promised: int) -> Stage:
        """The first that what was found may be: not before what was promised."""
        stages = [stage for stage in plan.model.stages if stage.step > promised]
        ended = [stage for stage in plan.model.stages if stage.step == promised][-1:]
        least: list[str] | None = None
        for stage in ended + stages:
            wrong = stage.difference(self._files)
            if not wrong:
                return stage
            if least is None or len(wrong) < len(least):
                least = wrong
        step = plan.steps[promised] if promised >= 0 else "nothing"
        raise WorkFailed(
            f"Cut {self.figures.cuts + 1}, step {promised} promised, {step}: {least}. "
            f"The image: {self._path}"
        )


def main(cuts: int, filesystem: str, vmm: str | None, seed: int | None) -> int:
    """Cut the power of guests so often, on one filesystem or on each, and print what was found."""
    if filesystem and filesystem not in FILESYSTEMS:
        raise UserError(f"--filesystem {filesystem!r} is not right.", "Give littlefs or fat.")
    host.require("build", "run", "disk")
    seed = random.getrandbits(30) if seed is None else seed
    output = Console(highlight=False)
    for each in [filesystem] if filesystem else FILESYSTEMS:
        _cut(cuts, each, vmm, seed, output)
    return 0


def _cut(cuts: int, filesystem: str, vmm: str | None, seed: int, output: Console) -> None:
    firmware = build().elf

    def boot(**fields: Any) -> Guest:
        guest = Guest(make_vmm(vmm), VmSpec(firmware, **fields))
        try:
            guest.start()
        except BaseException:
            guest.stop()
            raise
        return guest

    directory = BUILD / "cut"
    directory.mkdir(parents=True, exist_ok=True)
    begin = time.monotonic()
    name = make_vmm(vmm).name
    path = directory / f"{filesystem}-{name}.img"
    made = Cuts(path, filesystem, seed, boot)
    output.print(f"{filesystem} on {name}, {cuts} cuts, seed {seed}")
    try:
        with side_by_side() as lines:
            tell = lines.add(filesystem)
            for number in range(cuts):
                tell(f"cut {number + 1} of {cuts}")
                made.cut()
            made.end()
    except (GuestError, PythonError) as error:
        raise WorkFailed(f"After {made.figures.cuts} cuts of {path}: {error}") from None
    show(made.figures, time.monotonic() - begin, output)


def show(figures: Figures, seconds: float, output: Console) -> None:
    output.print(
        f"{figures.cuts} cuts in {seconds:.0f} s: {figures.promises:,} steps promised, "
        f"{figures.files:,} files compared, nothing lost; {figures.in_between} cuts left more than "
        f"was promised, up to {figures.ahead} steps",
        soft_wrap=True,
    )
    for limit, count in sorted(figures.limits.items()):
        output.print(f"  {limit}: after {count} cuts", soft_wrap=True)
    if figures.repaired:
        output.print(f"  repaired {figures.repaired} times by fsck.fat -a")
