/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Receiving without a copy: a device writes into buffers that go through lwIP as its own, and come back when a program has
 * read what is in them. */
#include <stddef.h>
#include <string.h>

#include "drivers/driver.h"
#include "kernel/devices.h"
#include "kernel/net/interface.h"
#include "kernel/net/net_memory.h"
#include "lwip/pbuf.h"
#include "lwip/tcpip.h"

/* A device begins with so many buffers, and gets as many again each time that half of them were filled at once: those that
 * are never filled are never touched. */
#define BUFFERS_FIRST 16

/* Frames that are received in one go. Then others that wait for the lock have their turn. */
#define BATCH 64

/* Up to here a frame is copied: what waits in a socket should not keep a whole buffer for an acknowledgement; nor a large
 * one for a frame of a page. */
#define COPY_MAX 256
#define COPY_MAX_LARGE 4096

/* A shorter one is filled up, as on a wire: lwIP takes it that an ARP packet is all there. IEEE 802.3, 4A.2.3.2.4. */
#define FRAME_MIN 60

/* A buffer for joined segments is one block of pages. The few bytes that do not fit are apart. */
#define BLOCK_MAX NET_BLOCK_64K

/* Where memory is missing, the device keeps so many: for what has programs read on. */
#define BUFFERS_KEPT 8

/* So many that the device does not have are kept for it. */
#define SPARE_MAX 32

#define CHECKS (NETIF_CHECKSUM_CHECK_TCP | NETIF_CHECKSUM_CHECK_UDP)

typedef struct _rx_buffer_t {
    struct pbuf_custom pbuf;     // While lwIP has it.
    struct _rx_buffer_t *next;
    interface_t *interface;      // Held while lwIP has it.
    uint8_t *tail;               // What does not fit into a block; NULL: all fits.
    uint8_t bytes[];             // VIRTIO_NET_HEADER and the frame.
} rx_buffer_t;

static uint32_t room_of(const interface_t *interface) {
    uint32_t most = BLOCK_MAX - offsetof(rx_buffer_t, bytes);
    return interface->device.receive_len < most ? interface->device.receive_len : most;
}

static rx_buffer_t *buffer_of(void *bytes) {
    return (rx_buffer_t *)((uint8_t *)bytes - offsetof(rx_buffer_t, bytes));
}

/* In any thread: whoever frees the packet. */
static void on_free(struct pbuf *p) {
    rx_buffer_t *buffer = (rx_buffer_t *)p;
    interface_t *interface = buffer->interface;
    buffer->next = __atomic_load_n(&interface->rx.returned, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(&interface->rx.returned, &buffer->next, buffer, true, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED)) {
    }
    if (__atomic_exchange_n(&interface->rx.is_hungry, false, __ATOMIC_SEQ_CST)) {
        net_rx_post(interface);
    }
    kobject_release(&interface->object);
}

static void add_spare(interface_t *interface, rx_buffer_t *buffer) {
    buffer->next = interface->rx.spare;
    interface->rx.spare = buffer;
}

static void free_buffer(rx_buffer_t *buffer) {
    net_free(buffer->tail);
    net_free(buffer);
}

static rx_buffer_t *new_buffer(interface_t *interface) {
    uint32_t room = room_of(interface), beyond = interface->device.receive_len - room;
    rx_buffer_t *buffer = net_malloc(offsetof(rx_buffer_t, bytes) + room);
    if (buffer) {
        buffer->pbuf.custom_free_function = on_free;
        buffer->interface = interface;
        buffer->tail = beyond ? net_malloc(beyond) : NULL;
        if (beyond && !buffer->tail) {
            net_free(buffer);
            return NULL;
        }
    }
    return buffer;
}

static rx_buffer_t *take_spare(interface_t *interface) {
    if (!interface->rx.spare) {
        interface->rx.spare = __atomic_exchange_n(&interface->rx.returned, NULL, __ATOMIC_ACQUIRE);
    }
    rx_buffer_t *buffer = interface->rx.spare;
    if (!buffer) {
        return new_buffer(interface);
    }
    interface->rx.spare = buffer->next;
    return buffer;
}

static bool offer(interface_t *interface, rx_buffer_t *buffer) {
    uint32_t room = room_of(interface);
    dma_segment_t segments[2] = { dma_segment(driver_address(buffer->bytes), room) };
    if (buffer->tail) {
        segments[1] = dma_segment(driver_address(buffer->tail), interface->device.receive_len - room);
    }
    bool done = virtio_net_rx_offer(&interface->device.pair[0], buffer->bytes, segments, buffer->tail ? 2 : 1);
    interface->rx.count += done;
    if (!done) {
        add_spare(interface, buffer);
    }
    return done;
}

/* Gives back what a burst has left. */
static void trim(interface_t *interface) {
    rx_buffer_t **at = &interface->rx.spare;
    for (unsigned i = 0; *at && i < SPARE_MAX; ++i) {
        at = &(*at)->next;
    }
    while (*at) {
        rx_buffer_t *buffer = *at;
        *at = buffer->next;
        free_buffer(buffer);
    }
}

/* Should memory be missing, it is tried again when lwIP is done with a buffer. */
static void fill(interface_t *interface) {
    rx_buffer_t *buffer = NULL;
    while (interface->rx.count < interface->rx.wanted && (buffer = take_spare(interface)) && offer(interface, buffer)) {
    }
    if (interface->rx.count < interface->rx.wanted && !buffer) {
        __atomic_store_n(&interface->rx.is_hungry, true, __ATOMIC_SEQ_CST);
        if (__atomic_load_n(&interface->rx.returned, __ATOMIC_SEQ_CST)) {
            net_rx_post(interface); // One has come back just before.
        }
    }
    trim(interface);
    virtio_net_rx_flush(&interface->device.pair[0]);
}

