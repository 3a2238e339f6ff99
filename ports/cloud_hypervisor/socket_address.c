/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include <string.h>

#include "py/mperrno.h"
#include "py/mpthread.h"
#include "py/runtime.h"

#include "kernel/net/resolve.h"
#include "lwip/inet.h"
#include "lwip/netdb.h"
#include "socket_address.h"

#define PORT_MAX 0xffff

// What a name may have: RFC 1035, 2.3.4, and some for a zone.
#define HOST_MAX 280

// Numbers of CPython's, on Linux.
#define NAME_UNKNOWN (-2)
#define NO_ANSWER (-3)
#define FAMILY_UNKNOWN (-6)
#define SERVICE_UNKNOWN (-8)

MP_DEFINE_CONST_OBJ_TYPE(
    socket_gaierror_type,
    MP_QSTR_gaierror,
    MP_TYPE_FLAG_NONE,
    make_new, mp_obj_exception_make_new,
    print, mp_obj_exception_print,
    attr, mp_obj_exception_attr,
    parent, &mp_type_OSError
    );

static NORETURN void raise_gaierror(int number, const char *text) {
    mp_obj_t args[] = { MP_OBJ_NEW_SMALL_INT(number), mp_obj_new_str_from_cstr(text) };
    nlr_raise(mp_obj_new_exception_args(&socket_gaierror_type, MP_ARRAY_SIZE(args), args));
}

static void require_family(int family) {
    if (family != AF_INET && family != AF_INET6) {
        raise_gaierror(FAMILY_UNKNOWN, "address family not supported");
    }
}

// Without the GIL: the name is on its way for as long as it takes.
static resolve_t ask(const char *host, bool version6, uint64_t deadline_ns, ip_addr_t *ip) {
    resolve_t result;
    do {
        mp_handle_pending(true);
        MP_THREAD_GIL_EXIT();
        result = net_resolve(host, version6, deadline_ns, ip);
        MP_THREAD_GIL_ENTER();
    } while (result == RESOLVE_INTERRUPTED);
    return result;
}

static bool is_numeric(const char *host, int family, ip_addr_t *ip) {
    if (family == AF_INET) {
        IP_SET_TYPE(ip, IPADDR_TYPE_V4);
        return ip4addr_aton(host, ip_2_ip4(ip));
    }
    IP_SET_TYPE(ip, IPADDR_TYPE_V6);
    return ip6addr_aton(host, ip_2_ip6(ip));
}

// The host's address of that family.
static resolve_t find(const char *host, int family, uint64_t deadline_ns, ip_addr_t *ip) {
    ip_addr_t other;
    if (!*host) {
        ip_addr_set_any(family == AF_INET6, ip);
    } else if (family == AF_INET && strcmp(host, "<broadcast>") == 0) {
        ip_addr_copy_from_ip4(*ip, *IP4_ADDR_BROADCAST);
    } else if (!is_numeric(host, family, ip)) {
        // An address of the other family is no name.
        if (is_numeric(host, family == AF_INET ? AF_INET6 : AF_INET, &other)) {
            return RESOLVE_NOT_FOUND;
        }
        return ask(host, family == AF_INET6, deadline_ns, ip);
    }
    return RESOLVE_FOUND;
}

static const char *host_of(mp_obj_t host) {
    size_t len;
    const char *text = mp_obj_str_get_data(host, &len);
    if (len > HOST_MAX || strlen(text) != len) {
        raise_gaierror(NAME_UNKNOWN, "name not known");
    }
    return text;
}

static NORETURN void raise_unresolved(resolve_t result) {
    switch (result) {
        case RESOLVE_NO_MEMORY:
            mp_raise_OSError(MP_ENOMEM);
        case RESOLVE_TIMEOUT:
            raise_gaierror(NO_ANSWER, "temporary failure in name resolution");
        default:
            raise_gaierror(NAME_UNKNOWN, "name not known");
    }
}

static u16_t port_of(mp_obj_t port_in) {
    mp_int_t port = mp_obj_get_int(port_in);
    if (port < 0 || port > PORT_MAX) {
        mp_raise_msg(&mp_type_OverflowError, MP_ERROR_TEXT("port must be 0-65535"));
    }
    return (u16_t)port;
}

static socklen_t fill_in(struct sockaddr_storage *address, const ip_addr_t *ip, u16_t port) {
    memset(address, 0, sizeof(*address));
    if (IP_IS_V4(ip)) {
        struct sockaddr_in *sin = (struct sockaddr_in *)address;
        *sin = (struct sockaddr_in) { .sin_len = sizeof(*sin), .sin_family = AF_INET, .sin_port = lwip_htons(port) };
        inet_addr_from_ip4addr(&sin->sin_addr, ip_2_ip4(ip));
        return sizeof(*sin);
    }
    struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)address;
    *sin6 = (struct sockaddr_in6) { .sin6_len = sizeof(*sin6), .sin6_family = AF_INET6, .sin6_port = lwip_htons(port) };
    inet6_addr_from_ip6addr(&sin6->sin6_addr, ip_2_ip6(ip));
    sin6->sin6_scope_id = ip6_addr_zone(ip_2_ip6(ip));
    return sizeof(*sin6);
}

