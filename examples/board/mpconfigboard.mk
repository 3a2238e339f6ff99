# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors

LINK_ADDRESS = 0x200000

# Features that come with files of their own.
MICROPY_VFS_FAT = 0
MICROPY_SSL_MBEDTLS = 0

# The board's own C: part of the kernel, and part of MicroPython.
KERNEL_SRC_BOARD_C = debug_port.c
SRC_BOARD_C = moddebug_port.c
