/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Sending without a copy: a device reads a packet where lwIP has it, and lwIP keeps it until then. What a locked section
 * sends is queued, and at its end given to the device at once. */
#include <string.h>

#include "boot/layout.h"
#include "drivers/driver.h"
#include "kernel/net/interface.h"
#include "kernel/net/net_memory.h"
#include "kernel/net/net_tx.h"
#include "lwip/inet_chksum.h"
#include "lwip/ip.h"
#include "lwip/pbuf.h"
#include "lwip/prot/ethernet.h"
#include "lwip/prot/ip4.h"
#include "lwip/prot/ip6.h"
#include "lwip/prot/tcp.h"

/* Of a frame; what has more is copied into one. And of frames that go as one. */
#define PIECES_MAX 16
#define JOINED_MAX 64

/* What waits for the device, at most. Beyond that frames are lost, as in a switch. */
#define QUEUE_MAX 1024

/* So many frames are kept to be used again. */
#define SPARE_MAX 64

/* Taken back in one go. */
#define TAKE_MAX 32

#define TCP_CHECKSUM_AT 16

static tx_frame_t *new_frame(interface_t *interface) {
    tx_frame_t *frame = interface->tx.spare;
    if (!frame) {
        return net_malloc(sizeof(*frame));
    }
    interface->tx.spare = frame->next;
    --interface->tx.spare_count;
    return frame;
}

static void free_one(interface_t *interface, tx_frame_t *frame) {
    pbuf_free(frame->pbuf);
    if (interface->tx.spare_count < SPARE_MAX) {
        frame->next = interface->tx.spare;
        interface->tx.spare = frame;
        ++interface->tx.spare_count;
    } else {
        net_free(frame);
    }
}

static void free_frame(interface_t *interface, tx_frame_t *frame) {
    while (frame) {
        tx_frame_t *more = frame->more;
        free_one(interface, frame);
        frame = more;
    }
}

/* Whether a device can be given all of it, and nobody changes it: what is not of the kernel's own memory is a program's. */
static bool is_ours(const struct pbuf *p, unsigned pieces_max) {
    for (; p; p = p->next) {
        uintptr_t at = (uintptr_t)p->payload;
        if (p->len && (!pieces_max-- || at < DIRECT_MAP_BASE || at >= DIRECT_MAP_END)) {
            return false;
        }
    }
    return true;
}

static unsigned pieces_max_of(const interface_t *interface, unsigned most) {
    return interface->device.segments_max < most ? interface->device.segments_max : most;
}

static struct pbuf *hold_or_copy(interface_t *interface, struct pbuf *p) {
    if (is_ours(p, pieces_max_of(interface, PIECES_MAX))) {
        pbuf_ref(p);
        return p;
    }
    return pbuf_clone(PBUF_RAW, PBUF_RAM, p);
}

/* Checksums of TCP that are left to the device: it sums up what follows, and wants that of the pseudo header to be there
 * (virtio 1.2, 5.1.6.2). All headers are in the first piece. */

