/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include <string.h>

#include "boot/cpu.h"
#include "drivers/virtio.h"

#define VENDOR 0x1af4
#define DEVICE_MODERN 0x1040 /* And the type: virtio 1.2, 4.1.2. */
#define DEVICE_TYPES 64

/* A capability of the vendor's: 4.1.4. */
enum {
    CAP_LEN = 2,
    CAP_TYPE = 3,
    CAP_BAR = 4,
    CAP_OFFSET = 8,
    CAP_LENGTH = 12,
    CAP_NOTIFY_STEP = 16,
    CAP_SIZE = 16,
    CAP_SIZE_NOTIFY = 20,
    CAP_COMMON = 1,
    CAP_NOTIFY = 2,
    CAP_DEVICE = 4,
};

/* Common configuration: 4.1.4.3. Each register is accessed in its own width, but those of 64 bits in halves: 4.1.3.1. */
enum {
    DEVICE_FEATURE_SELECT = 0x00,
    DEVICE_FEATURE = 0x04,
    DRIVER_FEATURE_SELECT = 0x08,
    DRIVER_FEATURE = 0x0c,
    CONFIG_VECTOR = 0x10,
    NUM_QUEUES = 0x12,
    DEVICE_STATUS = 0x14,
    CONFIG_GENERATION = 0x15,
    QUEUE_SELECT = 0x16,
    QUEUE_SIZE = 0x18,
    QUEUE_VECTOR = 0x1a,
    QUEUE_ENABLE = 0x1c,
    QUEUE_NOTIFY_OFF = 0x1e,
    QUEUE_ADDRESSES = 0x20, // Three: descriptor table, available ring, used ring.
    COMMON_SIZE = 0x38,
};

/* Device status: 2.1. */
enum {
    STATUS_ACKNOWLEDGE = 1,
    STATUS_DRIVER = 2,
    STATUS_DRIVER_OK = 4,
    STATUS_FEATURES_OK = 8,
    STATUS_NEEDS_RESET = 64,
};

#define ENTRY_CONFIG 0
#define ENTRY_QUEUE 1

#define RESET_TIMEOUT_NS 1000000000ull

/* A configuration that changes oftener while it is read is no configuration. */
#define CONFIG_TRIES 16

uint16_t virtio_type(const pci_function_t *function) {
    bool is_one = function->vendor == VENDOR && function->device > DEVICE_MODERN && function->device < DEVICE_MODERN + DEVICE_TYPES;
    return is_one ? function->device - DEVICE_MODERN : 0;
}

#define REGISTERS_MAX 0x10000u

/* The registers that the capability is about, or the first REGISTERS_MAX bytes of them: maps are for good, and cost
 * memory. NULL: they are too few, or lie nowhere. */
static mmio_t map_registers(const virtio_device_t *device, uint8_t cap, uint32_t len_min, uint32_t *len) {
    uint8_t bar = pci_read8(&device->pci, cap + CAP_BAR);
    uint32_t offset = pci_read32(&device->pci, cap + CAP_OFFSET);
    *len = pci_read32(&device->pci, cap + CAP_LENGTH);
    *len = *len < REGISTERS_MAX ? *len : REGISTERS_MAX;
    uint64_t base = *len >= len_min ? pci_bar(&device->pci, bar) : 0;
    return base && offset % 4 == 0 ? driver_map(base + offset, *len) : NULL;
}

/* Of each type the first one that can be used counts: 4.1.4.1. */
static void take_capability(virtio_device_t *device, uint8_t cap) {
    uint32_t head = pci_read32(&device->pci, cap);
    uint8_t size = head >> 8 * CAP_LEN;
    uint8_t type = head >> 8 * CAP_TYPE;
    uint32_t len;
    if (cap > 0x100 - CAP_SIZE || size < CAP_SIZE) {
        return;
    }
    if (type == CAP_COMMON && !device->common) {
        device->common = map_registers(device, cap, COMMON_SIZE, &len);
    } else if (type == CAP_NOTIFY && !device->notify && cap <= 0x100 - CAP_SIZE_NOTIFY && size >= CAP_SIZE_NOTIFY) {
        device->notify = map_registers(device, cap, sizeof(uint16_t), &device->notify_len);
        device->notify_step = pci_read32(&device->pci, cap + CAP_NOTIFY_STEP);
    } else if (type == CAP_DEVICE && !device->config) {
        device->config = map_registers(device, cap, 1, &device->config_len);
    }
}

static uint8_t read_status(const virtio_device_t *device) {
    return mmio_read8(device->common + DEVICE_STATUS);
}

