/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include <string.h>

#include "kernel/kalloc.h"
#include "kernel/net/core.h"
#include "kernel/net/net_memory.h"
#include "kernel/net/net_random.h"
#include "kernel/net/socket.h"
#include "lwip/api.h"
#include "lwip/errno.h"
#include "lwip/inet.h"
#include "lwip/priv/sockets_priv.h"
#include "lwip/sockets.h"
#include "lwip/tcp.h"
#include "lwip/tcpip.h"

/* With the network's lock. */
static socket_t **by_number;        // Whose each number of lwIP's is. NULL: nothing was opened yet.
static netconn_callback count_event; // What sockets.c does itself at an event: it counts what there is to read.

static void wake(socket_t *socket) {
    __atomic_fetch_add(&socket->events, 1, __ATOMIC_RELEASE);
    wait_wake(&socket->events, WAKE_ALL);
    for (socket_watch_t *watch = socket->watches; watch; watch = watch->next) {
        watch->at = NULL;
        event_signal(watch->event);
    }
    socket->watches = NULL;
}

/* In the place of sockets.c's own, with the network's lock but where less is left to read. A connection that was not accepted
 * yet has a number below 0. */
static void on_event(struct netconn *conn, enum netconn_evt event, u16_t len) {
    count_event(conn, event, len);
    int fd = conn->callback_arg.socket;
    if (fd >= 0 && event != NETCONN_EVT_RCVMINUS && event != NETCONN_EVT_SENDMINUS && by_number[fd]) {
        wake(by_number[fd]);
    }
}

/* SO_LINGER. With a time of 0 the other end is to be told by a reset: lwIP does that where something is left to send only, and
 * nobody is to be told in TIME-WAIT. With another time lwIP would have the close wait, which no call of this does: it refuses to
 * close. */
static void prepare_close(int fd) {
    net_lock();
    struct netconn *conn = lwip_socket_dbg_get_socket(fd)->conn;
    struct tcp_pcb *pcb = NETCONNTYPE_GROUP(conn->type) == NETCONN_TCP ? conn->pcb.tcp : NULL;
    if (pcb && conn->linger == 0 && pcb->state > LISTEN && pcb->state != TIME_WAIT) {
        tcp_abort(pcb);
    }
    conn->linger = -1;
    net_unlock();
}

static void end_use(socket_t *socket) {
    if (!__atomic_sub_fetch(&socket->users, 1, __ATOMIC_ACQ_REL)) {
        prepare_close(socket->fd);
        lwip_close(socket->fd);
    }
}

/* Its last owner has closed it. */
static void end(socket_t *socket) {
    net_lock();
    by_number[socket->fd] = NULL;
    wake(socket);
    net_unlock();
    end_use(socket);
}

static struct _message_t *free_socket(kobject_t *object) {
    socket_t *socket = (socket_t *)object;
    if (__atomic_exchange_n(&socket->owners, 0, __ATOMIC_ACQ_REL)) {
        end(socket);
    }
    kfree(socket, sizeof(*socket));
    return NULL;
}

bool socket_is(const kobject_t *object) {
    return object->free == free_socket;
}

/* Whether there is a table. */
static bool prepare(void) {
    if (!net_start()) {
        return false;
    }
    net_random_seed();
    net_lock();
    if (!by_number) {
        by_number = net_calloc(MEMP_NUM_NETCONN, sizeof(*by_number));
    }
    bool ready = by_number;
    net_unlock();
    return ready;
}

/* Makes the number one of ours. The caller has just got it, so nothing has happened to it that somebody waits for. */
static socket_t *adopt(int fd) {
    socket_t *socket = kalloc(sizeof(*socket));
    if (!socket) {
        lwip_close(fd);
        *net_errno() = ENOMEM;
        return NULL;
    }
    *socket = (socket_t) { .object = { 1, free_socket }, .fd = fd, .users = 1, .owners = 1 };
    net_lock();
    struct netconn *conn = lwip_socket_dbg_get_socket(fd)->conn;
    if (!count_event) {
        count_event = conn->callback; // It is the same for all: nobody reads it before this.
    }
    conn->callback = on_event;
    netconn_set_nonblocking(conn, 1);
    by_number[fd] = socket;
    net_unlock();
    return socket;
}

socket_t *socket_new(int family, int type, int protocol) {
    if (!prepare()) {
        *net_errno() = ENOMEM;
        return NULL;
    }
    int fd = lwip_socket(family, type, protocol);
    return fd >= 0 ? adopt(fd) : NULL;
}

socket_t *socket_accept(socket_t *listener, struct sockaddr *address, uint32_t *len) {
    int fd = socket_begin(listener);
    if (fd < 0) {
        return NULL;
    }
    int accepted;
    do {
        accepted = lwip_accept(fd, address, len);
        // One that has ended while it waited is passed over: that is not an error of who listens.
    } while (accepted < 0 && (*net_errno() == ENOTCONN || *net_errno() == ECONNABORTED));
    socket_end(listener);
    return accepted >= 0 ? adopt(accepted) : NULL;
}

