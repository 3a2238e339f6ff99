/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include "py/mperrno.h"
#include "py/mphal.h"
#include "py/mpthread.h"
#include "py/runtime.h"
#include "py/stream.h"
#include "extmod/misc.h"
#include "boot/spinlock.h"
#include "kernel/clock.h"
#include "kernel/console.h"
#include "kernel/cpu_random.h"
#include "kernel/devices.h"
#include "kernel/interpreters.h"
#include "kernel/random.h"
#include "kernel/system.h"

#define NS_PER_MS 1000000
#define NS_PER_US 1000

// A shorter delay than this costs less in a loop than by an interrupt.
#define SPIN_LIMIT_US 50

#define LOOK_AGAIN_NS (10 * NS_PER_MS)

// A wait this long never ends: 292 years.
#define WAIT_LIMIT_NS INT64_MAX

int mp_interrupt_char = -1;

static spinlock_t atomic_lock = SPINLOCK_INIT(LOCK_RANK_APPLICATION);

uint64_t atomic_section_begin(void) {
    return spin_lock_irqsave(&atomic_lock);
}

void atomic_section_end(uint64_t state) {
    spin_unlock_irqrestore(&atomic_lock, state);
}

static interpreter_t *self; // Whose memory this is.

void mp_hal_signal_event(void) {
    event_signal(&self->event);
}

// In interrupt context, in this interpreter's address space.
static void on_interrupt(void) {
    #if MICROPY_PY_THREAD
    if (__atomic_load_n(&self->closing, __ATOMIC_SEQ_CST)) {
        mp_thread_cancel_main();
        return;
    }
    #endif
    if (interpreter_is_main(self) && system_is_stopping()) {
        MP_STATE_VM(mp_kbd_exception).base.type = &mp_type_SystemExit; // From now on.
    }
    mp_sched_keyboard_interrupt();
}

void mp_hal_init(void) {
    self = interpreter_current();
    interpreter_on_interrupt(on_interrupt);
}

// The console is the first interpreter's.
void mp_hal_set_interrupt_char(int c) {
    mp_interrupt_char = c;
    if (interpreter_is_main(self)) {
        console_set_break(c, self);
    }
}

uintptr_t mp_hal_stdio_poll(uintptr_t poll_flags) {
    uintptr_t ret = poll_flags & MP_STREAM_POLL_WR;
    if ((poll_flags & MP_STREAM_POLL_RD) && console_readable()) {
        ret |= MP_STREAM_POLL_RD;
    }
    #if MICROPY_PY_OS_DUPTERM
    ret |= mp_os_dupterm_poll(poll_flags);
    #endif
    return ret;
}

int mp_hal_stdin_rx_chr(void) {
    for (;;) {
        int c = console_read();
        #if MICROPY_PY_OS_DUPTERM
        if (c < 0) {
            c = mp_os_dupterm_rx_chr();
        }
        #endif
        if (c >= 0) {
            #if MICROPY_PY_DEVICES
            devices_watch();
            #endif
            return c;
        }
        mp_event_wait_indefinite();
    }
}

mp_uint_t mp_hal_stdout_tx_strn(const char *str, size_t len) {
    MP_THREAD_GIL_EXIT();
    console_write(str, len);
    MP_THREAD_GIL_ENTER();
    int written = mp_os_dupterm_tx_strn(str, len);
    return written >= 0 ? MIN((size_t)written, len) : len;
}

static bool *looks_again(void) {
    #if MICROPY_PY_THREAD
    return mp_thread_looks_again();
    #else
    static bool looks;
    return &looks;
    #endif
}

void mp_hal_look_again(void) {
    *looks_again() = true;
}

// Callbacks run one at a time, each between two waits: as long as some are left, nobody halts.
void mp_hal_wait_for_event_until_ns(uint64_t deadline_ns) {
    #if MICROPY_PY_THREAD
    event_waiter_t *waiter = mp_thread_waiters();
    #else
    static event_waiter_t waiters[2];
    event_waiter_t *waiter = waiters;
    #endif
    if (MP_STATE_VM(sched_state) < 0) {
        ++waiter;
    } else if (MP_STATE_VM(sched_state) != MP_SCHED_IDLE) {
        return;
    }
    #if MICROPY_PY_DEVICES
    devices_begin();
    #endif
    if (*looks_again()) {
        *looks_again() = false;
        deadline_ns = MIN(deadline_ns, clock_monotonic_ns() + LOOK_AGAIN_NS);
    }
    MP_THREAD_GIL_EXIT();
    event_wait(&self->event, waiter, deadline_ns);
    MP_THREAD_GIL_ENTER();
}

static uint64_t deadline_after(mp_uint_t count, uint64_t unit_ns) {
    if (count == (mp_uint_t)-1) {
        return EVENT_FOREVER; // Without a look at the clock, whose start may take 10 ms.
    }
    uint64_t now = clock_monotonic_ns();
    return count < (WAIT_LIMIT_NS - now) / unit_ns ? now + count * unit_ns : EVENT_FOREVER;
}

void mp_hal_wait_for_event(mp_uint_t timeout_ms) {
    mp_hal_wait_for_event_until_ns(deadline_after(timeout_ms, NS_PER_MS));
}

void mp_hal_delay_until_ns(uint64_t deadline_ns) {
    for (;;) {
        mp_event_handle_nowait();
        if (clock_monotonic_ns() >= deadline_ns) {
            return;
        }
        mp_hal_wait_for_event_until_ns(deadline_ns);
    }
}

void mp_hal_delay_ms(mp_uint_t ms) {
    mp_hal_delay_until_ns(deadline_after(ms, NS_PER_MS));
}

void mp_hal_delay_us(mp_uint_t us) {
    uint64_t deadline_ns = deadline_after(us, NS_PER_US);
    if (us >= SPIN_LIMIT_US) {
        mp_hal_delay_until_ns(deadline_ns);
    } else {
        while (clock_monotonic_ns() < deadline_ns) {
            cpu_relax();
        }
    }
}

mp_uint_t mp_hal_ticks_ms(void) {
    return clock_monotonic_ns() / NS_PER_MS;
}

mp_uint_t mp_hal_ticks_us(void) {
    return clock_monotonic_ns() / NS_PER_US;
}

mp_uint_t mp_hal_ticks_cpu(void) {
    return rdtsc();
}

uint64_t mp_hal_time_ns(void) {
    return clock_wall_ns();
}

// Sources may have one wait.
void mp_hal_get_random(size_t n, uint8_t *buf) {
    MP_THREAD_GIL_EXIT();
    bool ok = random_bytes(buf, n);
    MP_THREAD_GIL_ENTER();
    if (!ok) {
        mp_raise_OSError(MP_ENODEV);
    }
}

// The seed of the random module, which promises nothing about secrecy.
uint32_t random_seed(void) {
    uint32_t seed;
    if (!cpu_random_bytes(&seed, sizeof(seed))) {
        seed = mp_hal_time_ns() ^ mp_hal_ticks_cpu() * 2654435761;
    }
    return seed;
}
