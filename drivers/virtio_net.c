/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include <string.h>

#include "drivers/virtio_net.h"

/* Features: virtio 1.2, 5.1.3. */
#define F_CSUM (1ull << 0)
#define F_GUEST_CSUM (1ull << 1)
#define F_MTU (1ull << 3)
#define F_MAC (1ull << 5)
#define F_GUEST_TSO4 (1ull << 7)
#define F_GUEST_TSO6 (1ull << 8)
#define F_GUEST_ECN (1ull << 9)
#define F_HOST_TSO4 (1ull << 11)
#define F_HOST_TSO6 (1ull << 12)
#define F_HOST_ECN (1ull << 13)
#define F_STATUS (1ull << 16)
#define F_CTRL_VQ (1ull << 17)
#define F_GUEST_ANNOUNCE (1ull << 21)
#define GUEST_TSO (F_GUEST_TSO4 | F_GUEST_TSO6)
#define HOST_TSO (F_HOST_TSO4 | F_HOST_TSO6)
#define FEATURES (F_CSUM | F_GUEST_CSUM | F_MTU | F_MAC | GUEST_TSO | F_GUEST_ECN | HOST_TSO | F_HOST_ECN | F_STATUS \
    | F_CTRL_VQ | F_GUEST_ANNOUNCE | VIRTIO_F_EVENT_IDX | VIRTIO_F_VERSION_1)

/* Queues: 5.1.2, of a device that was not told of more pairs. */
#define RX(pair) (2 * (pair))
#define TX(pair) (2 * (pair) + 1)
#define CONTROL (2 * VIRTIO_NET_PAIRS)
#define QUEUES_MAX (CONTROL + 1)
#define QUEUE_SIZE 256
#define CONTROL_SIZE 2

/* Configuration: 5.1.4. */
enum {
    MAC = 0,
    STATUS = 6,
    MTU = 10,
};
#define STATUS_LINK_UP 1
#define STATUS_ANNOUNCE 2
#define MTU_MIN 68
#define MTU_USUAL 1500

/* A receive buffer: 5.1.6.3.1. A frame may have a VLAN's tag. */
#define ETHERNET_HEADER 14
#define VLAN_TAG 4
#define RECEIVE_MIN 1526

/* 5.1.6.5.4 */
#define CONTROL_ANNOUNCE 3
#define CONTROL_ANNOUNCE_ACK 0

/* The header of a frame: 5.1.6. */
typedef struct _header_t {
    uint8_t flags, gso;
    uint16_t headers, gso_size, csum_start, csum_offset, buffers;
} header_t;

#define NEEDS_CSUM 1
#define DATA_VALID 2
#define GSO_ECN 0x80
#define CHECKSUM_SIZE 2

/* A header for each chain, by its first descriptor. */
typedef struct _virtio_net_shared_t {
    header_t tx[VIRTIO_NET_PAIRS][QUEUE_SIZE];
    struct {
        uint8_t class, command, ack;
    } control;
} virtio_net_shared_t;

_Static_assert(sizeof(header_t) == VIRTIO_NET_HEADER, "virtio 1.2, 5.1.6");

/* A feature is not taken without one of those that it needs: 5.1.3.1. The control queue is of use for one thing only,
 * and what asks for that is in the status. */
static uint64_t choose(uint64_t offered, bool large) {
    static const struct {
        uint64_t features, need;
    } rules[] = {
        { HOST_TSO, F_CSUM },
        { F_HOST_ECN, HOST_TSO },
        { GUEST_TSO, F_GUEST_CSUM },
        { F_GUEST_ECN, GUEST_TSO },
        { F_GUEST_ANNOUNCE, F_STATUS },
        { F_GUEST_ANNOUNCE, F_CTRL_VQ },
        { F_CTRL_VQ, F_GUEST_ANNOUNCE },
    };
    uint64_t features = offered & (large ? FEATURES : FEATURES & ~GUEST_TSO);
    for (unsigned i = 0; i < sizeof(rules) / sizeof(rules[0]); ++i) {
        features &= features & rules[i].need ? ~0ull : ~rules[i].features;
    }
    return features;
}

static bool has(const virtio_net_t *net, uint64_t features) {
    return (net->virtio.features & features) == features;
}

