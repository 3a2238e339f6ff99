/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include "kernel/kalloc.h"
#include "kernel/queue.h"
#include "kernel/thread.h"

static spinlock_t list_lock = SPINLOCK_INIT(LOCK_RANK_QUEUES);
static queue_t *first; // By id.
static queue_t **end = &first;
static uint64_t last_id;

static message_t *queue_free(kobject_t *object) {
    queue_t *self = (queue_t *)object;
    uint64_t flags = spin_lock_nofault(&list_lock);
    queue_t **at = &first;
    while (*at != self) {
        at = &(*at)->next;
    }
    *at = self->next;
    end = *at ? end : at;
    spin_unlock_irqrestore(&list_lock, flags);
    message_t *left = self->first;
    kfree(self, sizeof(*self));
    return left;
}

queue_t *queue_new(size_t limit) {
    queue_t *self = kalloc(sizeof(*self));
    if (!self) {
        return NULL;
    }
    *self = (queue_t) { .object = { 1, queue_free }, .limit = limit, .end = &self->first };
    spin_init(&self->lock, LOCK_RANK_QUEUE);
    uint64_t flags = spin_lock_nofault(&list_lock);
    self->id = ++last_id;
    *end = self;
    end = &self->next;
    spin_unlock_irqrestore(&list_lock, flags);
    return self;
}

bool queue_is(const kobject_t *object) {
    return object->free == queue_free;
}

/* Holds it, unless its last holder is just giving it up. */
static bool hold_if_alive(queue_t *queue) {
    uint32_t refs = __atomic_load_n(&queue->object.refs, __ATOMIC_RELAXED);
    while (refs && !__atomic_compare_exchange_n(&queue->object.refs, &refs, refs + 1, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
    }
    return refs;
}

queue_t *queue_find_from(uint64_t id) {
    uint64_t flags = spin_lock_nofault(&list_lock);
    queue_t *found = first;
    while (found && (found->id < id || !hold_if_alive(found))) {
        found = found->next;
    }
    spin_unlock_irqrestore(&list_lock, flags);
    return found;
}

/* The lock is held; queue_count() looks without it. */
static void set_count(queue_t *self, size_t count) {
    __atomic_store_n(&self->count, count, __ATOMIC_RELAXED);
}

static bool try_put(queue_t *self, message_t *message) {
    uint64_t flags = spin_lock_nofault(&self->lock);
    bool fits = !self->limit || self->count < self->limit;
    if (fits) {
        message->next = NULL;
        *self->end = message;
        self->end = &message->next;
        set_count(self, self->count + 1);
    }
    spin_unlock_irqrestore(&self->lock, flags);
    return fits;
}

static message_t *try_get(queue_t *self) {
    uint64_t flags = spin_lock_nofault(&self->lock);
    message_t *message = self->first;
    if (message) {
        self->first = message->next;
        self->end = self->first ? self->end : &self->first;
        set_count(self, self->count - 1);
    }
    spin_unlock_irqrestore(&self->lock, flags);
    return message;
}

static void tell(uint32_t *changes) {
    __atomic_fetch_add(changes, 1, __ATOMIC_RELEASE);
    wait_wake(changes, 1);
}

/* Waits for a change after `seen`, in a try that has failed. WAIT_WOKEN: try again. */
static wait_result_t wait_for_change(const uint32_t *changes, uint32_t seen, uint64_t deadline_ns) {
    wait_result_t result = deadline_ns ? wait_on_interruptible(changes, seen, deadline_ns) : WAIT_TIMEOUT;
    return result == WAIT_CHANGED ? WAIT_WOKEN : result;
}

wait_result_t queue_put(queue_t *self, message_t *message, uint64_t deadline_ns) {
    wait_result_t result = WAIT_WOKEN;
    thread_current()->sending = message;
    while (result == WAIT_WOKEN) {
        uint32_t seen = __atomic_load_n(&self->gets, __ATOMIC_ACQUIRE);
        if (try_put(self, message)) {
            thread_current()->sending = NULL;
            tell(&self->puts);
            break;
        }
        result = wait_for_change(&self->gets, seen, deadline_ns);
    }
    return result;
}

wait_result_t queue_get(queue_t *self, uint64_t deadline_ns) {
    wait_result_t result = WAIT_WOKEN;
    while (result == WAIT_WOKEN) {
        uint32_t seen = __atomic_load_n(&self->puts, __ATOMIC_ACQUIRE);
        message_t *message = try_get(self);
        if (message) {
            message_begin(message);
            tell(&self->gets);
            break;
        }
        result = wait_for_change(&self->puts, seen, deadline_ns);
    }
    return result;
}

size_t queue_count(queue_t *self) {
    return __atomic_load_n(&self->count, __ATOMIC_RELAXED);
}
