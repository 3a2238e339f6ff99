# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
# What every board freezes.
# ruff: noqa: F821
include("$(MPY_DIR)/extmod/asyncio")
freeze("$(PORT_DIR)/modules")
