# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors

# A board may set make variables of mpconfigport.mk here, and FROZEN_MANIFEST.
