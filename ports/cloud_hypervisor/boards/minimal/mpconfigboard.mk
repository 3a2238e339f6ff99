# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors

COPT = -Oz -fno-jump-tables

MICROPY_ROM_TEXT_COMPRESSION = 1
MICROPY_SSL_MBEDTLS = 0
MICROPY_PY_GUEST = 0
MICROPY_PY_MACHINE_DISK = 0
MICROPY_PY_SOCKET = 0
MICROPY_PY_TLS = 0
MICROPY_PY_INTERPRETERS = 0
MICROPY_VFS_FAT = 0
MICROPY_VFS_LFS2 = 0

# Frozen code agrees with MICROPY_LONGINT_IMPL.
MPY_TOOL_FLAGS = -mlongint-impl=none
