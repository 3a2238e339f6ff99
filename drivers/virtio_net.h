/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* A virtio network device: virtio 1.2, 5.1. It knows frames as segments of memory, with a token or a buffer by which
 * they come back; whose they are, and what is in them, is kernel/net's business. It allocates no frame, and never
 * sleeps.
 *
 * Who may call what:
 *
 *   - open, stop, restart, disconnect, free, steer, read_status, announced, and all of rx: thread context, one caller
 *     at a time for one device: it is its receiver, or has kept its receiver out.
 *   - tx: any CPU, any context: a lock of its own keeps them apart, from stop as well. No other lock of
 *     rank LOCK_RANK_DEVICE_QUEUE or above may be held.
 *
 * What is offered to rx or added to tx is the device's until it has come back, and comes back once: by
 * virtio_net_rx_take() or virtio_net_tx_take(), or after virtio_net_stop() by the two ..._take_unfinished(). */
#ifndef MICROPY_INCLUDED_DRIVERS_VIRTIO_NET_H
#define MICROPY_INCLUDED_DRIVERS_VIRTIO_NET_H

#include <stdbool.h>
#include <stdint.h>

#include "boot/spinlock.h"
#include "drivers/virtio.h"

/* Bytes before each frame: 5.1.6, of VIRTIO_F_VERSION_1. */
#define VIRTIO_NET_HEADER 12

#define VIRTIO_NET_MAC 6

/* Pairs of queues in use. More need VIRTIO_NET_F_MQ, and the device told of it: 5.1.6.5.5. */
#define VIRTIO_NET_PAIRS 1

/* The device joins TCP segments only where each receive buffer holds this many bytes, with the header: 5.1.6.3.1. */
#define VIRTIO_NET_LARGE (65550 + VIRTIO_NET_HEADER)

typedef enum _virtio_net_checksum_t {
    VIRTIO_NET_CHECKSUM_NONE,      /* Received: nothing is known of it. Sent: it is complete. */
    VIRTIO_NET_CHECKSUM_PARTIAL,   /* Where it belongs there is that of the pseudo header; see csum_start. */
    VIRTIO_NET_CHECKSUM_VALID,     /* Received only: it was checked. */
} virtio_net_checksum_t;

typedef enum _virtio_net_gso_t {
    VIRTIO_NET_GSO_NONE = 0,
    VIRTIO_NET_GSO_TCPV4 = 1,
    VIRTIO_NET_GSO_TCPV6 = 4,
} virtio_net_gso_t;

/* What is left to do about a frame: 5.1.6. All offsets are in bytes from the frame's first, its Ethernet header's. */
typedef struct _virtio_net_offload_t {
    uint8_t checksum;              /* virtio_net_checksum_t */
    uint8_t gso;                   /* virtio_net_gso_t: TCP segments that are one frame. */
    bool ecn;                      /* With GSO: the first of them has CWR set. */
    uint16_t csum_start;           /* PARTIAL: the sum goes from here to the frame's end, */
    uint16_t csum_offset;          /* and is stored, as two bytes, that far behind csum_start. */
    uint16_t gso_size;             /* With GSO: TCP payload in each but the last; not 0. */
    uint16_t headers;              /* With GSO, sent only: bytes of Ethernet, IP and TCP headers. */
} virtio_net_offload_t;

typedef struct _virtio_net_received_t {
    uint32_t len;                  /* Of the frame, behind the header: what the buffer holds at most. 0: see rx_take. */
    virtio_net_offload_t offload;  /* Within `len`. */
} virtio_net_received_t;

struct _virtio_net_t;

typedef struct _virtio_net_pair_t {
    struct _virtio_net_t *net;
    virtio_queue_t rx, tx;
    bool rx_live;                  /* The device takes buffers. */
    uint32_t bad_frames;           /* Received with a header that makes no sense, or too short. Counted, of rx. */
    spinlock_t tx_lock;            /* Of tx, and of: */
    bool tx_live;                  /* The device takes frames. */
} virtio_net_pair_t;

