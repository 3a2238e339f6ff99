/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Sockets of lwIP's (lwip/sockets.h) that nobody sleeps in: each call does what can be done at once. Who wants more waits for
 * the socket's word to change, where Ctrl-C, a deadline and a close by another thread end the wait alike:
 *
 *     do {
 *         uint32_t seen = socket_events(socket);
 *         int fd = socket_begin(socket);            // -1: it is closed.
 *         done = lwip_recv(fd, buffer, size, 0);    // And *net_errno(), of which EAGAIN and EINPROGRESS mean: not yet.
 *         socket_end(socket);
 *     } while (done < 0 && not yet && socket_wait(socket, seen, deadline_ns) == WAIT_WOKEN);
 *
 * Thread context, without the network's lock. */
#ifndef MICROPY_INCLUDED_KERNEL_NET_SOCKET_H
#define MICROPY_INCLUDED_KERNEL_NET_SOCKET_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel/event.h"
#include "kernel/kobject.h"
#include "kernel/mutex.h"
#include "kernel/wait.h"

/* What a socket is ready for: numbers of poll(). */
enum {
    SOCKET_READABLE = 0x1,   /* Something came, or the end, or somebody to accept. */
    SOCKET_WRITABLE = 0x4,
    SOCKET_FAILED = 0x8,     /* SO_ERROR tells. */
    SOCKET_HUNG_UP = 0x10,   /* Of a stream: nothing more comes or goes. */
    SOCKET_CLOSED = 0x20,    /* It is no more. */
};

/* Has an event signalled the next time that a socket may have become ready for something. The caller's memory, the
 * kernel's. */
typedef struct _socket_watch_t {
    struct _socket_watch_t *next, **at; /* NULL: it is not linked. With the network's lock. */
    event_t *event;
} socket_watch_t;

/* Kernel memory. */
typedef struct _socket_t {
    kobject_t object;
    int fd;                  /* lwIP's. */
    uint32_t events;         /* A word to wait on: changes with all that may end a wait. */
    uint32_t users;          /* Atomic: calls that are under way, and one while it is not closed. */
    uint32_t owners;         /* Atomic. 0: it is closed. */
    mutex_t reading;         /* lwIP has one thread read from a socket at a time. Of: */
    bool has_ended;          /* A stream: who read last was told that no more comes. */
    socket_watch_t *watches; /* With the network's lock. */
} socket_t;

/* One of lwip/sockets.h's families, types and protocols, held. NULL where *net_errno() tells why. Starts the network, if
 * nobody has. In a thread that may use vector registers. */
socket_t *socket_new(int family, int type, int protocol);

/* The next one that a listening socket has, or NULL as above. `address` of `len` bytes or NULL. */
struct sockaddr;
socket_t *socket_accept(socket_t *listener, struct sockaddr *address, uint32_t *len);

/* Whether a socket may be bound to the address: it is an interface's, or none's in particular. */
bool socket_may_bind(const struct sockaddr *address);

/* Around each call of lwIP's: the number, which stays this socket's until socket_end(); or -1 and *net_errno() EBADF. */
int socket_begin(socket_t *socket);
void socket_end(socket_t *socket);

/* An owner more: each closes it once, and the last one ends it. Who makes one is an owner. */
void socket_add_owner(socket_t *socket);

/* Ends all waits for it, of other owners too, who try again. */
void socket_close(socket_t *socket);

/* Whether the object is a socket. */
bool socket_is(const kobject_t *object);

/* When nobody holds it any more it is closed, if its owners have not done so. */
static inline void socket_release(socket_t *socket) {
    kobject_release(&socket->object);
}

static inline uint32_t socket_events(const socket_t *socket) {
    return __atomic_load_n(&socket->events, __ATOMIC_ACQUIRE);
}

/* Waits until something happens to it that `seen` does not count; WAIT_CHANGED counts as WAIT_WOKEN. */
wait_result_t socket_wait(socket_t *socket, uint32_t seen, uint64_t deadline_ns);

/* Bits as above. Who looks at several has watches first. */
unsigned socket_readiness(socket_t *socket);

/* The event is signalled once, at the next event from now on; not any more. `watch` is zeroed at first, but for `event`. It
 * may be set twice, and need not be set to be taken back. */
void socket_watch(socket_t *socket, socket_watch_t *watch);
void socket_unwatch(socket_watch_t *watch);

#endif // MICROPY_INCLUDED_KERNEL_NET_SOCKET_H
