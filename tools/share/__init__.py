# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""A directory of the host that a guest has as a disk: `--share`. docs/disks.md says why."""
