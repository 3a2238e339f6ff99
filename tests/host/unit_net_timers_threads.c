/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* lwIP's timers: they come where something waits for them, though nobody calls, and with nothing to do there are none. The
 * interface here is one on a wire without an end. */
#include "tests/host/net_world.h"
#include "tests/host/unit.h"

#include "lwip/dhcp.h"
#include "lwip/etharp.h"
#include "lwip/ethip6.h"
#include "lwip/prot/ethernet.h"
#include "lwip/prot/ip4.h"
#include "netif/ethernet.h"

static struct netif wire;
static uint32_t arps, tcps, udps, sixes; /* Atomic: what was sent. */

static err_t send_frame(struct netif *netif, struct pbuf *p) {
    (void)netif;
    uint8_t frame[SIZEOF_ETH_HDR + IP_HLEN] = { 0 };
    pbuf_copy_partial(p, frame, sizeof(frame), 0);
    uint16_t type = frame[12] << 8 | frame[13];
    uint32_t *count = type == ETHTYPE_ARP ? &arps : type == ETHTYPE_IPV6 ? &sixes : frame[23] == 6 ? &tcps : &udps;
    __atomic_fetch_add(count, 1, __ATOMIC_RELAXED);
    return ERR_OK;
}

static err_t init_wire(struct netif *netif) {
    netif->output = etharp_output;
    netif->output_ip6 = ethip6_output;
    netif->linkoutput = send_frame;
    netif->mtu = 1500;
    netif->hwaddr_len = 6;
    memcpy(netif->hwaddr, "\x52\x54\0\1\2\3", 6);
    netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET | NETIF_FLAG_IGMP | NETIF_FLAG_MLD6;
    return ERR_OK;
}

static uint32_t sent(const uint32_t *count) {
    return __atomic_load_n(count, __ATOMIC_RELAXED);
}

static void add_wire(bool with_address) {
    ip4_addr_t address, mask, gateway;
    IP4_ADDR(&address, 10, 0, 0, 1);
    IP4_ADDR(&mask, 255, 255, 255, 0);
    IP4_ADDR(&gateway, 10, 0, 0, 2);
    net_lock();
    CHECK(netif_add(&wire, with_address ? &address : NULL, with_address ? &mask : NULL, with_address ? &gateway : NULL, NULL,
        init_wire, ethernet_input));
    netif_set_default(&wire);
    netif_set_link_up(&wire);
    netif_set_up(&wire);
    net_unlock();
}

/* In any of some seconds. */
static void await_silence(void) {
    uint64_t before;
    unsigned rounds = 0;
    do {
        CHECK(++rounds < 30);
        before = network_wakes();
        sleep_ms(1300); /* Many a timer ticks once a second. */
    } while (network_wakes() != before);
}

static void check_silence(void) {
    await_silence();
    uint64_t before = network_wakes();
    sleep_ms(2500);
    CHECK_EQ(network_wakes(), before);
}

static int connected_pair[2];

static struct sockaddr_in address_of(uint32_t ip, uint16_t port) {
    return (struct sockaddr_in) { .sin_family = AF_INET, .sin_port = lwip_htons(port), .sin_addr.s_addr = lwip_htonl(ip) };
}

