/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* The network's memory: of any size, so long as all of it together is no more than a share of the machine's. What a
 * stranger sends can then use up the network's share only. Any thread, interrupts on or off. */
#ifndef MICROPY_INCLUDED_KERNEL_NET_NET_MEMORY_H
#define MICROPY_INCLUDED_KERNEL_NET_NET_MEMORY_H

#include <stddef.h>

/* The largest size that takes no more than 64 KiB. */
#define NET_BLOCK_64K ((64 << 10) - 16)

/* At a multiple of 16, content anything. NULL where there is no more. */
void *net_malloc(size_t size);

/* The same for `count` times `size` bytes, all zero. */
void *net_calloc(size_t count, size_t size);

void net_free(void *memory);

/* Bytes in use, and how many may be. */
size_t net_memory_used(void);
size_t net_memory_limit(void);

#endif // MICROPY_INCLUDED_KERNEL_NET_NET_MEMORY_H
