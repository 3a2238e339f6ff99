/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* How interfaces come to their addresses: they ask for them, unless the setting ip= or a program has others. */
#ifndef MICROPY_INCLUDED_KERNEL_NET_ADDRESSES_H
#define MICROPY_INCLUDED_KERNEL_NET_ADDRESSES_H

#include <stdbool.h>

#include "kernel/net/interface.h"
#include "kernel/net/ip_setting.h"

/* Ends the machine where the settings ip= or hostname= make no sense. Thread context, before there is an interface. */
void addresses_check_settings(void);

/* With the network's lock, for all of these. */

/* Of an interface that begins. */
void addresses_begin(interface_t *interface);

/* Of one that lwIP does not know any more: frees what asking has left. */
void addresses_end(struct netif *netif);

/* Asks by DHCP, and has an address that was set before go; or does not ask any more. */
void addresses_ask(struct netif *netif, bool dhcp);

/* Sets addresses of version 4; any of them may be any. DHCP ends. */
void addresses_set(struct netif *netif, const ip4_addr_t *address, const ip4_addr_t *netmask, const ip4_addr_t *gateway);

/* Sets the one address of version 6 that nobody gave, besides those of routers; any: none. False where there is no room. */
bool addresses_set6(struct netif *netif, const ip6_addr_t *address);

/* Whether addresses are made of what routers tell. */
void addresses_autoconfigure(struct netif *netif, bool on);

/* The machine's name, as it tells DHCP servers: an array of IP_SETTING_HOSTNAME_MAX + 1 bytes. False where it is too long,
 * or empty. */
const char *addresses_hostname(void);
bool addresses_set_hostname(const char *name);

#endif // MICROPY_INCLUDED_KERNEL_NET_ADDRESSES_H
