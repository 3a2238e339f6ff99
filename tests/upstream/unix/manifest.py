# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""What the unix port has frozen as the peer of a guest (tests/upstream/unix_port.py)."""

include("$(MPY_DIR)/extmod/asyncio")  # noqa: F821
module("ssl.py")  # noqa: F821
module("network.py")  # noqa: F821
