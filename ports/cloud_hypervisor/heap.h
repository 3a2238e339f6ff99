/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* The garbage collected heap on the interpreter's memory. */
#ifndef MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_HEAP_H
#define MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_HEAP_H

// Makes an empty heap. The memory is as new.
void heap_init(void);

#endif // MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_HEAP_H