static uint16_t pseudo_sum(const void *addresses, size_t len, uint32_t tcp_len) {
    uint32_t sum = (uint16_t)~inet_chksum(addresses, (u16_t)len);
    sum += lwip_htons(IP_PROTO_TCP) + lwip_htons((uint16_t)tcp_len) + lwip_htons((uint16_t)(tcp_len >> 16));
    sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

static void leave_checksum(tx_frame_t *frame, unsigned tcp_at, const void *addresses, size_t len) {
    const struct tcp_hdr *tcp = (const struct tcp_hdr *)((uint8_t *)frame->pbuf->payload + tcp_at);
    unsigned headers = tcp_at + TCPH_HDRLEN_BYTES(tcp);
    frame->headers = headers <= frame->pbuf->len ? headers : 0;
    uint16_t sum = pseudo_sum(addresses, len, frame->pbuf->tot_len - tcp_at);
    memcpy((uint8_t *)frame->pbuf->payload + tcp_at + TCP_CHECKSUM_AT, &sum, sizeof(sum));
    frame->offload = (virtio_net_offload_t) {
        .checksum = VIRTIO_NET_CHECKSUM_PARTIAL, .csum_start = (uint16_t)tcp_at, .csum_offset = TCP_CHECKSUM_AT,
    };
}

static bool has_tcp_at(const struct pbuf *p, unsigned at) {
    return p->len >= at + TCP_HLEN;
}

static void leave_checksum_if_tcp(tx_frame_t *frame) {
    const struct pbuf *p = frame->pbuf;
    const uint8_t *payload = p->payload;
    const uint8_t *ip = payload + SIZEOF_ETH_HDR;
    uint16_t type = p->len >= SIZEOF_ETH_HDR + IP_HLEN ? (uint16_t)(payload[12] << 8 | payload[13]) : 0;
    unsigned tcp_at = SIZEOF_ETH_HDR + IP6_HLEN;
    if (type == ETHTYPE_IP && IPH_PROTO((const struct ip_hdr *)ip) == IP_PROTO_TCP) {
        tcp_at = SIZEOF_ETH_HDR + IPH_HL_BYTES((const struct ip_hdr *)ip);
        if (has_tcp_at(p, tcp_at)) {
            leave_checksum(frame, tcp_at, ip + 12, 2 * sizeof(ip4_addr_p_t));
        }
    } else if (type == ETHTYPE_IPV6 && has_tcp_at(p, tcp_at) && IP6H_NEXTH((const struct ip6_hdr *)ip) == IP6_NEXTH_TCP) {
        leave_checksum(frame, tcp_at, ip + 8, 2 * sizeof(ip6_addr_p_t));
    }
}

static err_t drop(interface_t *interface) {
    ++interface->tx_drops;
    return ERR_MEM;
}

err_t net_tx_send(struct netif *netif, struct pbuf *p) {
    interface_t *interface = interface_of_netif(netif);
    if (interface->state != INTERFACE_WORKS) {
        return ERR_RTE; // An errno: ERR_IF has none.
    }
    tx_frame_t *frame = interface->tx.count < QUEUE_MAX ? new_frame(interface) : NULL;
    if (!frame) {
        return drop(interface);
    }
    frame->pbuf = hold_or_copy(interface, p);
    if (!frame->pbuf) {
        net_free(frame);
        return drop(interface);
    }
    *frame = (tx_frame_t) { .pbuf = frame->pbuf };
    if (interface->device.sends_checksum) {
        leave_checksum_if_tcp(frame);
    }
    *(interface->tx.last ? &interface->tx.last->next : &interface->tx.first) = frame;
    interface->tx.last = frame;
    ++interface->tx.count;
    return ERR_OK;
}

static tx_frame_t *take_first(interface_t *interface) {
    tx_frame_t *frame = interface->tx.first;
    interface->tx.first = frame->next;
    interface->tx.last = frame->next ? interface->tx.last : NULL;
    --interface->tx.count;
    return frame;
}

static interface_t *interface_of(net_outlet_t *outlet) {
    return (interface_t *)((uint8_t *)outlet - offsetof(interface_t, outlet));
}

/* How many were sent. */
static unsigned take_sent(interface_t *interface) {
    void *tokens[TAKE_MAX];
    unsigned all = 0, count;
    while ((count = virtio_net_tx_take(&interface->device.pair[0], tokens, TAKE_MAX))) {
        for (unsigned i = 0; i < count; ++i) {
            free_frame(interface, tokens[i]);
        }
        all += count;
    }
    return all;
}

void net_tx_reclaim(net_outlet_t *outlet) {
    interface_t *interface = interface_of(outlet);
    if (interface->state == INTERFACE_WORKS) {
        take_sent(interface);
    }
}

/* Returns behind the last segment. */
static dma_segment_t *describe(dma_segment_t *segment, const struct pbuf *p, unsigned skipped) {
    for (; p; p = p->next) {
        if (p->len > skipped) {
            *segment++ = dma_segment(driver_address((uint8_t *)p->payload + skipped), p->len - skipped);
        }
        skipped -= skipped < p->len ? skipped : p->len;
    }
    return segment;
}

static virtio_net_add_t add(interface_t *interface, tx_frame_t *frame) {
    static dma_segment_t segments[1 + JOINED_MAX]; // With the network's lock.
    dma_segment_t *end = describe(segments + 1, frame->pbuf, 0);
    for (const tx_frame_t *more = frame->more; more; more = more->more) {
        end = describe(end, more->pbuf, more->headers);
    }
    return virtio_net_tx_add(&interface->device.pair[0], segments, (unsigned)(end - segments - 1), &frame->offload, frame);
}

/* Whether there may be room for it now; else the device is to say when there is. */
static bool make_room(interface_t *interface) {
    return take_sent(interface) || !virtio_net_tx_wait(&interface->device.pair[0]);
}

static void join_first(interface_t *interface) {
    tx_frame_t *first = interface->tx.first;
    const virtio_net_t *device = &interface->device;
    bool is_version6 = first->headers && first->offload.csum_start == SIZEOF_ETH_HDR + IP6_HLEN
        && ((const uint8_t *)first->pbuf->payload)[SIZEOF_ETH_HDR] >> 4 == 6;
    if (is_version6 ? device->sends_tso6 : device->sends_tso4) {
        interface->tx.count -= net_tso_join(first, pieces_max_of(interface, JOINED_MAX));
        interface->tx.last = first->next ? interface->tx.last : first;
    }
}

static void count_sent(interface_t *interface, const tx_frame_t *frame) {
    for (; frame; frame = frame->more) {
        ++interface->tx_frames;
        interface->tx_bytes += frame->pbuf->tot_len;
    }
}

/* The device has it, or nobody has. False: there is no room for it. */
static bool give(interface_t *interface) {
    join_first(interface);
    tx_frame_t *frame = interface->tx.first;
    virtio_net_add_t result;
    while ((result = add(interface, frame)) == VIRTIO_NET_FULL) {
        if (!make_room(interface)) {
            return false;
        }
    }
    take_first(interface);
    if (result == VIRTIO_NET_ADDED) {
        count_sent(interface, frame); // Nobody takes it back before the lock is given back.
    } else {
        ++interface->tx_drops;
        free_frame(interface, frame);
    }
    return true;
}

void net_tx_flush(net_outlet_t *outlet) {
    interface_t *interface = interface_of(outlet);
    if (!interface->tx.first || interface->state != INTERFACE_WORKS) {
        return;
    }
    take_sent(interface);
    while (interface->tx.first && give(interface)) {
    }
    virtio_net_tx_flush(&interface->device.pair[0]);
}

void net_tx_take_back(interface_t *interface) {
    tx_frame_t *frame;
    while ((frame = virtio_net_tx_take_unfinished(&interface->device.pair[0]))) {
        free_frame(interface, frame);
    }
    while (interface->tx.first) {
        free_frame(interface, take_first(interface));
    }
}

void net_tx_free(interface_t *interface) {
    while (interface->tx.spare) {
        tx_frame_t *frame = interface->tx.spare;
        interface->tx.spare = frame->next;
        net_free(frame);
    }
}
