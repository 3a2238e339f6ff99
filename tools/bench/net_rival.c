/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
 *
 * The Linux guest's side of what `./inv bench net` counts: KIND HOST COUNT as arguments; prints microseconds. What the
 * kinds are, net_peer.py tells; net_guest.py does the same in our guest. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PORT 7000
#define BLOCK (64u << 10)
#define DATAGRAM 1448
#define BURST 32

static char data[BLOCK];

static void check(const char *what, int good) {
    if (!good) {
        perror(what);
        exit(1);
    }
}

static void send_all(int fd, const void *bytes, size_t size) {
    while (size > 0) {
        ssize_t sent = send(fd, bytes, size, 0);
        check("send", sent > 0);
        bytes = (const char *)bytes + sent;
        size -= sent;
    }
}

static void receive_all(int fd, uint64_t size) {
    while (size > 0) {
        ssize_t got = recv(fd, data, size < BLOCK ? size : BLOCK, 0);
        check("recv", got > 0);
        size -= got;
    }
}

static void echo(int fd, unsigned count) {
    while (count-- > 0) {
        send_all(fd, data, 64);
        receive_all(fd, 64);
    }
}

static void give(int fd, unsigned count) {
    while (count-- > 0) {
        send_all(fd, data, BLOCK);
    }
    receive_all(fd, 1);
}

static void take(int fd, unsigned count) {
    receive_all(fd, (uint64_t)count * BLOCK);
    send_all(fd, data, 1);
}

static void udp_give(int fd, unsigned count) {
    for (unsigned i = 0; i < count; i += BURST) {
        for (unsigned j = 0; j < BURST; j++) {
            data[0] = j == BURST - 1;
            send_all(fd, data, DATAGRAM);
        }
        check("recv", recv(fd, data, BLOCK, 0) == 1);
    }
}

static void udp_take(int fd, unsigned count) {
    for (unsigned i = 0; i < count; i += BURST) {
        send_all(fd, "more", 4);
        for (unsigned j = 0; j < BURST; j++) {
            check("recv", recv(fd, data, BLOCK, 0) == DATAGRAM);
        }
    }
}

static const struct {
    const char *name;
    void (*run)(int fd, unsigned count);
} kinds[] = {
    { "echo", echo }, { "give", give }, { "take", take }, { "udp-give", udp_give }, { "udp-take", udp_take },
};

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1e6 + time.tv_nsec / 1e3;
}

static void run(unsigned kind, const char *host, unsigned count) {
    int udp = strncmp(kinds[kind].name, "udp", 3) == 0;
    struct sockaddr_in peer = { .sin_family = AF_INET, .sin_port = htons(PORT) };
    inet_pton(AF_INET, host, &peer.sin_addr);
    int fd = socket(AF_INET, udp ? SOCK_DGRAM : SOCK_STREAM, 0);
    check("connect", connect(fd, (struct sockaddr *)&peer, sizeof(peer)) == 0);
    if (!udp) {
        int yes = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
        char head[8];
        uint32_t number = htonl(count);
        memcpy(head, kinds[kind].name, 4);
        memcpy(head + 4, &number, 4);
        send_all(fd, head, sizeof(head));
    }
    double begin = now();
    kinds[kind].run(fd, count);
    printf("%.0f\n", now() - begin);
    close(fd);
}

int main(int argc, char **argv) {
    for (unsigned i = 0; argc == 4 && i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (strcmp(argv[1], kinds[i].name) == 0) {
            run(i, argv[2], atoi(argv[3]));
            return 0;
        }
    }
    return 2;
}
