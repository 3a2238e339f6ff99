/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include <string.h>

#include "drivers/virtio.h"
#include "kernel/board.h"
#include "kernel/cpus.h"
#include "kernel/devices.h"
#include "kernel/disk.h"
#include "kernel/event.h"
#include "kernel/hotplug.h"
#include "kernel/interpreters.h"
#include "kernel/machine.h"
#include "kernel/mutex.h"
#include "kernel/net/net.h"
#include "kernel/panic.h"
#include "kernel/rng.h"
#include "kernel/system.h"

/* Cloud Hypervisor's host bridge. */
#define BRIDGE_VENDOR 0x8086
#define BRIDGE_DEVICE 0x0d57

static mutex_t lock; /* Of the devices being looked for. */
static event_t event;
static thread_t *watcher; /* The lock is held where it is set. */
static bool wants_watcher; /* Something found is to be started by it. */

/* What a device says in an interrupt it may take a sleep to see to. What came and went before this looks is remembered
 * by the VMM. */
static void watch(void *arg) {
    (void)arg;
    event_waiter_t waiter = { 0 };
    hotplug_init();
    for (;;) {
        event_wait(&event, &waiter, EVENT_FOREVER);
        hotplug_check();
        disks_check();
        #if BOARD_NETWORK
        networks_check();
        #endif
    }
}

void devices_signal(void) {
    event_signal(&event);
}

static bool is_watched(void) {
    return __atomic_load_n(&watcher, __ATOMIC_RELAXED);
}

/* The lock is held. Its first look takes long enough for others to have their turn: while they wait for a disk, say. */
static void start_watcher(void) {
    if (!is_watched()) {
        const thread_options_t options = {
            .name = "devices", .priority = RUN_PRIORITY_NORMAL, .interpreter = interpreter_find(0), .is_kernels = true,
        };
        __atomic_store_n(&watcher, thread_create(&options, watch, NULL), __ATOMIC_RELAXED);
    }
}

/* The lock is held. */
static void start(const pci_function_t *function) {
    switch (virtio_type(function)) {
        case VIRTIO_BLK:
            disk_attach(function);
            start_watcher();
            break;
        #if BOARD_NETWORK
        case VIRTIO_NET:
            // Not here: nobody waits for it.
            network_attach(function);
            __atomic_store_n(&wants_watcher, true, __ATOMIC_RELAXED);
            devices_signal();
            break;
        #endif
        case VIRTIO_RNG:
            rng_attach(function);
            break;
    }
}

void devices_start(const pci_function_t *function) {
    mutex_lock(&lock);
    start(function);
    mutex_unlock(&lock);
}

static bool wants_all(void) {
    const char *setting = system_setting("pci");
    if (setting && strcmp(setting, "all")) {
        panic("the setting pci= is all, or not given");
    }
    return setting;
}

static pci_visit_t visit(const pci_function_t *function, void *ctx) {
    start(function);
    const bool *all = ctx;
    return !*all && function->vendor == BRIDGE_VENDOR && function->device == BRIDGE_DEVICE ? PCI_STOP_AT_GAP : PCI_GO_ON;
}

static void scan(bool all) {
    pci_scan(&machine.acpi, visit, &all);
}

void devices_init(void) {
    cpus_on_start(disks_steer);
    disks_init();
    #if BOARD_NETWORK
    networks_init();
    #endif
    mutex_lock(&lock);
    scan(wants_all());
    mutex_unlock(&lock);
}

static void watch_if(bool wanted) {
    if (wanted && !is_watched()) {
        mutex_lock(&lock);
        start_watcher();
        mutex_unlock(&lock);
    }
}

void devices_begin(void) {
    watch_if(__atomic_load_n(&wants_watcher, __ATOMIC_RELAXED));
}

void devices_watch(void) {
    devices_begin();
    // Others have no event device.
    watch_if(machine.acpi.fadt_flags & ACPI_FADT_HW_REDUCED);
}

void devices_find_all(void) {
    static bool done;
    devices_watch();
    mutex_lock(&lock);
    if (!done) {
        scan(true);
        done = true;
    }
    mutex_unlock(&lock);
}
