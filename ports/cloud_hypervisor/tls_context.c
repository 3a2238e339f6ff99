/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* The type `SSLContext`: whom to trust, who one is, and how to talk. */

#include <string.h>

#include "py/objstr.h"
#include "py/runtime.h"

#include "mbedtls/ssl_ciphersuites.h"
#include "psa/crypto.h"
#include "tls_parts.h"

#define TICKET_LIFETIME_S (24 * 60 * 60)
#define PROTOCOL_NAME_MAX 255 // RFC 7301, 3.1.

// As in the library, but SHA-256 first: the CPU has instructions for it, and with RSA keys of 1024 bits no longer hash goes.
static const uint16_t signatures[] = {
    MBEDTLS_TLS1_3_SIG_ECDSA_SECP256R1_SHA256, MBEDTLS_TLS1_3_SIG_ECDSA_SECP384R1_SHA384,
    MBEDTLS_TLS1_3_SIG_RSA_PSS_RSAE_SHA256, MBEDTLS_TLS1_3_SIG_RSA_PSS_RSAE_SHA384, MBEDTLS_TLS1_3_SIG_RSA_PSS_RSAE_SHA512,
    MBEDTLS_TLS1_3_SIG_RSA_PKCS1_SHA256, MBEDTLS_TLS1_3_SIG_RSA_PKCS1_SHA384, MBEDTLS_TLS1_3_SIG_RSA_PKCS1_SHA512,
    MBEDTLS_TLS1_3_SIG_NONE,
};

static bool is_server(const tls_context_t *self) {
    return self->protocol & TLS_IS_SERVER;
}

static void check(int error) {
    if (error) {
        tls_raise(error);
    }
}

// What was checked by other rules does not count any more: sessions of clients, and the tickets of a server.
static void trust_changes(tls_context_t *self) {
    ++self->trust_changes;
    if (is_server(self)) {
        mbedtls_ssl_ticket_free(&self->tickets);
        mbedtls_ssl_ticket_init(&self->tickets);
        check(mbedtls_ssl_ticket_setup(&self->tickets, tls_random, NULL, MBEDTLS_CIPHER_AES_256_GCM, TICKET_LIFETIME_S));
    }
}

static void set_verify_mode(tls_context_t *self, int mode) {
    if (mode < MBEDTLS_SSL_VERIFY_NONE || mode > MBEDTLS_SSL_VERIFY_REQUIRED) {
        mp_raise_ValueError(MP_ERROR_TEXT("invalid value for verify_mode"));
    }
    self->verify_mode = mode;
    trust_changes(self);
    mbedtls_ssl_conf_authmode(&self->config, mode);
}

// SSLContext(protocol)
static mp_obj_t context_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *args) {
    mp_arg_check_num(n_args, n_kw, 1, 1, false);
    int protocol = mp_obj_get_int(args[0]);
    if (protocol & ~(TLS_IS_SERVER | TLS_IS_DATAGRAM)) {
        mp_raise_ValueError(MP_ERROR_TEXT("invalid or unsupported protocol version"));
    }
    if (psa_crypto_init() != PSA_SUCCESS) {
        mp_raise_OSError(MP_ENOMEM);
    }
    tls_context_t *self = mp_obj_malloc_with_finaliser(tls_context_t, type);
    self->protocol = protocol;
    self->check_hostname = !is_server(self);
    self->trust_changes = 0;
    self->verify_callback = mp_const_none;
    self->identities = NULL;
    self->ciphersuites = NULL;
    self->protocols = NULL;
    mbedtls_ssl_config_init(&self->config);
    mbedtls_x509_crt_init(&self->authorities);
    mbedtls_ssl_ticket_init(&self->tickets);
    check(mbedtls_ssl_config_defaults(&self->config, is_server(self) ? MBEDTLS_SSL_IS_SERVER : MBEDTLS_SSL_IS_CLIENT,
        protocol & TLS_IS_DATAGRAM ? MBEDTLS_SSL_TRANSPORT_DATAGRAM : MBEDTLS_SSL_TRANSPORT_STREAM, MBEDTLS_SSL_PRESET_DEFAULT));
    mbedtls_ssl_conf_rng(&self->config, tls_random, NULL);
    mbedtls_ssl_conf_sig_algs(&self->config, signatures);
    set_verify_mode(self, is_server(self) ? MBEDTLS_SSL_VERIFY_NONE : MBEDTLS_SSL_VERIFY_REQUIRED);
    if (is_server(self)) {
        mbedtls_ssl_conf_session_tickets_cb(&self->config, mbedtls_ssl_ticket_write, mbedtls_ssl_ticket_parse, &self->tickets);
    } else {
        mbedtls_ssl_conf_tls13_enable_signal_new_session_tickets(&self->config,
            MBEDTLS_SSL_TLS1_3_SIGNAL_NEW_SESSION_TICKETS_ENABLED);
    }
    return MP_OBJ_FROM_PTR(self);
}

