/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* The type `SSLSocket`. */

#include <string.h>

#include "py/mperrno.h"
#include "py/runtime.h"

#include "tls_parts.h"

static int ask_callback(const tls_context_t *context, const mbedtls_x509_crt *certificate, int depth) {
    uint8_t *der = m_new(uint8_t, certificate->raw.len); // It may be kept.
    memcpy(der, certificate->raw.p, certificate->raw.len);
    mp_obj_t view = mp_obj_new_memoryview('B', certificate->raw.len, der);
    return mp_obj_get_int(mp_call_function_2(context->verify_callback, view, MP_OBJ_NEW_SMALL_INT(depth)));
}

// An exception waits until Mbed TLS has freed what it has.
static int verify(void *self_in, mbedtls_x509_crt *certificate, int depth, uint32_t *flags) {
    tls_socket_t *self = self_in;
    const tls_context_t *context = self->context;
    if (!context->check_hostname) {
        *flags &= ~MBEDTLS_X509_BADCERT_CN_MISMATCH;
    }
    if (context->verify_callback == mp_const_none) {
        return 0;
    }
    nlr_buf_t nlr;
    if (nlr_push(&nlr)) {
        self->raised = MP_OBJ_FROM_PTR(nlr.ret_val);
        return MBEDTLS_ERR_X509_FATAL_ERROR;
    }
    int result = ask_callback(context, certificate, depth);
    nlr_pop();
    return result;
}

static const char *name_of_host(mp_obj_t hostname) {
    if (hostname == mp_const_none) {
        return NULL;
    }
    size_t len;
    const char *name = mp_obj_str_get_data(hostname, &len);
    if (strlen(name) != len) {
        mp_raise_ValueError(MP_ERROR_TEXT("embedded null character"));
    }
    return name;
}

mp_obj_t tls_socket_new(tls_context_t *context, mp_obj_t stream, bool shake, mp_obj_t hostname, mp_obj_t session) {
    mp_get_stream_raise(stream, MP_STREAM_OP_READ | MP_STREAM_OP_WRITE | MP_STREAM_OP_IOCTL);
    const char *name = name_of_host(hostname);
    tls_socket_t *self = mp_obj_malloc_with_finaliser(tls_socket_t, &tls_socket_type);
    memset((uint8_t *)self + sizeof(self->base), 0, sizeof(*self) - sizeof(self->base));
    self->context = context;
    self->trust_changes = context->trust_changes;
    self->stream = stream;
    self->hostname = hostname;
    self->session = mp_const_none;
    self->raised = MP_OBJ_NULL;
    mbedtls_ssl_init(&self->ssl);
    int error = mbedtls_ssl_setup(&self->ssl, &context->config);
    mbedtls_ssl_set_verify(&self->ssl, verify, self);
    if (!error) {
        error = mbedtls_ssl_set_hostname(&self->ssl, name);
    }
    if (!error && session != mp_const_none) {
        error = tls_session_use(session, self);
    }
    if (error) {
        tls_stream_abandon(self);
        tls_raise(error);
    }
    tls_stream_begin(self);
    if (shake) {
        tls_stream_handshake(self);
    }
    return MP_OBJ_FROM_PTR(self);
}

static tls_socket_t *open_socket(mp_obj_t self_in) {
    tls_socket_t *self = MP_OBJ_TO_PTR(self_in);
    if (self->stream == MP_OBJ_NULL || self->is_closing) {
        mp_raise_OSError(MP_EBADF);
    }
    return self;
}

