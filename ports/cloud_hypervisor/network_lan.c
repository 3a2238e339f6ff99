/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* The module network: the machine's network devices as network.LAN, as other wired ports have it. */

#include <string.h>

#include "py/mperrno.h"
#include "py/mpthread.h"
#include "py/parsenum.h"
#include "py/runtime.h"

#include "kernel/devices.h"
#include "kernel/interpreters.h"
#include "kernel/net/addresses.h"
#include "kernel/net/core.h"
#include "kernel/net/mdns.h"
#include "kernel/net/net.h"
#include "lwip/dhcp.h"
#include "lwip/dns.h"
#include "lwip/prot/dhcp.h"
#include "lwip/prot/ethernet.h"
#include "lwip/prot/ip6.h"
#include "socket_address.h"

// LAN.status()
enum { LINK_DOWN, NO_ADDRESS = 2, HAS_ADDRESS };

typedef struct _lan_obj_t {
    mp_obj_base_t base;
    kept_t *kept; // Of an interface_t.
} lan_obj_t;

static interface_t *interface_of(mp_obj_t self_in) {
    lan_obj_t *self = MP_OBJ_TO_PTR(self_in);
    if (!self->kept) {
        mp_raise_OSError(MP_ENODEV);
    }
    return (interface_t *)self->kept->object;
}

// The network's lock, without the GIL: nothing raises until it is given back. False: the device is not there any more.
static bool begin(interface_t *interface) {
    MP_THREAD_GIL_EXIT();
    net_lock();
    return interface->state == INTERFACE_WORKS;
}

static void end(bool works) {
    net_unlock();
    MP_THREAD_GIL_ENTER();
    if (!works) {
        mp_raise_OSError(MP_ENODEV);
    }
}

// What `code` does with `netif`. Raises ENODEV.
#define LOCKED(self_in, code) do { \
        interface_t *interface = interface_of(self_in); \
        struct netif *netif = &interface->netif; \
        bool works = begin(interface); \
        if (works) { \
            code; \
        } \
        (void)netif; \
        end(works); \
} while (0)

// LAN(id=0)
static mp_obj_t lan_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *args) {
    static const mp_arg_t allowed[] = { { MP_QSTR_id, MP_ARG_INT, { .u_int = 0 } } };
    mp_arg_val_t values[MP_ARRAY_SIZE(allowed)];
    mp_arg_parse_all_kw_array(n_args, n_kw, args, MP_ARRAY_SIZE(allowed), allowed, values);
    devices_begin();
    lan_obj_t *self = mp_obj_malloc_with_finaliser(lan_obj_t, type);
    self->kept = NULL;
    mp_int_t id = values[0].u_int;
    interface_t *interface = id >= 0 ? network_find_from(id) : NULL;
    if (interface && interface->index == (size_t)id) {
        self->kept = interpreter_keep(&interface->object);
    }
    if (!self->kept) {
        if (interface) {
            network_release(interface);
        }
        mp_raise_OSError(MP_ENODEV);
    }
    return MP_OBJ_FROM_PTR(self);
}