/* Kernel memory: interrupts reach it. */
typedef struct _virtio_net_t {
    virtio_device_t virtio;
    virtio_net_pair_t pair[VIRTIO_NET_PAIRS];
    virtio_queue_t control;        /* Made where the device wants to be answered when it has us announced. */
    struct _virtio_net_shared_t *shared; /* What the device sees beside rings and frames: drivers/virtio_net.c. */
    bool is_lost;                  /* It did not reset. */

    /* Of the device, as virtio_net_open() found it; the same until it is freed. */
    uint8_t mac[VIRTIO_NET_MAC];
    bool has_mac;                  /* Else it has none, or one that is no single station's: `mac` is zeros. */
    uint16_t mtu;                  /* Bytes behind the Ethernet header: 68 to 65535. */
    uint32_t receive_len;          /* Bytes that each receive buffer should hold, with the header: a longer frame is cut
                                    * off or lost. */
    uint16_t receive_max;          /* Buffers of one segment that the device takes at once, at most. */
    uint16_t segments_max;         /* Of a frame that is sent: at least 1. */
    bool sends_checksum;           /* tx may have PARTIAL. */
    bool sends_tso4, sends_tso6;   /* tx may have GSO of that type; PARTIAL with it. */
    bool sends_ecn;                /* And with `ecn`. */
    bool receives_checksum;        /* rx may have PARTIAL and VALID. */
    bool receives_tso;             /* rx may have GSO. */

    /* As virtio_net_read_status() found it. */
    bool link_up;                  /* True where the device does not say. */
    bool must_announce;            /* Gratuitous packets are to be sent, then virtio_net_announced(): 5.1.6.5.4. */

    /* The caller's, each called with no lock held by the driver. on_change and the other two may come before
     * virtio_net_open() has returned, and until virtio_net_disconnect() has. */

    /* In any context: the device has changed its configuration (virtio_net_read_status()), or wants a reset
     * (virtio_needs_reset()), or a queue has stopped (virtio_net_problem()), or virtio_net_announced() is answered. */
    void (*on_change)(struct _virtio_net_t *net);
    /* In interrupt context: frames have come. Once from virtio_net_rx_wait() on, or seldom without a reason. */
    void (*on_receive)(virtio_net_pair_t *pair);
    /* In interrupt context: frames were sent. Once from virtio_net_tx_wait() on, or seldom without a reason. */
    void (*on_sent)(virtio_net_pair_t *pair);
} virtio_net_t;

/* Starts the device. `net` is zeroed but for the caller's functions; `name` (for people) stays in use. `large`: all
 * receive buffers will hold VIRTIO_NET_LARGE bytes; the same each time for one device, as Cloud Hypervisor forgets no
 * feature. The interrupts of pair i go to the CPU of APIC id apic_id(i).
 * Returns what is wrong, for people: it is stopped, disconnected and freed then; or NULL: it has no receive buffers,
 * and its receiver awaits on_receive, as after virtio_net_rx_wait(). */
const char *virtio_net_open(virtio_net_t *net, const pci_function_t *function, const char *name, bool large,
    uint32_t (*apic_id)(unsigned pair));

/* Resets the device: nothing is received nor sent any more, and what it has can be taken back. False where it does not
 * say that it is reset: it is not to be used again then, and may write to its receive buffers for ever. */
bool virtio_net_stop(virtio_net_t *net);

/* A buffer that was offered, or the token of a frame that was added, that did not come back until virtio_net_stop(),
 * whether the queue has stopped by itself before or not; NULL: no more. */
void *virtio_net_rx_take_unfinished(virtio_net_pair_t *pair);
void *virtio_net_tx_take_unfinished(virtio_net_pair_t *pair);

/* Starts it again, after virtio_net_stop() was true and nothing was left unfinished. What is wrong: it is stopped; or
 * NULL: as after virtio_net_open(), with the same MAC, MTU and abilities. */
const char *virtio_net_restart(virtio_net_t *net);

/* Ends its interrupts: the device is not touched any more. After virtio_net_stop(). */
void virtio_net_disconnect(virtio_net_t *net);

