/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* A network device as an interface of lwIP's. What kernel/net/interface.c, net_rx.c and net_tx.c share; for others there
 * is kernel/net/net.h. */
#ifndef MICROPY_INCLUDED_KERNEL_NET_INTERFACE_H
#define MICROPY_INCLUDED_KERNEL_NET_INTERFACE_H

#include "drivers/virtio_net.h"
#include "kernel/kobject.h"
#include "kernel/net/core.h"
#include "lwip/netif.h"

struct tcpip_callback_msg;

/* interface_t.events */
enum {
    INTERFACE_CHANGED = 1,   /* The device has something to say. */
    INTERFACE_UNHEARD = 2,   /* There was no room to tell the network's thread that something came. */
};

typedef enum _interface_state_t {
    INTERFACE_NOTED,         /* The device was not looked at yet. */
    INTERFACE_WORKS,
    INTERFACE_STOPPED,       /* For good. */
} interface_state_t;

/* Kernel memory. Frames on their way through lwIP hold it, and whoever has it of net.h. */
typedef struct _interface_t {
    kobject_t object;
    struct _interface_t *next;     /* In order of `index`: kernel/net/net.c. */
    unsigned index;                /* The lowest one that was free when it came. */
    char name[16];                 /* "eth0" */
    pci_function_t function;
    uint32_t events;               /* Set in any context. */

    /* With the network's lock. */
    interface_state_t state;
    const char *problem;           /* Why it is stopped. */
    bool link_up;
    bool is_open;                  /* The device has been opened: it is to be freed. */
    virtio_net_t device;
    struct netif netif;
    net_outlet_t outlet;
    struct {
        struct tcpip_callback_msg *message; /* Has the network's thread look what came. */
        uint32_t is_posted;        /* Atomic: it is on its way. */
        struct _rx_buffer_t *returned; /* Atomic: what lwIP is done with. */
        struct _rx_buffer_t *spare; /* What the device does not have. */
        unsigned count, wanted;    /* Buffers that the device has, and how many it should have. */
        bool is_hungry;            /* Atomic: it has fewer, and memory is missing. */
    } rx;
    struct {
        struct _tx_frame_t *first, *last; /* What the device was not given yet. */
        unsigned count;
        struct _tx_frame_t *spare;
        unsigned spare_count;
    } tx;
    uint64_t rx_frames, rx_bytes, rx_drops, tx_frames, tx_bytes, tx_drops;
} interface_t;

static inline interface_t *interface_of_netif(const struct netif *netif) {
    return netif->state;
}

/* The network's lock is held for all of these, in thread context. */

/* Starts the device, and gives lwIP the interface; its addresses begin to be asked for. What is wrong, for people, or
 * NULL. */
const char *interface_open(interface_t *interface);

/* It is gone: what lwIP has of its frames stays there. */
void interface_close(interface_t *interface);

/* Sees to what the device has said. */
void interface_see_to(interface_t *interface);

/* Frees what it has, but for itself. Nobody holds it any more; the lock need not be held. */
void interface_free(interface_t *interface);

/* Receiving: kernel/net/net_rx.c. */
bool net_rx_init(interface_t *interface);
void net_rx_post(interface_t *interface); /* Any context, no lock: it is held, or its device is not disconnected. */
void net_rx_start(interface_t *interface);
void net_rx_take_back(interface_t *interface); /* After virtio_net_stop(). */
void net_rx_free(interface_t *interface);

/* Sending: kernel/net/net_tx.c. */
err_t net_tx_send(struct netif *netif, struct pbuf *p);
void net_tx_flush(net_outlet_t *outlet);
void net_tx_reclaim(net_outlet_t *outlet);
void net_tx_take_back(interface_t *interface); /* After virtio_net_stop(); what is queued goes too. */
void net_tx_free(interface_t *interface);

#endif // MICROPY_INCLUDED_KERNEL_NET_INTERFACE_H