bool virtio_net_read_status(virtio_net_t *net) {
    uint16_t status = STATUS_LINK_UP;
    if (has(net, F_STATUS) && !virtio_read_config(&net->virtio, STATUS, &status, sizeof(status), sizeof(status))) {
        return false;
    }
    net->link_up = status & STATUS_LINK_UP;
    net->must_announce = has(net, F_GUEST_ANNOUNCE) && status & STATUS_ANNOUNCE;
    return true;
}

/* One station's: IEEE 802, 8.2.2. */
static bool read_mac(virtio_net_t *net) {
    static const uint8_t zeros[VIRTIO_NET_MAC];
    uint8_t *mac = net->mac;
    if (has(net, F_MAC) && !virtio_read_config(&net->virtio, MAC, mac, VIRTIO_NET_MAC, 1)) {
        return false;
    }
    net->has_mac = !(mac[0] & 1) && memcmp(mac, zeros, VIRTIO_NET_MAC);
    if (!net->has_mac) {
        memset(mac, 0, VIRTIO_NET_MAC);
    }
    return true;
}

static bool read_mtu(virtio_net_t *net) {
    net->mtu = MTU_USUAL;
    bool ok = !has(net, F_MTU) || virtio_read_config(&net->virtio, MTU, &net->mtu, sizeof(net->mtu), sizeof(net->mtu));
    return ok && net->mtu >= MTU_MIN;
}

/* Once: its user's buffers and interfaces are made after that. */
static const char *read_abilities(virtio_net_t *net) {
    net->sends_checksum = has(net, F_CSUM);
    net->sends_tso4 = has(net, F_HOST_TSO4);
    net->sends_tso6 = has(net, F_HOST_TSO6);
    net->sends_ecn = has(net, F_HOST_ECN);
    net->receives_checksum = has(net, F_GUEST_CSUM);
    net->receives_tso = net->virtio.features & GUEST_TSO;
    if (!read_mac(net) || !virtio_net_read_status(net)) {
        return "it has no configuration";
    }
    if (!read_mtu(net)) {
        return "it has no possible MTU";
    }
    uint32_t len = VIRTIO_NET_HEADER + ETHERNET_HEADER + VLAN_TAG + net->mtu;
    uint32_t least = net->receives_tso ? VIRTIO_NET_LARGE : RECEIVE_MIN;
    net->receive_len = len > least ? len : least;
    return NULL;
}

/* Interrupts. Rings are their users' business. */

static void on_change(void *ctx) {
    virtio_net_t *net = ctx;
    net->on_change(net);
}

static void on_receive(void *ctx) {
    virtio_net_pair_t *pair = ctx;
    pair->net->on_receive(pair);
}

static void on_sent(void *ctx) {
    virtio_net_pair_t *pair = ctx;
    pair->net->on_sent(pair);
}

/* Making it. */

static const char *make_pair(virtio_net_t *net, unsigned index, const char *name, uint32_t apic_id) {
    virtio_net_pair_t *pair = &net->pair[index];
    const char *problem =
        virtio_add_queue(&net->virtio, &pair->rx, RX(index), QUEUE_SIZE, name, on_receive, pair, apic_id);
    return problem ? problem
        : virtio_add_queue(&net->virtio, &pair->tx, TX(index), QUEUE_SIZE, name, on_sent, pair, apic_id);
}

static const char *make_queues(virtio_net_t *net, const char *name, uint32_t (*apic_id)(unsigned pair)) {
    net->shared = driver_alloc(sizeof(*net->shared));
    const char *problem = net->shared ? NULL : "memory for headers is missing";
    net->segments_max = net->receive_max = QUEUE_SIZE;
    for (unsigned i = 0; !problem && i < VIRTIO_NET_PAIRS; ++i) {
        problem = make_pair(net, i, name, apic_id(i));
        uint16_t rx = net->pair[i].rx.ring.size, tx = net->pair[i].tx.ring.size;
        net->receive_max = rx < net->receive_max ? rx : net->receive_max;
        // A frame's header is one more.
        net->segments_max = tx <= net->segments_max ? tx - 1 : net->segments_max;
    }
    if (!problem && has(net, F_CTRL_VQ)) {
        problem =
            virtio_add_queue(&net->virtio, &net->control, CONTROL, CONTROL_SIZE, name, on_change, net, apic_id(0));
    }
    bool too_short = !net->segments_max || (net->control.ring.size && net->control.ring.size < CONTROL_SIZE);
    return !problem && too_short ? "its queues are too short" : problem;
}

