/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* lwIP's mailboxes: pointers, taken in the order in which they were put. A ring that grows with what is in it, so that
 * one which is allowed a lot and holds little is small. */
#include <string.h>

#include "kernel/clock.h"
#include "kernel/kalloc.h"
#include "kernel/net/timers.h"
#include "lwip/sys.h"

#define RING_FIRST 8
#define NS_PER_MS 1000000ull

typedef struct _mailbox_t {
    spinlock_t lock;         /* Of all below; `puts` and `takes` are words to wait on too. */
    uint32_t puts, takes;
    uint32_t getters, putters; /* How many threads wait on them. */
    bool nudged;
    uint32_t size, size_max; /* Places of the ring: a power of two. */
    uint32_t first, count;
    void **ring;
} mailbox_t;

err_t sys_mbox_new(sys_mbox_t *out, int size) {
    mailbox_t *mailbox = kalloc(sizeof(*mailbox));
    void **ring = kalloc(RING_FIRST * sizeof(*ring));
    if (!mailbox || !ring) {
        if (mailbox) {
            kfree(mailbox, sizeof(*mailbox));
        }
        if (ring) {
            kfree(ring, RING_FIRST * sizeof(*ring));
        }
        *out = NULL;
        return ERR_MEM;
    }
    *mailbox = (mailbox_t) { .size = RING_FIRST, .size_max = (uint32_t)size, .ring = ring };
    spin_init(&mailbox->lock, LOCK_RANK_NET_MAILBOX);
    *out = mailbox;
    return ERR_OK;
}

void sys_mbox_free(sys_mbox_t *box) {
    mailbox_t *mailbox = *box;
    kfree(mailbox->ring, mailbox->size * sizeof(*mailbox->ring));
    kfree(mailbox, sizeof(*mailbox));
}

/* The lock is held for these. */

static void **place(const mailbox_t *mailbox, uint32_t index) {
    return &mailbox->ring[(mailbox->first + index) & (mailbox->size - 1)];
}

static bool grow(mailbox_t *mailbox) {
    uint32_t size = mailbox->size * 2;
    void **ring = size <= mailbox->size_max ? kalloc(size * sizeof(*ring)) : NULL;
    if (!ring) {
        return false;
    }
    for (uint32_t i = 0; i < mailbox->count; ++i) {
        ring[i] = *place(mailbox, i);
    }
    kfree(mailbox->ring, mailbox->size * sizeof(*ring));
    mailbox->ring = ring;
    mailbox->size = size;
    mailbox->first = 0;
    return true;
}

static bool put(mailbox_t *mailbox, void *message) {
    if (mailbox->count == mailbox->size && !grow(mailbox)) {
        return false;
    }
    *place(mailbox, mailbox->count++) = message;
    __atomic_store_n(&mailbox->puts, mailbox->puts + 1, __ATOMIC_RELAXED);
    return true;
}

static bool get(mailbox_t *mailbox, void **message) {
    if (!mailbox->count) {
        return false;
    }
    if (message) {
        *message = *place(mailbox, 0);
    }
    mailbox->first = (mailbox->first + 1) & (mailbox->size - 1);
    --mailbox->count;
    __atomic_store_n(&mailbox->takes, mailbox->takes + 1, __ATOMIC_RELAXED);
    return true;
}

err_t sys_mbox_trypost(sys_mbox_t *box, void *message) {
    mailbox_t *mailbox = *box;
    uint64_t flags = spin_lock_nofault_outer(&mailbox->lock);
    bool done = put(mailbox, message);
    bool wakes = done && mailbox->getters;
    spin_unlock_irqrestore(&mailbox->lock, flags);
    if (wakes) {
        wait_wake(&mailbox->puts, 1);
    }
    return done ? ERR_OK : ERR_MEM;
}

err_t sys_mbox_trypost_fromisr(sys_mbox_t *box, void *message) {
    return sys_mbox_trypost(box, message);
}

void sys_mbox_post(sys_mbox_t *box, void *message) {
    mailbox_t *mailbox = *box;
    while (sys_mbox_trypost(box, message) != ERR_OK) {
        uint64_t flags = spin_lock_irqsave(&mailbox->lock);
        uint32_t takes = mailbox->takes;
        bool waits = mailbox->count == mailbox->size;
        mailbox->putters += waits;
        spin_unlock_irqrestore(&mailbox->lock, flags);
        if (waits) {
            wait_on(&mailbox->takes, takes, WAIT_FOREVER);
            flags = spin_lock_irqsave(&mailbox->lock);
            --mailbox->putters;
            spin_unlock_irqrestore(&mailbox->lock, flags);
        }
    }
}

static bool try_fetch(mailbox_t *mailbox, void **message) {
    uint64_t flags = spin_lock_irqsave(&mailbox->lock);
    bool done = get(mailbox, message);
    bool wakes = done && mailbox->putters;
    spin_unlock_irqrestore(&mailbox->lock, flags);
    if (wakes) {
        wait_wake(&mailbox->takes, 1);
    }
    return done;
}

u32_t sys_arch_mbox_tryfetch(sys_mbox_t *box, void **message) {
    return try_fetch(*box, message) ? 0 : SYS_MBOX_EMPTY;
}

void mailbox_nudge(sys_mbox_t mailbox) {
    uint64_t flags = spin_lock_irqsave(&mailbox->lock);
    mailbox->nudged = true;
    __atomic_store_n(&mailbox->puts, mailbox->puts + 1, __ATOMIC_RELAXED);
    bool wakes = mailbox->getters;
    spin_unlock_irqrestore(&mailbox->lock, flags);
    if (wakes) {
        wait_wake(&mailbox->puts, 1);
    }
}

/* Whether it is to be waited for something new: then `puts` is what there was. */
static bool begin_wait(mailbox_t *mailbox, uint32_t *puts) {
    uint64_t flags = spin_lock_irqsave(&mailbox->lock);
    bool waits = !mailbox->count && !mailbox->nudged;
    *puts = mailbox->puts;
    mailbox->getters += waits;
    spin_unlock_irqrestore(&mailbox->lock, flags);
    return waits;
}

/* Whether it was nudged. */
static bool end_wait(mailbox_t *mailbox, bool waited) {
    uint64_t flags = spin_lock_irqsave(&mailbox->lock);
    mailbox->getters -= waited;
    bool nudged = mailbox->nudged && !mailbox->count;
    mailbox->nudged = mailbox->nudged && !nudged;
    spin_unlock_irqrestore(&mailbox->lock, flags);
    return nudged;
}

u32_t sys_arch_mbox_fetch(sys_mbox_t *box, void **message, u32_t timeout_ms) {
    mailbox_t *mailbox = *box;
    uint64_t deadline_ns = timeout_ms ? clock_monotonic_ns() + timeout_ms * NS_PER_MS : WAIT_FOREVER;
    while (!try_fetch(mailbox, message)) {
        uint32_t puts;
        bool waits = begin_wait(mailbox, &puts);
        if (timeout_ms == TIMERS_SLEEPTIME) {
            deadline_ns = timers_sleep_until(mailbox);
        }
        bool late = waits && wait_on(&mailbox->puts, puts, deadline_ns) == WAIT_TIMEOUT;
        if (end_wait(mailbox, waits) || late) {
            return try_fetch(mailbox, message) ? 0 : SYS_ARCH_TIMEOUT;
        }
    }
    return 0;
}
