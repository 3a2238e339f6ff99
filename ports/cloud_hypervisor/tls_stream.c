/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Between Mbed TLS and two streams: the one that a program has, and the one below it. */

#include "py/mperrno.h"
#include "py/mphal.h"
#include "py/runtime.h"

#include "kernel/clock.h"
#include "mbedtls/net_sockets.h"
#include "socket_obj.h"
#include "socket_parts.h"
#include "tls_parts.h"

#define POLL_BOTH (MP_STREAM_POLL_RD | MP_STREAM_POLL_WR)
#define POLL_AGAIN_MS 1
#define NS_PER_MS 1000000ull

// What the stream below has failed for lies in `stream_error`: its numbers are not Mbed TLS's.
#define STREAM_FAILED MBEDTLS_ERR_NET_RECV_FAILED

int mbedtls_ssl_flush_output(mbedtls_ssl_context *ssl); // library/ssl_misc.h

static NORETURN void raise_error(const tls_socket_t *self, int error) {
    if (error == STREAM_FAILED) {
        socket_raise(self->stream_error);
    }
    tls_raise(error);
}

// What Mbed TLS asks for.

static mp_uint_t poll_stream(mp_obj_t stream, mp_uint_t wanted) {
    int error;
    return mp_get_stream(stream)->ioctl(stream, MP_STREAM_POLL, wanted, &error);
}

static int passed(tls_socket_t *self, mp_uint_t done, size_t len, int error, int would_block) {
    if (done == MP_STREAM_ERROR && mp_is_nonblocking_error(error)) {
        self->has_blocked = true;
        return would_block;
    } else if (done > len) { // An error, or more than an object in Python was asked for.
        self->stream_error = done == MP_STREAM_ERROR ? error : MP_EIO;
        return STREAM_FAILED;
    }
    return (int)done;
}

static mp_uint_t write_below(tls_socket_t *self, const void *bytes, size_t len, int *error) {
    mp_obj_t stream = self->stream;
    if (stream == MP_OBJ_NULL) {
        return MP_STREAM_ERROR;
    }
    return socket_obj_is(stream) ? socket_write_by(stream, bytes, len, self->write_deadline_ns, error)
        : mp_get_stream(stream)->write(stream, bytes, len, error);
}

// One thread at a time: what is sent may be what another one has begun to send.
static int send_bytes(void *self_in, const unsigned char *bytes, size_t len) {
    tls_socket_t *self = self_in;
    if (self->sends) {
        self->other_sends = true;
        return MBEDTLS_ERR_SSL_WANT_WRITE;
    }
    self->sends = true;
    nlr_buf_t nlr;
    if (nlr_push(&nlr)) {
        self->sends = false;
        nlr_jump(nlr.ret_val);
    }
    int error = MP_EBADF;
    mp_uint_t done = write_below(self, bytes, len, &error);
    nlr_pop();
    self->sends = false;
    return passed(self, done ? done : MP_STREAM_ERROR, len, done ? error : MP_EAGAIN, MBEDTLS_ERR_SSL_WANT_WRITE);
}

static int receive_by(tls_socket_t *self, unsigned char *buffer, size_t len, uint64_t deadline_ns) {
    mp_obj_t stream = self->stream;
    int error = MP_EBADF;
    mp_uint_t done = MP_STREAM_ERROR;
    if (stream != MP_OBJ_NULL && socket_obj_is(stream)) {
        done = socket_read_by(stream, buffer, len, deadline_ns, &error);
    } else if (stream != MP_OBJ_NULL) {
        done = mp_get_stream(stream)->read(stream, buffer, len, &error);
    }
    if (done == MP_STREAM_ERROR && error == MP_ETIMEDOUT && deadline_ns < self->read_deadline_ns) {
        return MBEDTLS_ERR_SSL_TIMEOUT;
    } else if (!done && self->context->protocol & TLS_IS_DATAGRAM) {
        return MBEDTLS_ERR_SSL_WANT_READ; // An empty one, which is not the end.
    }
    return passed(self, done, len, error, MBEDTLS_ERR_SSL_WANT_READ);
}

