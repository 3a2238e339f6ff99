/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Between Mbed TLS and two streams: the one that a program has, and the one below it. */

#include "py/mperrno.h"
#include "py/mphal.h"
#include "py/runtime.h"

#include "tls_parts.h"

#define POLL_BOTH (MP_STREAM_POLL_RD | MP_STREAM_POLL_WR)
#define POLL_AGAIN_MS 1

// What Mbed TLS asks for.

static mp_uint_t poll_stream(mp_obj_t stream, mp_uint_t wanted) {
    int error;
    return mp_get_stream(stream)->ioctl(stream, MP_STREAM_POLL, wanted, &error);
}

// An error of the stream passes through Mbed TLS as a negative number.
static int passed(tls_socket_t *self, mp_uint_t done, int error, int would_block) {
    if (done != MP_STREAM_ERROR) {
        return (int)done;
    }
    self->has_blocked = mp_is_nonblocking_error(error);
    return self->has_blocked ? would_block : -error;
}

static int send_bytes(void *self_in, const unsigned char *bytes, size_t len) {
    tls_socket_t *self = self_in;
    int error = MP_EBADF;
    mp_obj_t stream = self->stream;
    mp_uint_t done = stream == MP_OBJ_NULL ? MP_STREAM_ERROR : mp_get_stream(stream)->write(stream, bytes, len, &error);
    return passed(self, done, error, MBEDTLS_ERR_SSL_WANT_WRITE);
}

static int receive_bytes(void *self_in, unsigned char *buffer, size_t len) {
    tls_socket_t *self = self_in;
    int error = MP_EBADF;
    mp_obj_t stream = self->stream;
    mp_uint_t done = stream == MP_OBJ_NULL ? MP_STREAM_ERROR : mp_get_stream(stream)->read(stream, buffer, len, &error);
    return passed(self, done, error, MBEDTLS_ERR_SSL_WANT_READ);
}

// A datagram may never come: in the handshake what was sent goes out again then. 0 ms: there is no limit.
static int receive_in_time(void *self_in, unsigned char *buffer, size_t len, uint32_t timeout_ms) {
    tls_socket_t *self = self_in;
    mp_uint_t start_ms = mp_hal_ticks_ms();
    while (timeout_ms && self->stream != MP_OBJ_NULL && !(poll_stream(self->stream, MP_STREAM_POLL_RD) & ~(mp_uint_t)MP_STREAM_POLL_WR)) {
        if (mp_hal_ticks_ms() - start_ms >= timeout_ms) {
            return MBEDTLS_ERR_SSL_TIMEOUT;
        }
        mp_event_wait_ms(POLL_AGAIN_MS);
    }
    return receive_bytes(self, buffer, len);
}

static void set_timer(void *self_in, uint32_t soon_ms, uint32_t end_ms) {
    tls_socket_t *self = self_in;
    self->timer_soon_ms = soon_ms;
    self->timer_end_ms = end_ms;
    self->timer_start_ms = mp_hal_ticks_ms();
}

// mbedtls_ssl_get_timer_t: -1 it is not set, 0 to 2 of its two times have passed.
static int get_timer(void *self_in) {
    const tls_socket_t *self = self_in;
    mp_uint_t passed_ms = mp_hal_ticks_ms() - self->timer_start_ms;
    return !self->timer_end_ms ? -1 : (passed_ms >= self->timer_soon_ms) + (passed_ms >= self->timer_end_ms);
}

// Calls of Mbed TLS.

bool tls_stream_is_connected(tls_socket_t *self) {
    return self->stream != MP_OBJ_NULL && !self->error && mbedtls_ssl_is_handshake_over(&self->ssl);
}

void tls_stream_begin(tls_socket_t *self) {
    bool datagrams = self->context->protocol & TLS_IS_DATAGRAM;
    mbedtls_ssl_set_timer_cb(&self->ssl, self, set_timer, get_timer);
    mbedtls_ssl_set_bio(&self->ssl, self, send_bytes, receive_bytes, datagrams ? receive_in_time : NULL);
}

