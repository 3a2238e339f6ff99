/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* What a host tool wants to know of a firmware, in a section of its file that no VMM loads: lists, each
 * a name and its items, all ended by a NUL, and an empty one behind the last. Read by
 * tools/firmware_file.py. */

#include "genhdr/mpversion.h"
#include "settings.h"

    .section .firmware_info, "", @progbits
    .asciz "version", MICROPY_GIT_TAG, ""
    .asciz "settings", SETTINGS, ""
    .asciz "modules"
    .incbin MODULE_NAMES
    .asciz ""
