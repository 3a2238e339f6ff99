/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include <string.h>

#include "kernel/console.h"
#include "kernel/cpus.h"
#include "kernel/devices.h"
#include "kernel/net/addresses.h"
#include "kernel/net/interface.h"
#include "kernel/net/mdns.h"
#include "kernel/net/net_memory.h"
#include "lwip/dhcp.h"
#include "lwip/etharp.h"
#include "lwip/ethip6.h"
#include "netif/ethernet.h"

/* What the network must be allowed to have for buffers of 64 KiB, of which a busy device has 128. */
#define LARGE_BUFFERS_MEMORY (30 << 20)

static interface_t *interface_of_device(virtio_net_t *device) {
    return (interface_t *)((uint8_t *)device - offsetof(interface_t, device));
}

static void say(const interface_t *interface, const char *what, const char *why) {
    console_report(interface->name, what, why);
}

/* What the device tells, in any context. */

static void on_change(virtio_net_t *device) {
    __atomic_fetch_or(&interface_of_device(device)->events, INTERFACE_CHANGED, __ATOMIC_SEQ_CST);
    devices_signal();
}

static void on_frames(virtio_net_pair_t *pair) {
    net_rx_post(interface_of_device(pair->net));
}

static uint32_t apic_id_of(unsigned pair) {
    (void)pair;
    return cpus_get(0)->boot.apic_id;
}

/* IEEE 802, 8.2: one station's, locally administered. */
static void make_mac(struct netif *netif) {
    uint32_t random[2] = { net_random(), net_random() };
    memcpy(netif->hwaddr, random, ETH_HWADDR_LEN);
    netif->hwaddr[0] = (netif->hwaddr[0] & 0xfc) | 2;
}

/* UDP's and ICMP's lwIP makes, as what it cuts into fragments has one too. */
static err_t init_netif(struct netif *netif) {
    const interface_t *interface = interface_of_netif(netif);
    const virtio_net_t *device = &interface->device;
    netif->name[0] = 'e';
    netif->name[1] = 'n';
    netif->output = etharp_output;
    netif->output_ip6 = ethip6_output;
    netif->linkoutput = net_tx_send;
    netif->mtu = device->mtu;
    netif->hwaddr_len = ETH_HWADDR_LEN;
    if (device->has_mac) {
        memcpy(netif->hwaddr, device->mac, ETH_HWADDR_LEN);
    } else {
        make_mac(netif);
    }
    netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET | NETIF_FLAG_IGMP | NETIF_FLAG_MLD6;
    NETIF_SET_CHECKSUM_CTRL(netif, NETIF_CHECKSUM_ENABLE_ALL & ~(device->sends_checksum ? NETIF_CHECKSUM_GEN_TCP : 0));
    return ERR_OK;
}

/* lwIP is told of a link that comes, and asks for addresses again. While it is gone what is sent is lost, as it is behind the
 * next switch, and sent again: to connections lwIP would say that there is no way. */
static void set_link(interface_t *interface) {
    if (interface->device.link_up && !interface->link_up) {
        netif_set_link_down(&interface->netif);
        netif_set_link_up(&interface->netif);
    }
    interface->link_up = interface->device.link_up;
}

/* Where packets for other networks go: to the first interface that was there, and when that is gone to the next. */
static void choose_default(void) {
    struct netif *netif;
    if (netif_default) {
        return;
    }
    NETIF_FOREACH(netif) {
        if (netif->linkoutput == net_tx_send
            && (!netif_default || interface_of_netif(netif)->index < interface_of_netif(netif_default)->index)) {
            netif_set_default(netif);
        }
    }
}

