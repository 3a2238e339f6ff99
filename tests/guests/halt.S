/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
 *
 * A guest that only halts: what a VMM costs with nothing in it. The benchmarks compare with it.
 */
#include "pvh.h"

    hlt
    jmp .-1