static void connect_pair(void) {
    struct sockaddr_in address = address_of(INADDR_LOOPBACK, 80);
    int listener = lwip_socket(AF_INET, SOCK_STREAM, 0);
    CHECK_EQ(lwip_bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
    CHECK_EQ(lwip_listen(listener, 1), 0);
    connected_pair[0] = lwip_socket(AF_INET, SOCK_STREAM, 0);
    CHECK_EQ(lwip_connect(connected_pair[0], (struct sockaddr *)&address, sizeof(address)), 0);
    connected_pair[1] = lwip_accept(listener, NULL, NULL);
    CHECK(connected_pair[1] >= 0);
    CHECK_EQ(lwip_close(listener), 0);
}

static void be_idle(unsigned index) {
    (void)index;
    connect_pair();
    char byte = 1;
    CHECK_EQ(lwip_send(connected_pair[0], &byte, 1, 0), 1);
    CHECK_EQ(lwip_recv(connected_pair[1], &byte, 1, 0), 1);
    check_silence();
    CHECK_EQ(lwip_close(connected_pair[0]), 0);
    CHECK_EQ(lwip_close(connected_pair[1]), 0);
    check_silence();
}

TEST(an_idle_network_wakes_nobody_with_a_connection_too) {
    start_net_machine();
    run_all(1, be_idle);
}

static void ask_for_nobody(unsigned index) {
    (void)index;
    add_wire(true);
    int fd = lwip_socket(AF_INET, SOCK_DGRAM, 0);
    struct sockaddr_in nobody = address_of(0x0a000063, 9);
    await_silence();
    uint32_t before = sent(&arps);
    CHECK_EQ(lwip_sendto(fd, "x", 1, 0, (struct sockaddr *)&nobody, sizeof(nobody)), 1);
    CHECK_EQ(sent(&arps), before + 1);
    sleep_ms(7000);
    CHECK_EQ(sent(&arps), before + 5); /* One a second, until it is given up. */
    CHECK_EQ(sent(&udps), 0);
    check_silence();
}

TEST(an_address_is_asked_for_again_until_it_is_given_up) {
    start_net_machine();
    run_all(1, ask_for_nobody);
}

static void connect_to_nobody(unsigned index) {
    (void)index;
    add_wire(true);
    net_lock();
    const struct eth_addr mac = { { 2, 0, 0, 0, 0, 2 } };
    ip4_addr_t gateway;
    IP4_ADDR(&gateway, 10, 0, 0, 2);
    struct pbuf *p = pbuf_alloc(PBUF_RAW, SIZEOF_ETH_HDR + 28, PBUF_RAM);
    uint8_t *frame = p->payload;
    memcpy(frame, wire.hwaddr, 6);
    memcpy(frame + 6, &mac, 6);
    memcpy(frame + 12, "\x08\x06\0\1\x08\0\6\4\0\2", 10); /* An answer of ARP. */
    memcpy(frame + 22, &mac, 6);
    memcpy(frame + 28, &gateway, 4);
    memcpy(frame + 32, wire.hwaddr, 6);
    memcpy(frame + 38, netif_ip4_addr(&wire), 4);
    CHECK_EQ(wire.input(p, &wire), ERR_OK);
    net_unlock();
    await_silence();
    int fd = lwip_socket(AF_INET, SOCK_STREAM, 0);
    CHECK_EQ(lwip_fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    struct sockaddr_in nobody = address_of(0x0a000002, 9);
    CHECK_EQ(lwip_connect(fd, (struct sockaddr *)&nobody, sizeof(nobody)), -1);
    CHECK_EQ(*net_errno(), 115);
    CHECK_EQ(sent(&tcps), 1);
    sleep_ms(5000);
    CHECK(sent(&tcps) >= 3); /* After 1, 3, 7 seconds. */
    CHECK_EQ(lwip_close(fd), 0);
    check_silence();
}

TEST(a_connection_that_nobody_answers_is_tried_again) {
    start_net_machine();
    run_all(1, connect_to_nobody);
}

static void ask_for_address(unsigned index) {
    (void)index;
    add_wire(false);
    net_lock();
    CHECK_EQ(dhcp_start(&wire), ERR_OK);
    net_unlock();
    sleep_ms(8000);
    uint32_t asked = sent(&udps);
    CHECK(asked >= 3 && asked <= 4); /* After 2, 4, 8 seconds. */
}

TEST(dhcp_asks_again) {
    start_net_machine();
    run_all(1, ask_for_address);
}

static void make_address(unsigned index) {
    (void)index;
    add_wire(true);
    net_lock();
    netif_create_ip6_linklocal_address(&wire, 1);
    wire.ip6_autoconfig_enabled = 1;
    net_unlock();
    sleep_ms(4000);
    net_lock();
    CHECK_EQ(netif_ip6_addr_state(&wire, 0), IP6_ADDR_PREFERRED);
    net_unlock();
    CHECK(sent(&sixes) >= 2);
}

TEST(an_ipv6_address_is_made_and_routers_are_asked_for) {
    start_net_machine();
    run_all(1, make_address);
}
