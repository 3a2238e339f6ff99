# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
include boards/minimal/mpconfigboard.mk
FROZEN_MANIFEST = boards/minimal/manifest.py