static mp_obj_t context_del(mp_obj_t self_in) {
    tls_context_t *self = MP_OBJ_TO_PTR(self_in);
    for (tls_identity_t *identity = self->identities; identity; identity = identity->next) {
        mbedtls_x509_crt_free(&identity->chain);
        mbedtls_pk_free(&identity->key);
    }
    self->identities = NULL;
    mbedtls_ssl_ticket_free(&self->tickets);
    mbedtls_x509_crt_free(&self->authorities);
    mbedtls_ssl_config_free(&self->config);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(context_del_obj, context_del);

// Bytes or a string. Mbed TLS wants the NUL behind PEM to be counted, and none with DER: objects of strings end with one.
static const unsigned char *content_of(mp_obj_t obj, size_t *len) {
    const char *content = mp_obj_str_get_data(obj, len);
    *len += strstr(content, "-----BEGIN ") != NULL;
    return (const unsigned char *)content;
}

// load_cert_chain(certificates, key). Each call adds one: the client takes the one that it can use. What is wrong is freed with
// the context.
static mp_obj_t context_load_cert_chain(mp_obj_t self_in, mp_obj_t chain_in, mp_obj_t key_in) {
    tls_context_t *self = MP_OBJ_TO_PTR(self_in);
    tls_identity_t *identity = m_new(tls_identity_t, 1);
    mbedtls_x509_crt_init(&identity->chain);
    mbedtls_pk_init(&identity->key);
    identity->next = self->identities;
    self->identities = identity;
    size_t len;
    const unsigned char *content = content_of(key_in, &len);
    if (mbedtls_pk_parse_key(&identity->key, content, len, NULL, 0, tls_random, NULL)) {
        mp_raise_ValueError(MP_ERROR_TEXT("invalid key"));
    }
    content = content_of(chain_in, &len);
    if (mbedtls_x509_crt_parse(&identity->chain, content, len)) {
        mp_raise_ValueError(MP_ERROR_TEXT("invalid cert"));
    }
    check(mbedtls_ssl_conf_own_cert(&self->config, &identity->chain, &identity->key));
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_3(context_load_cert_chain_obj, context_load_cert_chain);

// load_verify_locations(authorities). Of a bundle, those are left out that Mbed TLS cannot read.
static mp_obj_t context_load_verify_locations(mp_obj_t self_in, mp_obj_t authorities_in) {
    tls_context_t *self = MP_OBJ_TO_PTR(self_in);
    size_t len;
    const unsigned char *authorities = content_of(authorities_in, &len);
    int failed = mbedtls_x509_crt_parse(&self->authorities, authorities, len);
    if (failed < 0 || !self->authorities.version) {
        mp_raise_ValueError(MP_ERROR_TEXT("invalid cert"));
    }
    trust_changes(self);
    mbedtls_ssl_conf_ca_chain(&self->config, &self->authorities, NULL);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_2(context_load_verify_locations_obj, context_load_verify_locations);

static mp_obj_t context_get_ciphers(mp_obj_t self_in) {
    (void)self_in;
    mp_obj_t names = mp_obj_new_list(0, NULL);
    for (const int *id = mbedtls_ssl_list_ciphersuites(); *id; ++id) {
        mp_obj_list_append(names, mp_obj_new_str_from_cstr(mbedtls_ssl_get_ciphersuite_name(*id)));
    }
    return names;
}
static MP_DEFINE_CONST_FUN_OBJ_1(context_get_ciphers_obj, context_get_ciphers);

static bool is_of_tls13(int id) {
    return id >> 8 == 0x13; // RFC 8446, B.4.
}

// set_ciphers(names). Where none is TLS 1.3's, its own stay: as in CPython, the list is of the versions before.
static mp_obj_t context_set_ciphers(mp_obj_t self_in, mp_obj_t names_in) {
    tls_context_t *self = MP_OBJ_TO_PTR(self_in);
    size_t count;
    mp_obj_t *names;
    mp_obj_get_array(names_in, &count, &names);
    size_t own = 0;
    for (const int *id = mbedtls_ssl_list_ciphersuites(); *id; ++id) {
        own += is_of_tls13(*id);
    }
    int *ids = m_new0(int, own + count + 1);
    bool has_tls13 = false;
    for (size_t i = 0; i < count; ++i) {
        ids[i] = mbedtls_ssl_get_ciphersuite_id(mp_obj_str_get_str(names[i]));
        if (!ids[i]) {
            tls_raise(MBEDTLS_ERR_SSL_BAD_CONFIG);
        }
        has_tls13 = has_tls13 || is_of_tls13(ids[i]);
    }
    if (!count) {
        tls_raise(MBEDTLS_ERR_SSL_BAD_CONFIG);
    }
    for (const int *id = mbedtls_ssl_list_ciphersuites(); *id && !has_tls13; ++id) {
        if (is_of_tls13(*id)) {
            ids[count++] = *id;
        }
    }
    self->ciphersuites = ids;
    mbedtls_ssl_conf_ciphersuites(&self->config, ids);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_2(context_set_ciphers_obj, context_set_ciphers);

// set_alpn_protocols(names)
static mp_obj_t context_set_alpn_protocols(mp_obj_t self_in, mp_obj_t names_in) {
    tls_context_t *self = MP_OBJ_TO_PTR(self_in);
    size_t count;
    mp_obj_t *names;
    mp_obj_get_array(names_in, &count, &names);
    const char **protocols = m_new0(const char *, count + 1);
    for (size_t i = 0; i < count; ++i) {
        size_t len;
        const char *name = mp_obj_str_get_data(names[i], &len);
        if (!len || len > PROTOCOL_NAME_MAX || strlen(name) != len) {
            mp_raise_ValueError(MP_ERROR_TEXT("ALPN protocols must be 1 to 255 in length"));
        }
        char *copy = m_new(char, len + 1);
        protocols[i] = memcpy(copy, name, len + 1);
    }
    check(mbedtls_ssl_conf_alpn_protocols(&self->config, protocols));
    if (!count) {
        self->config.MBEDTLS_PRIVATE(alpn_list) = NULL; // An empty one would be sent.
    }
    self->protocols = protocols;
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_2(context_set_alpn_protocols_obj, context_set_alpn_protocols);

// wrap_socket(stream, server_side=False, do_handshake_on_connect=True, server_hostname=None, session=None)
static mp_obj_t context_wrap_socket(size_t n_args, const mp_obj_t *pos_args, mp_map_t *kw_args) {
    enum { ARG_stream, ARG_server_side, ARG_do_handshake_on_connect, ARG_server_hostname, ARG_session };
    static const mp_arg_t allowed_args[] = {
        { MP_QSTR_sock, MP_ARG_REQUIRED | MP_ARG_OBJ },
        { MP_QSTR_server_side, MP_ARG_BOOL, { .u_bool = false } },
        { MP_QSTR_do_handshake_on_connect, MP_ARG_BOOL, { .u_bool = true } },
        { MP_QSTR_server_hostname, MP_ARG_OBJ, { .u_rom_obj = MP_ROM_NONE } },
        { MP_QSTR_session, MP_ARG_OBJ, { .u_rom_obj = MP_ROM_NONE } },
    };
    mp_arg_val_t args[MP_ARRAY_SIZE(allowed_args)];
    mp_arg_parse_all(n_args - 1, pos_args + 1, kw_args, MP_ARRAY_SIZE(allowed_args), allowed_args, args);
    tls_context_t *self = MP_OBJ_TO_PTR(pos_args[0]);
    mp_obj_t hostname = args[ARG_server_hostname].u_obj;
    if (args[ARG_server_side].u_bool && !is_server(self)) {
        mp_raise_ValueError(MP_ERROR_TEXT("Cannot create a server socket with a PROTOCOL_TLS_CLIENT context"));
    } else if (!is_server(self) && hostname == mp_const_none && self->check_hostname
        && self->verify_mode == MBEDTLS_SSL_VERIFY_REQUIRED) {
        mp_raise_ValueError(MP_ERROR_TEXT("CERT_REQUIRED requires server_hostname"));
    }
    return tls_socket_new(self, args[ARG_stream].u_obj, args[ARG_do_handshake_on_connect].u_bool, hostname,
        args[ARG_session].u_obj);
}
static MP_DEFINE_CONST_FUN_OBJ_KW(context_wrap_socket_obj, 2, context_wrap_socket);

static mbedtls_ssl_protocol_version version_of(mp_obj_t obj) {
    mp_int_t version = mp_obj_get_int(obj);
    if (version != MBEDTLS_SSL_VERSION_TLS1_2 && version != MBEDTLS_SSL_VERSION_TLS1_3) {
        mp_raise_ValueError(MP_ERROR_TEXT("TLS 1.2 and 1.3 are known here"));
    }
    return version;
}

static void context_attr(mp_obj_t self_in, qstr attr, mp_obj_t *dest) {
    tls_context_t *self = MP_OBJ_TO_PTR(self_in);
    bool stores = dest[0] != MP_OBJ_NULL && dest[1] != MP_OBJ_NULL;
    if (dest[0] != MP_OBJ_NULL && !stores) {
        return;
    }
    mp_obj_t value = stores ? dest[1] : MP_OBJ_NULL;
    switch (attr) {
        case MP_QSTR_verify_mode:
            if (stores) {
                set_verify_mode(self, mp_obj_get_int(value));
            }
            value = MP_OBJ_NEW_SMALL_INT(self->verify_mode);
            break;
        case MP_QSTR_check_hostname:
            if (stores) {
                self->check_hostname = mp_obj_is_true(value);
                trust_changes(self);
            }
            value = mp_obj_new_bool(self->check_hostname);
            break;
        case MP_QSTR_verify_callback:
            if (stores) {
                self->verify_callback = value;
                trust_changes(self);
            }
            value = self->verify_callback;
            break;
        case MP_QSTR_minimum_version:
            if (stores) {
                mbedtls_ssl_conf_min_tls_version(&self->config, version_of(value));
            }
            value = MP_OBJ_NEW_SMALL_INT(self->config.MBEDTLS_PRIVATE(min_tls_version));
            break;
        case MP_QSTR_maximum_version:
            if (stores) {
                mbedtls_ssl_conf_max_tls_version(&self->config, version_of(value));
            }
            value = MP_OBJ_NEW_SMALL_INT(self->config.MBEDTLS_PRIVATE(max_tls_version));
            break;
        default:
            if (!stores) {
                dest[1] = MP_OBJ_SENTINEL; // A method.
            }
            return;
    }
    dest[0] = stores ? MP_OBJ_NULL : value;
}

static const mp_rom_map_elem_t context_locals_table[] = {
    { MP_ROM_QSTR(MP_QSTR___del__), MP_ROM_PTR(&context_del_obj) },
    { MP_ROM_QSTR(MP_QSTR_get_ciphers), MP_ROM_PTR(&context_get_ciphers_obj) },
    { MP_ROM_QSTR(MP_QSTR_set_ciphers), MP_ROM_PTR(&context_set_ciphers_obj) },
    { MP_ROM_QSTR(MP_QSTR_set_alpn_protocols), MP_ROM_PTR(&context_set_alpn_protocols_obj) },
    { MP_ROM_QSTR(MP_QSTR_load_cert_chain), MP_ROM_PTR(&context_load_cert_chain_obj) },
    { MP_ROM_QSTR(MP_QSTR_load_verify_locations), MP_ROM_PTR(&context_load_verify_locations_obj) },
    { MP_ROM_QSTR(MP_QSTR_wrap_socket), MP_ROM_PTR(&context_wrap_socket_obj) },
};
static MP_DEFINE_CONST_DICT(context_locals, context_locals_table);

MP_DEFINE_CONST_OBJ_TYPE(tls_context_type, MP_QSTR_SSLContext, MP_TYPE_FLAG_NONE, make_new, context_make_new,
    attr, context_attr, locals_dict, &context_locals);
