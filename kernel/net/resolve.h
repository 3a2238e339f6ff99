/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Names to addresses, by DNS. */
#ifndef MICROPY_INCLUDED_KERNEL_NET_RESOLVE_H
#define MICROPY_INCLUDED_KERNEL_NET_RESOLVE_H

#include <stdbool.h>

#include "kernel/wait.h"
#include "lwip/ip_addr.h"

typedef enum _resolve_t {
    RESOLVE_FOUND,
    RESOLVE_NOT_FOUND,     /* No such name, or nobody answers, or there is nobody to ask. */
    RESOLVE_NO_MEMORY,
    RESOLVE_TIMEOUT,
    RESOLVE_INTERRUPTED,   /* By thread_interrupt(). */
} resolve_t;

/* The address of a name, or of a number that is written out: of version 6 or of version 4. Thread context, without the
 * network's lock; in a thread that may use vector registers. */
resolve_t net_resolve(const char *name, bool version6, uint64_t deadline_ns, ip_addr_t *address);

#endif // MICROPY_INCLUDED_KERNEL_NET_RESOLVE_H
