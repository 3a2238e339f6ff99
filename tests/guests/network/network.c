/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* A guest on the project's kernel that is a server, of TCP and UDP, over IPv4 and IPv6: echo on port 7, discard on 9, which
 * says at the end how many bytes there were; on 19, as many bytes as a first line asks for. It says its addresses when it has
 * them. */

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "kernel/clock.h"
#include "kernel/console.h"
#include "kernel/devices.h"
#include "kernel/net/interface.h"
#include "kernel/net/net.h"
#include "kernel/net/net_memory.h"
#include "kernel/net/socket.h"
#include "kernel/system.h"
#include "kernel/thread.h"
#include "lwip/errno.h"
#include "lwip/sockets.h"

#define NS_PER_MS 1000000ull
#define PIECE 16384

static void say(const char *text) {
    console_write(text, strlen(text));
}

static void say_number(const char *what, uint64_t value) {
    char text[24], *at = text + sizeof(text);
    *--at = '\0';
    *--at = '\n';
    do {
        *--at = '0' + value % 10;
    } while (value /= 10);
    say(what);
    say(at);
}

/* What can be done at once, or is waited for: -1 where the connection failed. */
typedef ssize_t (*step_t)(int fd, void *buffer, size_t size);

static ssize_t receive(int fd, void *buffer, size_t size) {
    return lwip_recv(fd, buffer, size, 0);
}

static ssize_t send_some(int fd, void *buffer, size_t size) {
    return lwip_send(fd, buffer, size, 0);
}

static ssize_t await(socket_t *socket, step_t step, void *buffer, size_t size) {
    for (;;) {
        uint32_t seen = socket_events(socket);
        int fd = socket_begin(socket);
        ssize_t done = fd < 0 ? -1 : step(fd, buffer, size);
        int error = *net_errno();
        if (fd >= 0) {
            socket_end(socket);
        }
        if (done >= 0 || error != EAGAIN) {
            return done;
        }
        socket_wait(socket, seen, WAIT_FOREVER);
    }
}

static bool send_all(socket_t *socket, uint8_t *buffer, size_t size) {
    while (size) {
        ssize_t sent = await(socket, send_some, buffer, size);
        if (sent < 0) {
            return false;
        }
        buffer += sent;
        size -= (size_t)sent;
    }
    return true;
}

static void echo(socket_t *socket, uint8_t *buffer) {
    ssize_t got;
    while ((got = await(socket, receive, buffer, PIECE)) > 0 && send_all(socket, buffer, (size_t)got)) {
    }
}

static void discard(socket_t *socket, uint8_t *buffer) {
    uint64_t count = 0, start_ns = clock_monotonic_ns();
    ssize_t got;
    while ((got = await(socket, receive, buffer, PIECE)) > 0) {
        count += (uint64_t)got;
    }
    say_number("discarded ", count);
    say_number("in us ", (clock_monotonic_ns() - start_ns) / 1000);
}

static void generate(socket_t *socket, uint8_t *buffer) {
    uint64_t count = 0;
    ssize_t got = await(socket, receive, buffer, PIECE);
    for (ssize_t i = 0; i < got && buffer[i] >= '0' && buffer[i] <= '9'; ++i) {
        count = count * 10 + (buffer[i] - '0');
    }
    for (uint64_t at = 0; at < count;) {
        size_t len = count - at < PIECE ? count - at : PIECE;
        for (size_t i = 0; i < len; ++i) {
            buffer[i] = (uint8_t)((at + i) % 251);
        }
        if (!send_all(socket, buffer, len)) {
            return;
        }
        at += len;
    }
}

typedef struct _service_t {
    const char *name;
    uint16_t port;
    int type;
    void (*serve)(socket_t *socket, uint8_t *buffer);
    socket_t *socket;
} service_t;

typedef struct _client_t {
    const service_t *service;
    socket_t *socket;
    uint8_t buffer[PIECE];
} client_t;

