/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* The module tls on Mbed TLS: MicroPython's names and meaning, and of CPython's ssl what that lacks (close_notify, sessions,
 * ALPN, bounds of versions, what a socket can). modules/ssl.py makes the module ssl of it. */

#include "py/objstr.h"

#include "mbedtls/entropy.h"
#include "mbedtls/version.h"
#include "kernel/random.h"
#include "tls_parts.h"

int tls_random(void *ctx, unsigned char *output, size_t len) {
    (void)ctx;
    return random_bytes(output, len) ? 0 : MBEDTLS_ERR_ENTROPY_SOURCE_FAILED;
}

static const MP_DEFINE_STR_OBJ(version_obj, MBEDTLS_VERSION_STRING_FULL);

static const mp_rom_map_elem_t tls_globals_table[] = {
    { MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR_tls) },
    { MP_ROM_QSTR(MP_QSTR_SSLContext), MP_ROM_PTR(&tls_context_type) },
    { MP_ROM_QSTR(MP_QSTR_SSLSocket), MP_ROM_PTR(&tls_socket_type) },
    { MP_ROM_QSTR(MP_QSTR_SSLSession), MP_ROM_PTR(&tls_session_type) },
    { MP_ROM_QSTR(MP_QSTR_MBEDTLS_VERSION), MP_ROM_PTR(&version_obj) },
    { MP_ROM_QSTR(MP_QSTR_PROTOCOL_TLS_CLIENT), MP_ROM_INT(0) },
    { MP_ROM_QSTR(MP_QSTR_PROTOCOL_TLS_SERVER), MP_ROM_INT(TLS_IS_SERVER) },
    { MP_ROM_QSTR(MP_QSTR_PROTOCOL_DTLS_CLIENT), MP_ROM_INT(TLS_IS_DATAGRAM) },
    { MP_ROM_QSTR(MP_QSTR_PROTOCOL_DTLS_SERVER), MP_ROM_INT(TLS_IS_DATAGRAM | TLS_IS_SERVER) },
    { MP_ROM_QSTR(MP_QSTR_CERT_NONE), MP_ROM_INT(MBEDTLS_SSL_VERIFY_NONE) },
    { MP_ROM_QSTR(MP_QSTR_CERT_OPTIONAL), MP_ROM_INT(MBEDTLS_SSL_VERIFY_OPTIONAL) },
    { MP_ROM_QSTR(MP_QSTR_CERT_REQUIRED), MP_ROM_INT(MBEDTLS_SSL_VERIFY_REQUIRED) },
};
static MP_DEFINE_CONST_DICT(tls_globals, tls_globals_table);

const mp_obj_module_t mp_module_tls = {
    .base = { &mp_type_module },
    .globals = (mp_obj_dict_t *)&tls_globals,
};

MP_REGISTER_MODULE(MP_QSTR_tls, mp_module_tls);