/* Gives back its memory, but what a device that did not reset may still know. After virtio_net_disconnect(), with
 * nothing left unfinished; nobody uses it. */
void virtio_net_free(virtio_net_t *net);

/* Sends the interrupts where apic_id() says now. */
void virtio_net_steer(virtio_net_t *net, uint32_t (*apic_id)(unsigned pair));

/* Reads link_up and must_announce again. False where that fails: they stay. */
bool virtio_net_read_status(virtio_net_t *net);

/* Tells the device that what it had us announce was announced; it takes the wish back, some time before on_change
 * comes. False: it has not answered the last time yet, or is stopped: again after on_change. */
bool virtio_net_announced(virtio_net_t *net);

/* Why a queue has stopped by itself, or NULL. Any context. */
const char *virtio_net_problem(const virtio_net_t *net);

/* Receiving. The receiver offers buffers, and takes them back with frames, until there is no more:
 *
 *     do {
 *         while ((buffer = virtio_net_rx_take(pair, &received))) { ... virtio_net_rx_offer(pair, ...); }
 *         virtio_net_rx_flush(pair);
 *     } while (!virtio_net_rx_wait(pair));
 *
 * While it does so there is no interrupt. One that stops in the midst calls no wait, and goes on by itself. */

/* Offers a buffer: `count` segments of RAM, all in all receive_len bytes, the first of them VIRTIO_NET_HEADER or more.
 * `buffer` is where the first one is in the kernel's memory, at any alignment: there the header comes, and behind it
 * the frame. The device does not know of it before virtio_net_rx_flush(). False: there is no room, or rx is stopped. */
bool virtio_net_rx_offer(virtio_net_pair_t *pair, void *buffer, dma_segment_t *segments, unsigned count);

/* Shows the device what was offered since the last time; may cost one VM exit. */
void virtio_net_rx_flush(virtio_net_pair_t *pair);

/* Takes a buffer back, in the order in which the device is done with them, or NULL: there is none, or rx is stopped.
 * `received` tells of its frame; a `len` of 0 is no frame: it was too short for an Ethernet header, or its offload made
 * no sense. */
void *virtio_net_rx_take(virtio_net_pair_t *pair, virtio_net_received_t *received);

/* Has on_receive called once, when the next frame comes. False: one has come already, which nobody may be told of. */
bool virtio_net_rx_wait(virtio_net_pair_t *pair);

/* Sending. There is no interrupt unless somebody waits: who sends takes back what was sent, sooner or later. */

typedef enum _virtio_net_add_t {
    VIRTIO_NET_ADDED,
    VIRTIO_NET_FULL,               /* Nothing was done: more has to come back before. */
    VIRTIO_NET_STOPPED,            /* Nothing was done, and will not. */
} virtio_net_add_t;

/* Adds a frame of `count` segments of RAM, 1 to segments_max: segments[1] to segments[count]; segments[0] is the
 * driver's to fill in. Their bytes stay as they are until `token`, which is not NULL, comes back. `offload` may be
 * NULL: there is none. The device does not know of it before virtio_net_tx_flush(). */
virtio_net_add_t virtio_net_tx_add(virtio_net_pair_t *pair, dma_segment_t *segments, unsigned count,
    const virtio_net_offload_t *offload, void *token);

/* Shows the device what was added since the last time; may cost one VM exit. */
void virtio_net_tx_flush(virtio_net_pair_t *pair);

/* Takes back at most `count` tokens of frames that are sent, or that the device has given up. Returns how many. 0: none
 * is, or tx is stopped. Whoever takes one has made room for those that wait. */
unsigned virtio_net_tx_take(virtio_net_pair_t *pair, void **tokens, unsigned count);

/* Has on_sent called once, when the next frame is sent. Where tx stops instead, on_change comes. False: one is sent
 * already, or tx is stopped: to be tried again. */
bool virtio_net_tx_wait(virtio_net_pair_t *pair);

#endif // MICROPY_INCLUDED_DRIVERS_VIRTIO_NET_H