static mp_obj_t lan_del(mp_obj_t self_in) {
    lan_obj_t *self = MP_OBJ_TO_PTR(self_in);
    if (self->kept) {
        interpreter_let_go(self->kept);
        self->kept = NULL;
    }
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(lan_del_obj, lan_del);

static bool has_address(const struct netif *netif) {
    if (!ip4_addr_isany(netif_ip4_addr(netif))) {
        return true;
    }
    for (size_t i = 1; i < LWIP_IPV6_NUM_ADDRESSES; ++i) {
        if (ip6_addr_isvalid(netif_ip6_addr_state(netif, i))) {
            return true;
        }
    }
    return false;
}

static int status_of(const interface_t *interface) {
    const struct netif *netif = &interface->netif;
    return !netif_is_up(netif) || !interface->link_up ? LINK_DOWN : has_address(netif) ? HAS_ADDRESS : NO_ADDRESS;
}

static void lan_print(const mp_print_t *print, mp_obj_t self_in, mp_print_kind_t kind) {
    (void)kind;
    static const char *const texts[] = { "link down", "", "no address", "" };
    int status = 0;
    char address[IPADDR_STRLEN_MAX] = "";
    unsigned index = interface_of(self_in)->index;
    LOCKED(self_in, status = status_of(interface); ip4addr_ntoa_r(netif_ip4_addr(netif), address, sizeof(address)));
    mp_printf(print, "<LAN %u: %s>", index, status == HAS_ADDRESS ? address : texts[status]);
}

// active(), active(on): whether it is used.
static mp_obj_t lan_active(size_t n_args, const mp_obj_t *args) {
    bool is_up = false, on = n_args > 1 && mp_obj_is_true(args[1]);
    LOCKED(args[0], {
        if (n_args == 1) {
            is_up = netif_is_up(netif);
        } else if (on) {
            netif_set_up(netif);
        } else {
            netif_set_down(netif);
        }
    });
    return n_args == 1 ? mp_obj_new_bool(is_up) : mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(lan_active_obj, 1, 2, lan_active);

// isconnected(): the link is up, and it has an address.
static mp_obj_t lan_isconnected(mp_obj_t self_in) {
    int status = 0;
    LOCKED(self_in, status = status_of(interface));
    return mp_obj_new_bool(status == HAS_ADDRESS);
}
static MP_DEFINE_CONST_FUN_OBJ_1(lan_isconnected_obj, lan_isconnected);

// status(): 0: the link is down; 2: it has no address; 3: it has one.
static mp_obj_t lan_status(mp_obj_t self_in) {
    int status = 0;
    LOCKED(self_in, status = status_of(interface));
    return MP_OBJ_NEW_SMALL_INT(status);
}
static MP_DEFINE_CONST_FUN_OBJ_1(lan_status_obj, lan_status);

static mp_obj_t ip4_text(const ip4_addr_t *address) {
    ip_addr_t ip = IPADDR4_INIT(address->addr);
    return socket_ip_text(&ip);
}

static ip_addr_t parse(mp_obj_t text) {
    ip_addr_t address;
    if (!ipaddr_aton(mp_obj_str_get_str(text), &address)) {
        mp_raise_ValueError(MP_ERROR_TEXT("not an IP address"));
    }
    return address;
}

static ip4_addr_t parse4(mp_obj_t text) {
    ip_addr_t address = parse(text);
    if (!IP_IS_V4_VAL(address)) {
        mp_raise_ValueError(MP_ERROR_TEXT("not an IPv4 address"));
    }
    return *ip_2_ip4(&address);
}

static ip4_addr_t parse_netmask(mp_obj_t text) {
    ip4_addr_t netmask = parse4(text);
    if (!ip4_addr_netmask_valid(ip4_addr_get_u32(&netmask))) {
        mp_raise_ValueError(MP_ERROR_TEXT("not a netmask"));
    }
    return netmask;
}

static void set_dns(const ip_addr_t *address) {
    MP_THREAD_GIL_EXIT();
    if (net_start()) {
        net_lock();
        dns_setserver(0, address);
        net_unlock();
    }
    MP_THREAD_GIL_ENTER();
}

static ip_addr_t get_dns(void) {
    ip_addr_t address = IPADDR4_INIT_BYTES(0, 0, 0, 0);
    MP_THREAD_GIL_EXIT();
    if (net_is_started()) {
        net_lock();
        address = *dns_getserver(0);
        net_unlock();
    }
    MP_THREAD_GIL_ENTER();
    return address;
}

// ifconfig(): (address, netmask, gateway, DNS server); ifconfig(those), ifconfig("dhcp")
static mp_obj_t lan_ifconfig(size_t n_args, const mp_obj_t *args) {
    if (n_args == 1) {
        ip4_addr_t address = { 0 }, netmask = { 0 }, gateway = { 0 };
        LOCKED(args[0], {
            address = *netif_ip4_addr(netif);
            netmask = *netif_ip4_netmask(netif);
            gateway = *netif_ip4_gw(netif);
        });
        ip_addr_t dns = get_dns();
        mp_obj_t items[] = { ip4_text(&address), ip4_text(&netmask), ip4_text(&gateway), socket_ip_text(&dns) };
        return mp_obj_new_tuple(MP_ARRAY_SIZE(items), items);
    }
    if (mp_obj_is_str(args[1])) {
        if (strcmp(mp_obj_str_get_str(args[1]), "dhcp")) {
            mp_raise_ValueError(MP_ERROR_TEXT("(address, netmask, gateway, dns) or 'dhcp'"));
        }
        LOCKED(args[0], addresses_ask(netif, true));
        return mp_const_none;
    }
    mp_obj_t *items;
    mp_obj_get_array_fixed_n(args[1], 4, &items);
    ip4_addr_t address = parse4(items[0]), netmask = parse_netmask(items[1]), gateway = parse4(items[2]);
    ip_addr_t dns = parse(items[3]);
    LOCKED(args[0], addresses_set(netif, &address, &netmask, &gateway));
    set_dns(&dns);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(lan_ifconfig_obj, 1, 2, lan_ifconfig);

// (address, state, preferred, valid): seconds that routers granted.
static mp_obj_t ip6_tuples(mp_obj_t self_in) {
    struct {
        ip_addr_t address;
        u8_t state;
        u32_t preferred, valid;
    } found[LWIP_IPV6_NUM_ADDRESSES];
    size_t count = 0;
    LOCKED(self_in, {
        for (size_t i = 0; i < LWIP_IPV6_NUM_ADDRESSES; ++i) {
            if (!ip6_addr_isinvalid(netif_ip6_addr_state(netif, i))) {
                found[count].address = *netif_ip_addr6(netif, i);
                found[count].state = netif_ip6_addr_state(netif, i);
                found[count].preferred = netif_ip6_addr_pref_life(netif, i);
                found[count++].valid = netif_ip6_addr_valid_life(netif, i);
            }
        }
    });
    mp_obj_t list = mp_obj_new_list(0, NULL);
    for (size_t i = 0; i < count; ++i) {
        mp_obj_t items[] = {
            socket_ip_text(&found[i].address), MP_OBJ_NEW_SMALL_INT(found[i].state),
            MP_OBJ_NEW_SMALL_INT(found[i].preferred), MP_OBJ_NEW_SMALL_INT(found[i].valid),
        };
        mp_obj_list_append(list, mp_obj_new_tuple(MP_ARRAY_SIZE(items), items));
    }
    return list;
}

static bool has_address_of_router(const struct netif *netif) {
    for (size_t i = 1; i < LWIP_IPV6_NUM_ADDRESSES; ++i) {
        if (ip6_addr_isvalid(netif_ip6_addr_state(netif, i)) && !netif_ip6_addr_isstatic(netif, i)) {
            return true;
        }
    }
    return false;
}

static mp_obj_t query_ipconfig(mp_obj_t self_in, qstr what) {
    bool answer = false;
    ip4_addr_t address = { 0 }, netmask = { 0 };
    switch (what) {
        case MP_QSTR_dhcp4:
            LOCKED(self_in, answer = netif_dhcp_data(netif) && netif_dhcp_data(netif)->state != DHCP_STATE_OFF);
            return mp_obj_new_bool(answer);
        case MP_QSTR_has_dhcp4:
            LOCKED(self_in, answer = dhcp_supplied_address(netif));
            return mp_obj_new_bool(answer);
        case MP_QSTR_autoconf6:
            LOCKED(self_in, answer = netif->ip6_autoconfig_enabled);
            return mp_obj_new_bool(answer);
        case MP_QSTR_has_autoconf6:
            LOCKED(self_in, answer = has_address_of_router(netif));
            return mp_obj_new_bool(answer);
        case MP_QSTR_addr4: {
            LOCKED(self_in, address = *netif_ip4_addr(netif); netmask = *netif_ip4_netmask(netif));
            mp_obj_t items[] = { ip4_text(&address), ip4_text(&netmask) };
            return mp_obj_new_tuple(MP_ARRAY_SIZE(items), items);
        }
        case MP_QSTR_gw4:
            LOCKED(self_in, address = *netif_ip4_gw(netif));
            return ip4_text(&address);
        case MP_QSTR_addr6:
            return ip6_tuples(self_in);
        default:
            mp_raise_ValueError(MP_ERROR_TEXT("unexpected key"));
    }
}

// "10.0.0.2/24", or ("10.0.0.2", "255.255.255.0").
static void parse_with_netmask(mp_obj_t value, ip4_addr_t *address, ip4_addr_t *netmask) {
    if (!mp_obj_is_str(value)) {
        mp_obj_t *items;
        mp_obj_get_array_fixed_n(value, 2, &items);
        *address = parse4(items[0]);
        *netmask = parse_netmask(items[1]);
        return;
    }
    char text[IPADDR_STRLEN_MAX];
    const char *whole = mp_obj_str_get_str(value), *slash = strchr(whole, '/');
    size_t len = slash ? (size_t)(slash - whole) : 0;
    if (!slash || len >= sizeof(text)) {
        mp_raise_ValueError(MP_ERROR_TEXT("write the address as 10.0.0.2/24"));
    }
    memcpy(text, whole, len);
    text[len] = '\0';
    *address = parse4(mp_obj_new_str_from_cstr(text));
    mp_int_t bits = mp_obj_get_int(mp_parse_num_integer(slash + 1, strlen(slash + 1), 10, NULL));
    if (bits < 1 || bits > 32) {
        mp_raise_ValueError(MP_ERROR_TEXT("not a netmask"));
    }
    ip4_addr_set_u32(netmask, lwip_htonl(~0u << (32 - bits)));
}

static void set_addr6(mp_obj_t self_in, mp_obj_t value) {
    ip_addr_t address = IPADDR6_INIT(0, 0, 0, 0);
    if (value != mp_const_none) {
        // Routes know 64 bits of it.
        char text[IPADDR_STRLEN_MAX];
        const char *whole = mp_obj_str_get_str(value);
        size_t len = strcspn(whole, "/");
        if (len >= sizeof(text) || (whole[len] && strcmp(whole + len, "/64"))) {
            mp_raise_ValueError(MP_ERROR_TEXT("write the address as fd00::2/64"));
        }
        memcpy(text, whole, len);
        text[len] = '\0';
        address = parse(mp_obj_new_str_from_cstr(text));
        if (!IP_IS_V6_VAL(address)) {
            mp_raise_ValueError(MP_ERROR_TEXT("not an IPv6 address"));
        }
    }
    bool ok = false;
    LOCKED(self_in, ok = addresses_set6(netif, ip_2_ip6(&address)));
    if (!ok) {
        mp_raise_OSError(MP_ENOMEM);
    }
}

static void set_ipconfig(mp_obj_t self_in, qstr what, mp_obj_t value) {
    ip4_addr_t address = { 0 }, netmask = { 0 };
    bool on;
    switch (what) {
        case MP_QSTR_dhcp4:
            on = mp_obj_is_true(value);
            LOCKED(self_in, addresses_ask(netif, on));
            break;
        case MP_QSTR_autoconf6:
            on = mp_obj_is_true(value);
            LOCKED(self_in, addresses_autoconfigure(netif, on));
            break;
        case MP_QSTR_addr4:
            if (value != mp_const_none) {
                parse_with_netmask(value, &address, &netmask);
            }
            LOCKED(self_in, {
                ip4_addr_t gateway = *netif_ip4_gw(netif);
                addresses_set(netif, &address, &netmask, &gateway);
            });
            break;
        case MP_QSTR_gw4:
            address = parse4(value);
            LOCKED(self_in, netif_set_gw(netif, &address));
            break;
        case MP_QSTR_addr6:
            set_addr6(self_in, value);
            break;
        default:
            mp_raise_ValueError(MP_ERROR_TEXT("unexpected key"));
    }
}

typedef mp_obj_t (*query_t)(mp_obj_t self_in, qstr what);
typedef void (*set_t)(mp_obj_t self_in, qstr what, mp_obj_t value);

// f("name") asks, f(name=value, …) sets.
static mp_obj_t query_or_set(mp_obj_t self_in, size_t n_args, const mp_obj_t *args, mp_map_t *kwargs, query_t query, set_t set) {
    if (!kwargs->used) {
        if (n_args != 1) {
            mp_raise_TypeError(MP_ERROR_TEXT("must query one param"));
        }
        return query(self_in, mp_obj_str_get_qstr(args[0]));
    }
    if (n_args) {
        mp_raise_TypeError(MP_ERROR_TEXT("can't specify pos and kw args"));
    }
    for (size_t i = 0; i < kwargs->alloc; ++i) {
        if (mp_map_slot_is_filled(kwargs, i)) {
            set(self_in, mp_obj_str_get_qstr(kwargs->table[i].key), kwargs->table[i].value);
        }
    }
    return mp_const_none;
}

static mp_obj_t lan_ipconfig(size_t n_args, const mp_obj_t *args, mp_map_t *kwargs) {
    return query_or_set(args[0], n_args - 1, args + 1, kwargs, query_ipconfig, set_ipconfig);
}
static MP_DEFINE_CONST_FUN_OBJ_KW(lan_ipconfig_obj, 1, lan_ipconfig);

static mp_obj_t hostname(void) {
    char name[IP_SETTING_HOSTNAME_MAX + 1];
    MP_THREAD_GIL_EXIT();
    bool locks = net_is_started(); // Who sets it starts it.
    if (locks) {
        net_lock();
    }
    memcpy(name, addresses_hostname(), sizeof(name));
    if (locks) {
        net_unlock();
    }
    MP_THREAD_GIL_ENTER();
    return mp_obj_new_str_from_cstr(name);
}

static mp_obj_t query_config(mp_obj_t self_in, qstr what) {
    uint8_t mac[ETH_HWADDR_LEN] = { 0 };
    mp_int_t mtu = 0;
    switch (what) {
        case MP_QSTR_mac:
            LOCKED(self_in, memcpy(mac, netif->hwaddr, sizeof(mac)));
            return mp_obj_new_bytes(mac, sizeof(mac));
        case MP_QSTR_mtu:
            LOCKED(self_in, mtu = netif->mtu);
            return MP_OBJ_NEW_SMALL_INT(mtu);
        case MP_QSTR_name:
            return mp_obj_new_str_from_cstr(interface_of(self_in)->name);
        case MP_QSTR_hostname:
            return hostname();
        default:
            mp_raise_ValueError(MP_ERROR_TEXT("unknown config param"));
    }
}

static void set_hostname(mp_obj_t name_in) {
    const char *name = mp_obj_str_get_str(name_in);
    MP_THREAD_GIL_EXIT();
    bool started = net_start(), fits = false;
    if (started) {
        net_lock();
        fits = addresses_set_hostname(name);
        if (fits) {
            mdns_rename();
        }
        net_unlock();
    }
    MP_THREAD_GIL_ENTER();
    if (!started) {
        mp_raise_OSError(MP_ENOMEM);
    }
    if (!fits) {
        mp_raise_ValueError(MP_ERROR_TEXT("a hostname has 1 to 63 characters"));
    }
}

static void set_config(mp_obj_t self_in, qstr what, mp_obj_t value) {
    mp_int_t mtu;
    bool fits = false;
    switch (what) {
        case MP_QSTR_mtu:
            mtu = mp_obj_get_int(value);
            LOCKED(self_in, {
                fits = mtu >= IP6_MIN_MTU_LENGTH && mtu <= interface->device.mtu;
                netif->mtu = fits ? (u16_t)mtu : netif->mtu;
            });
            if (!fits) {
                mp_raise_ValueError(MP_ERROR_TEXT("an MTU is 1280 to that of the device"));
            }
            break;
        case MP_QSTR_hostname:
            set_hostname(value);
            break;
        default:
            mp_raise_ValueError(MP_ERROR_TEXT("unknown config param"));
    }
}

// config("mac"), "mtu", "name", "hostname"; config(mtu=…, hostname=…)
static mp_obj_t lan_config(size_t n_args, const mp_obj_t *args, mp_map_t *kwargs) {
    return query_or_set(args[0], n_args - 1, args + 1, kwargs, query_config, set_config);
}
static MP_DEFINE_CONST_FUN_OBJ_KW(lan_config_obj, 1, lan_config);

static const mp_rom_map_elem_t lan_locals_table[] = {
    { MP_ROM_QSTR(MP_QSTR___del__), MP_ROM_PTR(&lan_del_obj) },
    { MP_ROM_QSTR(MP_QSTR_active), MP_ROM_PTR(&lan_active_obj) },
    { MP_ROM_QSTR(MP_QSTR_isconnected), MP_ROM_PTR(&lan_isconnected_obj) },
    { MP_ROM_QSTR(MP_QSTR_status), MP_ROM_PTR(&lan_status_obj) },
    { MP_ROM_QSTR(MP_QSTR_ifconfig), MP_ROM_PTR(&lan_ifconfig_obj) },
    { MP_ROM_QSTR(MP_QSTR_ipconfig), MP_ROM_PTR(&lan_ipconfig_obj) },
    { MP_ROM_QSTR(MP_QSTR_config), MP_ROM_PTR(&lan_config_obj) },
};
static MP_DEFINE_CONST_DICT(lan_locals, lan_locals_table);

static MP_DEFINE_CONST_OBJ_TYPE(
    lan_type,
    MP_QSTR_LAN,
    MP_TYPE_FLAG_NONE,
    make_new, lan_make_new,
    print, lan_print,
    locals_dict, &lan_locals
    );

// The module.

// hostname(), hostname(name)
static mp_obj_t network_hostname(size_t n_args, const mp_obj_t *args) {
    if (n_args) {
        set_hostname(args[0]);
        return mp_const_none;
    }
    return hostname();
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(network_hostname_obj, 0, 1, network_hostname);

static mp_obj_t query_global(mp_obj_t self_in, qstr what) {
    (void)self_in;
    if (what != MP_QSTR_dns) {
        mp_raise_ValueError(MP_ERROR_TEXT("unexpected key"));
    }
    ip_addr_t dns = get_dns();
    return socket_ip_text(&dns);
}

static void set_global(mp_obj_t self_in, qstr what, mp_obj_t value) {
    (void)self_in;
    if (what != MP_QSTR_dns) {
        mp_raise_ValueError(MP_ERROR_TEXT("unexpected key"));
    }
    ip_addr_t dns = parse(value);
    set_dns(&dns);
}

// ipconfig("dns"), ipconfig(dns=address)
static mp_obj_t network_ipconfig(size_t n_args, const mp_obj_t *args, mp_map_t *kwargs) {
    return query_or_set(MP_OBJ_NULL, n_args, args, kwargs, query_global, set_global);
}
static MP_DEFINE_CONST_FUN_OBJ_KW(network_ipconfig_obj, 0, network_ipconfig);

static const mp_rom_map_elem_t network_globals_table[] = {
    { MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR_network) },
    { MP_ROM_QSTR(MP_QSTR_LAN), MP_ROM_PTR(&lan_type) },
    { MP_ROM_QSTR(MP_QSTR_hostname), MP_ROM_PTR(&network_hostname_obj) },
    { MP_ROM_QSTR(MP_QSTR_ipconfig), MP_ROM_PTR(&network_ipconfig_obj) },
};
static MP_DEFINE_CONST_DICT(network_globals, network_globals_table);

const mp_obj_module_t mp_module_network = {
    .base = { &mp_type_module },
    .globals = (mp_obj_dict_t *)&network_globals,
};

MP_REGISTER_MODULE(MP_QSTR_network, mp_module_network);