static bool has_ip4(const ip4_addr_t *ip) {
    const struct netif *netif;
    NETIF_FOREACH(netif) {
        if (ip4_addr_eq(netif_ip4_addr(netif), ip)) {
            return true;
        }
    }
    return ip4_addr_isany(ip) || ip4_addr_isloopback(ip) || ip4_addr_ismulticast(ip) || ip->addr == IPADDR_BROADCAST;
}

static bool has_ip6(const ip6_addr_t *ip) {
    struct netif *netif;
    NETIF_FOREACH(netif) {
        if (netif_get_ip6_addr_match(netif, ip) >= 0) {
            return true;
        }
    }
    return ip6_addr_isany(ip) || ip6_addr_isloopback(ip) || ip6_addr_ismulticast(ip) || ip6_addr_isipv4mappedipv6(ip);
}

bool socket_may_bind(const struct sockaddr *address) {
    net_lock();
    bool may;
    if (address->sa_family == AF_INET) {
        ip4_addr_t ip;
        inet_addr_to_ip4addr(&ip, &((const struct sockaddr_in *)address)->sin_addr);
        may = has_ip4(&ip);
    } else {
        ip6_addr_t ip;
        inet6_addr_to_ip6addr(&ip, &((const struct sockaddr_in6 *)address)->sin6_addr);
        may = has_ip6(&ip);
    }
    net_unlock();
    return may;
}

int socket_begin(socket_t *socket) {
    uint32_t users = __atomic_load_n(&socket->users, __ATOMIC_RELAXED);
    while (users && __atomic_load_n(&socket->owners, __ATOMIC_ACQUIRE)) {
        if (__atomic_compare_exchange_n(&socket->users, &users, users + 1, true, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
            return socket->fd;
        }
    }
    *net_errno() = EBADF;
    return -1;
}

void socket_end(socket_t *socket) {
    int error = *net_errno();
    end_use(socket);
    *net_errno() = error;
}

void socket_add_owner(socket_t *socket) {
    __atomic_fetch_add(&socket->owners, 1, __ATOMIC_RELAXED);
}

void socket_close(socket_t *socket) {
    if (!__atomic_sub_fetch(&socket->owners, 1, __ATOMIC_ACQ_REL)) {
        end(socket);
    } else {
        net_lock();
        wake(socket);
        net_unlock();
    }
}

wait_result_t socket_wait(socket_t *socket, uint32_t seen, uint64_t deadline_ns) {
    wait_result_t result = wait_on_interruptible(&socket->events, seen, deadline_ns);
    return result == WAIT_CHANGED ? WAIT_WOKEN : result;
}

/* A stream that is no connection, as Linux has it: none yet, where a write would not wait either; or none any more, reset
 * or ended by both. */
static unsigned readiness_of_stream(const struct netconn *conn) {
    const struct tcp_pcb *pcb = conn->pcb.tcp;
    if (NETCONNTYPE_GROUP(conn->type) != NETCONN_TCP || (pcb && pcb->state > CLOSED && pcb->state <= CLOSE_WAIT)) {
        return 0;
    }
    return SOCKET_HUNG_UP | (pcb && pcb->state == CLOSED ? SOCKET_WRITABLE : 0);
}

unsigned socket_readiness(socket_t *socket) {
    int fd = socket_begin(socket);
    if (fd < 0) {
        return SOCKET_CLOSED;
    }
    net_lock();
    const struct lwip_sock *sock = lwip_socket_dbg_get_socket(fd);
    SYS_ARCH_DECL_PROTECT(level);
    SYS_ARCH_PROTECT(level);
    bool was_told = __atomic_load_n(&socket->has_ended, __ATOMIC_RELAXED);
    unsigned ready = (sock->lastdata.pbuf || sock->rcvevent > 0 ? SOCKET_READABLE : 0)
        | (sock->sendevent ? SOCKET_WRITABLE : 0) | (sock->errevent && !was_told ? SOCKET_FAILED : 0)
        | readiness_of_stream(sock->conn);
    SYS_ARCH_UNPROTECT(level);
    net_unlock();
    socket_end(socket);
    return ready;
}

void socket_watch(socket_t *socket, socket_watch_t *watch) {
    net_lock();
    if (!watch->at) {
        watch->next = socket->watches;
        watch->at = &socket->watches;
        if (watch->next) {
            watch->next->at = &watch->next;
        }
        socket->watches = watch;
    }
    net_unlock();
}

void socket_unwatch(socket_watch_t *watch) {
    net_lock();
    if (watch->at) {
        *watch->at = watch->next;
        if (watch->next) {
            watch->next->at = watch->at;
        }
        watch->at = NULL;
    }
    net_unlock();
}