socklen_t socket_address_of(mp_obj_t tuple, int family, uint64_t deadline_ns, struct sockaddr_storage *address) {
    size_t count;
    mp_obj_t *items;
    mp_obj_get_array(tuple, &count, &items);
    if (count < 2 || count > (family == AF_INET6 ? 4 : 2)) {
        mp_raise_ValueError(MP_ERROR_TEXT("address must be (host, port)"));
    }
    require_family(family);
    const char *host = host_of(items[0]);
    u16_t port = port_of(items[1]);
    uint32_t flow = count > 2 ? mp_obj_get_int_truncated(items[2]) : 0;
    uint32_t scope = count > 3 ? mp_obj_get_int_truncated(items[3]) : 0;
    ip_addr_t ip;
    resolve_t result = find(host, family, deadline_ns, &ip);
    if (result != RESOLVE_FOUND) {
        raise_unresolved(result);
    }
    socklen_t len = fill_in(address, &ip, port);
    if (family == AF_INET6) {
        struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)address;
        sin6->sin6_flowinfo = lwip_htonl(flow);
        sin6->sin6_scope_id = scope ? scope : sin6->sin6_scope_id;
    }
    return len;
}

mp_obj_t socket_ip_text(const ip_addr_t *ip) {
    char text[IPADDR_STRLEN_MAX];
    ipaddr_ntoa_r(ip, text, sizeof(text));
    for (char *at = text; *at; ++at) {
        *at = *at >= 'A' && *at <= 'F' ? *at + 'a' - 'A' : *at;
    }
    return mp_obj_new_str_from_cstr(text);
}

mp_obj_t socket_address_new(const struct sockaddr_storage *address) {
    ip_addr_t ip = IPADDR4_INIT(0);
    if (address->ss_family == AF_INET6) {
        const struct sockaddr_in6 *sin6 = (const struct sockaddr_in6 *)address;
        IP_SET_TYPE_VAL(ip, IPADDR_TYPE_V6);
        inet6_addr_to_ip6addr(ip_2_ip6(&ip), &sin6->sin6_addr);
        mp_obj_t items[] = {
            socket_ip_text(&ip), MP_OBJ_NEW_SMALL_INT(lwip_ntohs(sin6->sin6_port)),
            MP_OBJ_NEW_SMALL_INT(lwip_ntohl(sin6->sin6_flowinfo)), MP_OBJ_NEW_SMALL_INT(sin6->sin6_scope_id),
        };
        return mp_obj_new_tuple(MP_ARRAY_SIZE(items), items);
    }
    const struct sockaddr_in *sin = (const struct sockaddr_in *)address;
    inet_addr_to_ip4addr(ip_2_ip4(&ip), &sin->sin_addr);
    mp_obj_t items[] = { socket_ip_text(&ip), MP_OBJ_NEW_SMALL_INT(lwip_ntohs(sin->sin_port)) };
    return mp_obj_new_tuple(MP_ARRAY_SIZE(items), items);
}

static u16_t service_port(mp_obj_t service) {
    if (service == mp_const_none) {
        return 0;
    }
    if (!mp_obj_is_str(service)) {
        return port_of(service);
    }
    const char *text = mp_obj_str_get_str(service);
    unsigned port = 0;
    const char *at = text;
    while (*at >= '0' && *at <= '9' && port <= PORT_MAX) {
        port = port * 10 + (*at++ - '0');
    }
    if (*at || at == text || port > PORT_MAX) {
        raise_gaierror(SERVICE_UNKNOWN, "service not known: give its number");
    }
    return (u16_t)port;
}

// What is not said is TCP first, then UDP, as elsewhere.
static void add_results(mp_obj_t list, const ip_addr_t *ip, u16_t port, mp_int_t type, mp_int_t protocol) {
    static const struct {
        int type, protocol;
    } kinds[] = { { SOCK_STREAM, IPPROTO_TCP }, { SOCK_DGRAM, IPPROTO_UDP }, { SOCK_RAW, 0 } };
    struct sockaddr_storage address;
    fill_in(&address, ip, port);
    for (size_t i = 0; i < MP_ARRAY_SIZE(kinds); ++i) {
        bool is_wanted = (!type || type == kinds[i].type) && (!protocol || !kinds[i].protocol || protocol == kinds[i].protocol);
        // Raw ones are wanted by those who say so.
        if (is_wanted && (kinds[i].type != SOCK_RAW || type == SOCK_RAW)) {
            mp_obj_t items[] = {
                MP_OBJ_NEW_SMALL_INT(IP_IS_V4(ip) ? AF_INET : AF_INET6), MP_OBJ_NEW_SMALL_INT(kinds[i].type),
                MP_OBJ_NEW_SMALL_INT(kinds[i].protocol ? kinds[i].protocol : protocol), MP_OBJ_NEW_QSTR(MP_QSTR_),
                socket_address_new(&address),
            };
            mp_obj_list_append(list, mp_obj_new_tuple(MP_ARRAY_SIZE(items), items));
        }
    }
}