static void add_status(const virtio_device_t *device, uint8_t bits) {
    mmio_write8(device->common + DEVICE_STATUS, read_status(device) | bits);
}

const char *virtio_open(virtio_device_t *device, const pci_function_t *function, uint16_t queues_max) {
    device->pci = *function;
    pci_write16(function, PCI_COMMAND, pci_read16(function, PCI_COMMAND) | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    pci_cursor_t cursor = { 0 };
    uint8_t id, at, msix = 0;
    while ((id = pci_next_capability(function, &cursor, &at))) {
        if (id == PCI_CAPABILITY_VENDOR) {
            take_capability(device, at);
        } else if (id == PCI_CAPABILITY_MSIX) {
            msix = at;
        }
    }
    if (!device->common || !device->notify) {
        return "it has no registers where they should be";
    }
    if (!virtio_reset(device)) {
        return "it does not reset";
    }
    device->queue_count = mmio_read16(device->common + NUM_QUEUES);
    uint16_t queues = device->queue_count < queues_max ? device->queue_count : queues_max;
    if (!msix || !msix_init(&device->msix, function, msix, ENTRY_QUEUE + queues)) {
        return "it has no MSI-X";
    }
    return NULL;
}

bool virtio_reset(virtio_device_t *device) {
    mmio_write8(device->common + DEVICE_STATUS, 0);
    // It is done when the status reads so: 4.1.4.3.1.
    uint64_t deadline = driver_now_ns() + RESET_TIMEOUT_NS;
    while (read_status(device)) {
        if (driver_now_ns() > deadline) {
            pci_write16(&device->pci, PCI_COMMAND, PCI_COMMAND_MEMORY);
            return false;
        }
        cpu_relax();
    }
    return true;
}

/* 3.1.1, steps 2 to 4. */
uint64_t virtio_offered(const virtio_device_t *device) {
    mmio_write8(device->common + DEVICE_STATUS, STATUS_ACKNOWLEDGE);
    mmio_write8(device->common + DEVICE_STATUS, STATUS_ACKNOWLEDGE | STATUS_DRIVER);
    mmio_write32(device->common + DEVICE_FEATURE_SELECT, 1);
    uint64_t high = mmio_read32(device->common + DEVICE_FEATURE);
    mmio_write32(device->common + DEVICE_FEATURE_SELECT, 0);
    return high << 32 | mmio_read32(device->common + DEVICE_FEATURE);
}

/* 3.1.1, steps 4 to 6. */
const char *virtio_accept(virtio_device_t *device, uint64_t features) {
    device->features = features;
    if (!(device->features & VIRTIO_F_VERSION_1)) {
        return "it is no device of virtio 1";
    }
    for (unsigned i = 0; i < 2; ++i) {
        mmio_write32(device->common + DRIVER_FEATURE_SELECT, i);
        mmio_write32(device->common + DRIVER_FEATURE, device->features >> 32 * i);
    }
    add_status(device, STATUS_FEATURES_OK);
    return read_status(device) & STATUS_FEATURES_OK ? NULL : "it does not want the features that it offers";
}

const char *virtio_negotiate(virtio_device_t *device, uint64_t features) {
    return virtio_accept(device, virtio_offered(device) & (features | VIRTIO_F_VERSION_1));
}

/* What reads back otherwise the device has no room for: 4.1.5.1.2. */
static const char *set_vector(const virtio_device_t *device, unsigned offset, uint16_t entry) {
    mmio_write16(device->common + offset, entry);
    return mmio_read16(device->common + offset) == entry ? NULL : "it has no room for an interrupt";
}

static const char *connect(virtio_device_t *device, uint16_t entry, msix_interrupt_t *interrupt, const char *name, uint32_t apic_id) {
    if (entry >= device->msix.count) {
        return "it has too few interrupts";
    }
    return msix_connect(&device->msix, entry, interrupt, name, apic_id) ? NULL : "no interrupt vector is left";
}

const char *virtio_on_change(virtio_device_t *device, const char *name, void (*fn)(void *ctx), void *ctx, uint32_t apic_id) {
    device->config_interrupt = (msix_interrupt_t) { .fn = fn, .ctx = ctx };
    return connect(device, ENTRY_CONFIG, &device->config_interrupt, name, apic_id);
}

/* Where the queue that is selected is told of something: 4.1.4.4. */
static const char *find_notify(const virtio_device_t *device, virtqueue_t *ring) {
    uint64_t offset = (uint64_t)mmio_read16(device->common + QUEUE_NOTIFY_OFF) * device->notify_step;
    if (offset % sizeof(uint16_t) || offset + sizeof(uint16_t) > device->notify_len) {
        return "a queue's notifications go nowhere";
    }
    ring->notify = device->notify + offset;
    return NULL;
}

/* 4.1.5.1.3. The queue is selected. */
static const char *enable(const virtio_device_t *device, virtio_queue_t *queue) {
    const char *problem = set_vector(device, QUEUE_VECTOR, ENTRY_QUEUE + queue->ring.index);
    if (problem) {
        return problem;
    }
    uint64_t addresses[3];
    virtqueue_addresses(&queue->ring, addresses);
    mmio_write16(device->common + QUEUE_SIZE, queue->ring.size);
    for (unsigned i = 0; i < 3; ++i) {
        mmio_write32(device->common + QUEUE_ADDRESSES + 8 * i, addresses[i]);
        mmio_write32(device->common + QUEUE_ADDRESSES + 8 * i + 4, addresses[i] >> 32);
    }
    mmio_write16(device->common + QUEUE_ENABLE, 1);
    queue->ring.event_idx = device->features & VIRTIO_F_EVENT_IDX;
    queue->ring.indirect = device->features & VIRTIO_F_INDIRECT_DESC;
    return NULL;
}

const char *virtio_add_queue(virtio_device_t *device, virtio_queue_t *queue, uint16_t index, uint16_t size_max,
    const char *name, void (*fn)(void *ctx), void *ctx, uint32_t apic_id) {
    mmio_write16(device->common + QUEUE_SELECT, index);
    uint16_t size = size_max, most = mmio_read16(device->common + QUEUE_SIZE);
    while (size > most) {
        size /= 2;
    }
    if (!size) {
        return "it lacks a queue";
    }
    queue->ring.index = index;
    queue->interrupt = (msix_interrupt_t) { .fn = fn, .ctx = ctx };
    const char *problem = find_notify(device, &queue->ring);
    if (problem) {
        return problem;
    }
    // Before the interrupt is connected, which may come at once.
    if (!virtqueue_alloc(&queue->ring, size)) {
        return "memory for a queue is missing";
    }
    problem = connect(device, ENTRY_QUEUE + index, &queue->interrupt, name, apic_id);
    return problem ? problem : enable(device, queue);
}

const char *virtio_restart_queue(virtio_device_t *device, virtio_queue_t *queue) {
    virtqueue_reset(&queue->ring);
    mmio_write16(device->common + QUEUE_SELECT, queue->ring.index);
    return enable(device, queue);
}

void virtio_steer_queue(const virtio_device_t *device, const virtio_queue_t *queue, uint32_t apic_id) {
    msix_steer(&device->msix, ENTRY_QUEUE + queue->ring.index, &queue->interrupt, apic_id);
}

void virtio_start(virtio_device_t *device) {
    if (device->config_interrupt.vector) {
        set_vector(device, CONFIG_VECTOR, ENTRY_CONFIG);
    }
    add_status(device, STATUS_DRIVER_OK);
}

void virtio_disconnect_queue(virtio_device_t *device, virtio_queue_t *queue) {
    msix_disconnect(&device->msix, ENTRY_QUEUE + queue->ring.index, &queue->interrupt);
}

void virtio_disconnect(virtio_device_t *device) {
    msix_disconnect(&device->msix, ENTRY_CONFIG, &device->config_interrupt);
}

bool virtio_needs_reset(const virtio_device_t *device) {
    return read_status(device) & STATUS_NEEDS_RESET;
}

static void read_registers(mmio_t from, uint8_t *out, uint32_t len, unsigned width) {
    for (uint32_t i = 0; i < len; i += width) {
        uint32_t value = width == 4 ? mmio_read32(from + i) : width == 2 ? mmio_read16(from + i) : mmio_read8(from + i);
        memcpy(out + i, &value, width);
    }
}

bool virtio_read_config(const virtio_device_t *device, uint32_t offset, void *out, uint32_t len, unsigned width) {
    if (!device->config || offset > device->config_len || len > device->config_len - offset) {
        return false;
    }
    // 2.5.1 and 4.1.4.3.1.
    uint8_t before = mmio_read8(device->common + CONFIG_GENERATION);
    for (unsigned i = 0; i < CONFIG_TRIES; ++i) {
        read_registers(device->config + offset, out, len, width);
        uint8_t after = mmio_read8(device->common + CONFIG_GENERATION);
        if (after == before) {
            return true;
        }
        before = after;
    }
    return false;
}