/* Gives the buffer away, or the device gets it again. */
static struct pbuf *packet_of(interface_t *interface, rx_buffer_t *buffer, uint32_t len) {
    uint8_t *frame = buffer->bytes + VIRTIO_NET_HEADER;
    uint32_t whole = room_of(interface) - VIRTIO_NET_HEADER;
    uint32_t copy_max = interface->device.receives_tso ? COPY_MAX_LARGE : COPY_MAX;
    if (len <= copy_max || len > whole || interface->rx.count < BUFFERS_KEPT) {
        struct pbuf *copy = pbuf_alloc(PBUF_RAW, (u16_t)(len < FRAME_MIN ? FRAME_MIN : len), PBUF_RAM);
        if (copy) {
            memcpy(copy->payload, frame, len < whole ? len : whole);
            if (len < FRAME_MIN) {
                memset((uint8_t *)copy->payload + len, 0, FRAME_MIN - len);
            }
            if (len > whole) {
                memcpy((uint8_t *)copy->payload + whole, buffer->tail, len - whole);
            }
        }
        add_spare(interface, buffer);
        return copy;
    }
    kobject_hold(&interface->object);
    return pbuf_alloced_custom(PBUF_RAW, (u16_t)len, PBUF_REF, &buffer->pbuf, frame, (u16_t)len);
}

static void receive_frame(interface_t *interface, rx_buffer_t *buffer, const virtio_net_received_t *received) {
    if (!received->len || received->len > UINT16_MAX || !netif_is_up(&interface->netif)) {
        ++interface->rx_drops;
        add_spare(interface, buffer);
        return;
    }
    struct pbuf *p = packet_of(interface, buffer, received->len);
    if (!p) {
        ++interface->rx_drops;
        return;
    }
    ++interface->rx_frames;
    interface->rx_bytes += received->len;
    struct netif *netif = &interface->netif;
    u16_t checks = netif->chksum_flags;
    if (received->offload.checksum != VIRTIO_NET_CHECKSUM_NONE) {
        NETIF_SET_CHECKSUM_CTRL(netif, checks & ~CHECKS);
    }
    if (netif->input(p, netif) != ERR_OK) {
        pbuf_free(p);
    }
    NETIF_SET_CHECKSUM_CTRL(netif, checks);
}

/* A descriptor for each part of a buffer. */
static unsigned most_of(const interface_t *interface) {
    return interface->device.receive_max / (room_of(interface) < interface->device.receive_len ? 2 : 1);
}

static unsigned receive_batch(interface_t *interface) {
    virtio_net_pair_t *pair = &interface->device.pair[0];
    virtio_net_received_t received;
    unsigned had = interface->rx.count, done = 0;
    void *bytes;
    while (done < BATCH && (bytes = virtio_net_rx_take(pair, &received))) {
        --interface->rx.count;
        receive_frame(interface, buffer_of(bytes), &received);
        ++done;
    }
    unsigned most = most_of(interface);
    if (done >= had / 2 && done) {
        interface->rx.wanted = interface->rx.wanted * 2 < most ? interface->rx.wanted * 2 : most;
    }
    return done;
}

/* In the network's thread, with its lock. */

static void receive_all(interface_t *interface) {
    unsigned count = 0;
    do {
        count += receive_batch(interface);
        fill(interface);
        if (count >= BATCH) {
            net_rx_post(interface);
            return;
        }
    } while (!virtio_net_rx_wait(&interface->device.pair[0]));
}

static void receive(void *ctx) {
    interface_t *interface = ctx;
    __atomic_store_n(&interface->rx.is_posted, 0, __ATOMIC_SEQ_CST);
    if (interface->state == INTERFACE_WORKS) {
        receive_all(interface);
    }
    kobject_release(&interface->object);
}

/* What is on its way holds the interface. */
void net_rx_post(interface_t *interface) {
    if (__atomic_exchange_n(&interface->rx.is_posted, 1, __ATOMIC_SEQ_CST)) {
        return;
    }
    kobject_hold(&interface->object);
    if (tcpip_callbackmsg_trycallback_fromisr(interface->rx.message) != ERR_OK) {
        __atomic_store_n(&interface->rx.is_posted, 0, __ATOMIC_SEQ_CST);
        kobject_release(&interface->object); // The caller holds it, or keeps its device.
        __atomic_fetch_or(&interface->events, INTERFACE_UNHEARD, __ATOMIC_SEQ_CST);
        devices_signal();
    }
}

bool net_rx_init(interface_t *interface) {
    interface->rx.message = tcpip_callbackmsg_new(receive, interface);
    return interface->rx.message;
}

void net_rx_start(interface_t *interface) {
    unsigned most = most_of(interface);
    interface->rx.wanted = BUFFERS_FIRST < most ? BUFFERS_FIRST : most;
    fill(interface);
}

void net_rx_take_back(interface_t *interface) {
    void *bytes;
    while ((bytes = virtio_net_rx_take_unfinished(&interface->device.pair[0]))) {
        add_spare(interface, buffer_of(bytes));
    }
    interface->rx.count = 0;
}

void net_rx_free(interface_t *interface) {
    for (;;) {
        rx_buffer_t *buffer = interface->rx.spare;
        if (!buffer) {
            buffer = __atomic_exchange_n(&interface->rx.returned, NULL, __ATOMIC_ACQUIRE);
        }
        if (!buffer) {
            break;
        }
        interface->rx.spare = buffer->next;
        free_buffer(buffer);
    }
    if (interface->rx.message) {
        tcpip_callbackmsg_delete(interface->rx.message);
    }
}
