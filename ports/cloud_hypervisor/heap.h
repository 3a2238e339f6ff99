/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* The garbage collected heap on the interpreter's memory. */
#ifndef MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_HEAP_H
#define MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_HEAP_H

#include <stdbool.h>

// Makes an empty heap. The memory is as new.
void heap_init(void);

// Lends a piece of the memory kept back if the heap is full. Returns false where there is not
// enough to type a line, even so.
bool heap_relieve(void);

// MICROPY_BOARD_AFTER_PYTHON_EXEC, after each program and each line at the prompt: heap_relieve(), or
// else a soft reset by way of `*ret`.
void heap_after_exec(int *ret);

#endif // MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_HEAP_H
