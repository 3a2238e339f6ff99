/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Of the module _guest what looks at interfaces and connections. */

#include <string.h>

#include "py/mpthread.h"
#include "py/runtime.h"

#include "kernel/net/core.h"
#include "kernel/net/interface.h"
#include "kernel/net/net.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/raw.h"
#include "lwip/udp.h"
#include "modguest.h"
#include "socket_address.h"

#define ADDRESSES_MAX (1 + LWIP_IPV6_NUM_ADDRESSES)

static mp_obj_t number(uint64_t value) {
    return mp_obj_new_int_from_ull(value);
}

// What is copied under the network's lock; objects are made of it without.
typedef struct _seen_interface_t {
    char name[16];
    const char *problem;
    bool works, is_up, has_link;
    uint8_t mac[NETIF_MAX_HWADDR_LEN];
    unsigned mtu, addresses;
    ip_addr_t address[ADDRESSES_MAX];
    uint64_t counts[6];
} seen_interface_t;

static void look_at(interface_t *interface, seen_interface_t *seen) {
    const struct netif *netif = &interface->netif;
    memcpy(seen->name, interface->name, sizeof(seen->name));
    seen->problem = interface->problem;
    seen->works = interface->state == INTERFACE_WORKS;
    uint64_t counts[] = { interface->rx_frames, interface->rx_bytes, interface->rx_drops,
                          interface->tx_frames, interface->tx_bytes, interface->tx_drops };
    memcpy(seen->counts, counts, sizeof(counts));
    if (!seen->works) {
        return;
    }
    seen->is_up = netif_is_up(netif);
    seen->has_link = netif_is_link_up(netif);
    memcpy(seen->mac, netif->hwaddr, sizeof(seen->mac));
    seen->mtu = netif->mtu;
    if (!ip4_addr_isany(netif_ip4_addr(netif))) {
        seen->address[seen->addresses++] = *netif_ip_addr4(netif);
    }
    for (size_t i = 0; i < LWIP_IPV6_NUM_ADDRESSES; ++i) {
        if (ip6_addr_isvalid(netif_ip6_addr_state(netif, i))) {
            seen->address[seen->addresses++] = *netif_ip_addr6(netif, i);
        }
    }
}

// interface(index): (index, name, what is wrong, is up, has link, MAC, MTU, addresses, frames, bytes and drops received, and
// sent) of the first one from there on; None: there is none.
static mp_obj_t guest_interface(mp_obj_t index) {
    interface_t *interface = network_find_from(mp_obj_get_int(index));
    if (!interface) {
        return mp_const_none;
    }
    seen_interface_t seen = { .addresses = 0 };
    unsigned found = interface->index;
    MP_THREAD_GIL_EXIT();
    net_lock();
    look_at(interface, &seen);
    net_unlock();
    network_release(interface);
    MP_THREAD_GIL_ENTER();
    mp_obj_t addresses[ADDRESSES_MAX];
    for (unsigned i = 0; i < seen.addresses; ++i) {
        addresses[i] = socket_ip_text(&seen.address[i]);
    }
    mp_obj_t items[8 + MP_ARRAY_SIZE(seen.counts)] = {
        number(found), mp_obj_new_str_from_cstr(seen.name), seen.problem ? mp_obj_new_str_from_cstr(seen.problem) : mp_const_none,
        mp_obj_new_bool(seen.is_up), mp_obj_new_bool(seen.has_link), mp_obj_new_bytes(seen.mac, sizeof(seen.mac)),
        number(seen.mtu), mp_obj_new_tuple(seen.addresses, addresses),
    };
    for (size_t i = 0; i < MP_ARRAY_SIZE(seen.counts); ++i) {
        items[8 + i] = number(seen.counts[i]);
    }
    return mp_obj_new_tuple(MP_ARRAY_SIZE(items), items);
}
MP_DEFINE_CONST_FUN_OBJ_1(guest_interface_obj, guest_interface);

typedef struct _seen_connection_t {
    const char *protocol;
    const char *state;
    ip_addr_t local, remote;
    uint16_t local_port, remote_port;
    uint32_t unacknowledged;
} seen_connection_t;

static bool see_tcp(unsigned index, seen_connection_t *seen) {
    struct tcp_pcb **const *lists = tcp_pcb_lists;
    for (size_t list = 0; list < NUM_TCP_PCB_LISTS; ++list) {
        for (const struct tcp_pcb *pcb = *lists[list]; pcb; pcb = pcb->next) {
            if (index--) {
                continue;
            }
            bool listens = pcb->state == LISTEN;
            *seen = (seen_connection_t) { .protocol = "tcp", .state = tcp_debug_state_str(pcb->state),
                                          .local_port = pcb->local_port, .remote_port = listens ? 0 : pcb->remote_port };
            ip_addr_copy(seen->local, pcb->local_ip);
            if (!listens) { // A listener is a shorter structure.
                ip_addr_copy(seen->remote, pcb->remote_ip);
                seen->unacknowledged = pcb->snd_lbb - pcb->lastack;
            }
            return true;
        }
    }
    return false;
}

static bool see_udp(unsigned index, seen_connection_t *seen) {
    const struct udp_pcb *pcb = udp_pcbs;
    while (pcb && index--) {
        pcb = pcb->next;
    }
    if (pcb) {
        *seen = (seen_connection_t) { .protocol = "udp", .state = pcb->flags & UDP_FLAGS_CONNECTED ? "ESTABLISHED" : "",
                                      .local_port = pcb->local_port, .remote_port = pcb->remote_port };
        ip_addr_copy(seen->local, pcb->local_ip);
        ip_addr_copy(seen->remote, pcb->remote_ip);
    }
    return pcb;
}

// connection(protocol, index): (protocol, address, port, remote address, remote port, state, bytes sent and not acknowledged);
// None behind the last one. `protocol` is 0 for TCP, 1 for UDP.
static mp_obj_t guest_connection(mp_obj_t protocol, mp_obj_t index_in) {
    seen_connection_t seen;
    unsigned index = mp_obj_get_int(index_in);
    bool is_udp = mp_obj_is_true(protocol), found = false;
    MP_THREAD_GIL_EXIT();
    if (net_is_started()) {
        net_lock();
        found = is_udp ? see_udp(index, &seen) : see_tcp(index, &seen);
        net_unlock();
    }
    MP_THREAD_GIL_ENTER();
    if (!found) {
        return mp_const_none;
    }
    mp_obj_t items[] = {
        mp_obj_new_str_from_cstr(seen.protocol), socket_ip_text(&seen.local), number(seen.local_port), socket_ip_text(&seen.remote),
        number(seen.remote_port), mp_obj_new_str_from_cstr(seen.state), number(seen.unacknowledged),
    };
    return mp_obj_new_tuple(MP_ARRAY_SIZE(items), items);
}
MP_DEFINE_CONST_FUN_OBJ_2(guest_connection_obj, guest_connection);
