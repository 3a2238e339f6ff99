/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include "kernel/address_space.h"
#include "kernel/kalloc.h"
#include "kernel/message.h"
#include "kernel/mutex.h"
#include "kernel/shared_memory.h"

/* That of the boot stands for all: they share this part of their tables. */
static address_space_t space;
static mutex_t places; // Who looks for a hole fills it.

static message_t *shared_memory_free(kobject_t *object) {
    shared_memory_t *self = (shared_memory_t *)object;
    address_space_drop(&space, (uintptr_t)self->start, false);
    kfree(self, sizeof(*self));
    return NULL;
}

static void *add_area(size_t size) {
    mutex_lock(&places);
    if (!space.root) {
        address_space_share(&space);
    }
    uintptr_t at = address_space_find_hole(&space, SHARED_BASE, SHARED_END, size);
    bool ok = at && address_space_add(&space, at, size, true);
    mutex_unlock(&places);
    return ok ? (void *)at : NULL;
}

shared_memory_t *shared_memory_new(size_t size) {
    size_t whole = (size + PAGE_SIZE - 1) & ~(size_t)(PAGE_SIZE - 1);
    shared_memory_t *self = whole && whole >= size ? kalloc(sizeof(*self)) : NULL;
    void *start = self ? add_area(whole) : NULL;
    if (start) {
        *self = (shared_memory_t) { { 1, shared_memory_free }, start, size };
        return self;
    }
    if (self) {
        kfree(self, sizeof(*self));
    }
    return NULL;
}

bool shared_memory_is(const kobject_t *object) {
    return object->free == shared_memory_free;
}

bool shared_memory_fault(uintptr_t address) {
    return address >= SHARED_BASE && address < SHARED_END && address_space_fault(&space, address);
}