static const char *start(virtio_net_t *net, const pci_function_t *function, const char *name, bool large,
    uint32_t (*apic_id)(unsigned pair)) {
    const char *problem = virtio_open(&net->virtio, function, QUEUES_MAX);
    if (!problem) {
        problem = virtio_accept(&net->virtio, choose(virtio_offered(&net->virtio), large));
    }
    if (!problem) {
        problem = read_abilities(net);
    }
    if (!problem) {
        problem = virtio_on_change(&net->virtio, name, on_change, net, apic_id(0));
    }
    return problem ? problem : make_queues(net, name, apic_id);
}

static void set_live(virtio_net_t *net, bool live) {
    for (unsigned i = 0; i < VIRTIO_NET_PAIRS; ++i) {
        virtio_net_pair_t *pair = &net->pair[i];
        pair->rx_live = live;
        uint64_t flags = spin_lock_irqsave(&pair->tx_lock);
        pair->tx_live = live;
        spin_unlock_irqrestore(&pair->tx_lock, flags);
    }
}

static void go_live(virtio_net_t *net) {
    for (unsigned i = 0; i < VIRTIO_NET_PAIRS; ++i) {
        virtqueue_quiet(&net->pair[i].tx.ring);
    }
    virtio_start(&net->virtio);
    set_live(net, true); // Not sooner: the device must not be told of anything before.
}

const char *virtio_net_open(virtio_net_t *net, const pci_function_t *function, const char *name, bool large,
    uint32_t (*apic_id)(unsigned pair)) {
    for (unsigned i = 0; i < VIRTIO_NET_PAIRS; ++i) {
        net->pair[i].net = net;
        spin_init(&net->pair[i].tx_lock, LOCK_RANK_DEVICE_QUEUE);
    }
    const char *problem = start(net, function, name, large, apic_id);
    if (problem) {
        if (net->virtio.common) {
            virtio_net_stop(net);
        }
        virtio_net_disconnect(net);
        virtio_net_free(net);
        return problem;
    }
    go_live(net);
    return NULL;
}

bool virtio_net_stop(virtio_net_t *net) {
    set_live(net, false);
    bool ok = virtio_reset(&net->virtio);
    net->is_lost = net->is_lost || !ok;
    return ok;
}

void *virtio_net_rx_take_unfinished(virtio_net_pair_t *pair) {
    return virtqueue_take_unfinished(&pair->rx.ring);
}

void *virtio_net_tx_take_unfinished(virtio_net_pair_t *pair) {
    uint64_t flags = spin_lock_irqsave(&pair->tx_lock);
    void *token = virtqueue_take_unfinished(&pair->tx.ring);
    spin_unlock_irqrestore(&pair->tx_lock, flags);
    return token;
}

static const char *restart_pair(virtio_net_t *net, virtio_net_pair_t *pair) {
    const char *problem = virtio_restart_queue(&net->virtio, &pair->rx);
    return problem ? problem : virtio_restart_queue(&net->virtio, &pair->tx);
}

const char *virtio_net_restart(virtio_net_t *net) {
    uint64_t features = net->virtio.features;
    bool same = (virtio_offered(&net->virtio) & features) == features;
    const char *problem = same ? virtio_accept(&net->virtio, features) : "its features are others than before";
    if (!problem && !virtio_net_read_status(net)) {
        problem = "it has no configuration";
    }
    for (unsigned i = 0; !problem && i < VIRTIO_NET_PAIRS; ++i) {
        problem = restart_pair(net, &net->pair[i]);
    }
    if (!problem && has(net, F_CTRL_VQ)) {
        problem = virtio_restart_queue(&net->virtio, &net->control);
    }
    if (problem) {
        virtio_net_stop(net);
        return problem;
    }
    go_live(net);
    return NULL;
}

void virtio_net_disconnect(virtio_net_t *net) {
    virtio_disconnect(&net->virtio);
    for (unsigned i = 0; i < VIRTIO_NET_PAIRS; ++i) {
        virtio_disconnect_queue(&net->virtio, &net->pair[i].rx);
        virtio_disconnect_queue(&net->virtio, &net->pair[i].tx);
    }
    virtio_disconnect_queue(&net->virtio, &net->control);
}

void virtio_net_free(virtio_net_t *net) {
    if (net->is_lost) {
        return;
    }
    for (unsigned i = 0; i < VIRTIO_NET_PAIRS; ++i) {
        virtqueue_free(&net->pair[i].rx.ring);
        virtqueue_free(&net->pair[i].tx.ring);
    }
    virtqueue_free(&net->control.ring);
    if (net->shared) {
        driver_free(net->shared, sizeof(*net->shared));
    }
}

