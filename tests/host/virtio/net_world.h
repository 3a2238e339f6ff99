/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* A machine with a virtio network device and its user, for unit tests. */
#ifndef MICROPY_INCLUDED_TESTS_HOST_VIRTIO_NET_WORLD_H
#define MICROPY_INCLUDED_TESTS_HOST_VIRTIO_NET_WORLD_H

#include "tests/host/check.h"
#include "tests/host/virtio/machine.h"
#include "tests/host/virtio/net_model.h"
#include "tests/host/virtio/net_user.h"

#define ETHERNET 14

static const net_header_t plain = { .buffers = 1 };

static inline void start(const net_options_t *options) {
    machine_start();
    user = (user_t) { .apic_id = 5 };
    pci_model_start(1, options->rules == RULES_CLOUD_HYPERVISOR);
    net_make(options);
    pci_model_plug(&device.pci);
}

/* With so many receive buffers. */
static inline void open_net(const net_options_t *options, bool large, unsigned buffers) {
    start(options);
    CHECK_EQ((uintptr_t)user_open(large), 0);
    user_offer(buffers, 1);
    virtio_net_rx_flush(user.net.pair);
}

static inline void close_net(void) {
    CHECK(user_close());
    for (unsigned i = 0; i < device.vector_count; ++i) {
        CHECK(device.vector[i].word[3] & 1); // Masked.
    }
    CHECK_EQ(machine_end(), 0);
    device_end();
}

static inline void fill(uint8_t *data, size_t len, unsigned seed) {
    for (size_t i = 0; i < len; ++i) {
        data[i] = seed + i * 7 + i / 251;
    }
}

/* The receiver, as often as it is woken. */
static inline void run_receiver(void) {
    machine_take_interrupts();
    while (user.receive_woken) {
        user_receive(-1u, 1);
        machine_take_interrupts();
    }
}

/* The same for all tests: what happens in no order. */
static uint64_t random_state = 1;

static inline unsigned random_below(unsigned limit) {
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (random_state >> 33) % limit;
}

#endif // MICROPY_INCLUDED_TESTS_HOST_VIRTIO_NET_WORLD_H
