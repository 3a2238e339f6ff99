/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* The head of what several interpreters hold together, and messages on their way too. It is there as long as somebody
 * holds it. Any thread. */
#ifndef MICROPY_INCLUDED_KERNEL_KOBJECT_H
#define MICROPY_INCLUDED_KERNEL_KOBJECT_H

#include <stdbool.h>
#include <stdint.h>

struct _message_t;

typedef struct _kobject_t {
    uint32_t refs;
    /* Frees it, and gives back the messages that it had, linked, which may hold others in turn: so that a long chain of
     * them is no deep recursion. It says what the object is, too. */
    struct _message_t *(*free)(struct _kobject_t *self);
} kobject_t;

static inline void kobject_hold(kobject_t *object) {
    __atomic_fetch_add(&object->refs, 1, __ATOMIC_RELAXED);
}

/* For who has it from a list that its free() takes it out of: false where that is under way. */
static inline bool kobject_try_hold(kobject_t *object) {
    uint32_t refs = __atomic_load_n(&object->refs, __ATOMIC_RELAXED);
    while (refs && !__atomic_compare_exchange_n(&object->refs, &refs, refs + 1, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
    }
    return refs;
}

/* kernel/message.c */
void kobject_release(kobject_t *object);

#endif // MICROPY_INCLUDED_KERNEL_KOBJECT_H