static const char *add_netif(interface_t *interface) {
    struct netif *netif = &interface->netif;
    if (!net_rx_init(interface) || !netif_add(netif, NULL, NULL, NULL, interface, init_netif, ethernet_input)) {
        return "memory for it is missing";
    }
    interface->outlet.flush = net_tx_flush;
    interface->outlet.reclaim = net_tx_reclaim;
    net_add_outlet(&interface->outlet);
    interface->state = INTERFACE_WORKS;
    choose_default();
    netif_set_up(netif);
    set_link(interface);
    net_rx_start(interface);
    addresses_begin(interface);
    return NULL;
}

/* For large buffers: then a device may join TCP segments that it receives. */
static bool has_room(void) {
    return net_memory_limit() >= LARGE_BUFFERS_MEMORY;
}

const char *interface_open(interface_t *interface) {
    virtio_net_t *device = &interface->device;
    device->on_change = on_change;
    device->on_receive = device->on_sent = on_frames;
    interface->problem = virtio_net_open(device, &interface->function, interface->name, has_room(), apic_id_of);
    interface->is_open = !interface->problem;
    if (interface->is_open) {
        interface->problem = add_netif(interface);
        if (interface->problem) {
            virtio_net_stop(device);
            virtio_net_disconnect(device);
        }
    }
    if (interface->problem) {
        interface->state = INTERFACE_STOPPED;
    }
    return interface->problem;
}

/* The device has nothing of ours any more, unless it does not obey: then it keeps what it may write to. */
static bool stop_device(interface_t *interface) {
    bool obeys = virtio_net_stop(&interface->device);
    net_tx_take_back(interface);
    if (obeys) {
        net_rx_take_back(interface);
    }
    return obeys;
}

static void restart(interface_t *interface) {
    const char *lie = virtio_net_problem(&interface->device);
    bool obeys = stop_device(interface);
    interface->problem = lie ? lie : obeys ? virtio_net_restart(&interface->device) : "it does not reset";
    if (interface->problem) {
        interface->state = INTERFACE_STOPPED;
        interface->link_up = false;
        netif_set_link_down(&interface->netif);
        say(interface, "it is not used any more", interface->problem);
    } else {
        net_rx_start(interface);
        set_link(interface);
    }
}

/* Neighbours are to learn where we are, after a migration. */
static void announce(interface_t *interface) {
    etharp_gratuitous(&interface->netif);
    virtio_net_announced(&interface->device);
}

static void see_to_change(interface_t *interface) {
    virtio_net_t *device = &interface->device;
    if (virtio_net_problem(device)) {
        restart(interface);
    } else if (virtio_needs_reset(&device->virtio)) {
        say(interface, "the device wants a reset, and gets it", NULL);
        restart(interface);
    } else if (virtio_net_read_status(device)) {
        set_link(interface);
        if (device->must_announce) {
            announce(interface);
        }
    }
}

void interface_see_to(interface_t *interface) {
    uint32_t events = __atomic_exchange_n(&interface->events, 0, __ATOMIC_SEQ_CST);
    if (interface->state != INTERFACE_WORKS) {
        return;
    }
    if (events & INTERFACE_UNHEARD) {
        net_rx_post(interface);
    }
    if (events & INTERFACE_CHANGED) {
        see_to_change(interface);
    }
}

void interface_close(interface_t *interface) {
    if (interface->outlet.flush) { // It was opened.
        interface->state = INTERFACE_STOPPED;
        dhcp_stop(&interface->netif);
        net_remove_outlet(&interface->outlet);
        stop_device(interface);
        virtio_net_disconnect(&interface->device);
        mdns_end(&interface->netif);
        netif_remove(&interface->netif);
        addresses_end(&interface->netif);
        choose_default();
        // What it has sent to itself meanwhile: that its connections are no more.
        if (interface->netif.loop_first) {
            pbuf_free(interface->netif.loop_first);
        }
    }
    interface->state = INTERFACE_STOPPED;
}

void interface_free(interface_t *interface) {
    net_rx_free(interface);
    net_tx_free(interface);
    if (interface->is_open) {
        virtio_net_free(&interface->device);
    }
}