void tls_stream_abandon(tls_socket_t *self) {
    self->stream = MP_OBJ_NULL;
    if (!self->busy) {
        mbedtls_ssl_free(&self->ssl);
    }
}

void tls_stream_close(tls_socket_t *self) {
    bool can_send = tls_stream_is_connected(self) && !(self->busy & MP_STREAM_POLL_WR)
        && (poll_stream(self->stream, MP_STREAM_POLL_WR) & (POLL_BOTH | MP_STREAM_POLL_NVAL)) == MP_STREAM_POLL_WR;
    if (can_send) {
        mbedtls_ssl_close_notify(&self->ssl);
    }
    tls_stream_abandon(self);
}

// Of one direction, or in the handshake of both, a thread at a time.
static void enter(tls_socket_t *self, unsigned directions) {
    while (self->busy & directions) {
        mp_event_wait_ms(POLL_AGAIN_MS);
    }
    self->busy |= directions;
}

static void leave(tls_socket_t *self, unsigned directions) {
    self->busy &= ~directions;
    if (self->stream == MP_OBJ_NULL) {
        tls_stream_abandon(self);
    }
}

static bool would_block(int result) {
    return result == MBEDTLS_ERR_SSL_WANT_READ || result == MBEDTLS_ERR_SSL_WANT_WRITE;
}

// Whether a call is to be made again: it has not waited for the stream, but for itself.
static bool goes_on(tls_socket_t *self, int result) {
    if (result == MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET) {
        mp_obj_t session = tls_session_of(self->context, &self->ssl, self->hostname);
        self->session = session == MP_OBJ_NULL ? self->session : session;
        return true;
    }
    return would_block(result) && !self->has_blocked;
}

// The other end hears why; then the exception.
static NORETURN void fail_handshake(tls_socket_t *self, int error) {
    if (error == MBEDTLS_ERR_SSL_NO_CLIENT_CERTIFICATE) {
        mbedtls_ssl_send_alert_message(&self->ssl, MBEDTLS_SSL_ALERT_LEVEL_FATAL, MBEDTLS_SSL_ALERT_MSG_HANDSHAKE_FAILURE);
    }
    uint32_t flags = mbedtls_ssl_get_verify_result(&self->ssl);
    self->error = error;
    mbedtls_ssl_free(&self->ssl);
    char why[256];
    if (error == MBEDTLS_ERR_X509_CERT_VERIFY_FAILED && mbedtls_x509_crt_verify_info(why, sizeof(why), "\n", flags) > 0) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("%s"), why);
    }
    tls_raise(error);
}

// 0 when it is done, or what is to come first.
static int handshake(tls_socket_t *self) {
    int error = 0;
    while (!error && !mbedtls_ssl_is_handshake_over(&self->ssl)) {
        self->saw_certificate |= self->ssl.MBEDTLS_PRIVATE(state) == MBEDTLS_SSL_SERVER_CERTIFICATE;
        error = mbedtls_ssl_handshake_step(&self->ssl);
    }
    if (!error) {
        error = mbedtls_ssl_handshake(&self->ssl); // TLS 1.3 has tickets behind it.
    }
    if (error && !would_block(error) && error != MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET) {
        fail_handshake(self, error);
    }
    return error;
}

typedef int (*transfer_t)(tls_socket_t *self, void *buffer, size_t size);

static int read_bytes(tls_socket_t *self, void *buffer, size_t size) {
    return mbedtls_ssl_read(&self->ssl, buffer, size);
}

static int write_bytes(tls_socket_t *self, void *buffer, size_t size) {
    return mbedtls_ssl_write(&self->ssl, buffer, size);
}

static int nothing(tls_socket_t *self, void *buffer, size_t size) {
    return 0;
}

static int run(tls_socket_t *self, transfer_t fn, void *buffer, size_t size) {
    int result = -MP_EBADF;
    while (self->stream != MP_OBJ_NULL) {
        self->has_blocked = false;
        result = handshake(self);
        result = result ? result : fn(self, buffer, size);
        if (!goes_on(self, result)) {
            break;
        }
    }
    return result;
}

