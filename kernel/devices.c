/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include "drivers/virtio.h"
#include "kernel/cpus.h"
#include "kernel/devices.h"
#include "kernel/disk.h"
#include "kernel/event.h"
#include "kernel/interpreters.h"
#include "kernel/machine.h"
#include "kernel/thread.h"

static event_t event;
static thread_t *watcher;

/* What a device says in an interrupt it may take a sleep to see to. */
static void watch(void *arg) {
    (void)arg;
    event_waiter_t waiter = { 0 };
    for (;;) {
        event_wait(&event, &waiter, EVENT_FOREVER);
        disks_check();
    }
}

void devices_signal(void) {
    event_signal(&event);
}

static void start_watcher(void) {
    if (!watcher) {
        const thread_options_t options = { .name = "devices", .priority = RUN_PRIORITY_HIGH, .is_kernels = true };
        watcher = thread_create(&options, watch, NULL);
    }
}

static bool start(const pci_function_t *function, void *ctx) {
    (void)ctx;
    if (virtio_type(function) == VIRTIO_BLK) {
        disk_attach(function);
        start_watcher();
    }
    return true;
}

void devices_scan(void) {
    static bool done;
    if (!done) {
        done = true;
        cpus_on_start(disks_steer);
        pci_scan(&machine.acpi, start, NULL);
    }
}
