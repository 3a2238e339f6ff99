/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

// Included by extmod/machine_wdt.c.

/* machine.WDT: a timer of the kernel that resets the machine unless it is fed. It needs no device, and
 * bites whatever the program is at; what stops the kernel's interrupts it does not see. As
 * a watchdog of hardware it cannot be stopped, and a soft reset leaves it alone. */

#include "kernel/clock.h"
#include "kernel/watchdog.h"

#define NS_PER_MS 1000000

struct _machine_wdt_obj_t {
    mp_obj_base_t base;
    mp_int_t timeout_ms;
};

static machine_wdt_obj_t watchdog = { { &machine_wdt_type }, 0 };

static void mp_machine_wdt_feed(machine_wdt_obj_t *self) {
    watchdog_feed(clock_monotonic_ns() + (uint64_t)self->timeout_ms * NS_PER_MS);
}

static machine_wdt_obj_t *make_watchdog(mp_int_t id, mp_int_t timeout_ms) {
    if (id != 0) {
        mp_raise_ValueError(MP_ERROR_TEXT("WDT doesn't exist"));
    }
    if (timeout_ms <= 0) {
        mp_raise_ValueError(MP_ERROR_TEXT("timeout must be positive"));
    }
    watchdog.timeout_ms = timeout_ms;
    mp_machine_wdt_feed(&watchdog);
    return &watchdog;
}

#if MICROPY_VERSION >= MICROPY_MAKE_VERSION(1, 29, 0)

static machine_wdt_obj_t *mp_machine_wdt_make_new_instance(mp_obj_t id, mp_int_t timeout_ms) {
    return make_watchdog(mp_obj_get_int(id), timeout_ms);
}

#else

static machine_wdt_obj_t *mp_machine_wdt_make_new_instance(mp_int_t id, mp_int_t timeout_ms) {
    return make_watchdog(id, timeout_ms);
}

#endif
