/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* TCP and UDP between threads over the interface to oneself: lwIP on the kernel's own locks, mailboxes and timers. Built
 * with the thread sanitizer. */
#include "tests/host/net_world.h"
#include "tests/host/unit.h"

#define BYTES (1u << 20)

static struct sockaddr_in address4(uint16_t port) {
    return (struct sockaddr_in) {
        .sin_family = AF_INET, .sin_port = lwip_htons(port), .sin_addr.s_addr = lwip_htonl(INADDR_LOOPBACK),
    };
}

static struct sockaddr_in6 address6(uint16_t port) {
    return (struct sockaddr_in6) {
        .sin6_family = AF_INET6, .sin6_port = lwip_htons(port), .sin6_addr = IN6ADDR_LOOPBACK_INIT,
    };
}

/* Of a stream, what its byte at `at` is. */
static uint8_t byte_at(size_t at) {
    return (uint8_t)(at ^ at >> 8 ^ at >> 16);
}

static void send_stream(int fd) {
    uint8_t piece[3000];
    for (size_t at = 0; at < BYTES;) {
        size_t len = world_random() % sizeof(piece) + 1;
        len = len < BYTES - at ? len : BYTES - at;
        for (size_t i = 0; i < len; ++i) {
            piece[i] = byte_at(at + i);
        }
        ssize_t sent = lwip_send(fd, piece, len, 0);
        CHECK(sent > 0);
        at += (size_t)sent;
    }
    CHECK_EQ(lwip_shutdown(fd, SHUT_WR), 0);
}

static void receive_stream(int fd) {
    uint8_t piece[5000];
    size_t at = 0;
    ssize_t got;
    while ((got = lwip_recv(fd, piece, world_random() % sizeof(piece) + 1, 0)) > 0) {
        for (ssize_t i = 0; i < got; ++i) {
            CHECK_EQ(piece[i], byte_at(at));
            ++at;
        }
    }
    CHECK_EQ(got, 0);
    CHECK_EQ(at, BYTES);
}

static int listening[2] = { -1, -1 }; /* Set before the threads start. */

static int listen_on(const struct sockaddr *address, socklen_t len) {
    int fd = lwip_socket(address->sa_family, SOCK_STREAM, 0);
    CHECK(fd >= 0);
    const int on = 1;
    CHECK_EQ(lwip_setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
    CHECK_EQ(lwip_bind(fd, address, len), 0);
    CHECK_EQ(lwip_listen(fd, 5), 0);
    return fd;
}

static void listen_on_both(unsigned index) {
    (void)index;
    struct sockaddr_in four = address4(80);
    struct sockaddr_in6 six = address6(80);
    listening[0] = listen_on((struct sockaddr *)&four, sizeof(four));
    listening[1] = listen_on((struct sockaddr *)&six, sizeof(six));
}

static void serve_or_connect(unsigned index) {
    int fd;
    if (index < 2) {
        fd = lwip_accept(listening[index], NULL, NULL);
        CHECK(fd >= 0);
        receive_stream(fd);
        send_stream(fd);
    } else {
        struct sockaddr_in four = address4(80);
        struct sockaddr_in6 six = address6(80);
        fd = lwip_socket(index == 2 ? AF_INET : AF_INET6, SOCK_STREAM, 0);
        CHECK(fd >= 0);
        CHECK_EQ(index == 2 ? lwip_connect(fd, (struct sockaddr *)&four, sizeof(four))
            : lwip_connect(fd, (struct sockaddr *)&six, sizeof(six)), 0);
        send_stream(fd);
        receive_stream(fd);
    }
    CHECK_EQ(lwip_close(fd), 0);
}

TEST(streams_go_both_ways_over_both_protocols) {
    start_net_machine();
    run_all(1, listen_on_both);
    run_all(4, serve_or_connect);
}

#define DATAGRAMS 500

static void answer_or_ask(unsigned index) {
    struct sockaddr_in own = address4(1000 + index), other = address4(1000 + (index ^ 1));
    int fd = lwip_socket(AF_INET, SOCK_DGRAM, 0);
    CHECK(fd >= 0);
    int patience_ms = 200;
    CHECK_EQ(lwip_setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience_ms, sizeof(patience_ms)), 0);
    CHECK_EQ(lwip_bind(fd, (struct sockaddr *)&own, sizeof(own)), 0);
    for (uint32_t i = 0; i < DATAGRAMS;) {
        uint32_t got = UINT32_MAX;
        if (index % 2) { /* Asks, until it is answered. */
            lwip_sendto(fd, &i, sizeof(i), 0, (struct sockaddr *)&other, sizeof(other));
            if (lwip_recv(fd, &got, sizeof(got), 0) == sizeof(got)) {
                CHECK(got <= i);
                i += got == i;
            }
        } else if (lwip_recv(fd, &got, sizeof(got), 0) == sizeof(got)) {
            CHECK_EQ(lwip_sendto(fd, &got, sizeof(got), 0, (struct sockaddr *)&other, sizeof(other)), sizeof(got));
            i = got + 1;
        }
    }
    CHECK_EQ(lwip_close(fd), 0);
}

TEST(datagrams_are_answered) {
    start_net_machine();
    run_all(4, answer_or_ask);
}

static void be_refused(unsigned index) {
    struct sockaddr_in nobody = address4(7);
    int fd = lwip_socket(AF_INET, SOCK_STREAM, 0);
    CHECK(fd >= 0);
    CHECK_EQ(lwip_connect(fd, (struct sockaddr *)&nobody, sizeof(nobody)), -1);
    CHECK(*net_errno() == 104 || *net_errno() == 111);
    CHECK_EQ(lwip_close(fd), 0);
    (void)index;
}

TEST(a_connection_to_nobody_is_refused) {
    start_net_machine();
    run_all(2, be_refused);
}
