/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include <string.h>

#include "kernel/net/ip_setting.h"

#define FIELDS_MAX 9
#define FIELD_SIZE 80

enum { ADDRESS, SERVER, GATEWAY, NETMASK, HOSTNAME, DEVICE, METHOD, DNS };

/* Takes the field at *at, of which there may be more behind a colon. False where it is too long or has no end. */
static bool next_field(const char **at, char *field, bool *more) {
    const char *start = *at, *end;
    if (*start == '[') {
        end = strchr(++start, ']');
        *at = end ? end + 1 : start;
    } else {
        end = start + strcspn(start, ":");
        *at = end;
    }
    size_t len = end ? (size_t)(end - start) : FIELD_SIZE;
    if (len >= FIELD_SIZE || (**at && **at != ':')) {
        return false;
    }
    memcpy(field, start, len);
    field[len] = '\0';
    *more = **at == ':';
    *at += *more;
    return true;
}

static bool parse_method(const char *text, bool *dhcp) {
    static const char *const on[] = { "dhcp", "on", "any" }, *const off[] = { "off", "none", "" };
    for (size_t i = 0; i < 3; ++i) {
        if (!strcmp(text, on[i]) || !strcmp(text, off[i])) {
            *dhcp = !strcmp(text, on[i]);
            return true;
        }
    }
    return false;
}

/* An empty one is none. */
static bool parse_address(const char *text, ip_addr_t *address) {
    if (*text) {
        return ipaddr_aton(text, address);
    }
    ip_addr_set_any(false, address);
    return true;
}

static bool parse_name(const char *text, char *name, size_t size) {
    if (strlen(text) >= size) {
        return false;
    }
    strcpy(name, text);
    return true;
}

/* How many bits, or -1. */
static int parse_prefix(const char *text) {
    int bits = 0;
    const char *at = text;
    for (; *at >= '0' && *at <= '9' && at < text + 3; ++at) {
        bits = bits * 10 + (*at - '0');
    }
    return *at || at == text ? -1 : bits;
}

static bool parse_netmask(const char *text, ip_setting_t *setting) {
    int bits = parse_prefix(text);
    if (IP_IS_V6_VAL(setting->address)) {
        return bits == 64; // What lwIP's routes know: all but the interface's own 64 bits.
    }
    if (bits >= 0) {
        bool fits = bits > 0 && bits <= 32;
        ip4_addr_set_u32(&setting->netmask, fits ? lwip_htonl(~0u << (32 - bits)) : 0);
        return fits;
    }
    return ip4addr_aton(text, &setting->netmask) && ip4_addr_netmask_valid(ip4_addr_get_u32(&setting->netmask));
}

static bool parse_long(char fields[][FIELD_SIZE], unsigned count, ip_setting_t *setting) {
    bool ok = parse_address(fields[ADDRESS], &setting->address) && parse_address(fields[GATEWAY], &setting->gateway)
        && parse_name(fields[HOSTNAME], setting->hostname, sizeof(setting->hostname))
        && parse_name(fields[DEVICE], setting->device, sizeof(setting->device))
        && parse_method(fields[METHOD], &setting->dhcp);
    for (unsigned i = 0; i < 2 && ok; ++i) {
        ok = parse_address(fields[DNS + i], &setting->dns[i]);
    }
    setting->has_address = ok && *fields[ADDRESS];
    if (ok && count <= METHOD && !setting->has_address) {
        setting->dhcp = true; // As Linux does where neither is said.
    }
    return ok && (!setting->has_address || parse_netmask(fields[NETMASK], setting))
           // Those of version 6 say by themselves that they are there.
           && (ip_addr_isany(&setting->gateway) || (IP_IS_V4_VAL(setting->gateway) && IP_IS_V4_VAL(setting->address)));
}

bool ip_setting_parse(const char *value, ip_setting_t *setting) {
    char fields[FIELDS_MAX][FIELD_SIZE] = { { 0 } };
    unsigned count = 0;
    bool more = true;
    memset(setting, 0, sizeof(*setting));
    while (more) {
        if (count == FIELDS_MAX || !next_field(&value, fields[count++], &more)) {
            return false;
        }
    }
    switch (count) {
        case 1:
            return *fields[0] && parse_method(fields[0], &setting->dhcp);
        case 2:
            return *fields[1] && parse_name(fields[0], setting->device, sizeof(setting->device))
                   && parse_method(fields[1], &setting->dhcp);
        default:
            return parse_long(fields, count, setting);
    }
}
