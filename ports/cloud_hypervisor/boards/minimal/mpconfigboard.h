/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* As small as can be: the prompt, and applications of compiled or source Python. docs/boards.md tells
 * what is missing. */

#define MICROPY_HW_BOARD_NAME "minimal PVH guest"

#define MICROPY_CONFIG_ROM_LEVEL (MICROPY_CONFIG_ROM_LEVEL_MINIMUM)
#define MICROPY_ERROR_REPORTING (MICROPY_ERROR_REPORTING_TERSE)
#define MICROPY_WARNINGS (0)
#define MICROPY_OPT_COMPUTED_GOTO (0)
#define MICROPY_EMIT_X64 (0)
#define MICROPY_LONGINT_IMPL (MICROPY_LONGINT_IMPL_NONE) // An int has 63 bits.
#define MICROPY_FLOAT_IMPL (MICROPY_FLOAT_IMPL_NONE)

// Programs, and what the host tools say to the prompt.
#define MICROPY_ENABLE_COMPILER (1)
#define MICROPY_ENABLE_EXTERNAL_IMPORT (1)
#define MICROPY_FULL_CHECKS (1)
#define MICROPY_PY_BUILTINS_COMPILE (1)
#define MICROPY_PY_BUILTINS_SLICE (1)
#define MICROPY_PY_BUILTINS_STR_UNICODE (1)
#define MICROPY_PY_BUILTINS_BYTEARRAY (1)
#define MICROPY_PY___FILE__ (1)
#define MICROPY_PY_ATTRTUPLE (1) // sys.implementation
#define MICROPY_PY_GC (1)
#define MICROPY_PY_IO (1) // open()
#define MICROPY_PY_MICROPYTHON (1)
#define MICROPY_PY_SYS (1)

#define MICROPY_PY_SYS_EXC_INFO (0)
#define MICROPY_PY_MACHINE (0)
#define MICROPY_PY_THREAD (0)
#define MICROPY_PY_OS_DUPTERM (0)
