# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors

# What makefiles want to know, beside mpconfigport.h. A board may set all of it otherwise.
MICROPY_VFS_FAT = 1
MICROPY_VFS_LFS2 = 1
MICROPY_SSL_MBEDTLS = 1
MICROPY_PY_GUEST = 1
MICROPY_PY_MACHINE_DISK = 1
MICROPY_PY_SOCKET = 1
MICROPY_PY_TLS = 1
MICROPY_PY_INTERPRETERS = 1
MICROPY_ROM_TEXT_COMPRESSION ?= 0

# Frozen big integers are made of digits of this size: MPZ_DIG_SIZE.
MPY_TOOL_FLAGS = -mmpz-dig-size=32
