/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Segments of TCP that were queued together go to the device as one, which it cuts up again, or the receiver takes as a
 * whole: virtio 1.2, 5.1.6.2. lwIP knows nothing of it, and sends again what it has sent. */
#include <string.h>

#include "kernel/net/net_tx.h"
#include "lwip/inet_chksum.h"
#include "lwip/prot/ethernet.h"
#include "lwip/prot/ip4.h"
#include "lwip/prot/ip6.h"
#include "lwip/prot/tcp.h"

/* What an IPv4 packet can be long. */
#define PACKET_MAX UINT16_MAX

unsigned net_tx_pieces(const struct pbuf *p, unsigned skipped) {
    unsigned pieces = 0;
    for (; p; p = p->next) {
        pieces += p->len > skipped;
        skipped -= skipped < p->len ? skipped : p->len;
    }
    return pieces;
}

static uint8_t *ip_of(const tx_frame_t *frame) {
    return (uint8_t *)frame->pbuf->payload + SIZEOF_ETH_HDR;
}

static struct tcp_hdr *tcp_of(const tx_frame_t *frame) {
    return (struct tcp_hdr *)((uint8_t *)frame->pbuf->payload + frame->offload.csum_start);
}

static uint32_t payload_of(const tx_frame_t *frame) {
    return frame->pbuf->tot_len - frame->headers;
}

static bool is_version6(const tx_frame_t *frame) {
    return *ip_of(frame) >> 4 == 6;
}

/* Whether the headers are the same but for lengths, numbers and sums. */
static bool goes_on(const tx_frame_t *first, const tx_frame_t *frame) {
    if (frame->headers != first->headers || frame->offload.csum_start != first->offload.csum_start
        || memcmp(first->pbuf->payload, frame->pbuf->payload, SIZEOF_ETH_HDR)) {
        return false;
    }
    const uint8_t *a = ip_of(first), *b = ip_of(frame);
    bool same_way = is_version6(first) ? !memcmp(a, b, 4) && !memcmp(a + 6, b + 6, IP6_HLEN - 6)
        : !memcmp(a, b, 2) && !memcmp(a + 6, b + 6, 4) && !memcmp(a + 12, b + 12, 8);
    const struct tcp_hdr *x = tcp_of(first), *y = tcp_of(frame);
    size_t options = first->headers - first->offload.csum_start - TCP_HLEN;
    return same_way && x->src == y->src && x->dest == y->dest && x->ackno == y->ackno && x->wnd == y->wnd
           && !memcmp(x + 1, y + 1, options);
}

/* Of nothing but data; only the last may ask to be handed on. */
static bool is_plain(const tx_frame_t *frame) {
    return frame->headers && payload_of(frame) && !(TCPH_FLAGS(tcp_of(frame)) & ~(TCP_ACK | TCP_PSH));
}

static uint16_t fold(uint32_t sum) {
    sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

/* Puts the whole length where the first one's was. The device fills in all else of each segment. */
static void lengthen(tx_frame_t *first, uint32_t by, uint32_t gso_size) {
    uint8_t *ip = ip_of(first);
    struct tcp_hdr *tcp = tcp_of(first);
    uint16_t chksum;
    memcpy(&chksum, (uint8_t *)tcp + first->offload.csum_offset, sizeof(chksum));
    uint32_t packet = first->pbuf->tot_len - SIZEOF_ETH_HDR + by;
    uint32_t old = first->pbuf->tot_len - first->offload.csum_start;
    // The sum of the pseudo header has the length of TCP in it: RFC 1624.
    chksum = fold((uint32_t)chksum + (uint16_t)~lwip_htons((uint16_t)old) + lwip_htons((uint16_t)(old + by)));
    memcpy((uint8_t *)tcp + first->offload.csum_offset, &chksum, sizeof(chksum));
    if (is_version6(first)) {
        IP6H_PLEN_SET((struct ip6_hdr *)ip, packet - IP6_HLEN);
        first->offload.gso = VIRTIO_NET_GSO_TCPV6;
    } else {
        struct ip_hdr *header = (struct ip_hdr *)ip;
        IPH_LEN_SET(header, lwip_htons((uint16_t)packet));
        IPH_CHKSUM_SET(header, 0);
        IPH_CHKSUM_SET(header, inet_chksum(header, IPH_HL_BYTES(header)));
        first->offload.gso = VIRTIO_NET_GSO_TCPV4;
    }
    first->offload.gso_size = (uint16_t)gso_size;
    first->offload.headers = first->headers;
}

/* Whether the frame, with a payload after the first `all` bytes, can be a part of it. Only the last part may be shorter. */
static bool fits(const tx_frame_t *first, const tx_frame_t *frame, uint32_t all) {
    uint32_t gso_size = payload_of(first);
    return all % gso_size == 0 && is_plain(frame) && goes_on(first, frame) && payload_of(frame) <= gso_size
           && lwip_ntohl(tcp_of(frame)->seqno) == lwip_ntohl(tcp_of(first)->seqno) + all
           && first->headers - SIZEOF_ETH_HDR + all + payload_of(frame) <= PACKET_MAX;
}

unsigned net_tso_join(tx_frame_t *first, unsigned pieces_max) {
    if (!is_plain(first) || first->offload.gso != VIRTIO_NET_GSO_NONE) {
        return 0;
    }
    unsigned joined = 0, pieces = net_tx_pieces(first->pbuf, 0);
    uint32_t all = payload_of(first);
    bool pushes = TCPH_FLAGS(tcp_of(first)) & TCP_PSH;
    tx_frame_t *end = first, *frame;
    while (!pushes && (frame = first->next) && fits(first, frame, all)) {
        pieces += net_tx_pieces(frame->pbuf, frame->headers);
        if (pieces > pieces_max) {
            break;
        }
        pushes = TCPH_FLAGS(tcp_of(frame)) & TCP_PSH;
        all += payload_of(frame);
        first->next = frame->next;
        end->more = frame;
        end = frame;
        ++joined;
    }
    if (joined) {
        if (pushes) {
            TCPH_SET_FLAG(tcp_of(first), TCP_PSH);
        }
        lengthen(first, all - payload_of(first), payload_of(first));
    }
    return joined;
}
