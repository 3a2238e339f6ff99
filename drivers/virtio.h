/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* A virtio device behind PCI: virtio 1.2, 4.1, the modern interface only. What its driver does:
 *
 *     problem = virtio_open(&device, function);                // found, mapped, reset
 *     virtio_negotiate(&device, features);                     // what of it the device has: device.features
 *     virtio_add_queue(&device, &queue, index, size_max, ...)  // each
 *     virtio_start(&device);
 *
 * and after virtio_reset() the same again from virtio_negotiate() on, with virtio_restart_queue(). Functions return
 * what is wrong, for people, or NULL. Thread context, one caller at a time, unless it says otherwise. */
#ifndef MICROPY_INCLUDED_DRIVERS_VIRTIO_H
#define MICROPY_INCLUDED_DRIVERS_VIRTIO_H

#include <stdbool.h>
#include <stdint.h>

#include "drivers/msix.h"
#include "drivers/pci.h"
#include "drivers/virtqueue.h"

/* Device types: virtio 1.2, 5. */
enum {
    VIRTIO_NET = 1,
    VIRTIO_BLK = 2,
    VIRTIO_CONSOLE = 3,
    VIRTIO_RNG = 4,
    VIRTIO_VSOCK = 19,
};

/* Features of every device: virtio 1.2, 6. */
#define VIRTIO_F_INDIRECT_DESC (1ull << 28)
#define VIRTIO_F_EVENT_IDX (1ull << 29)
#define VIRTIO_F_VERSION_1 (1ull << 32)

typedef struct _virtio_device_t {
    pci_function_t pci;
    mmio_t common;           /* Common configuration. */
    mmio_t notify;           /* Notifications. */
    uint32_t notify_len, notify_step;
    mmio_t config;           /* What is the device's own; NULL: it has none. */
    uint32_t config_len;
    msix_t msix;
    msix_interrupt_t config_interrupt;
    uint64_t features;       /* As negotiated. */
    uint16_t queue_count;    /* That the device has. */
} virtio_device_t;

/* A queue with its interrupt, which is the MSI-X entry 1 + queue.index. */
typedef struct _virtio_queue_t {
    virtqueue_t ring;
    msix_interrupt_t interrupt;
} virtio_queue_t;

/* The type (as above) of the virtio device that the function is, or 0: it is none, or not a modern one. */
uint16_t virtio_type(const pci_function_t *function);

/* Finds and maps its registers, has it reset, and MSI-X with `queues_max` entries beside that for changes of the
 * configuration. `device` is zeroed. */
const char *virtio_open(virtio_device_t *device, const pci_function_t *function, uint16_t queues_max);

/* Takes of `features` what the device offers. The same each time: Cloud Hypervisor forgets none, not by a reset either. */
const char *virtio_negotiate(virtio_device_t *device, uint64_t features);

/* The same in two steps, for features that need one another: what it offers; and what is taken of that, VIRTIO_F_VERSION_1
 * among it. */
uint64_t virtio_offered(const virtio_device_t *device);
const char *virtio_accept(virtio_device_t *device, uint64_t features);

/* Has `fn(ctx)` called when the configuration changes or the device needs a reset: in interrupt context on the CPU of
 * that APIC id. Once; it outlives resets. */
const char *virtio_on_change(virtio_device_t *device, const char *name, void (*fn)(void *ctx), void *ctx, uint32_t apic_id);

/* Makes the queue `index` with at most `size_max` descriptors (a power of two), and has `fn(ctx)` called, in interrupt
 * context on the CPU of that APIC id, when something was used. `queue` is zeroed. */
const char *virtio_add_queue(virtio_device_t *device, virtio_queue_t *queue, uint16_t index, uint16_t size_max,
    const char *name, void (*fn)(void *ctx), void *ctx, uint32_t apic_id);

/* The same queue again, empty, after virtio_reset() and virtio_negotiate(). */
const char *virtio_restart_queue(virtio_device_t *device, virtio_queue_t *queue);

/* Sends the queue's interrupts to another CPU. Where that is not possible they stay. */
void virtio_steer_queue(const virtio_device_t *device, const virtio_queue_t *queue, uint32_t apic_id);

/* The queues go live. */
void virtio_start(virtio_device_t *device);

/* The device forgets everything, and has none of our memory any more. False where it does not say so within a second:
 * it is cut off from memory then, as far as it obeys. */
bool virtio_reset(virtio_device_t *device);

/* Ends the queue's interrupt; the device is not touched for it any more. Its memory is for virtqueue_free(). After
 * virtio_reset(). */
void virtio_disconnect_queue(virtio_device_t *device, virtio_queue_t *queue);

/* Ends the other interrupt. */
void virtio_disconnect(virtio_device_t *device);

/* Whether it has met an error that only a reset mends. Any context. */
bool virtio_needs_reset(const virtio_device_t *device);

/* Copies `len` bytes of the device's own configuration, by accesses of `width` bytes (1, 2, 4), all of one state of it.
 * False where it has fewer, or goes on changing. */
bool virtio_read_config(const virtio_device_t *device, uint32_t offset, void *out, uint32_t len, unsigned width);

#endif // MICROPY_INCLUDED_DRIVERS_VIRTIO_H
