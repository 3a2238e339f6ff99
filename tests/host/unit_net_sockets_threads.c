/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* How threads wait for sockets: by a word each, by events of several. Built with the thread sanitizer. */
#include "kernel/net/resolve.h"
#include "kernel/net/socket.h"
#include "tests/host/net_world.h"
#include "tests/host/unit.h"

#define EAGAIN_ 11
#define EBADF_ 9
#define ECHOES 300

static struct sockaddr_in address_of(uint16_t port) {
    return (struct sockaddr_in) {
        .sin_family = AF_INET, .sin_port = lwip_htons(port), .sin_addr.s_addr = lwip_htonl(INADDR_LOOPBACK),
    };
}

static socket_t *new_socket(int type, uint16_t port) {
    socket_t *socket = socket_new(AF_INET, type, 0);
    CHECK(socket);
    struct sockaddr_in own = address_of(port);
    int fd = socket_begin(socket);
    CHECK(!port || !lwip_bind(fd, (struct sockaddr *)&own, sizeof(own)));
    CHECK(!port || type != SOCK_STREAM || !lwip_listen(fd, 10));
    socket_end(socket);
    return socket;
}

/* -1: it was closed. */
static ssize_t receive(socket_t *socket, void *buffer, size_t size, uint64_t deadline_ns) {
    ssize_t got;
    do {
        uint32_t seen = socket_events(socket);
        int fd = socket_begin(socket);
        if (fd < 0) {
            CHECK_EQ(*net_errno(), EBADF_);
            return -1;
        }
        got = lwip_recv(fd, buffer, size, 0);
        int error = *net_errno();
        socket_end(socket);
        if (got >= 0) {
            return got;
        }
        CHECK_EQ(error, EAGAIN_);
        wait_result_t result = socket_wait(socket, seen, deadline_ns);
        CHECK(result == WAIT_WOKEN);
    } while (true);
}

static void send_all(socket_t *socket, const void *buffer, size_t size) {
    int fd = socket_begin(socket);
    CHECK(fd >= 0);
    CHECK_EQ(lwip_send(fd, buffer, size, 0), size);
    socket_end(socket);
}

static socket_t *accept_one(socket_t *listener) {
    socket_t *accepted;
    uint32_t seen;
    while (seen = socket_events(listener), !(accepted = socket_accept(listener, NULL, NULL))) {
        CHECK_EQ(*net_errno(), EAGAIN_);
        CHECK(socket_wait(listener, seen, after(LONG_NS)) == WAIT_WOKEN);
    }
    return accepted;
}

static socket_t *connect_to(uint16_t port) {
    socket_t *socket = new_socket(SOCK_STREAM, 0);
    struct sockaddr_in there = address_of(port);
    uint32_t seen = socket_events(socket);
    int fd = socket_begin(socket);
    CHECK_EQ(lwip_connect(fd, (struct sockaddr *)&there, sizeof(there)), -1);
    CHECK_EQ(*net_errno(), 115);
    socket_end(socket);
    while (!(socket_readiness(socket) & SOCKET_WRITABLE)) {
        CHECK(socket_wait(socket, seen, after(LONG_NS)) == WAIT_WOKEN);
        seen = socket_events(socket);
    }
    return socket;
}

static socket_t *listeners[2];

static void listen(unsigned index) {
    (void)index;
    listeners[0] = new_socket(SOCK_STREAM, 80);
    listeners[1] = new_socket(SOCK_STREAM, 81);
}

static void echo(unsigned index) {
    bool serves = index < 2;
    socket_t *socket = serves ? accept_one(listeners[index]) : connect_to(80 + index - 2);
    for (uint32_t i = 0; i < ECHOES; ++i) {
        uint32_t got = i;
        if (!serves) {
            send_all(socket, &i, sizeof(i));
        }
        CHECK_EQ(receive(socket, &got, sizeof(got), after(LONG_NS)), sizeof(got));
        CHECK_EQ(got, i);
        if (serves) {
            send_all(socket, &got, sizeof(got));
        }
    }
    socket_close(socket);
    socket_release(socket);
    if (serves) {
        socket_release(listeners[index]);
    }
}

TEST(each_answer_ends_its_wait) {
    start_net_machine();
    run_all(1, listen);
    run_all(4, echo);
}

static socket_t *shared;

static void open_shared(unsigned index) {
    (void)index;
    shared = new_socket(SOCK_DGRAM, 9);
}

static void wait_or_close(unsigned index) {
    if (index) {
        char byte;
        kobject_hold(&shared->object);
        CHECK_EQ(receive(shared, &byte, 1, after(LONG_NS)), -1);
        CHECK_EQ(socket_readiness(shared), SOCKET_CLOSED);
        socket_release(shared);
    } else {
        sleep_ms(world_random() % 30);
        socket_add_owner(shared);
        socket_close(shared);
        socket_close(shared);
    }
}

