/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Frames on their way to a device: kernel/net/net_tx.c and net_tso.c. With the network's lock. */
#ifndef MICROPY_INCLUDED_KERNEL_NET_NET_TX_H
#define MICROPY_INCLUDED_KERNEL_NET_NET_TX_H

#include "drivers/virtio_net.h"
#include "lwip/pbuf.h"

typedef struct _tx_frame_t {
    struct _tx_frame_t *next;      // In the queue.
    struct _tx_frame_t *more;      // What goes with it as one: of these, what is behind the headers.
    struct pbuf *pbuf;             // Held.
    uint16_t headers;              // Bytes up to the payload of TCP; 0: it is none whose checksum is left to the device.
    virtio_net_offload_t offload;
} tx_frame_t;

/* Makes the segments of one connection that follow the first frame in the queue, and its payload, one with it, of at most
 * `pieces_max` pieces. They leave the queue. Returns how many those were. */
unsigned net_tso_join(tx_frame_t *first, unsigned pieces_max);

/* How many pieces a packet has, from `skipped` bytes on. */
unsigned net_tx_pieces(const struct pbuf *p, unsigned skipped);

#endif // MICROPY_INCLUDED_KERNEL_NET_NET_TX_H
