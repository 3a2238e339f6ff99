/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include <string.h>

#include "kernel/application.h"
#include "kernel/net/addresses.h"
#include "kernel/net/mdns.h"
#include "kernel/panic.h"
#include "kernel/system.h"
#include "lwip/autoip.h"
#include "lwip/dhcp.h"
#include "lwip/dns.h"
#include "lwip/nd6.h"

#define NAME "ip="
#define HOSTNAME_DEFAULT "micropython"

/* The first address of version 6 is the link-local one. */
#define FIRST_GLOBAL 1

static char hostname[IP_SETTING_HOSTNAME_MAX + 1] = HOSTNAME_DEFAULT;

const char *addresses_hostname(void) {
    return hostname;
}

bool addresses_set_hostname(const char *name) {
    size_t len = strlen(name);
    if (!len || len >= sizeof(hostname)) {
        return false;
    }
    memcpy(hostname, name, len + 1);
    return true;
}

/* The value of the next ip=, or NULL. */
static const char *next_ip(cmdline_walk_t *walk) {
    const char *word;
    do {
        word = cmdline_walk(walk, CMDLINE_SETTING);
    } while (word && strncmp(word, NAME, strlen(NAME)));
    return word ? word + strlen(NAME) : NULL;
}

static void visit_ips(const cmdline_t *words, void (*visit)(const char *value, void *ctx), void *ctx) {
    cmdline_walk_t walk = cmdline_begin(words);
    const char *value;
    while ((value = next_ip(&walk))) {
        visit(value, ctx);
    }
}

static void check_ip(const char *value, void *ctx) {
    (void)ctx;
    ip_setting_t setting;
    if (!ip_setting_parse(value, &setting)) {
        panic("the setting ip= wants dhcp, off, or ADDRESS::GATEWAY:NETMASK:HOSTNAME:DEVICE:off:DNS");
    }
    if (setting.hostname[0]) {
        addresses_set_hostname(setting.hostname);
    }
}

void addresses_check_settings(void) {
    visit_ips(application_settings(), check_ip, NULL);
    visit_ips(system_words(), check_ip, NULL);
    const char *name = system_setting("hostname");
    if (name && !addresses_set_hostname(name)) {
        panic("the setting hostname= wants a name of up to 63 characters");
    }
}

/* The address that an interface gives itself where no server answers is for as long as there is no other. lwIP 2.2.1 goes on
 * to see whether it is free, and then puts it in the place of the one that has come meanwhile. */
static void stop_autoip(struct netif *netif) {
    struct autoip *autoip = netif_autoip_data(netif);
    if (autoip) {
        acd_stop(&autoip->acd);
        autoip_stop(netif);
    }
}

static void on_change(struct netif *netif, netif_nsc_reason_t reason, const netif_ext_callback_args_t *args) {
    (void)args;
    const ip4_addr_t *address = netif_ip4_addr(netif);
    if (reason & (LWIP_NSC_IPV4_ADDRESS_CHANGED | LWIP_NSC_IPV4_ADDR_VALID)) { // Not of an interface that ends.
        if (ip4_addr_isany(address)) {
            mdns_end(netif);
        } else {
            mdns_begin(netif);
        }
    }
    if (reason & LWIP_NSC_IPV4_ADDR_VALID && !ip4_addr_islinklocal(address)) {
        stop_autoip(netif);
    }
}

void addresses_end(struct netif *netif) {
    struct autoip *autoip = netif_autoip_data(netif);
    if (autoip) {
        netif_set_client_data(netif, LWIP_NETIF_CLIENT_DATA_INDEX_AUTOIP, NULL);
        mem_free(autoip);
    }
    dhcp_cleanup(netif);
}

void addresses_ask(struct netif *netif, bool dhcp) {
    dhcp_release_and_stop(netif);
    stop_autoip(netif);
    netif_set_addr(netif, IP4_ADDR_ANY4, IP4_ADDR_ANY4, IP4_ADDR_ANY4);
    if (dhcp) {
        dhcp_start(netif);
    }
}

