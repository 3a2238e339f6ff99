# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
# What every board freezes.
# ruff: noqa: F821
# Upstream's asyncio but for its __init__.py: modules/asyncio has one that knows of threads, too.
package(
    "asyncio",
    ("core.py", "event.py", "funcs.py", "lock.py", "stream.py"),
    base_path="$(MPY_DIR)/extmod",
    opt=3,
)
module("uasyncio.py", base_path="$(MPY_DIR)/extmod/asyncio", opt=3)
freeze("$(PORT_DIR)/modules")