// What fn() gives, or an error of Mbed TLS, after the handshake.
static int transfer(tls_socket_t *self, transfer_t fn, void *buffer, size_t size, unsigned directions) {
    enter(self, mbedtls_ssl_is_handshake_over(&self->ssl) ? directions : (directions = POLL_BOTH));
    nlr_buf_t nlr;
    if (nlr_push(&nlr)) { // Ctrl-C while it waits, or the stream's own exception.
        leave(self, directions);
        nlr_jump(nlr.ret_val);
    }
    int result = run(self, fn, buffer, size);
    nlr_pop();
    leave(self, directions);
    return result;
}

void tls_stream_handshake(tls_socket_t *self) {
    int result;
    while (would_block(result = transfer(self, nothing, NULL, 0, POLL_BOTH))) {
        mp_event_wait_ms(POLL_AGAIN_MS);
    }
    if (result) {
        tls_raise(result);
    }
}

// As a stream.

static mp_uint_t read_or_write(tls_socket_t *self, transfer_t fn, void *buffer, size_t size, mp_uint_t direction, int *errcode) {
    if (self->error) {
        tls_raise(self->error);
    } else if (self->stream == MP_OBJ_NULL) {
        *errcode = MP_EBADF;
        return MP_STREAM_ERROR;
    }
    self->awaits = 0;
    int result = transfer(self, fn, buffer, size, direction);
    if (result >= 0) {
        return result;
    } else if (result == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY && direction == MP_STREAM_POLL_RD) {
        return 0;
    } else if (would_block(result)) {
        mp_uint_t wanted = result == MBEDTLS_ERR_SSL_WANT_READ ? MP_STREAM_POLL_RD : MP_STREAM_POLL_WR;
        self->awaits = wanted == direction ? 0 : wanted;
        *errcode = MP_EAGAIN;
        return MP_STREAM_ERROR;
    }
    if (result != -MP_ETIMEDOUT) { // One that waited too long may go on.
        self->error = result;
    }
    tls_raise(result);
}

static mp_uint_t read_stream(mp_obj_t self_in, void *buffer, mp_uint_t size, int *errcode) {
    return read_or_write(MP_OBJ_TO_PTR(self_in), read_bytes, buffer, size, MP_STREAM_POLL_RD, errcode);
}

static mp_uint_t write_stream(mp_obj_t self_in, const void *buffer, mp_uint_t size, int *errcode) {
    return read_or_write(MP_OBJ_TO_PTR(self_in), write_bytes, (void *)buffer, size, MP_STREAM_POLL_WR, errcode);
}

static mp_uint_t poll_socket(tls_socket_t *self, mp_uint_t wanted) {
    if (self->stream == MP_OBJ_NULL || self->error) {
        return MP_STREAM_POLL_NVAL;
    }
    mp_uint_t ready = 0;
    if ((wanted & MP_STREAM_POLL_RD) && mbedtls_ssl_check_pending(&self->ssl)) {
        ready = MP_STREAM_POLL_RD;
        if (wanted == MP_STREAM_POLL_RD) {
            return ready;
        }
    }
    // In the handshake, reading may wait until one can write: what is ready then is what the caller asked for.
    mp_uint_t masked = self->awaits ? wanted & POLL_BOTH : 0;
    ready |= poll_stream(self->stream, masked ? (wanted & ~masked) | self->awaits : wanted);
    return ready & self->awaits ? ready | masked : ready;
}

static mp_uint_t control_stream(mp_obj_t self_in, mp_uint_t request, uintptr_t arg, int *errcode) {
    tls_socket_t *self = MP_OBJ_TO_PTR(self_in);
    if (request == MP_STREAM_POLL) {
        return poll_socket(self, arg);
    } else if (request != MP_STREAM_CLOSE) {
        *errcode = MP_EINVAL;
        return MP_STREAM_ERROR;
    } else if (self->stream == MP_OBJ_NULL) {
        return 0;
    }
    mp_obj_t stream = self->stream;
    tls_stream_close(self);
    return mp_get_stream(stream)->ioctl(stream, MP_STREAM_CLOSE, arg, errcode);
}

const mp_stream_p_t tls_stream = {
    .read = read_stream,
    .write = write_stream,
    .ioctl = control_stream,
};
