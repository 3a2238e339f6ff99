/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include "boot/spinlock.h"
#include "kernel/console.h"
#include "kernel/system.h"
#include "kernel/timer.h"
#include "kernel/watchdog.h"

static spinlock_t lock = SPINLOCK_INIT(LOCK_RANK_WATCHDOG);
static ktimer_t timer;

static void bite(ktimer_t *self) {
    static const char message[] = "\r\nmachine.WDT: not fed in time, the machine is reset\r\n";
    (void)self;
    console_write_emergency(message, sizeof(message) - 1);
    system_reset();
}

void watchdog_feed(uint64_t deadline_ns) {
    uint64_t flags = spin_lock_irqsave(&lock);
    timer_start(&timer, deadline_ns, bite);
    spin_unlock_irqrestore(&lock, flags);
}
