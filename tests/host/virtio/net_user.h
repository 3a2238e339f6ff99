/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Who uses drivers/virtio_net.c: a receiver with buffers, senders with frames, each in as many pieces as wanted, shared
 * with the device from when it is given to the driver to when it comes back, which it does once. */
#ifndef MICROPY_INCLUDED_TESTS_HOST_VIRTIO_NET_USER_H
#define MICROPY_INCLUDED_TESTS_HOST_VIRTIO_NET_USER_H

#include "drivers/virtio_net.h"

#define USER_PIECES 256 /* Of each kind: what a queue holds. */

/* A receive buffer, or a frame that is sent. */
typedef struct _user_piece_t {
    unsigned slot;             /* Where it is kept. */
    uint32_t len;
    uint8_t bytes[];           /* What the device reaches, and that only. */
} user_piece_t;

typedef struct _user_t {
    virtio_net_t net;
    bool is_open;
    user_piece_t *buffer[USER_PIECES], *frame[USER_PIECES];
    unsigned buffers, frames;  /* How many the driver has. */
    uint64_t received, bad;    /* Frames, counted: that came, that were none; */
    uint64_t sent, full;       /* that came back, that found no room. */
    unsigned changes;          /* How often on_change came. */
    bool receive_wakes;        /* The receiver sleeps: rx_wait() has said so; */
    bool receive_woken;        /* on_receive has come since. */
    bool sent_wakes, sent_woken; /* The same of a sender. */
    uint32_t apic_id;          /* Where interrupts go. */
    /* Called for each frame that was received, its buffer still shared; NULL: nothing. */
    void (*on_frame)(const user_piece_t *buffer, const virtio_net_received_t *received);
    void (*on_back)(const user_piece_t *piece, unsigned queue); /* For each that comes back; NULL: nothing. */
} user_t;

extern user_t user;

/* Finds the function in slot 3 of segment 0, and opens it. What is wrong, or NULL. */
const char *user_open(bool large);

/* Has the device take interrupts elsewhere. */
void user_steer(uint32_t apic_id);

/* Offers receive buffers of `segments` pieces each until the driver has `count`, or takes no more. Not shown yet. */
void user_offer(unsigned count, unsigned segments);

/* The receiver: takes at most `budget` frames, offers as many buffers, and waits where there is no more. */
void user_receive(unsigned budget, unsigned segments);

/* Adds a frame, a copy; not shown yet. */
virtio_net_add_t user_send(const uint8_t *frame, uint32_t len, unsigned segments, const virtio_net_offload_t *offload);

/* Takes back at most `count` frames that were sent. Returns how many. */
unsigned user_take_sent(unsigned count);

/* Waits for room, or finds that there is some. */
void user_wait_sent(void);

/* Stops the device, and takes all back. What stop() says. */
bool user_stop(void);

/* And starts it again, with no buffer. What is wrong, or NULL. */
const char *user_restart(void);

/* Stops, disconnects and frees. What stop() says. */
bool user_close(void);

#endif // MICROPY_INCLUDED_TESTS_HOST_VIRTIO_NET_USER_H
