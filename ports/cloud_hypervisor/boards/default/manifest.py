# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
# What is frozen into the firmware, beside C. See MicroPython's docs/reference/manifest.rst.
# ruff: noqa: F821
include("$(PORT_DIR)/boards/manifest.py")