void addresses_set(struct netif *netif, const ip4_addr_t *address, const ip4_addr_t *netmask, const ip4_addr_t *gateway) {
    dhcp_release_and_stop(netif);
    stop_autoip(netif);
    netif_set_addr(netif, address, netmask, gateway);
}

bool addresses_set6(struct netif *netif, const ip6_addr_t *address) {
    for (s8_t i = FIRST_GLOBAL; i < LWIP_IPV6_NUM_ADDRESSES; ++i) {
        if (!ip6_addr_isinvalid(netif_ip6_addr_state(netif, i)) && netif_ip6_addr_isstatic(netif, i)) {
            netif_ip6_addr_set_state(netif, i, IP6_ADDR_INVALID);
        }
    }
    s8_t chosen;
    if (ip6_addr_isany(address)) {
        return true;
    }
    if (netif_add_ip6_address(netif, address, &chosen) != ERR_OK) {
        return false;
    }
    netif_ip6_addr_set_valid_life(netif, chosen, IP6_ADDR_LIFE_STATIC);
    netif_ip6_addr_set_pref_life(netif, chosen, IP6_ADDR_LIFE_STATIC);
    return true;
}

void addresses_autoconfigure(struct netif *netif, bool on) {
    netif->ip6_autoconfig_enabled = on;
    if (on) {
        nd6_restart_netif(netif);
        return;
    }
    for (s8_t i = FIRST_GLOBAL; i < LWIP_IPV6_NUM_ADDRESSES; ++i) {
        if (!ip6_addr_isinvalid(netif_ip6_addr_state(netif, i)) && !netif_ip6_addr_isstatic(netif, i)) {
            netif_ip6_addr_set_state(netif, i, IP6_ADDR_INVALID);
        }
    }
}

static void apply(struct netif *netif, const ip_setting_t *setting, u8_t *dns_servers) {
    netif->ip6_autoconfig_enabled |= setting->dhcp;
    if (setting->dhcp) {
        dhcp_start(netif);
    }
    if (setting->has_address && IP_IS_V4_VAL(setting->address)) {
        netif_set_addr(netif, ip_2_ip4(&setting->address), &setting->netmask, ip_2_ip4(&setting->gateway));
    } else if (setting->has_address) {
        addresses_set6(netif, ip_2_ip6(&setting->address));
    }
    for (unsigned i = 0; i < 2; ++i) {
        if (!ip_addr_isany_val(setting->dns[i])) {
            dns_setserver((*dns_servers)++, &setting->dns[i]);
        }
    }
}

typedef struct _settings_of_t {
    interface_t *interface;
    bool found;
    u8_t dns_servers;
} settings_of_t;

/* One without a name means the first interface. */
static void apply_if_of(const char *value, void *ctx) {
    settings_of_t *settings = ctx;
    interface_t *interface = settings->interface;
    ip_setting_t setting;
    ip_setting_parse(value, &setting);
    if (setting.device[0] ? !strcmp(setting.device, interface->name) : !interface->index) {
        apply(&interface->netif, &setting, &settings->dns_servers);
        settings->found = true;
    }
}

void addresses_begin(interface_t *interface) {
    struct netif *netif = &interface->netif;
    static netif_ext_callback_t callback;
    if (!callback.callback_fn) {
        netif_add_ext_callback(&callback, on_change);
    }
    netif->hostname = hostname;
    netif_create_ip6_linklocal_address(netif, 1);
    settings_of_t settings = { .interface = interface };
    visit_ips(system_words(), apply_if_of, &settings);
    if (!settings.found) {
        visit_ips(application_settings(), apply_if_of, &settings);
    }
    if (!settings.found) {
        apply(netif, &(ip_setting_t) { .dhcp = true }, &settings.dns_servers);
    }
}
