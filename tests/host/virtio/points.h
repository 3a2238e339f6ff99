/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* What happens while a driver is busy, as the script says: the device's steps, and what other CPUs do. At the machine's
 * points, and before each load from a ring, where Clang's trace-loads is on. */
#ifndef MICROPY_INCLUDED_TESTS_HOST_VIRTIO_POINTS_H
#define MICROPY_INCLUDED_TESTS_HOST_VIRTIO_POINTS_H

#include "tests/host/virtio/liar.h"

static struct {
    unsigned left;           /* Until somebody else does something; 0: nobody does any more. */
    bool is_elsewhere;       /* It is somebody else that runs. */
    bool (*use)(void);       /* What another CPU does, that holds no lock. False: nothing, so the device does. */
} points;

static void points_elsewhere(void) {
    if (points.is_elsewhere || !points.left || --points.left) {
        return;
    }
    points.is_elsewhere = true;
    uint8_t what = script_byte();
    bool may_use = what < 0x20 && !machine.locks && !machine.in_interrupt;
    if (!may_use || !points.use()) {
        liar_step();
    }
    points.left = script.left ? 1 + (what & 0x1f) : 0;
    points.is_elsewhere = false;
}

static void points_start(bool (*use)(void)) {
    points.use = use;
    points.is_elsewhere = false;
    points.left = 1 + script_byte();
    machine.elsewhere = points_elsewhere;
}

static void points_end(void) {
    points.left = 0;
    machine.elsewhere = NULL;
}

/* Clang calls these before loads. The device may do something between two of a ring's. */
__attribute__((no_sanitize("coverage"))) static bool is_in_a_ring(uintptr_t at) {
    for (unsigned i = 0; i < device.queue_count; ++i) {
        const ring_model_t *ring = &device.queue[i].ring;
        if (ring->live && at - (uintptr_t)ring->desc < 26u * ring->size + 12) {
            return true;
        }
    }
    return false;
}

__attribute__((no_sanitize("coverage"))) static void before_load(const void *at) {
    if (points.left && !points.is_elsewhere && is_in_a_ring((uintptr_t)at)) {
        points_elsewhere();
    }
}

#define BEFORE_LOAD(width) \
    void __sanitizer_cov_load##width(const void *at); \
    __attribute__((no_sanitize("coverage"))) void __sanitizer_cov_load##width(const void *at) { \
        before_load(at); \
    }

BEFORE_LOAD(1)
BEFORE_LOAD(2)
BEFORE_LOAD(4)
BEFORE_LOAD(8)
BEFORE_LOAD(16)

#endif // MICROPY_INCLUDED_TESTS_HOST_VIRTIO_POINTS_H
