# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""What can be read in a Python source without running it."""

import ast


def statements(source: bytes) -> list[ast.stmt]:
    """Those of a module; none where it is not Python to CPython: mpy-cross has the last word."""
    try:
        return ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []


def stated_version(source: bytes) -> str:
    """What stands there as `__version__ = "…"`, or ""."""
    for statement in statements(source):
        if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Constant):
            names = [target.id for target in statement.targets if isinstance(target, ast.Name)]
            if "__version__" in names:
                return str(statement.value.value)
    return ""
