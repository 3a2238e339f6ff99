# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Applications for tests of the host tools."""

import zipfile
from pathlib import Path

MPY_HEAD = b"M\x06"


def tree(directory: Path, **files: str) -> Path:
    """Files by name: `__` for a slash and the last `_` for the dot."""
    for name, text in files.items():
        path = directory / ".".join(name.replace("__", "/").rsplit("_", 1))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return directory


def wheel(directory: Path, name: str, requires: str = "", tag: str = "py3-none-any") -> None:
    """A wheel of one package with a module, a data file and what it requires."""
    about = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
    about += f"Requires-Dist: {requires}\n" if requires else ""
    info = f"{name}-1.0.dist-info"
    directory.mkdir(exist_ok=True)
    with zipfile.ZipFile(directory / f"{name}-1.0-{tag}.whl", "w") as file:
        file.writestr(f"{name}/__init__.py", f"name = '{name}'\n")
        file.writestr(f"{name}/only_cpython.py", "match 1:\n    case 1: pass\n")
        file.writestr(f"{name}/data.txt", f"data of {name}")
        file.writestr(f"{info}/METADATA", about)
        file.writestr(f"{info}/WHEEL", f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n")
        file.writestr(f"{info}/RECORD", "")
