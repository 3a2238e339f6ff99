/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* A virtio network device with a wire: virtio 1.2, 5.1, with the features that Cloud Hypervisor's has. It does
 * something only when it is told to: which frame comes to it, which it takes, and which of those it ends, the test
 * says. */
#ifndef MICROPY_INCLUDED_TESTS_HOST_VIRTIO_NET_MODEL_H
#define MICROPY_INCLUDED_TESTS_HOST_VIRTIO_NET_MODEL_H

#include "tests/host/virtio/virtio_model.h"

/* 5.1.3 */
#define NET_F_CSUM (1ull << 0)
#define NET_F_GUEST_CSUM (1ull << 1)
#define NET_F_CTRL_GUEST_OFFLOADS (1ull << 2)
#define NET_F_MTU (1ull << 3)
#define NET_F_MAC (1ull << 5)
#define NET_F_GUEST_TSO4 (1ull << 7)
#define NET_F_GUEST_TSO6 (1ull << 8)
#define NET_F_GUEST_ECN (1ull << 9)
#define NET_F_GUEST_UFO (1ull << 10)
#define NET_F_HOST_TSO4 (1ull << 11)
#define NET_F_HOST_TSO6 (1ull << 12)
#define NET_F_HOST_ECN (1ull << 13)
#define NET_F_HOST_UFO (1ull << 14)
#define NET_F_MRG_RXBUF (1ull << 15)
#define NET_F_STATUS (1ull << 16)
#define NET_F_CTRL_VQ (1ull << 17)
#define NET_F_GUEST_ANNOUNCE (1ull << 21)
#define NET_F_MQ (1ull << 22)

/* What Cloud Hypervisor offers. */
#define NET_CLOUD_HYPERVISOR (NET_F_CSUM | NET_F_GUEST_CSUM | NET_F_CTRL_GUEST_OFFLOADS | NET_F_MTU | NET_F_MAC \
    | NET_F_GUEST_TSO4 | NET_F_GUEST_TSO6 | NET_F_GUEST_ECN | NET_F_GUEST_UFO | NET_F_HOST_TSO4 | NET_F_HOST_TSO6 \
    | NET_F_HOST_ECN | NET_F_HOST_UFO | NET_F_STATUS | NET_F_CTRL_VQ | NET_F_GUEST_ANNOUNCE | NET_F_MQ \
    | MODEL_F_EVENT_IDX | MODEL_F_VERSION_1)

#define NET_RX 0
#define NET_TX 1
#define NET_CONTROL 2
#define NET_QUEUES 3

#define NET_HEADER 12
#define NET_FRAME_MAX 70000

/* 5.1.6 */
#define NET_NEEDS_CSUM 1
#define NET_DATA_VALID 2
#define NET_TCPV4 1
#define NET_UDP 3
#define NET_TCPV6 4
#define NET_ECN 0x80

typedef struct _net_header_t {
    uint8_t flags, gso;
    uint16_t headers, gso_size, csum_start, csum_offset, buffers;
} net_header_t;

/* Of the status: 5.1.4. */
#define NET_LINK_UP 1
#define NET_ANNOUNCE 2

typedef struct _net_options_t {
    virtio_rules_t rules;
    uint64_t features;
    uint16_t queue_size;
    uint64_t bar;
    uint8_t mac[6];
    uint16_t status, mtu;
} net_options_t;

/* Cloud Hypervisor's, and QEMU's. */
extern const net_options_t net_usual, net_usual_of_qemu;

typedef struct _net_model_t {
    net_header_t header;       /* Of the last frame that was sent; */
    uint8_t frame[NET_FRAME_MAX];
    uint32_t len;              /* its bytes. */
    unsigned sent, received, dropped, announced; /* Counted. */
    void (*on_sent)(void);     /* Called for each of those; NULL: nothing. */
    unsigned buffer_min;       /* What receive buffers hold at least. */
} net_model_t;

extern net_model_t net_device;

void net_make(const net_options_t *options);
void net_set_status(uint16_t status);

/* A frame comes in: into the next receive buffer, cut off where that is too short. No interrupt yet. False: there is
 * no buffer, or it sleeps; then the frame is lost. */
bool net_receive(const net_header_t *header, const uint8_t *frame, uint32_t len);

/* Takes the next frame that is to be sent of a queue that is awake; and sends it, which ends it. */
bool net_take(void);
void net_end(uint16_t head);

/* A frame that was taken and not ended: the first one from `head` on, circularly. False: there is none. */
bool net_find_taken(uint16_t *head);

/* Answers the next command. */
bool net_answer(void);

/* Takes and ends all that it is told of, in order, with an interrupt after each; and interrupts come. Until nothing
 * happens any more. */
void net_run(void);

#endif // MICROPY_INCLUDED_TESTS_HOST_VIRTIO_NET_MODEL_H
