/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include <stdio.h>
#include <string.h>

#include "kernel/net/addresses.h"
#include "kernel/net/mdns.h"
#include "kernel/net/timers.h"
#include "kernel/system.h"
#include "lwip/apps/mdns.h"
#include "lwip/prot/iana.h"
#include "lwip/udp.h"

static bool has_begun;
static unsigned number; /* Of the name. 0: it has none. */

static bool is_wanted(void) {
    const char *setting = system_setting("mdns");
    return !setting || strcmp(setting, "off");
}

static void make_name(char name[IP_SETTING_HOSTNAME_MAX + 1]) {
    char suffix[12] = "";
    int len = number ? snprintf(suffix, sizeof(suffix), "-%u", number) : 0;
    snprintf(name, IP_SETTING_HOSTNAME_MAX + 1, "%.*s%s", IP_SETTING_HOSTNAME_MAX - len, addresses_hostname(), suffix);
}

/* RFC 6762, 9: another one has the name. Of services, which count from 1, there are none. */
static void on_result(struct netif *netif, u8_t result, s8_t slot) {
    if (result != MDNS_PROBING_CONFLICT || slot) {
        return;
    }
    number = number < 2 ? 2 : number + 1;
    char name[IP_SETTING_HOSTNAME_MAX + 1];
    make_name(name);
    mdns_resp_rename_netif(netif, name);
}

/* A program may have it: then lwIP 2.2.1 has a check that would end the machine. */
static bool port_is_free(void) {
    struct udp_pcb *pcb = udp_new_ip_type(IPADDR_TYPE_ANY);
    if (!pcb) {
        return false;
    }
    bool is_free = udp_bind(pcb, IP_ANY_TYPE, LWIP_IANA_PORT_MDNS) == ERR_OK;
    udp_remove(pcb);
    return is_free;
}

/* Without an address of version 4 lwIP 2.2.1 asks four times a second whether it has one. */
void mdns_begin(struct netif *netif) {
    if (!is_wanted() || ip4_addr_isany_val(*netif_ip4_addr(netif)) || (has_begun && mdns_resp_netif_active(netif))) {
        return;
    }
    if (!has_begun) {
        if (!port_is_free()) {
            return;
        }
        mdns_resp_register_name_result_cb(on_result);
        mdns_resp_init();
        has_begun = true;
    }
    char name[IP_SETTING_HOSTNAME_MAX + 1];
    make_name(name);
    mdns_resp_add_netif(netif, name);
}

/* lwIP 2.2.1 takes back one of its timers only: the others would look for what it knows of the interface. */
void mdns_end(struct netif *netif) {
    if (has_begun && mdns_resp_netif_active(netif)) {
        mdns_resp_remove_netif(netif);
        timers_forget(netif);
    }
}

void mdns_rename(void) {
    number = 0;
    for (struct netif *netif = netif_list; netif; netif = netif->next) {
        if (has_begun && mdns_resp_netif_active(netif)) {
            mdns_resp_rename_netif(netif, addresses_hostname());
        }
    }
}
