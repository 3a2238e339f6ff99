/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* The type `SSLSession`: what a client has agreed on with a server, so that the next connection need not. */

#include "py/runtime.h"

#include "tls_parts.h"

static mp_obj_t session_del(mp_obj_t self_in) {
    mbedtls_ssl_session_free(&((tls_session_t *)MP_OBJ_TO_PTR(self_in))->session);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(session_del_obj, session_del);

mp_obj_t tls_session_of(const tls_socket_t *socket) {
    tls_session_t *self = mp_obj_malloc_with_finaliser(tls_session_t, &tls_session_type);
    mbedtls_ssl_session_init(&self->session);
    if (mbedtls_ssl_get_session(&socket->ssl, &self->session)) {
        return MP_OBJ_NULL;
    }
    self->context = socket->context;
    self->trust_changes = socket->trust_changes;
    self->hostname = socket->hostname;
    return MP_OBJ_FROM_PTR(self);
}

// A server's certificate is not looked at again: it was, by the same rules and for the same name.
int tls_session_use(mp_obj_t session_in, tls_socket_t *socket) {
    if (!mp_obj_is_exact_type(session_in, &tls_session_type)) {
        mp_raise_TypeError(MP_ERROR_TEXT("Value is not a SSLSession."));
    }
    const tls_session_t *self = MP_OBJ_TO_PTR(session_in);
    if (self->context != socket->context || self->trust_changes != socket->trust_changes) {
        mp_raise_ValueError(MP_ERROR_TEXT("Session refers to a different SSLContext."));
    } else if (!mp_obj_equal(self->hostname, socket->hostname)) {
        mp_raise_ValueError(MP_ERROR_TEXT("Session refers to a different host"));
    }
    return mbedtls_ssl_set_session(&socket->ssl, &self->session);
}

static const mp_rom_map_elem_t session_locals_table[] = {
    { MP_ROM_QSTR(MP_QSTR___del__), MP_ROM_PTR(&session_del_obj) },
};
static MP_DEFINE_CONST_DICT(session_locals, session_locals_table);

MP_DEFINE_CONST_OBJ_TYPE(tls_session_type, MP_QSTR_SSLSession, MP_TYPE_FLAG_NONE, locals_dict, &session_locals);
