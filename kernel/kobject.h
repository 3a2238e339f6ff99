/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* The head of what several interpreters hold together, and messages on their way too. It is there as long as somebody
 * holds it. Any thread. */
#ifndef MICROPY_INCLUDED_KERNEL_KOBJECT_H
#define MICROPY_INCLUDED_KERNEL_KOBJECT_H

#include <stdint.h>

typedef struct _kobject_t {
    uint32_t refs;
    void (*free)(struct _kobject_t *self); /* Says what it is, too. */
} kobject_t;

static inline void kobject_hold(kobject_t *object) {
    __atomic_fetch_add(&object->refs, 1, __ATOMIC_RELAXED);
}

static inline void kobject_release(kobject_t *object) {
    if (!__atomic_sub_fetch(&object->refs, 1, __ATOMIC_ACQ_REL)) {
        object->free(object);
    }
}

#endif // MICROPY_INCLUDED_KERNEL_KOBJECT_H
