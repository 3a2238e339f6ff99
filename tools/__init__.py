# SPDX-License-Identifier: MIT
"""The host side: what the tasks of `tasks.py` call, one concern a module.

Nothing is imported here: `inv` loads `tools.host` before any package from PyPI is installed.
"""
