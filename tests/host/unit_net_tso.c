/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Segments of TCP that become one, as a device is given it. */
#include "kernel/net/net_tx.h"
#include "lwip/inet_chksum.h"
#include "lwip/prot/ethernet.h"
#include "lwip/prot/ip4.h"
#include "lwip/prot/ip6.h"
#include "lwip/prot/tcp.h"
#include "tests/host/unit.h"

#define FRAMES 4
#define HEADERS4 (SIZEOF_ETH_HDR + IP_HLEN + TCP_HLEN)
#define HEADERS6 (SIZEOF_ETH_HDR + IP6_HLEN + TCP_HLEN)
#define PIECES 64

static struct {
    tx_frame_t frame;
    struct pbuf head, tail;
    uint8_t bytes[HEADERS6];
} made[FRAMES];

/* What the pseudo header of the frame says, in network order. */
static uint16_t pseudo_sum(const uint8_t *ip, bool six, uint32_t tcp_len) {
    uint32_t sum = (uint16_t)~inet_chksum(ip + (six ? 8 : 12), six ? 32 : 8);
    sum += lwip_htons(6) + lwip_htons((uint16_t)tcp_len);
    sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

/* The frame of that index, in a piece with its headers and one with its payload. */
static tx_frame_t *make(unsigned index, bool six, uint32_t seqno, uint16_t payload, uint16_t flags) {
    unsigned tcp_at = SIZEOF_ETH_HDR + (six ? IP6_HLEN : IP_HLEN), headers = tcp_at + TCP_HLEN;
    uint8_t *bytes = made[index].bytes, *ip = bytes + SIZEOF_ETH_HDR;
    memset(&made[index], 0, sizeof(made[index]));
    memcpy(bytes, "\1\2\3\4\5\6\7\10\11\12\13\14", 12);
    uint16_t type = lwip_htons(six ? ETHTYPE_IPV6 : ETHTYPE_IP);
    memcpy(bytes + 12, &type, 2);
    memset(ip + (six ? 8 : 12), 0x5a, six ? 32 : 8);
    if (six) {
        ip[0] = 0x60;
        ip[6] = 6;
        IP6H_PLEN_SET((struct ip6_hdr *)ip, TCP_HLEN + payload);
    } else {
        ip[0] = 0x45;
        ip[5] = (uint8_t)index; /* The identification differs. */
        ip[9] = 6;
        IPH_LEN_SET((struct ip_hdr *)ip, lwip_htons(IP_HLEN + TCP_HLEN + payload));
    }
    struct tcp_hdr *tcp = (struct tcp_hdr *)(bytes + tcp_at);
    *tcp = (struct tcp_hdr) { .src = 1, .dest = 2, .seqno = lwip_htonl(seqno), .wnd = 3 };
    tcp->_hdrlen_rsvd_flags = lwip_htons(5 << 12 | flags);
    tcp->chksum = pseudo_sum(ip, six, TCP_HLEN + payload);
    made[index].tail = (struct pbuf) { .payload = bytes, .len = payload, .tot_len = payload };
    made[index].head = (struct pbuf) {
        .next = &made[index].tail, .payload = bytes, .len = (u16_t)headers, .tot_len = (u16_t)(headers + payload),
    };
    made[index].frame = (tx_frame_t) {
        .pbuf = &made[index].head, .headers = (uint16_t)headers, .offload = {
            .checksum = VIRTIO_NET_CHECKSUM_PARTIAL, .csum_start = (uint16_t)tcp_at, .csum_offset = 16,
        },
    };
    if (index) {
        made[index - 1].frame.next = &made[index].frame;
    }
    return &made[index].frame;
}

static void check_joined(bool six) {
    make(0, six, 1000, 500, TCP_ACK);
    make(1, six, 1500, 500, TCP_ACK);
    make(2, six, 2000, 100, TCP_ACK | TCP_PSH);
    make(3, six, 2100, 100, TCP_ACK);
    tx_frame_t *first = &made[0].frame;
    CHECK_EQ(net_tso_join(first, PIECES), 2);
    CHECK(first->next == &made[3].frame && first->more == &made[1].frame && made[1].frame.more == &made[2].frame);
    CHECK(!made[2].frame.more);
    CHECK_EQ(first->offload.gso, six ? VIRTIO_NET_GSO_TCPV6 : VIRTIO_NET_GSO_TCPV4);
    CHECK_EQ(first->offload.gso_size, 500);
    CHECK_EQ(first->offload.headers, six ? HEADERS6 : HEADERS4);
    const uint8_t *ip = made[0].bytes + SIZEOF_ETH_HDR;
    const struct tcp_hdr *tcp = (const struct tcp_hdr *)(made[0].bytes + first->offload.csum_start);
    CHECK_EQ(TCPH_FLAGS(tcp), TCP_ACK | TCP_PSH);
    CHECK_EQ(tcp->chksum, pseudo_sum(ip, six, TCP_HLEN + 1100));
    if (six) {
        CHECK_EQ(IP6H_PLEN((const struct ip6_hdr *)ip), TCP_HLEN + 1100);
    } else {
        CHECK_EQ(lwip_ntohs(IPH_LEN((const struct ip_hdr *)ip)), IP_HLEN + TCP_HLEN + 1100);
        CHECK_EQ(inet_chksum(ip, IP_HLEN), 0);
    }
    CHECK_EQ(net_tso_join(first, PIECES), 0); /* Not twice. */
}

TEST(segments_that_follow_each_other_become_one) {
    check_joined(false);
    check_joined(true);
}

static void check_apart(uint32_t seqno, uint16_t first_payload, uint16_t payload, uint16_t first_flags, uint16_t flags) {
    make(0, false, 1000, first_payload, first_flags);
    make(1, false, seqno, payload, flags);
    CHECK_EQ(net_tso_join(&made[0].frame, PIECES), 0);
    CHECK(made[0].frame.next == &made[1].frame && !made[0].frame.more);
    CHECK_EQ(made[0].frame.offload.gso, VIRTIO_NET_GSO_NONE);
}

TEST(what_does_not_follow_stays_apart) {
    check_apart(1501, 500, 500, TCP_ACK, TCP_ACK);
    check_apart(1500, 500, 501, TCP_ACK, TCP_ACK);
    check_apart(1500, 500, 500, TCP_ACK, TCP_ACK | TCP_FIN);
    check_apart(1500, 500, 500, TCP_ACK | TCP_PSH, TCP_ACK);
    check_apart(1000, 0, 500, TCP_ACK, TCP_ACK);
    check_apart(1500, 500, 0, TCP_ACK, TCP_ACK);
}

TEST(another_connection_stays_apart) {
    make(0, false, 1000, 500, TCP_ACK);
    make(1, false, 1500, 500, TCP_ACK);
    ((struct tcp_hdr *)(made[1].bytes + SIZEOF_ETH_HDR + IP_HLEN))->dest = 9;
    CHECK_EQ(net_tso_join(&made[0].frame, PIECES), 0);
    make(0, false, 1000, 500, TCP_ACK);
    make(1, false, 1500, 500, TCP_ACK);
    made[1].bytes[SIZEOF_ETH_HDR + 12] ^= 1; /* Its source. */
    CHECK_EQ(net_tso_join(&made[0].frame, PIECES), 0);
    make(0, true, 1000, 500, TCP_ACK);
    make(1, false, 1500, 500, TCP_ACK);
    CHECK_EQ(net_tso_join(&made[0].frame, PIECES), 0);
}

TEST(one_is_no_longer_than_a_packet_nor_of_more_pieces_than_fit) {
    make(0, false, 0, 33000, TCP_ACK);
    make(1, false, 33000, 33000, TCP_ACK);
    CHECK_EQ(net_tso_join(&made[0].frame, PIECES), 0);
    make(0, false, 0, 500, TCP_ACK);
    make(1, false, 500, 500, TCP_ACK);
    make(2, false, 1000, 500, TCP_ACK);
    CHECK_EQ(net_tso_join(&made[0].frame, 3), 1); /* Two of the first, and one. */
}
