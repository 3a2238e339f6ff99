/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include "boot/cpu.h"
#include "drivers/pic.h"

/* OCW1 of both: Intel 8259A, "Operation command words". */
void pic_disable(void) {
    out8(0x21, 0xff);
    out8(0xa1, 0xff);
}