// In a collection: the stream may be gone already.
static mp_obj_t tls_socket_del(mp_obj_t self_in) {
    tls_stream_abandon(MP_OBJ_TO_PTR(self_in));
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(tls_socket_del_obj, tls_socket_del);

static mp_obj_t tls_socket_do_handshake(mp_obj_t self_in) {
    tls_stream_handshake(open_socket(self_in));
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(tls_socket_do_handshake_obj, tls_socket_do_handshake);

// unwrap(): the stream below, which stays open.
static mp_obj_t tls_socket_unwrap(mp_obj_t self_in) {
    tls_socket_t *self = open_socket(self_in);
    mp_obj_t stream = self->stream, raised = tls_stream_close(self);
    if (raised != MP_OBJ_NULL) {
        nlr_raise(raised);
    }
    return stream;
}
static MP_DEFINE_CONST_FUN_OBJ_1(tls_socket_unwrap_obj, tls_socket_unwrap);

// cipher(): (name, version); None before the handshake's end.
static mp_obj_t tls_socket_cipher(mp_obj_t self_in) {
    tls_socket_t *self = MP_OBJ_TO_PTR(self_in);
    if (!tls_stream_is_connected(self)) {
        return mp_const_none;
    }
    mp_obj_t both[] = {
        mp_obj_new_str_from_cstr(mbedtls_ssl_get_ciphersuite(&self->ssl)),
        mp_obj_new_str_from_cstr(mbedtls_ssl_get_version(&self->ssl)),
    };
    return mp_obj_new_tuple(MP_ARRAY_SIZE(both), both);
}
static MP_DEFINE_CONST_FUN_OBJ_1(tls_socket_cipher_obj, tls_socket_cipher);

static mp_obj_t tls_socket_version(mp_obj_t self_in) {
    tls_socket_t *self = MP_OBJ_TO_PTR(self_in);
    return tls_stream_is_connected(self) ? mp_obj_new_str_from_cstr(mbedtls_ssl_get_version(&self->ssl)) : mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(tls_socket_version_obj, tls_socket_version);

static mp_obj_t tls_socket_selected_alpn_protocol(mp_obj_t self_in) {
    tls_socket_t *self = MP_OBJ_TO_PTR(self_in);
    const char *protocol = tls_stream_is_connected(self) ? mbedtls_ssl_get_alpn_protocol(&self->ssl) : NULL;
    return protocol ? mp_obj_new_str_from_cstr(protocol) : mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(tls_socket_selected_alpn_protocol_obj, tls_socket_selected_alpn_protocol);

static mp_obj_t tls_socket_getpeercert(size_t n_args, const mp_obj_t *args) {
    tls_socket_t *self = MP_OBJ_TO_PTR(args[0]);
    if (n_args < 2 || !mp_obj_is_true(args[1])) {
        mp_raise_NotImplementedError(MP_ERROR_TEXT("getpeercert(True) gives the certificate's bytes"));
    }
    const mbedtls_x509_crt *certificate = tls_stream_is_connected(self) ? mbedtls_ssl_get_peer_cert(&self->ssl) : NULL;
    return certificate ? mp_obj_new_bytes(certificate->raw.p, certificate->raw.len) : mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(tls_socket_getpeercert_obj, 1, 2, tls_socket_getpeercert);

static mp_obj_t tls_socket_pending(mp_obj_t self_in) {
    tls_socket_t *self = MP_OBJ_TO_PTR(self_in);
    return MP_OBJ_NEW_SMALL_INT(tls_stream_is_connected(self) ? mbedtls_ssl_get_bytes_avail(&self->ssl) : 0);
}
static MP_DEFINE_CONST_FUN_OBJ_1(tls_socket_pending_obj, tls_socket_pending);

static mp_obj_t tls_socket_enter(mp_obj_t self_in) {
    return self_in;
}
static MP_DEFINE_CONST_FUN_OBJ_1(tls_socket_enter_obj, tls_socket_enter);

// recv_into(buffer, nbytes=0): what has come, as much as fits.
static mp_obj_t tls_socket_recv_into(size_t n_args, const mp_obj_t *args) {
    mp_buffer_info_t buffer;
    mp_get_buffer_raise(args[1], &buffer, MP_BUFFER_WRITE);
    mp_int_t size = n_args > 2 ? mp_obj_get_int(args[2]) : 0;
    if (size < 0) {
        mp_raise_ValueError(MP_ERROR_TEXT("negative buffersize in recv_into"));
    }
    size = size ? MIN((size_t)size, buffer.len) : buffer.len;
    int error;
    mp_uint_t done = mp_stream_rw(args[0], buffer.buf, size, &error, MP_STREAM_RW_READ | MP_STREAM_RW_ONCE);
    if (!error) {
        return MP_OBJ_NEW_SMALL_INT(done);
    } else if (mp_is_nonblocking_error(error)) {
        return mp_const_none;
    }
    mp_raise_OSError(error);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(tls_socket_recv_into_obj, 2, 3, tls_socket_recv_into);

// CPython's: with MicroPython's streams a socket is its own file.
static mp_obj_t tls_socket_makefile(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    return args[0];
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(tls_socket_makefile_obj, 1, 6, tls_socket_makefile);

static const mp_rom_map_elem_t tls_socket_locals_table[] = {
    { MP_ROM_QSTR(MP_QSTR___del__), MP_ROM_PTR(&tls_socket_del_obj) },
    { MP_ROM_QSTR(MP_QSTR___enter__), MP_ROM_PTR(&tls_socket_enter_obj) },
    { MP_ROM_QSTR(MP_QSTR___exit__), MP_ROM_PTR(&mp_stream___exit___obj) },
    { MP_ROM_QSTR(MP_QSTR_read), MP_ROM_PTR(&mp_stream_read_obj) },
    { MP_ROM_QSTR(MP_QSTR_readinto), MP_ROM_PTR(&mp_stream_readinto_obj) },
    { MP_ROM_QSTR(MP_QSTR_readline), MP_ROM_PTR(&mp_stream_unbuffered_readline_obj) },
    { MP_ROM_QSTR(MP_QSTR_write), MP_ROM_PTR(&mp_stream_write_obj) },
    { MP_ROM_QSTR(MP_QSTR_recv), MP_ROM_PTR(&mp_stream_read1_obj) },
    { MP_ROM_QSTR(MP_QSTR_recv_into), MP_ROM_PTR(&tls_socket_recv_into_obj) },
    { MP_ROM_QSTR(MP_QSTR_send), MP_ROM_PTR(&mp_stream_write1_obj) },
    { MP_ROM_QSTR(MP_QSTR_sendall), MP_ROM_PTR(&mp_stream_write_obj) },
    { MP_ROM_QSTR(MP_QSTR_close), MP_ROM_PTR(&mp_stream_close_obj) },
    { MP_ROM_QSTR(MP_QSTR_ioctl), MP_ROM_PTR(&mp_stream_ioctl_obj) },
    { MP_ROM_QSTR(MP_QSTR_makefile), MP_ROM_PTR(&tls_socket_makefile_obj) },
    { MP_ROM_QSTR(MP_QSTR_do_handshake), MP_ROM_PTR(&tls_socket_do_handshake_obj) },
    { MP_ROM_QSTR(MP_QSTR_unwrap), MP_ROM_PTR(&tls_socket_unwrap_obj) },
    { MP_ROM_QSTR(MP_QSTR_cipher), MP_ROM_PTR(&tls_socket_cipher_obj) },
    { MP_ROM_QSTR(MP_QSTR_version), MP_ROM_PTR(&tls_socket_version_obj) },
    { MP_ROM_QSTR(MP_QSTR_selected_alpn_protocol), MP_ROM_PTR(&tls_socket_selected_alpn_protocol_obj) },
    { MP_ROM_QSTR(MP_QSTR_getpeercert), MP_ROM_PTR(&tls_socket_getpeercert_obj) },
    { MP_ROM_QSTR(MP_QSTR_pending), MP_ROM_PTR(&tls_socket_pending_obj) },
};
static MP_DEFINE_CONST_DICT(tls_socket_locals, tls_socket_locals_table);

static mp_obj_t session_now(tls_socket_t *self) {
    if (tls_stream_is_connected(self) && mbedtls_ssl_get_version_number(&self->ssl) == MBEDTLS_SSL_VERSION_TLS1_2) {
        mp_obj_t session = tls_session_of(self);
        self->session = session == MP_OBJ_NULL ? self->session : session;
    }
    return self->session;
}

// What is the socket's below, and says nothing of the bytes.
static bool is_below(qstr attr) {
    return attr == MP_QSTR_setblocking || attr == MP_QSTR_settimeout || attr == MP_QSTR_gettimeout || attr == MP_QSTR_fileno
        || attr == MP_QSTR_getpeername || attr == MP_QSTR_getsockname || attr == MP_QSTR_setsockopt
        || attr == MP_QSTR_getsockopt || attr == MP_QSTR_shutdown;
}

static void tls_socket_attr(mp_obj_t self_in, qstr attr, mp_obj_t *dest) {
    tls_socket_t *self = MP_OBJ_TO_PTR(self_in);
    if (dest[0] != MP_OBJ_NULL) {
        return;
    } else if (attr == MP_QSTR_session) {
        dest[0] = session_now(self);
    } else if (attr == MP_QSTR_session_reused) {
        dest[0] = mp_obj_new_bool(tls_stream_is_connected(self) && !self->saw_certificate);
    } else if (attr == MP_QSTR_server_hostname) {
        dest[0] = self->hostname;
    } else if (attr == MP_QSTR_context) {
        dest[0] = MP_OBJ_FROM_PTR(self->context);
    } else if (is_below(attr)) {
        mp_load_method(open_socket(self_in)->stream, attr, dest);
    } else {
        dest[1] = MP_OBJ_SENTINEL; // A method.
    }
}

MP_DEFINE_CONST_OBJ_TYPE(tls_socket_type, MP_QSTR_SSLSocket, MP_TYPE_FLAG_NONE, protocol, &tls_stream,
    attr, tls_socket_attr, locals_dict, &tls_socket_locals);
