/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include "kernel/clock.h"
#include "kernel/net/timer_needs.h"
#include "kernel/net/timers.h"
#include "kernel/thread.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/sys.h"
#include "lwip/timeouts.h"

#define NS_PER_MS 1000000ull

/* Looking costs as much as there are connections: it is done no more often, and the thread looks again after that. */
#define LOOK_NS (20 * NS_PER_MS)

/* A call of sys_timeout(). */
typedef struct _timeout_t {
    struct _timeout_t *next; // The earliest first.
    uint64_t at_ns;
    sys_timeout_handler fn;
    void *arg;
} timeout_t;

/* With the network's lock; `deadline_ns` is read by anybody. */
static timeout_t *timeouts;
static uint64_t ticked_ns[TIMER_NEEDS]; // Up to when each has ticked.
static uint64_t due_ns;                 // When the first of them has a tick to make up for.
static uint64_t looked_ns;
static uint64_t deadline_ns;
static struct _mailbox_t *mailbox;      // Where the network's thread waits; read by anybody, as the next.
static const thread_t *sleeper;         // That thread.

static uint64_t interval_ns(unsigned i) {
    return timer_needs[i].interval_ms * NS_PER_MS;
}

void sys_timeouts_init(void) {
    uint64_t now_ns = clock_monotonic_ns();
    for (unsigned i = 0; i < TIMER_NEEDS; ++i) {
        ticked_ns[i] = now_ns;
    }
    due_ns = looked_ns = now_ns;
    __atomic_store_n(&deadline_ns, WAIT_FOREVER, __ATOMIC_RELAXED);
}

bool timers_are_due(void) {
    return clock_monotonic_ns() >= due_ns;
}

void timers_catch_up(void) {
    uint64_t now_ns = clock_monotonic_ns();
    due_ns = UINT64_MAX;
    for (unsigned i = 0; i < TIMER_NEEDS; ++i) {
        uint64_t ticks = now_ns > ticked_ns[i] ? (now_ns - ticked_ns[i]) / interval_ns(i) : 0;
        ticked_ns[i] += ticks * interval_ns(i);
        if (ticks) {
            timer_needs[i].run(ticks < TICKS_NEVER ? (uint32_t)ticks : TICKS_NEVER - 1);
        }
        uint64_t next_ns = ticked_ns[i] + interval_ns(i);
        due_ns = next_ns < due_ns ? next_ns : due_ns;
    }
}

static uint64_t next_need(void) {
    uint64_t next_ns = timeouts ? timeouts->at_ns : WAIT_FOREVER;
    for (unsigned i = 0; i < TIMER_NEEDS; ++i) {
        uint32_t left = timer_needs[i].left();
        uint64_t at_ns = left == TICKS_NEVER ? WAIT_FOREVER : ticked_ns[i] + (left ? left : 1) * interval_ns(i);
        next_ns = at_ns < next_ns ? at_ns : next_ns;
    }
    return next_ns;
}

void timers_look(void) {
    uint64_t now_ns = clock_monotonic_ns(), next_ns;
    if (now_ns - looked_ns >= LOOK_NS) {
        looked_ns = now_ns;
        next_ns = next_need();
    } else {
        next_ns = deadline_ns < looked_ns + LOOK_NS ? deadline_ns : looked_ns + LOOK_NS;
    }
    bool earlier = next_ns < deadline_ns;
    __atomic_store_n(&deadline_ns, next_ns, __ATOMIC_SEQ_CST);
    // It says that it is about to sleep before it looks how long.
    struct _mailbox_t *to_nudge = __atomic_load_n(&mailbox, __ATOMIC_SEQ_CST);
    if (earlier && to_nudge && __atomic_load_n(&sleeper, __ATOMIC_RELAXED) != thread_current()) {
        mailbox_nudge(to_nudge);
    }
}

uint64_t timers_sleep_until(struct _mailbox_t *where) {
    __atomic_store_n(&sleeper, thread_current(), __ATOMIC_RELAXED);
    __atomic_store_n(&mailbox, where, __ATOMIC_SEQ_CST);
    return __atomic_load_n(&deadline_ns, __ATOMIC_SEQ_CST);
}

u32_t sys_timeouts_sleeptime(void) {
    return TIMERS_SLEEPTIME;
}

/* The network's thread has slept long enough. */
void sys_check_timeouts(void) {
    uint64_t now_ns = clock_monotonic_ns();
    while (timeouts && timeouts->at_ns <= now_ns) {
        timeout_t *timeout = timeouts;
        timeouts = timeout->next;
        sys_timeout_handler fn = timeout->fn;
        void *arg = timeout->arg;
        net_free(timeout);
        fn(arg);
    }
}

/* Where memory is missing it never comes: lwIP has no other way to hear of that. */
void sys_timeout(u32_t ms, sys_timeout_handler fn, void *arg) {
    timeout_t *timeout = net_malloc(sizeof(*timeout));
    if (!timeout) {
        return;
    }
    *timeout = (timeout_t) { .at_ns = clock_monotonic_ns() + ms * NS_PER_MS, .fn = fn, .arg = arg };
    timeout_t **at = &timeouts;
    while (*at && (*at)->at_ns <= timeout->at_ns) {
        at = &(*at)->next;
    }
    timeout->next = *at;
    *at = timeout;
}

void sys_untimeout(sys_timeout_handler fn, void *arg) {
    for (timeout_t **at = &timeouts; *at; at = &(*at)->next) {
        timeout_t *timeout = *at;
        if (timeout->fn == fn && timeout->arg == arg) {
            *at = timeout->next;
            net_free(timeout);
            return;
        }
    }
}

void timers_forget(const void *arg) {
    timeout_t **at = &timeouts;
    while (*at) {
        timeout_t *timeout = *at;
        if (timeout->arg == arg) {
            *at = timeout->next;
            net_free(timeout);
        } else {
            at = &timeout->next;
        }
    }
}

/* TCP's timer is found to be needed as the others are. */
void tcp_timer_needed(void) {
}