void virtio_net_steer(virtio_net_t *net, uint32_t (*apic_id)(unsigned pair)) {
    for (unsigned i = 0; i < VIRTIO_NET_PAIRS; ++i) {
        virtio_steer_queue(&net->virtio, &net->pair[i].rx, apic_id(i));
        virtio_steer_queue(&net->virtio, &net->pair[i].tx, apic_id(i));
    }
}

/* Whether the last command was answered, if there was one: what the answer is, the status says. */
static bool is_answered(virtqueue_t *ring) {
    uint32_t written;
    do {
        while (virtqueue_take(ring, &written)) {
        }
    } while (!virtqueue_wait(ring));
    return !ring->chains;
}

bool virtio_net_announced(virtio_net_t *net) {
    virtqueue_t *ring = &net->control.ring;
    if (!net->pair[0].rx_live || !ring->size || ring->problem) {
        return false;
    }
    bool added = false;
    if (is_answered(ring)) {
        net->shared->control.class = CONTROL_ANNOUNCE;
        net->shared->control.command = CONTROL_ANNOUNCE_ACK;
        dma_segment_t segments[] = {
            dma_segment(driver_address(&net->shared->control.class), 2),
            dma_segment(driver_address(&net->shared->control.ack), 1),
        };
        added = virtqueue_add(ring, segments, 1, 1, net);
    }
    if (virtqueue_publish(ring)) {
        virtqueue_notify(ring);
    }
    if (ring->problem) {
        net->on_change(net);
    }
    return added;
}

const char *virtio_net_problem(const virtio_net_t *net) {
    for (unsigned i = 0; i < VIRTIO_NET_PAIRS; ++i) {
        const virtio_net_pair_t *pair = &net->pair[i];
        if (pair->rx.ring.problem || pair->tx.ring.problem) {
            return pair->rx.ring.problem ? pair->rx.ring.problem : pair->tx.ring.problem;
        }
    }
    return net->control.ring.problem;
}

/* Receiving. */

bool virtio_net_rx_offer(virtio_net_pair_t *pair, void *buffer, dma_segment_t *segments, unsigned count) {
    return pair->rx_live && virtqueue_add(&pair->rx.ring, segments, 0, count, buffer);
}

void virtio_net_rx_flush(virtio_net_pair_t *pair) {
    if (pair->rx_live && virtqueue_publish(&pair->rx.ring)) {
        virtqueue_notify(&pair->rx.ring);
    }
}

static bool understand_checksum(const virtio_net_t *net, const header_t *header, uint32_t len,
    virtio_net_offload_t *offload) {
    if (!net->receives_checksum || !(header->flags & (NEEDS_CSUM | DATA_VALID))) {
        return true;
    }
    if (!(header->flags & NEEDS_CSUM)) {
        offload->checksum = VIRTIO_NET_CHECKSUM_VALID;
        return true;
    }
    offload->checksum = VIRTIO_NET_CHECKSUM_PARTIAL;
    offload->csum_start = header->csum_start;
    offload->csum_offset = header->csum_offset;
    return header->csum_start >= ETHERNET_HEADER
        && (uint32_t)header->csum_start + header->csum_offset + CHECKSUM_SIZE <= len;
}

static bool understand_gso(const virtio_net_t *net, const header_t *header, uint32_t len,
    virtio_net_offload_t *offload) {
    uint8_t type = header->gso & ~GSO_ECN;
    bool ecn = header->gso & GSO_ECN;
    if (type == VIRTIO_NET_GSO_NONE) {
        return true;
    }
    bool may = (type == VIRTIO_NET_GSO_TCPV4 && has(net, F_GUEST_TSO4))
        || (type == VIRTIO_NET_GSO_TCPV6 && has(net, F_GUEST_TSO6));
    if (!may || (ecn && !has(net, F_GUEST_ECN)) || !header->gso_size) {
        return false;
    }
    // Hosts say it of single segments too.
    if (header->gso_size < len - ETHERNET_HEADER) {
        offload->gso = type;
        offload->gso_size = header->gso_size;
        offload->ecn = ecn;
    }
    return true;
}

