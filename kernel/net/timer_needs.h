/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* What each of lwIP's timers counts for. With the network's lock. */
#ifndef MICROPY_INCLUDED_KERNEL_NET_TIMER_NEEDS_H
#define MICROPY_INCLUDED_KERNEL_NET_TIMER_NEEDS_H

#include <stddef.h>
#include <stdint.h>

#define TICKS_NEVER UINT32_MAX

typedef struct _timer_need_t {
    uint32_t interval_ms;
    /* In how many ticks one has something to do that cannot wait until the network is used again; TICKS_NEVER: in none. */
    uint32_t (*left)(void);
    /* Has `count` of them, 1 at least. */
    void (*run)(uint32_t count);
} timer_need_t;

#define TIMER_NEEDS 11

extern const timer_need_t timer_needs[TIMER_NEEDS];

/* TCP's: kernel/net/timer_tcp.c. */
uint32_t timer_tcp_left(void);
void timer_tcp_run(uint32_t count);

/* How many lookups of names wait for an answer. */
extern uint32_t net_lookups;

#endif // MICROPY_INCLUDED_KERNEL_NET_TIMER_NEEDS_H