static void serve(void *arg) {
    client_t *client = arg;
    client->service->serve(client->socket, client->buffer);
    socket_close(client->socket);
    socket_release(client->socket);
    net_free(client);
}

static void start(const service_t *service, socket_t *socket) {
    client_t *client = net_malloc(sizeof(*client));
    if (client) {
        client->service = service;
        client->socket = socket;
        const thread_options_t options = { .name = service->name, .priority = RUN_PRIORITY_NORMAL };
        thread_t *thread = thread_create(&options, serve, client);
        if (thread) {
            thread_detach(thread);
            return;
        }
        net_free(client);
    }
    socket_close(socket);
    socket_release(socket);
}

static void answer_datagrams(socket_t *socket) {
    static uint8_t buffer[2048];
    for (;;) {
        struct sockaddr_storage from;
        socklen_t len = sizeof(from);
        uint32_t seen = socket_events(socket);
        int fd = socket_begin(socket);
        ssize_t got = lwip_recvfrom(fd, buffer, sizeof(buffer), 0, (struct sockaddr *)&from, &len);
        if (got >= 0) {
            lwip_sendto(fd, buffer, (size_t)got, 0, (struct sockaddr *)&from, len);
        }
        socket_end(socket);
        if (got < 0) {
            socket_wait(socket, seen, WAIT_FOREVER);
        }
    }
}

static void listen(void *arg) {
    service_t *service = arg;
    struct sockaddr_in6 own = { .sin6_family = AF_INET6, .sin6_port = lwip_htons(service->port) };
    service->socket = socket_new(AF_INET6, service->type, 0);
    int fd = socket_begin(service->socket);
    if (lwip_bind(fd, (struct sockaddr *)&own, sizeof(own))) {
        say_number("cannot bind: ", (uint64_t)*net_errno());
    }
    if (service->type == SOCK_DGRAM) {
        answer_datagrams(service->socket);
    }
    lwip_listen(fd, 100);
    socket_end(service->socket);
    for (;;) {
        uint32_t seen = socket_events(service->socket);
        socket_t *accepted = socket_accept(service->socket, NULL, NULL);
        if (accepted) {
            start(service, accepted);
        } else {
            socket_wait(service->socket, seen, WAIT_FOREVER);
        }
    }
}

static service_t services[] = {
    { "echo", 7, SOCK_STREAM, echo, NULL },
    { "discard", 9, SOCK_STREAM, discard, NULL },
    { "chargen", 19, SOCK_STREAM, generate, NULL },
    { "datagrams", 7, SOCK_DGRAM, NULL, NULL },
};

/* Sleeps until the first interface has an address of version 4. */
static void await_address(void) {
    char text[IPADDR_STRLEN_MAX] = "";
    static uint32_t never;
    while (!*text) {
        wait_on(&never, 0, clock_monotonic_ns() + 10 * NS_PER_MS);
        interface_t *interface = network_find_from(0);
        if (interface) {
            if (interface->state == INTERFACE_WORKS) {
                net_lock();
                if (!ip4_addr_isany(netif_ip4_addr(&interface->netif))) {
                    ip4addr_ntoa_r(netif_ip4_addr(&interface->netif), text, sizeof(text));
                }
                net_unlock();
            }
            network_release(interface);
        }
    }
    say("address ");
    say(text);
    say("\n");
}

void app_main(void) {
    static const char *const settings[] = { "pci" };
    system_check_settings(settings, 1);
    devices_init();
    for (unsigned i = 0; i < sizeof(services) / sizeof(services[0]); ++i) {
        const thread_options_t options = { .name = services[i].name, .priority = RUN_PRIORITY_NORMAL };
        thread_create(&options, listen, &services[i]);
    }
    await_address();
    for (;;) {
        static uint32_t never;
        wait_on(&never, 0, clock_monotonic_ns() + 1000 * NS_PER_MS);
        say_number("network memory ", net_memory_used());
    }
}