TEST(a_close_ends_all_waits_for_the_socket) {
    start_net_machine();
    run_all(1, open_shared);
    run_all(4, wait_or_close);
}

static uint32_t is_waiting; /* Atomic. */

static void wait_or_interrupt(unsigned index) {
    if (index) {
        uint32_t seen = socket_events(shared);
        __atomic_store_n(&is_waiting, 1, __ATOMIC_RELEASE);
        CHECK(socket_wait(shared, seen, after(LONG_NS)) == WAIT_INTERRUPTED);
        CHECK(socket_wait(shared, seen, after(NS_PER_MS)) == WAIT_TIMEOUT);
        CHECK(socket_wait(shared, seen - 1, after(LONG_NS)) == WAIT_WOKEN);
        return;
    }
    while (!__atomic_load_n(&is_waiting, __ATOMIC_ACQUIRE)) {
        cpu_relax();
    }
    thread_interrupt(&threads[1].kernel);
}

TEST(a_wait_is_interrupted_and_has_a_deadline) {
    start_net_machine();
    run_all(1, open_shared);
    run_all(2, wait_or_interrupt);
}

#define SOCKETS 8
#define MESSAGES 200

static socket_t *many[SOCKETS];
static event_t event;

static void open_many(unsigned index) {
    (void)index;
    for (unsigned i = 0; i < SOCKETS; ++i) {
        many[i] = new_socket(SOCK_DGRAM, 100 + i);
    }
}

static void poll_or_send(unsigned index) {
    if (index) {
        socket_t *socket = new_socket(SOCK_DGRAM, 0);
        for (unsigned i = 0; i < MESSAGES; ++i) {
            struct sockaddr_in there = address_of(100 + world_random() % SOCKETS);
            int fd = socket_begin(socket);
            CHECK_EQ(lwip_sendto(fd, "x", 1, 0, (struct sockaddr *)&there, sizeof(there)), 1);
            socket_end(socket);
        }
        socket_release(socket);
        return;
    }
    socket_watch_t watches[SOCKETS] = { 0 };
    event_waiter_t waiter = { 0 };
    for (unsigned i = 0; i < SOCKETS; ++i) {
        watches[i].event = &event;
    }
    for (unsigned got = 0; got < 3 * MESSAGES;) {
        bool any = false;
        for (unsigned i = 0; i < SOCKETS; ++i) {
            char byte;
            socket_watch(many[i], &watches[i]);
            if (socket_readiness(many[i]) & SOCKET_READABLE) {
                CHECK_EQ(receive(many[i], &byte, 1, 0), 1);
                ++got;
                any = true;
            }
        }
        if (!any) {
            uint64_t deadline = after(LONG_NS);
            event_wait(&event, &waiter, deadline);
            CHECK(clock_monotonic_ns() < deadline);
        }
    }
    for (unsigned i = 0; i < SOCKETS; ++i) {
        socket_unwatch(&watches[i]);
        socket_release(many[i]);
    }
}

TEST(an_event_tells_of_any_of_several) {
    start_net_machine();
    run_all(1, open_many);
    run_all(4, poll_or_send);
}

static void resolve(unsigned index) {
    ip_addr_t address;
    CHECK(net_resolve("localhost", index % 2, after(LONG_NS), &address) == RESOLVE_FOUND);
    CHECK(index % 2 ? ip6_addr_isloopback(ip_2_ip6(&address)) : ip4_addr_isloopback(ip_2_ip4(&address)));
    CHECK(net_resolve("192.0.2.1", false, after(LONG_NS), &address) == RESOLVE_FOUND);
    CHECK(net_resolve("nobody.example", false, after(LONG_NS), &address) == RESOLVE_NOT_FOUND);
}

TEST(names_need_no_server_where_they_are_known) {
    start_net_machine();
    run_all(2, resolve);
}

static void abandon(unsigned index) {
    (void)index;
    socket_t *listener = new_socket(SOCK_STREAM, 1000), *clients[3];
    for (unsigned i = 0; i < 3; ++i) {
        clients[i] = connect_to(1000);
        send_all(clients[i], "hello", 5);
    }
    socket_release(listener);
    for (unsigned i = 0; i < 3; ++i) {
        uint64_t deadline = after(LONG_NS);
        while (!(socket_readiness(clients[i]) & SOCKET_FAILED)) {
            uint32_t seen = socket_events(clients[i]);
            CHECK(socket_readiness(clients[i]) & SOCKET_FAILED || socket_wait(clients[i], seen, deadline) == WAIT_WOKEN);
        }
        socket_release(clients[i]);
    }
}

TEST(connections_that_nobody_has_accepted_end_with_the_listener) {
    start_net_machine();
    run_all(1, abandon);
}
