# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
# ruff: noqa: F821
include("$(PORT_DIR)/boards/manifest.py")
freeze("$(BOARD_DIR)/modules")