// getaddrinfo(host, port, family=0, type=0, proto=0, flags=0)
static mp_obj_t getaddrinfo(size_t n_args, const mp_obj_t *pos_args, mp_map_t *kw_args) {
    enum { HOST, PORT, FAMILY, TYPE, PROTOCOL, FLAGS };
    static const mp_arg_t allowed[] = {
        { MP_QSTR_host, MP_ARG_REQUIRED | MP_ARG_OBJ, { .u_obj = MP_OBJ_NULL } },
        { MP_QSTR_port, MP_ARG_REQUIRED | MP_ARG_OBJ, { .u_obj = MP_OBJ_NULL } },
        { MP_QSTR_family, MP_ARG_INT, { .u_int = AF_UNSPEC } },
        { MP_QSTR_type, MP_ARG_INT, { .u_int = 0 } },
        { MP_QSTR_proto, MP_ARG_INT, { .u_int = 0 } },
        { MP_QSTR_flags, MP_ARG_INT, { .u_int = 0 } },
    };
    mp_arg_val_t args[MP_ARRAY_SIZE(allowed)];
    mp_arg_parse_all(n_args, pos_args, kw_args, MP_ARRAY_SIZE(allowed), allowed, args);
    mp_int_t family = args[FAMILY].u_int;
    if (family != AF_UNSPEC) {
        require_family(family);
    }
    // None is this machine: who listens takes what comes to any of its addresses.
    const char *host = args[HOST].u_obj != mp_const_none ? host_of(args[HOST].u_obj) : NULL;
    u16_t port = service_port(args[PORT].u_obj);
    static const int families[] = { AF_INET, AF_INET6 };
    mp_obj_t list = mp_obj_new_list(0, NULL);
    resolve_t result = RESOLVE_NOT_FOUND;
    for (size_t i = 0; i < MP_ARRAY_SIZE(families); ++i) {
        ip_addr_t ip;
        if (family != AF_UNSPEC && family != families[i]) {
            continue;
        }
        bool version6 = families[i] == AF_INET6;
        resolve_t found = RESOLVE_FOUND;
        if (host) {
            bool numeric = is_numeric(host, families[i], &ip);
            found = numeric ? RESOLVE_FOUND
                : args[FLAGS].u_int & AI_NUMERICHOST ? RESOLVE_NOT_FOUND
                : find(host, families[i], WAIT_FOREVER, &ip);
        } else if (args[FLAGS].u_int & AI_PASSIVE) {
            ip_addr_set_any(version6, &ip);
        } else {
            ip_addr_set_loopback(version6, &ip);
        }
        if (found == RESOLVE_FOUND) {
            add_results(list, &ip, port, args[TYPE].u_int, args[PROTOCOL].u_int);
        }
        result = found == RESOLVE_FOUND || result == RESOLVE_FOUND ? RESOLVE_FOUND : found;
    }
    if (result != RESOLVE_FOUND) {
        raise_unresolved(result);
    }
    return list;
}
MP_DEFINE_CONST_FUN_OBJ_KW(socket_getaddrinfo_obj, 2, getaddrinfo);

// inet_pton(family, text)
static mp_obj_t inet_pton(mp_obj_t family_in, mp_obj_t text) {
    mp_int_t family = mp_obj_get_int(family_in);
    uint8_t bytes[sizeof(struct in6_addr)];
    int done = lwip_inet_pton(family, mp_obj_str_get_str(text), bytes);
    if (done != 1) {
        mp_raise_OSError(done < 0 ? MP_EAFNOSUPPORT : MP_EINVAL);
    }
    return mp_obj_new_bytes(bytes, family == AF_INET ? sizeof(struct in_addr) : sizeof(struct in6_addr));
}
MP_DEFINE_CONST_FUN_OBJ_2(socket_inet_pton_obj, inet_pton);

// inet_ntop(family, bytes)
static mp_obj_t inet_ntop(mp_obj_t family_in, mp_obj_t bytes) {
    mp_int_t family = mp_obj_get_int(family_in);
    mp_buffer_info_t buffer;
    mp_get_buffer_raise(bytes, &buffer, MP_BUFFER_READ);
    if (family != AF_INET && family != AF_INET6) {
        mp_raise_OSError(MP_EAFNOSUPPORT);
    }
    if (buffer.len != (family == AF_INET ? sizeof(struct in_addr) : sizeof(struct in6_addr))) {
        mp_raise_ValueError(MP_ERROR_TEXT("invalid length of packed IP address"));
    }
    ip_addr_t ip = IPADDR4_INIT(0);
    IP_SET_TYPE_VAL(ip, family == AF_INET ? IPADDR_TYPE_V4 : IPADDR_TYPE_V6);
    memcpy(family == AF_INET ? (void *)ip_2_ip4(&ip) : ip_2_ip6(&ip)->addr, buffer.buf, buffer.len);
    return socket_ip_text(&ip);
}
MP_DEFINE_CONST_FUN_OBJ_2(socket_inet_ntop_obj, inet_ntop);
