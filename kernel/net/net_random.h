/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Numbers of packets that strangers are not to guess: SipHash, whose key comes from the CPU at first, so that the boot
 * waits for nobody, and from kernel/random.h before a program's first socket. */
#ifndef MICROPY_INCLUDED_KERNEL_NET_NET_RANDOM_H
#define MICROPY_INCLUDED_KERNEL_NET_NET_RANDOM_H

#include <stdint.h>

/* Draws the first key. Before lwIP starts. */
void net_random_init(void);

/* Has the key know what kernel/random.h gives, if it gives something and that was not done yet. In a thread that may use
 * vector registers, without the network's lock. */
void net_random_seed(void);

/* Any number. With the network's lock, or before lwIP starts. */
uint32_t net_random(void);

#endif // MICROPY_INCLUDED_KERNEL_NET_NET_RANDOM_H