static int receive_bytes(void *self_in, unsigned char *buffer, size_t len) {
    tls_socket_t *self = self_in;
    return receive_by(self, buffer, len, self->read_deadline_ns);
}

// A datagram may never come: in the handshake what was sent goes out again then. 0 ms: there is no limit.
static int receive_in_time(void *self_in, unsigned char *buffer, size_t len, uint32_t timeout_ms) {
    tls_socket_t *self = self_in;
    uint64_t until_ns = clock_monotonic_ns() + timeout_ms * NS_PER_MS;
    return receive_by(self, buffer, len, timeout_ms ? MIN(until_ns, self->read_deadline_ns) : self->read_deadline_ns);
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

void tls_stream_begin(tls_socket_t *self) {
    bool datagrams = self->context->protocol & TLS_IS_DATAGRAM;
    mbedtls_ssl_set_timer_cb(&self->ssl, self, set_timer, get_timer);
    mbedtls_ssl_set_bio(&self->ssl, self, send_bytes, receive_bytes, datagrams ? receive_in_time : NULL);
}

// Threads.

static bool is_open(const tls_socket_t *self) {
    return self->stream != MP_OBJ_NULL && !self->is_closing;
}

bool tls_stream_is_connected(tls_socket_t *self) {
    return is_open(self) && !self->error && mbedtls_ssl_is_handshake_over(&self->ssl);
}

static mp_uint_t this_thread(void) {
    #if MICROPY_PY_THREAD
    return mp_thread_get_id();
    #else
    return 1;
    #endif
}

// Of one direction, or of both where the handshake is not quite done, a thread at a time. What a thread is interrupted for
// may not use what it interrupts.
static void enter(tls_socket_t *self, unsigned directions) {
    mp_uint_t me = this_thread();
    while (self->busy & directions) {
        if ((self->busy & directions & MP_STREAM_POLL_RD && self->reader == me)
            || (self->busy & directions & MP_STREAM_POLL_WR && self->writer == me)) {
            mp_raise_OSError(MP_EBUSY);
        }
        mp_event_wait_ms(POLL_AGAIN_MS);
    }
    self->busy |= directions;
    self->reader = directions & MP_STREAM_POLL_RD ? me : self->reader;
    self->writer = directions & MP_STREAM_POLL_WR ? me : self->writer;
}

static void free_unused(tls_socket_t *self) {
    if (!self->busy && (self->stream == MP_OBJ_NULL || self->has_failed)) {
        mbedtls_ssl_free(&self->ssl);
    }
}

static void leave(tls_socket_t *self, unsigned directions) {
    self->busy &= ~directions;
    free_unused(self);
}

void tls_stream_abandon(tls_socket_t *self) {
    self->stream = MP_OBJ_NULL;
    free_unused(self);
}

mp_obj_t tls_stream_close(tls_socket_t *self) {
    mp_obj_t raised = MP_OBJ_NULL;
    bool can_send = tls_stream_is_connected(self) && !(self->busy & MP_STREAM_POLL_WR);
    self->is_closing = true;
    if (can_send) {
        enter(self, MP_STREAM_POLL_WR);
        nlr_buf_t nlr;
        if (nlr_push(&nlr) == 0) {
            self->write_deadline_ns = 0; // Nobody waits for it.
            if ((poll_stream(self->stream, MP_STREAM_POLL_WR) & (POLL_BOTH | MP_STREAM_POLL_NVAL)) == MP_STREAM_POLL_WR) {
                mbedtls_ssl_close_notify(&self->ssl);
            }
            nlr_pop();
        } else {
            raised = MP_OBJ_FROM_PTR(nlr.ret_val);
        }
        leave(self, MP_STREAM_POLL_WR);
    }
    tls_stream_abandon(self);
    return raised;
}

// Calls of Mbed TLS.

static bool would_block(int result) {
    return result == MBEDTLS_ERR_SSL_WANT_READ || result == MBEDTLS_ERR_SSL_WANT_WRITE;
}

// The other end hears why; then the exception.
static NORETURN void fail_handshake(tls_socket_t *self, int error) {
    if (error == MBEDTLS_ERR_SSL_NO_CLIENT_CERTIFICATE) {
        mbedtls_ssl_send_alert_message(&self->ssl, MBEDTLS_SSL_ALERT_LEVEL_FATAL, MBEDTLS_SSL_ALERT_MSG_HANDSHAKE_FAILURE);
    }
    self->error = error;
    self->has_failed = true; // Who is in it last frees it.
    if (self->raised != MP_OBJ_NULL) {
        nlr_raise(self->raised);
    }
    char why[256];
    if (error == MBEDTLS_ERR_X509_CERT_VERIFY_FAILED
        && mbedtls_x509_crt_verify_info(why, sizeof(why), "\n", mbedtls_ssl_get_verify_result(&self->ssl)) > 0) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("%s"), why);
    }
    raise_error(self, error);
}

