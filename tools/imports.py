# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Finds imports that must fail, before anything runs.

Looked at is what surely runs when the program begins: statements of a module that stand in no
function, class, `if` or `try`, beginning with main.py and following what they import. An
application that may change where modules are looked for is not judged from here.
"""

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from .python_source import statements

_FOLDERS = ("", "lib/")
"""Where modules are looked for: sys.path."""
_ELSEWHERE = re.compile(
    rb"\bsys\s*\.\s*(path|modules)\b|\bfrom\s+sys\s+import\b[^\n]*(\b(path|modules)\b|\*|\()"
    rb"|\b(chdir|mount|__path__|__import__)\b"
)
"""What a source says that changes that, or what a module is."""


@dataclass(frozen=True)
class Missing:
    """An import that finds nothing."""

    file: str
    line: int
    module: str


def missing_imports(
    sources: Mapping[str, bytes], others: Iterable[str], firmware: Iterable[str]
) -> list[Missing]:
    """`sources`: the application's Python by path; `others`: the paths of its other files;
    `firmware`: the firmware's modules, those in C by name, frozen ones by path."""
    names = list(firmware)
    files = {*sources, *others, *(name for name in names if "/" in name or name.endswith(".py"))}
    return _Search(sources, files, {name for name in names if name not in files}).missing


class _Search:
    def __init__(self, sources: Mapping[str, bytes], files: set[str], built_in: set[str]) -> None:
        self._sources = sources
        self._modules = {file.rsplit(".", 1)[0] for file in files if file.endswith((".py", ".mpy"))}
        self._folders = {file[:at] for file in files for at in _slashes(file)}
        self._built_in = built_in
        self._seen: set[str] = set()
        self.missing: list[Missing] = []
        if not any(_ELSEWHERE.search(source) for source in sources.values()):
            for begin in ("boot.py", "main.py"):
                self._look(begin)

    def _look(self, file: str) -> None:
        if file in self._seen or file not in self._sources:
            return
        self._seen.add(file)
        for statement in statements(self._sources[file]):
            if _ends(statement):
                break
            for module in _imported(statement, file):
                self._follow(module, file, statement.lineno)

    def _follow(self, module: str, file: str, line: int) -> None:
        top = module.partition(".")[0]
        # MicroPython finds `time` as `utime` too.
        if top in self._built_in or top.removeprefix("u") in self._built_in:
            return
        path = module.replace(".", "/")
        for folder in _FOLDERS:
            if folder + top in self._modules or folder + top in self._folders:
                parts = path.split("/")
                for end in range(1, len(parts) + 1):
                    self._step(folder + "/".join(parts[:end]), module, file, line)
                return
        self.missing.append(Missing(file, line, module))

    def _step(self, path: str, module: str, file: str, line: int) -> None:
        """Import one part of a dotted name."""
        if path in self._folders:
            self._look(f"{path}/__init__.py")
        elif path in self._modules:
            self._look(f"{path}.py")
        else:
            self.missing.append(Missing(file, line, module))


def _slashes(path: str) -> Iterator[int]:
    return (at for at, character in enumerate(path) if character == "/")


def _ends(statement: ast.stmt) -> bool:
    """Whether nothing runs behind it: `raise`, `sys.exit()`, an endless loop."""
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        return ast.unparse(statement.value.func) in ("sys.exit", "exit", "quit")
    if isinstance(statement, ast.While):
        return isinstance(statement.test, ast.Constant) and bool(statement.test.value)
    return isinstance(statement, ast.Raise)


def _imported(statement: ast.stmt, file: str) -> Iterator[str]:
    """The modules that a statement imports, by absolute names."""
    if isinstance(statement, ast.Import):
        yield from (alias.name for alias in statement.names)
    elif isinstance(statement, ast.ImportFrom):
        package = file.split("/")[: -statement.level] if statement.level else []
        name = ".".join([*package, *([statement.module] if statement.module else [])])
        if name:
            yield name
