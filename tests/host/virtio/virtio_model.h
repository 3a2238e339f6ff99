/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* A virtio device behind PCI: virtio 1.2, 2 to 4.1, with the layout and the rules of Cloud Hypervisor or of QEMU. What
 * is the same for all types: configuration space, common configuration, MSI-X, notifications. A driver that does not
 * keep to the specification ends the program, unless devices may lie: then it may have been led to it. */
#ifndef MICROPY_INCLUDED_TESTS_HOST_VIRTIO_VIRTIO_MODEL_H
#define MICROPY_INCLUDED_TESTS_HOST_VIRTIO_VIRTIO_MODEL_H

#include "tests/host/virtio/pci_model.h"
#include "tests/host/virtio/ring_model.h"

#define VIRTIO_MODEL_QUEUES 40
#define VIRTIO_MODEL_CONFIG 64

#define MODEL_F_INDIRECT_DESC (1ull << 28)
#define MODEL_F_EVENT_IDX (1ull << 29)
#define MODEL_F_VERSION_1 (1ull << 32)

#define MODEL_CONFIG_VECTOR 0
#define MODEL_QUEUE_VECTOR 1

typedef enum _virtio_rules_t {
    /* Registers of one BAR, natural widths only, some write only; features are never taken back; the vectors are not
     * looked at; NO_INTERRUPT is not heeded. */
    RULES_CLOUD_HYPERVISOR,
    /* Two BARs; the vectors are checked; NO_NOTIFY is said. */
    RULES_QEMU,
} virtio_rules_t;

typedef struct _virtio_vector_t {
    uint32_t word[4];   /* Address, high address, data, control. */
    bool pending;
} virtio_vector_t;

typedef struct _virtio_queue_model_t {
    ring_model_t ring;
    uint16_t size_max;
    uint16_t vector;
    bool enabled;
} virtio_queue_model_t;

typedef struct _virtio_model_t {
    pci_model_t pci;
    virtio_rules_t rules;
    uint64_t offered;
    unsigned queue_count;
    unsigned vector_count;
    uint8_t config[VIRTIO_MODEL_CONFIG];
    unsigned config_len;
    unsigned reset_looks;        /* How often the status is read until a reset is done. */
    bool refuses_features;       /* FEATURES_OK does not stay. */
    bool refuses_vectors;        /* NO_VECTOR is what stays: 4.1.5.1.2.1. */

    uint32_t device_select, driver_select;
    uint64_t accepted, ever_accepted;
    uint8_t status, generation;
    bool features_read_back;     /* The driver has seen FEATURES_OK. */
    bool config_changed;         /* And nobody has read it. */
    uint16_t queue_select, config_vector;
    unsigned resetting;
    bool live;
    bool msix_on;
    uint8_t msix_capability;
    virtio_queue_model_t queue[VIRTIO_MODEL_QUEUES];
    virtio_vector_t vector[VIRTIO_MODEL_QUEUES + 1];
    unsigned resets, notifications, interrupts; /* Counted. */
} virtio_model_t;

/* The device of the program. */
extern virtio_model_t device;

/* Makes it, of the type, not plugged in: what follows `pci` is zeroed; queues of `size_max` descriptors. `bar` is where its
 * (QEMU: its far) registers lie. */
void device_make(virtio_rules_t rules, unsigned type, uint64_t features, unsigned queues, uint16_t size_max, uint64_t bar);

/* It has changed its configuration, and says so; and it has met an error. */
void device_config_change(void);
void device_needs_reset(void);

/* A queue's used ring has more: an interrupt, if the driver wants one. */
void device_signal(unsigned queue);

/* An interrupt, whether there is a reason or not. */
void device_interrupt(uint16_t vector);

/* Whether it may write to memory, interrupts included: PCI 3.0, 6.2.2. */
bool device_may_master(void);

/* It is taken out. */
void device_take_out(void);

/* Nothing is left of the device's. */
void device_end(void);

#endif // MICROPY_INCLUDED_TESTS_HOST_VIRTIO_VIRTIO_MODEL_H