// A server may ask for a certificate and do without; not with a bad one.
static bool is_refused(tls_socket_t *self) {
    const tls_context_t *context = self->context;
    return context->protocol & TLS_IS_SERVER && context->verify_mode == MBEDTLS_SSL_VERIFY_OPTIONAL
        && mbedtls_ssl_get_verify_result(&self->ssl) & ~(MBEDTLS_X509_BADCERT_MISSING | MBEDTLS_X509_BADCERT_SKIP_VERIFY);
}

// 0 when it is done, or what is to come first.
static int handshake(tls_socket_t *self) {
    int error = 0;
    bool was_over = mbedtls_ssl_is_handshake_over(&self->ssl);
    while (!error && !mbedtls_ssl_is_handshake_over(&self->ssl)) {
        self->saw_certificate |= self->ssl.MBEDTLS_PRIVATE(state) == MBEDTLS_SSL_SERVER_CERTIFICATE;
        error = mbedtls_ssl_handshake_step(&self->ssl);
    }
    if (!error && !was_over && is_refused(self)) {
        error = MBEDTLS_ERR_X509_CERT_VERIFY_FAILED;
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

// What would wait is asked for again with the same bytes, of which a record is made already: with `unsent` of them, which
// count as written when it is sent. Mbed TLS would take all of the second call for them.
static int write_bytes(tls_socket_t *self, void *buffer, size_t size) {
    if (size < self->unsent) {
        return MBEDTLS_ERR_SSL_BAD_INPUT_DATA;
    }
    int result = mbedtls_ssl_flush_output(&self->ssl);
    if (result) {
        return result;
    } else if (self->unsent) {
        result = self->unsent;
        self->unsent = 0;
        return result;
    }
    result = mbedtls_ssl_write(&self->ssl, buffer, size);
    if (result == MBEDTLS_ERR_SSL_WANT_WRITE && self->has_blocked && self->ssl.MBEDTLS_PRIVATE(out_left)) {
        self->unsent = MIN((int)size, mbedtls_ssl_get_max_out_record_payload(&self->ssl));
    }
    return result;
}

static int nothing(tls_socket_t *self, void *buffer, size_t size) {
    return 0;
}

static int transfer_once(tls_socket_t *self, transfer_t fn, void *buffer, size_t size) {
    if (self->error) {
        return self->error;
    } else if (!is_open(self)) {
        self->stream_error = MP_EBADF;
        return STREAM_FAILED;
    }
    self->has_blocked = self->other_sends = false;
    int result = handshake(self);
    result = result ? result : fn(self, buffer, size);
    if (result == MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET) {
        mp_obj_t session = tls_session_of(self);
        self->session = session == MP_OBJ_NULL ? self->session : session;
        result = MBEDTLS_ERR_SSL_WANT_READ;
    }
    return result;
}

// What fn() gives, or an error, after the handshake. It goes on as long as it waits for itself, and not for the stream.
static int transfer(tls_socket_t *self, transfer_t fn, void *buffer, size_t size, unsigned directions) {
    uint64_t deadline_ns = is_open(self) && socket_obj_is(self->stream) ? socket_deadline_of(MP_OBJ_TO_PTR(self->stream)) : 0;
    for (;;) {
        bool is_settled = self->ssl.MBEDTLS_PRIVATE(state) == MBEDTLS_SSL_HANDSHAKE_OVER;
        unsigned held = is_settled ? directions : POLL_BOTH;
        enter(self, held);
        self->read_deadline_ns = held & MP_STREAM_POLL_RD ? deadline_ns : self->read_deadline_ns;
        self->write_deadline_ns = held & MP_STREAM_POLL_WR ? deadline_ns : self->write_deadline_ns;
        nlr_buf_t nlr;
        if (nlr_push(&nlr)) { // Ctrl-C while it waits, or the stream's own exception.
            leave(self, held);
            nlr_jump(nlr.ret_val);
        }
        int result = transfer_once(self, fn, buffer, size);
        nlr_pop();
        leave(self, held);
        if (!would_block(result) || self->has_blocked) {
            return result;
        } else if (self->other_sends) {
            mp_event_wait_ms(POLL_AGAIN_MS);
        } else {
            mp_handle_pending(true);
        }
    }
}

void tls_stream_handshake(tls_socket_t *self) {
    int result;
    while (would_block(result = transfer(self, nothing, NULL, 0, POLL_BOTH))) {
        mp_event_wait_ms(POLL_AGAIN_MS);
    }
    if (result) {
        raise_error(self, result);
    }
}

// As a stream.

static mp_uint_t read_or_write(tls_socket_t *self, transfer_t fn, void *buffer, size_t size, mp_uint_t direction, int *errcode) {
    bool reads = direction == MP_STREAM_POLL_RD;
    if (self->error) {
        raise_error(self, self->error);
    } else if (!is_open(self)) {
        *errcode = MP_EBADF;
        return MP_STREAM_ERROR;
    } else if (reads && self->has_ended) {
        return 0;
    }
    self->awaits = 0;
    int result = transfer(self, fn, buffer, size, direction);
    if (reads && ((!result && size) || result == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY)) {
        self->has_ended = true;
        return 0;
    } else if (result >= 0) {
        return result;
    } else if (would_block(result)) {
        mp_uint_t wanted = result == MBEDTLS_ERR_SSL_WANT_READ ? MP_STREAM_POLL_RD : MP_STREAM_POLL_WR;
        self->awaits = wanted == direction ? 0 : wanted;
        *errcode = MP_EAGAIN;
        return MP_STREAM_ERROR;
    }
    // One that waited too long may go on, and one that was asked for what makes no sense.
    bool goes_on = result == MBEDTLS_ERR_SSL_BAD_INPUT_DATA
        || (result == STREAM_FAILED && (self->stream_error == MP_ETIMEDOUT || self->stream_error == MP_EBADF));
    self->error = goes_on || self->error ? self->error : result;
    raise_error(self, result);
}

static mp_uint_t read_stream(mp_obj_t self_in, void *buffer, mp_uint_t size, int *errcode) {
    return read_or_write(MP_OBJ_TO_PTR(self_in), read_bytes, buffer, size, MP_STREAM_POLL_RD, errcode);
}

static mp_uint_t write_stream(mp_obj_t self_in, const void *buffer, mp_uint_t size, int *errcode) {
    return read_or_write(MP_OBJ_TO_PTR(self_in), write_bytes, (void *)buffer, size, MP_STREAM_POLL_WR, errcode);
}

static mp_uint_t poll_socket(tls_socket_t *self, mp_uint_t wanted) {
    if (!is_open(self) || self->error) {
        return MP_STREAM_POLL_NVAL;
    }
    mp_uint_t ready = 0;
    if ((wanted & MP_STREAM_POLL_RD) && (self->has_ended || mbedtls_ssl_check_pending(&self->ssl))) {
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
    } else if (!is_open(self)) {
        return 0;
    }
    mp_obj_t stream = self->stream, raised = tls_stream_close(self);
    mp_uint_t result = mp_get_stream(stream)->ioctl(stream, MP_STREAM_CLOSE, arg, errcode);
    if (raised != MP_OBJ_NULL) {
        nlr_raise(raised);
    }
    return result;
}

const mp_stream_p_t tls_stream = {
    .read = read_stream,
    .write = write_stream,
    .ioctl = control_stream,
};