static void understand(virtio_net_pair_t *pair, const void *buffer, uint32_t written, virtio_net_received_t *received) {
    *received = (virtio_net_received_t) { 0 };
    if (written >= VIRTIO_NET_HEADER + ETHERNET_HEADER) {
        header_t header;
        memcpy(&header, buffer, sizeof(header));
        __atomic_signal_fence(__ATOMIC_SEQ_CST); // The device may go on writing there: it is read once.
        uint32_t len = written - VIRTIO_NET_HEADER;
        virtio_net_offload_t *offload = &received->offload;
        if (understand_checksum(pair->net, &header, len, offload) && understand_gso(pair->net, &header, len, offload)) {
            received->len = len;
            return;
        }
    }
    ++pair->bad_frames;
}

void *virtio_net_rx_take(virtio_net_pair_t *pair, virtio_net_received_t *received) {
    virtqueue_t *ring = &pair->rx.ring;
    uint32_t written;
    void *buffer = pair->rx_live ? virtqueue_take(ring, &written) : NULL;
    if (buffer) {
        virtqueue_quiet(ring);
        understand(pair, buffer, written, received);
    } else if (pair->rx_live && ring->problem) {
        pair->rx_live = false;
        pair->net->on_change(pair->net);
    }
    return buffer;
}

bool virtio_net_rx_wait(virtio_net_pair_t *pair) {
    return !pair->rx_live || virtqueue_wait(&pair->rx.ring);
}

/* Sending. */

static header_t header_of(const virtio_net_offload_t *offload) {
    header_t header = { 0 };
    if (offload && offload->checksum == VIRTIO_NET_CHECKSUM_PARTIAL) {
        header.flags = NEEDS_CSUM;
        header.csum_start = offload->csum_start;
        header.csum_offset = offload->csum_offset;
    }
    if (offload && offload->gso != VIRTIO_NET_GSO_NONE) {
        header.gso = offload->gso | (offload->ecn ? GSO_ECN : 0);
        header.gso_size = offload->gso_size;
        header.headers = offload->headers;
    }
    return header;
}

virtio_net_add_t virtio_net_tx_add(virtio_net_pair_t *pair, dma_segment_t *segments, unsigned count,
    const virtio_net_offload_t *offload, void *token) {
    virtqueue_t *ring = &pair->tx.ring;
    virtio_net_add_t result = VIRTIO_NET_STOPPED;
    uint64_t flags = spin_lock_irqsave(&pair->tx_lock);
    if (pair->tx_live) {
        result = VIRTIO_NET_FULL;
        if (count < ring->free_count) {
            // That of the descriptor which the chain will begin with.
            header_t *header = &pair->net->shared->tx[pair - pair->net->pair][ring->free];
            *header = header_of(offload);
            segments[0] = dma_segment(driver_address(header), sizeof(*header));
            virtqueue_add(ring, segments, count + 1, 0, token);
            result = VIRTIO_NET_ADDED;
        }
    }
    spin_unlock_irqrestore(&pair->tx_lock, flags);
    return result;
}

void virtio_net_tx_flush(virtio_net_pair_t *pair) {
    uint64_t flags = spin_lock_irqsave(&pair->tx_lock);
    bool notify = pair->tx_live && virtqueue_publish(&pair->tx.ring);
    spin_unlock_irqrestore(&pair->tx_lock, flags);
    if (notify) {
        virtqueue_notify(&pair->tx.ring); // Late at worst, should the device be reset meanwhile: it has no queue then.
    }
}

unsigned virtio_net_tx_take(virtio_net_pair_t *pair, void **tokens, unsigned count) {
    virtqueue_t *ring = &pair->tx.ring;
    unsigned taken = 0;
    uint32_t written;
    uint64_t flags = spin_lock_irqsave(&pair->tx_lock);
    while (pair->tx_live && taken < count && (tokens[taken] = virtqueue_take(ring, &written))) {
        ++taken;
    }
    if (taken) {
        virtqueue_quiet(ring);
    }
    bool stopped = pair->tx_live && ring->problem;
    if (stopped) {
        pair->tx_live = false;
    }
    spin_unlock_irqrestore(&pair->tx_lock, flags);
    if (stopped) {
        pair->net->on_change(pair->net);
    }
    return taken;
}

bool virtio_net_tx_wait(virtio_net_pair_t *pair) {
    uint64_t flags = spin_lock_irqsave(&pair->tx_lock);
    bool waits = pair->tx_live && virtqueue_wait(&pair->tx.ring);
    spin_unlock_irqrestore(&pair->tx_lock, flags);
    return waits;
}
