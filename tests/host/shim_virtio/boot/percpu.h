/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* The kernel's own boot/percpu.h, but for how a CPU finds itself: the test says. */
#ifndef MICROPY_INCLUDED_TESTS_HOST_SHIM_VIRTIO_PERCPU_H
#define MICROPY_INCLUDED_TESTS_HOST_SHIM_VIRTIO_PERCPU_H

#define cpu_current cpu_current_by_gs
#include_next "boot/percpu.h"
#undef cpu_current

cpu_t *cpu_current(void);

#endif // MICROPY_INCLUDED_TESTS_HOST_SHIM_VIRTIO_PERCPU_H
