/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include "kernel/net/hooks.h"
#include "lwip/netif.h"

/* Who came by one interface is answered by it, and its gateway: what is behind another one need not take packets that have
 * an address of this one. Networks of the interfaces themselves are lwIP's business. */
struct netif *net_route(const ip4_addr_t *source, const ip4_addr_t *dest) {
    struct netif *netif, *found = NULL;
    if (!source || ip4_addr_isany(source) || ip4_addr_ismulticast(dest)) {
        return NULL;
    }
    NETIF_FOREACH(netif) {
        const ip4_addr_t *address = netif_ip4_addr(netif);
        if (!netif_is_up(netif) || ip4_addr_isany(address)) {
            continue;
        }
        if (ip4_addr_net_eq(dest, address, netif_ip4_netmask(netif))) {
            return NULL;
        }
        if (ip4_addr_eq(source, address) && !ip4_addr_isany(netif_ip4_gw(netif))) {
            found = netif;
        }
    }
    return found;
}
