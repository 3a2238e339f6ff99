# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""A guest with directories of the host: their images are made, and brought back at its end."""

import shlex
import shutil
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from ..attach import say
from ..disk.command import printable
from ..disk.detect import open_filesystem
from ..disk.image import open_image
from ..disk.isolation import isolated
from ..errors import EXIT_FAILED, UserError
from ..timings import timings
from ..vmm.base import VmSpec
from ..vmm.disk import Disk
from . import image
from .bring_back import bring_back
from .host_tree import HostTree
from .option import Share, check_shares, serial_of

_SHOWN_MAX = 10


def with_shares(spec: VmSpec, shares: Sequence[Share], work: Callable[[VmSpec], int]) -> int:
    """Do the work with a machine that has the shares, bring them back, and give the work's code, or
    EXIT_FAILED where that is 0 and not all came back."""
    check_shares(shares, spec.disks)
    with ExitStack() as stack:
        lent = [stack.enter_context(_Lent(share, serial_of(n))) for n, share in enumerate(shares)]
        settings = " ".join(each.setting for each in lent)
        disks = [*spec.disks, *(each.disk for each in lent)]
        code = work(replace(spec, disks=disks, cmdline=f"{settings} {spec.cmdline}".strip()))
    return code or (0 if all(each.is_whole for each in lent) else EXIT_FAILED)


class _Lent:
    """One share: the image is there inside of the `with`, and is brought back at its end."""

    def __init__(self, share: Share, serial: str) -> None:
        self._share = share
        self._serial = serial
        self._tree = HostTree(share.directory)
        self._scratch = Path()
        self.is_whole = True
        """Whether the host has all that the guest has written."""

    @property
    def disk(self) -> Disk:
        return Disk(self._image, readonly=self._share.readonly, serial=self._serial)

    @property
    def setting(self) -> str:
        """For the guest's command line."""
        return shlex.quote(f"mount={self._serial}:{self._share.point}")

    @property
    def _image(self) -> Path:
        return self._scratch / "share.img"

    def __enter__(self) -> "_Lent":
        directory = self._share.directory
        try:
            with timings.step("copy what is shared"):
                found = image.look_over(self._tree, directory)
                self._scratch = Path(tempfile.mkdtemp(prefix="share-"))
                self._states = image.make(self._tree, directory, found, self._image)
            self._made = self._written
        except BaseException:
            self._remove()
            raise
        if self._tree.left_out:
            say(f"{directory}: neither files nor directories, not shared:")
            _list(directory, dict.fromkeys(self._tree.left_out, ""))
        return self

    def __exit__(self, *_: object) -> None:
        if self._share.readonly or self._written == self._made:
            self._remove()
            return
        self.is_whole = False
        try:
            with timings.step("bring back what was shared"):
                self.is_whole = isolated(self._bring_back) == 0
        except UserError as error:
            say(f"{self._share.directory}: {error}")
        finally:
            if self.is_whole:
                self._remove()
            else:
                say(f"What the guest has is kept: ./inv disk ls {shlex.quote(str(self._image))}")
                self._tree.__exit__()

    @property
    def _written(self) -> int:
        return self._image.stat().st_mtime_ns

    def _bring_back(self) -> int:
        with open_image(self._image, write=False) as area:
            outcome = bring_back(open_filesystem(area), self._tree, self._states)
        if outcome.left:
            say(f"{self._share.directory}: left as the host has it:")
            _list(self._share.directory, outcome.left)
        return EXIT_FAILED if outcome.left else 0

    def _remove(self) -> None:
        if self._scratch.name:
            shutil.rmtree(self._scratch)
        self._tree.__exit__()


def _list(directory: Path, paths: dict[str, str]) -> None:
    for path, why in list(paths.items())[:_SHOWN_MAX]:
        say(f"  {printable(str(directory / path[1:]))}{f': {why}' if why else ''}")
    if len(paths) > _SHOWN_MAX:
        say(f"  and {len(paths) - _SHOWN_MAX:,} more")
