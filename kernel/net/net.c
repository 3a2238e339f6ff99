/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include <string.h>

#include "kernel/console.h"
#include "kernel/kalloc.h"
#include "kernel/mutex.h"
#include "kernel/net/addresses.h"
#include "kernel/net/interface.h"
#include "kernel/net/net.h"

static mutex_t list_lock; // Taken before the network's. Of:
static interface_t *interfaces;

static struct _message_t *free_interface(kobject_t *object) {
    interface_t *interface = (interface_t *)object;
    interface_free(interface);
    kfree(interface, sizeof(*interface));
    return NULL;
}

/* The list's lock is held for these. */

static bool is_attached(const pci_function_t *function) {
    const interface_t *interface = interfaces;
    while (interface && !pci_is_same(&interface->function, function)) {
        interface = interface->next;
    }
    return interface;
}

/* Takes the lowest index that is free, and the place in the list. */
static void enlist(interface_t *interface) {
    interface_t **at = &interfaces;
    while (*at && (*at)->index == interface->index) {
        ++interface->index;
        at = &(*at)->next;
    }
    interface->next = *at;
    *at = interface;
}

static void name(interface_t *interface) {
    unsigned value = interface->index, divisor = 1;
    while (value / divisor >= 10) {
        divisor *= 10;
    }
    char *at = interface->name;
    memcpy(at, "eth", 3);
    for (at += 3; divisor; divisor /= 10) {
        *at++ = (char)('0' + value / divisor % 10);
    }
}

void networks_init(void) {
    addresses_check_settings();
}

void network_attach(const pci_function_t *function) {
    mutex_lock(&list_lock);
    interface_t *interface = is_attached(function) ? NULL : kalloc(sizeof(*interface));
    if (interface) {
        memset(interface, 0, sizeof(*interface));
        interface->object = (kobject_t) { 1, free_interface };
        interface->function = *function;
        enlist(interface);
        name(interface);
    }
    mutex_unlock(&list_lock);
}

static void start(interface_t *interface) {
    const char *problem = "memory for the network is missing";
    if (net_start()) {
        net_lock();
        problem = interface_open(interface);
        net_unlock();
    } else {
        interface->state = INTERFACE_STOPPED;
        interface->problem = problem;
    }
    if (problem) {
        console_report(interface->name, "the device cannot be used", problem);
    }
}

static void see_to(interface_t *interface) {
    if (interface->state == INTERFACE_NOTED) {
        start(interface);
    } else if (interface->state == INTERFACE_WORKS) {
        net_lock();
        interface_see_to(interface);
        net_unlock();
    }
}

void networks_check(void) {
    mutex_lock(&list_lock);
    for (interface_t *interface = interfaces; interface; interface = interface->next) {
        see_to(interface);
    }
    mutex_unlock(&list_lock);
}

static void close_one(interface_t *interface) {
    if (interface->state == INTERFACE_NOTED) {
        return;
    }
    if (net_is_started()) {
        net_lock();
        interface_close(interface);
        net_unlock();
    }
}

void network_detach(uint16_t segment, uint8_t slot) {
    mutex_lock(&list_lock);
    for (interface_t **at = &interfaces; *at;) {
        interface_t *interface = *at;
        if (interface->function.segment == segment && interface->function.slot == slot) {
            *at = interface->next;
            close_one(interface);
            network_release(interface);
        } else {
            at = &interface->next;
        }
    }
    mutex_unlock(&list_lock);
}

interface_t *network_find_from(unsigned index) {
    mutex_lock(&list_lock);
    interface_t *interface = interfaces;
    while (interface && interface->index < index) {
        interface = interface->next;
    }
    if (interface) {
        kobject_hold(&interface->object);
    }
    mutex_unlock(&list_lock);
    return interface;
}

void network_release(interface_t *interface) {
    kobject_release(&interface->object);
}
