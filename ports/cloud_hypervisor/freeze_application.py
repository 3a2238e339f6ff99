# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Writes frozen_content.c with an application's modules before those of the board's manifest.

Upstream's makemanifest.py does the same for a manifest, but cannot have a module of the
application in the place of the board's. Its mpy-tool.py makes the C code; two things in it are put
right on the way, because an application's files are not chosen to please it.

    python freeze_application.py [-v NAME=PATH]... -- MPY_DIR BUILD APPLICATION MANIFEST OPTION...

APPLICATION/modules holds the .mpy files. APPLICATION/frozen_content.c is written. The options are
mpy-tool.py's.
"""

import argparse
import contextlib
import importlib.util
import io
import re
import struct
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem.replace("-", "_"), path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def pack(form: str, *values: Any) -> bytes:
    """A float that a machine with 32-bit floats would not have is none of our errors."""
    try:
        return struct.pack(form, *values)
    except OverflowError:
        return struct.pack(form, float("inf"))


def repair(tool: ModuleType) -> None:
    """Let mpy-tool.py take large floats, and file names that are no C identifiers."""
    tool.struct = SimpleNamespace(pack=pack, unpack=struct.unpack)  # type: ignore[attr-defined]
    read_mpy, read_raw_code = tool.read_mpy, tool.read_raw_code
    count = 0

    def identifier(name: str) -> str:
        return re.sub(r"\W", "_", name, flags=re.ASCII)

    def read_raw_code_of(reader: Any, parent_name: str, *rest: Any) -> Any:
        return read_raw_code(reader, identifier(parent_name), *rest)

    def read_mpy_of(name: str) -> Any:
        nonlocal count
        count += 1
        module = read_mpy(name)
        module.escaped_name = f"{identifier(module.escaped_name)}_{count}"
        return module

    tool.read_mpy, tool.read_raw_code = read_mpy_of, read_raw_code_of  # type: ignore[attr-defined]


def main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("mpy_dir", "build", "application", "manifest"):
        parser.add_argument(name, type=Path)
    parser.add_argument("-v", dest="variables", action="append", default=[])
    parser.add_argument("options", nargs="*")
    given = parser.parse_args()
    tools = given.mpy_dir / "tools"
    sys.path.insert(0, str(tools))
    import makemanifest  # type: ignore[import-not-found]
    import manifestfile  # type: ignore[import-not-found]

    modules = given.application / "modules"
    own = sorted(modules.rglob("*.mpy"))
    names = {str(path.relative_to(modules).with_suffix(".py")) for path in own}

    variables = dict(variable.split("=", 1) for variable in given.variables)
    manifest = manifestfile.ManifestFile(manifestfile.MODE_FREEZE, variables)
    manifest.execute(str(given.manifest))
    compiled, as_text = [], []
    for found in manifest.files():
        if found.target_path in names:
            continue
        if found.kind == manifestfile.KIND_FREEZE_AS_STR:
            as_text.append((found.full_path, found.target_path))
        elif found.kind == manifestfile.KIND_FREEZE_AS_MPY:
            built = given.build / "frozen_mpy" / found.target_path
            compiled.append(built.with_suffix(".mpy"))
        else:
            compiled.append(Path(found.full_path))

    tool = load(tools / "mpy-tool.py")
    repair(tool)
    qstrs = given.build / "genhdr" / "qstrdefs.preprocessed.h"
    with contextlib.redirect_stdout(io.StringIO()) as code:
        tool.main(["-f", "-q", str(qstrs), *given.options, *map(str, [*own, *compiled])])
    text = makemanifest.generate_frozen_str_content(as_text).decode()
    (given.application / "frozen_content.c").write_text(text + code.getvalue())


main()
