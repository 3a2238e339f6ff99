# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Which imports are known to fail before anything runs."""

import pytest

from tools.imports import Missing, missing_imports

FIRMWARE = ["os", "time", "sys", "asyncio/__init__.py", "asyncio/core.py", "unittest.py"]


def missing(*others: str, **sources: str) -> list[Missing]:
    """Sources by name: `__` for a slash, `init` for __init__."""
    paths = {name: name.replace("__", "/").replace("init", "__init__") for name in sources}
    files = {f"{paths[name]}.py": text.encode() for name, text in sources.items()}
    return missing_imports(files, others, FIRMWARE)


def test_what_is_there_is_found() -> None:
    main = "import os, utime, asyncio.core, unittest, a, p.q, low, data.blob\nfrom p import q, r\n"
    assert not missing("data/blob.mpy", main=main, a="", p__q="", lib__low="from . import x")


def test_what_is_not_there_is_told() -> None:
    main = "import os\nimport a, json\nimport p.none\nfrom asyncio.none import x\n"
    assert missing(main=main, a="from .b import c\n", p__q="") == [
        Missing("a.py", 1, "b"),
        Missing("main.py", 2, "json"),
        Missing("main.py", 3, "p.none"),
        Missing("main.py", 4, "asyncio.none"),
    ]


@pytest.mark.parametrize(
    "main",
    [
        "try:\n    import json\nexcept ImportError:\n    json = None\n",
        "def f():\n    import json\n",
        "if x:\n    import json\n",
        "import sys\nsys.path.append('/lib2')\nimport json\n",
        "from sys import path\nimport json\n",
        "from sys import *\nimport json\n",
        "import sys\nsys . modules['json'] = sys\nimport json\n",
        "import os\nos.chdir('/')\nimport json\n",
        "import sys\nsys.exit(3)\nimport json\n",
        "raise SystemExit\nimport json\n",
        "while True:\n    pass\nimport json\n",
        "import json(\n",
        "x = " + "-" * 100_000 + "1\nimport json\n",
    ],
)
def test_what_may_not_run_or_be_found_elsewhere_is_not_told(main: str) -> None:
    assert not missing(main=main)


def test_an_argument_of_sys_is_no_path() -> None:
    assert missing(main="from sys import argv\nimport json") == [Missing("main.py", 2, "json")]


def test_modules_that_are_not_imported_are_not_looked_at() -> None:
    assert not missing(main="import a", a="", unused="import json", p__init="import json")


def test_packages_are_followed_part_by_part() -> None:
    found = missing(main="import p.q.r", p__init="", p__q__init="import gone", p__q__r="")
    assert found == [Missing("p/q/__init__.py", 1, "gone")]


def test_relative_imports_count_from_the_package() -> None:
    sources = {"p__init": "from .a import x", "p__a": "from .. import main\nfrom .b import y"}
    assert missing(main="import p", **sources) == [Missing("p/a.py", 2, "p.b")]
