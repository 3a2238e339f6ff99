# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""An application, compiled: what `flash` puts into a file and `run` beside the firmware.

Python source is compiled on the host, so that a syntax error is told before anything boots.
"""

import concurrent.futures
import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from . import mpy_cross
from .app_files import MAIN, AppFiles, Source
from .attach import say
from .errors import UserError
from .romfs import make_romfs

_SHOWN_FILES = 5


@dataclass(frozen=True)
class Application:
    """What goes into the machine."""

    name: str
    version: str
    """What its author calls this state of it; may be empty."""
    modules: dict[str, bytes]
    """Compiled Python, by the source's path: x.py."""
    data: dict[str, bytes]
    """All other files."""

    @property
    def files(self) -> dict[str, bytes]:
        """As they lie in a ROMFS: `x.py` as `x.mpy`."""
        return self.data | {f"{name[:-3]}.mpy": code for name, code in self.modules.items()}

    def romfs(self) -> bytes:
        """An image of all of it."""
        return make_romfs(self.files, self._about({}))

    @property
    def frozen(self) -> dict[str, bytes]:
        """The modules that can be frozen: a package is imported from one place, so not those of one
        that has modules among the data."""
        kept = {_top(name) for name in self.data if name.endswith((".py", ".mpy"))}
        return {name: code for name, code in self.modules.items() if _top(name) not in kept}

    def romfs_beside_frozen(self) -> bytes:
        """An image of what is not frozen."""
        frozen = {name: len(code) for name, code in self.frozen.items()}
        left = {name: file for name, file in self.files.items() if _source(name) not in frozen}
        return make_romfs(left, self._about(frozen))

    def _about(self, frozen: dict[str, int]) -> bytes:
        about = {"name": self.name, "version": self.version, "frozen": frozen}
        return json.dumps(about, sort_keys=True).encode()

    def check_size(self, room: int) -> None:
        """UserError if its image has more than `room` bytes: how many, and what is largest."""
        over = len(self.romfs()) - room
        if over <= 0:
            return
        largest = sorted(self.files.items(), key=lambda file: -len(file[1]))[:_SHOWN_FILES]
        raise UserError(
            f"The application is {over:,} bytes too large: there is room for {room:,}.",
            "The largest: " + ", ".join(f"{name} {len(file):,}" for name, file in largest) + ".",
        )


def _top(path: str) -> str:
    """The package, or the module, that a file belongs to."""
    return path.partition("/")[0]


def _source(path: str) -> str:
    """`x.py` of `x.mpy`."""
    return f"{path[:-4]}.py" if path.endswith(".mpy") else path


def compile_app(files: AppFiles, compiler: Path, main: str = MAIN) -> Application:
    """Compile all of its Python; `main` is what main.py is called in tracebacks. To be frozen it
    must be called main.py: by that name the firmware finds it.

    SyntaxProblem for a source that does not compile; in a package of somebody else's, which may
    have modules for other Pythons, such a source is told and left out.
    """
    with (
        tempfile.TemporaryDirectory(prefix="application-") as scratch,
        concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool,
    ):

        def compile_one(item: tuple[str, Source]) -> bytes | None:
            path, source = item
            name, shown = (main, files.main) if path == MAIN else (path, path)
            try:
                return mpy_cross.compile_source(
                    compiler, Path(scratch), name, source.content, source.optimisation, shown
                )
            except mpy_cross.SyntaxProblem as problem:
                if not source.is_packages:
                    raise
                say(f"Left out: {problem}")
                return None

        ordered = sorted(files.sources.items())
        code = list(pool.map(compile_one, ordered))
    modules = {
        path: content
        for (path, _), content in zip(ordered, code, strict=True)
        if content is not None
    }
    return Application(files.name, files.version, modules, files.data)


def compile_text(name: str, code: str, compiler: Path) -> Application:
    """A program that is no file; `name` is what its tracebacks say."""
    files = AppFiles(name, "", {MAIN: Source(code.encode())}, {}, name)
    return compile_app(files, compiler, name)
