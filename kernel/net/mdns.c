/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include <stdio.h>
#include <string.h>

#include "kernel/net/addresses.h"
#include "kernel/net/mdns.h"
#include "kernel/net/timers.h"
#include "kernel/system.h"
#include "lwip/apps/mdns.h"

static bool has_begun;
static unsigned number; /* Of the name. 0: it has none. */

static bool is_wanted(void) {
    const char *setting = system_setting("mdns");
    return !setting || strcmp(setting, "off");
}

/* RFC 6762, 9: another one has the name. Of services, which count from 1, there are none. */
static void on_result(struct netif *netif, u8_t result, s8_t slot) {
    if (result != MDNS_PROBING_CONFLICT || slot) {
        return;
    }
    number = number < 2 ? 2 : number + 1;
    char name[IP_SETTING_HOSTNAME_MAX + 1], suffix[12];
    int len = snprintf(suffix, sizeof(suffix), "-%u", number);
    snprintf(name, sizeof(name), "%.*s%s", (int)sizeof(name) - 1 - len, addresses_hostname(), suffix);
    mdns_resp_rename_netif(netif, name);
}

void mdns_begin(struct netif *netif) {
    if (!is_wanted()) {
        return;
    }
    if (!has_begun) {
        mdns_resp_register_name_result_cb(on_result);
        mdns_resp_init();
        has_begun = true;
    }
    mdns_resp_add_netif(netif, addresses_hostname());
}

/* lwIP 2.2.1 takes back one of its timers only: the others would look for what it knows of the interface. */
void mdns_end(struct netif *netif) {
    if (mdns_resp_netif_active(netif)) {
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
