/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include "tests/host/check.h"
#include "tests/host/virtio/machine.h"
#include "tests/host/virtio/net_model.h"

#define TYPE_NET 1
#define ETHERNET 14

/* A rule that only a device that lies could have led the driver to break. */
#define RULE(condition) CHECK((condition) || machine.lies)

net_model_t net_device;

const net_options_t net_usual = {
    .rules = RULES_CLOUD_HYPERVISOR,
    .features = NET_CLOUD_HYPERVISOR,
    .queue_size = 256,
    .bar = 0x3fffff800000,
    .mac = { 0x2e, 1, 2, 3, 4, 5 },
    .status = NET_LINK_UP,
    .mtu = 1500,
};

const net_options_t net_usual_of_qemu = {
    .rules = RULES_QEMU,
    .features = (NET_CLOUD_HYPERVISOR & ~NET_F_MTU) | NET_F_MRG_RXBUF,
    .queue_size = 256,
    .bar = 0x3fffff800000,
    .mac = { 0x52, 0x54, 0, 0x12, 0x34, 0x56 },
    .status = NET_LINK_UP,
};

static void set(unsigned offset, unsigned width, uint64_t value) {
    memcpy(device.config + offset, &value, width);
}

void net_set_status(uint16_t status) {
    set(6, 2, status);
}

/* 5.1.4; what stands behind the MTU Cloud Hypervisor has too. */
void net_make(const net_options_t *options) {
    device_make(options->rules, TYPE_NET, options->features, NET_QUEUES, options->queue_size, options->bar);
    device.queue[NET_CONTROL].ring.forgets = true;
    device.config_len = 17;
    memcpy(device.config, options->mac, sizeof(options->mac));
    net_set_status(options->status);
    set(8, 2, 1);
    set(10, 2, options->mtu);
    net_device = (net_model_t) { 0 };
}

static bool accepted(uint64_t features) {
    return (device.accepted & features) == features;
}

static bool needs(uint64_t features, uint64_t one_of) {
    return !(device.accepted & features) || device.accepted & one_of;
}

/* 5.1.3.1 */
static void check_features(void) {
    uint64_t host_tso = NET_F_HOST_TSO4 | NET_F_HOST_TSO6, guest_tso = NET_F_GUEST_TSO4 | NET_F_GUEST_TSO6;
    RULE(needs(host_tso, NET_F_CSUM));
    RULE(needs(NET_F_HOST_ECN, host_tso));
    RULE(needs(guest_tso, NET_F_GUEST_CSUM));
    RULE(needs(NET_F_GUEST_ECN, guest_tso));
    RULE(needs(NET_F_GUEST_ANNOUNCE, NET_F_CTRL_VQ));
}

static ring_model_t *awake_ring(unsigned queue) {
    ring_model_t *ring = &device.queue[queue].ring;
    return ring->live && ring->awake && device_may_master() ? ring : NULL;
}

/* 5.1.6.3.1 and 5.1.6.3.2; Cloud Hypervisor wants the whole header in the first piece. */
static void check_buffer(const ring_chain_t *chain) {
    uint32_t len = ring_len(chain, true), mtu = device.config[10] | device.config[11] << 8;
    CHECK(!ring_len(chain, false));
    CHECK(chain->pieces[0].len >= NET_HEADER);
    bool is_large = device.accepted & (NET_F_GUEST_TSO4 | NET_F_GUEST_TSO6);
    RULE(len >= (is_large ? 65562 : 1526));
    RULE(!accepted(NET_F_MTU) || len >= NET_HEADER + ETHERNET + mtu);
}

bool net_receive(const net_header_t *header, const uint8_t *frame, uint32_t len) {
    ring_model_t *ring = awake_ring(NET_RX);
    uint16_t head;
    if (!ring || !ring_take(ring, &head)) {
        if (ring) {
            ring_sleep(ring);
        }
        ++net_device.dropped;
        return false;
    }
    check_features();
    ring_chain_t *chain = &ring->chain[head];
    check_buffer(chain);
    uint8_t first[NET_HEADER];
    memcpy(first, header, NET_HEADER);
    uint32_t written = ring_copy(chain, true, 0, first, NET_HEADER);
    written += ring_copy(chain, true, NET_HEADER, (uint8_t *)frame, len);
    ring_return(ring, head, written);
    ++net_device.received;
    return true;
}

