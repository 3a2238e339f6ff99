/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* The module _socket, which modules/socket.py makes the module socket of. */

#include "py/mperrno.h"
#include "py/runtime.h"

#include "lwip/inet.h"
#include "lwip/netdb.h"
#include "socket_address.h"
#include "socket_obj.h"

static mp_obj_t swap16(mp_obj_t number) {
    return MP_OBJ_NEW_SMALL_INT(lwip_htons(mp_obj_get_int_truncated(number)));
}
static MP_DEFINE_CONST_FUN_OBJ_1(swap16_obj, swap16);

static mp_obj_t swap32(mp_obj_t number) {
    return mp_obj_new_int_from_uint(lwip_htonl(mp_obj_get_int_truncated(number)));
}
static MP_DEFINE_CONST_FUN_OBJ_1(swap32_obj, swap32);

#define NUMBER(name) { MP_ROM_QSTR(MP_QSTR_##name), MP_ROM_INT(name) }

static const mp_rom_map_elem_t socket_globals_table[] = {
    { MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR__socket) },
    { MP_ROM_QSTR(MP_QSTR_socket), MP_ROM_PTR(&socket_type) },
    { MP_ROM_QSTR(MP_QSTR_SocketType), MP_ROM_PTR(&socket_type) },
    { MP_ROM_QSTR(MP_QSTR_error), MP_ROM_PTR(&mp_type_OSError) },
    { MP_ROM_QSTR(MP_QSTR_gaierror), MP_ROM_PTR(&socket_gaierror_type) },
    { MP_ROM_QSTR(MP_QSTR_timeout), MP_ROM_PTR(&socket_timeout_type) },
    { MP_ROM_QSTR(MP_QSTR_getaddrinfo), MP_ROM_PTR(&socket_getaddrinfo_obj) },
    { MP_ROM_QSTR(MP_QSTR_inet_pton), MP_ROM_PTR(&socket_inet_pton_obj) },
    { MP_ROM_QSTR(MP_QSTR_inet_ntop), MP_ROM_PTR(&socket_inet_ntop_obj) },
    { MP_ROM_QSTR(MP_QSTR_htons), MP_ROM_PTR(&swap16_obj) },
    { MP_ROM_QSTR(MP_QSTR_ntohs), MP_ROM_PTR(&swap16_obj) },
    { MP_ROM_QSTR(MP_QSTR_htonl), MP_ROM_PTR(&swap32_obj) },
    { MP_ROM_QSTR(MP_QSTR_ntohl), MP_ROM_PTR(&swap32_obj) },
    NUMBER(AF_UNSPEC), NUMBER(AF_INET), NUMBER(AF_INET6),
    NUMBER(SOCK_STREAM), NUMBER(SOCK_DGRAM), NUMBER(SOCK_RAW),
    NUMBER(IPPROTO_IP), NUMBER(IPPROTO_ICMP), NUMBER(IPPROTO_TCP), NUMBER(IPPROTO_UDP), NUMBER(IPPROTO_IPV6),
    NUMBER(IPPROTO_ICMPV6), NUMBER(IPPROTO_RAW),
    NUMBER(SOL_SOCKET),
    NUMBER(SO_BROADCAST), NUMBER(SO_ERROR), NUMBER(SO_KEEPALIVE), NUMBER(SO_LINGER), NUMBER(SO_RCVBUF), NUMBER(SO_RCVTIMEO),
    NUMBER(SO_REUSEADDR), NUMBER(SO_SNDTIMEO), NUMBER(SO_TYPE), NUMBER(SO_BINDTODEVICE),
    NUMBER(TCP_NODELAY), NUMBER(TCP_KEEPIDLE), NUMBER(TCP_KEEPINTVL), NUMBER(TCP_KEEPCNT),
    NUMBER(IP_TOS), NUMBER(IP_TTL), NUMBER(IP_ADD_MEMBERSHIP), NUMBER(IP_DROP_MEMBERSHIP), NUMBER(IP_MULTICAST_IF),
    NUMBER(IP_MULTICAST_LOOP), NUMBER(IP_MULTICAST_TTL),
    NUMBER(IPV6_V6ONLY), NUMBER(IPV6_JOIN_GROUP), NUMBER(IPV6_LEAVE_GROUP),
    NUMBER(MSG_DONTWAIT), NUMBER(MSG_MORE), NUMBER(MSG_PEEK),
    NUMBER(SHUT_RD), NUMBER(SHUT_WR), NUMBER(SHUT_RDWR),
    NUMBER(AI_PASSIVE), NUMBER(AI_NUMERICHOST),
};
static MP_DEFINE_CONST_DICT(socket_globals, socket_globals_table);

const mp_obj_module_t mp_module__socket = {
    .base = { &mp_type_module },
    .globals = (mp_obj_dict_t *)&socket_globals,
};

MP_REGISTER_MODULE(MP_QSTR__socket, mp_module__socket);
