/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* The setting ip=, as Linux and dracut have it (Documentation/admin-guide/nfs/nfsroot.rst; dracut.cmdline(7)):
 *
 *     ip=dhcp  ip=off  ip=eth1:dhcp
 *     ip=ADDRESS:[SERVER]:[GATEWAY]:NETMASK:[HOSTNAME]:[DEVICE]:[dhcp|off][:DNS[:DNS]]
 *
 * An address of IPv6 stands in [], and its netmask is how long the prefix is. Pure; any context. */
#ifndef MICROPY_INCLUDED_KERNEL_NET_IP_SETTING_H
#define MICROPY_INCLUDED_KERNEL_NET_IP_SETTING_H

#include <stdbool.h>

#include "lwip/ip_addr.h"

#define IP_SETTING_HOSTNAME_MAX 63 /* RFC 1035, 2.3.4. */

typedef struct _ip_setting_t {
    char device[16];            /* "": the first one. */
    char hostname[IP_SETTING_HOSTNAME_MAX + 1]; /* "": it says none. */
    bool dhcp;                  /* Addresses are asked for, by DHCP and of routers. */
    bool has_address;           /* It has one of its own; */
    ip_addr_t address, gateway; /* any: there is none. */
    ip4_addr_t netmask;         /* Of version 4. */
    ip_addr_t dns[2];           /* any: there is none. */
} ip_setting_t;

/* False where the value makes no sense. */
bool ip_setting_parse(const char *value, ip_setting_t *setting);

#endif // MICROPY_INCLUDED_KERNEL_NET_IP_SETTING_H