/* 5.1.6.2.1 */
static void check_header(const net_header_t *header, uint32_t len) {
    RULE(!(header->flags & ~NET_NEEDS_CSUM));
    RULE(!header->flags || accepted(NET_F_CSUM));
    RULE(!header->flags || (uint32_t)header->csum_start + header->csum_offset + 2 <= len);
    uint8_t type = header->gso & ~NET_ECN;
    RULE(type == 0 || type == NET_TCPV4 || type == NET_TCPV6);
    RULE(type != NET_TCPV4 || accepted(NET_F_HOST_TSO4));
    RULE(type != NET_TCPV6 || accepted(NET_F_HOST_TSO6));
    RULE(!(header->gso & NET_ECN) || (type && accepted(NET_F_HOST_ECN)));
    RULE(!type || (header->gso_size && header->flags && header->headers <= len));
    // Linux' tap wants the sum within the headers.
    RULE(!type || header->headers >= header->csum_start + header->csum_offset + 2);
    RULE(!header->buffers);
    RULE(len >= ETHERNET);
    bool has_mtu = accepted(NET_F_MTU) && !type;
    RULE(!has_mtu || len <= (device.config[10] | device.config[11] << 8) + ETHERNET + 4u);
}

bool net_take(void) {
    ring_model_t *ring = awake_ring(NET_TX);
    uint16_t head;
    if (!ring) {
        return false;
    }
    if (!ring_take(ring, &head)) {
        ring_sleep(ring);
        return ring->awake;
    }
    check_features();
    CHECK(!ring_len(&ring->chain[head], true));
    CHECK(ring_len(&ring->chain[head], false) > NET_HEADER);
    return true;
}

void net_end(uint16_t head) {
    ring_model_t *ring = &device.queue[NET_TX].ring;
    const ring_chain_t *chain = &ring->chain[head];
    ring_copy(chain, false, 0, (uint8_t *)&net_device.header, NET_HEADER);
    net_device.len = ring_copy(chain, false, NET_HEADER, net_device.frame, NET_FRAME_MAX);
    check_header(&net_device.header, net_device.len);
    ++net_device.sent;
    if (net_device.on_sent) {
        net_device.on_sent();
    }
    ring_return(ring, head, 0);
}

bool net_find_taken(uint16_t *head) {
    const ring_model_t *ring = &device.queue[NET_TX].ring;
    for (unsigned i = 0; ring->live && device_may_master() && i < ring->size; ++i) {
        uint16_t at = (*head + i) % ring->size;
        if (ring->chain[at].pieces && ring->chain[at].taken) {
            *head = at;
            return true;
        }
    }
    return false;
}

/* 5.1.6.5 */
bool net_answer(void) {
    ring_model_t *ring = awake_ring(NET_CONTROL);
    uint16_t head;
    if (!ring) {
        return false;
    }
    if (!ring_take(ring, &head)) {
        ring_sleep(ring);
        return ring->awake;
    }
    uint8_t command[3] = { 0 }, ack = 0;
    CHECK_EQ(ring_copy(&ring->chain[head], false, 0, command, sizeof(command)), 2);
    CHECK(command[0] == 3 && command[1] == 0);
    RULE(accepted(NET_F_GUEST_ANNOUNCE | NET_F_CTRL_VQ));
    CHECK_EQ(ring_len(&ring->chain[head], true), 1);
    ring_copy(&ring->chain[head], true, 0, &ack, 1);
    device.config[6] &= ~NET_ANNOUNCE;
    ++net_device.announced;
    ring_return(ring, head, 1);
    return true;
}

void net_run(void) {
    bool more = true;
    while (more) {
        more = net_take();
        uint16_t head = 0;
        while (net_find_taken(&head)) {
            net_end(head);
            device_signal(NET_TX);
            more = true;
        }
        while (net_answer()) {
            device_signal(NET_CONTROL);
            more = true;
        }
        machine_take_interrupts();
        more = machine_has_interrupts() || more;
    }
}
