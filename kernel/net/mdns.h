/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* The machine's name in the domain local, for who asks by multicast (RFC 6762): lwIP's responder. Where another machine has
 * the name it becomes name-2, and so on. The setting mdns=off has none of it. With the network's lock. */
#ifndef MICROPY_INCLUDED_KERNEL_NET_MDNS_H
#define MICROPY_INCLUDED_KERNEL_NET_MDNS_H

struct netif;

/* Of an interface that has an address of version 4, and of one that ends or has none any more: each may be told again. Where a
 * program has the port, there is nothing of it until the next address comes. */
void mdns_begin(struct netif *netif);
void mdns_end(struct netif *netif);

/* The machine's name has changed. */
void mdns_rename(void);

#endif // MICROPY_INCLUDED_KERNEL_NET_MDNS_H
