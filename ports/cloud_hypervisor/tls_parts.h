/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* What the parts of the module tls share: modtls.c, tls_context.c, tls_socket.c, tls_session.c. With the GIL. Mbed TLS has
 * its memory of the interpreter's heap (MICROPY_TRACKED_ALLOC). */
#ifndef MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_TLS_PARTS_H
#define MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_TLS_PARTS_H

#include "py/stream.h"

#include "mbedtls/ssl.h"
#include "mbedtls/ssl_ticket.h"

// Numbers that MicroPython's PROTOCOL_… are made of.
enum {
    TLS_IS_SERVER = 1,
    TLS_IS_DATAGRAM = 2,
};

// A certificate with those that lead to an authority, and its key.
typedef struct _tls_identity_t {
    struct _tls_identity_t *next;
    mbedtls_x509_crt chain;
    mbedtls_pk_context key;
} tls_identity_t;

typedef struct _tls_context_t {
    mp_obj_base_t base;
    int protocol;
    int verify_mode;
    bool check_hostname;
    unsigned trust_changes;    // A session of before one was checked by other rules.
    mp_obj_t verify_callback;
    tls_identity_t *identities;
    mbedtls_ssl_config config;
    mbedtls_x509_crt authorities;
    mbedtls_ssl_ticket_context tickets; // Of a server.
    int *ciphersuites;         // NULL: all. Ends with 0.
    const char **protocols;    // Of ALPN. NULL: none. Ends with NULL.
} tls_context_t;

// A stream on another stream. Threads may share it: two of them are never in one direction of it.
typedef struct _tls_socket_t {
    mp_obj_base_t base;
    tls_context_t *context;
    unsigned trust_changes; // Of the context, when it began.
    mp_obj_t stream;      // A socket, or an object in Python. MP_OBJ_NULL: closed.
    mp_obj_t hostname;
    mp_obj_t session;     // The last that the connection told. None: it has not.
    mp_obj_t raised;      // By a verify_callback. MP_OBJ_NULL: nothing.
    mbedtls_ssl_context ssl;
    uint8_t busy;         // Directions that somebody is in: MP_STREAM_POLL_RD, MP_STREAM_POLL_WR. Of these:
    mp_uint_t reader, writer;
    uint8_t awaits;       // What the handshake waits for, whatever the caller wants: the same. 0: nothing.
    bool sends;           // Somebody is in the stream's write().
    bool other_sends;     // In the call of Mbed TLS that has just ended, somebody else was;
    bool has_blocked;     // the stream would have waited.
    bool saw_certificate; // Of the server. A session that goes on has none.
    bool has_ended;       // Nothing more comes.
    bool is_closing;
    bool has_failed;      // The handshake: `ssl` is to be freed.
    int error;            // What ended it, of Mbed TLS. 0: nothing did.
    int stream_error;     // What the stream said last.
    int unsent;           // Bytes of a record that waits, which their caller does not count as written yet.
    uint64_t read_deadline_ns, write_deadline_ns;              // Of the calls under way, where the stream is a socket.
    mp_uint_t timer_start_ms, timer_soon_ms, timer_end_ms;     // Of DTLS.
} tls_socket_t;

// What a client may go on with in its next connection.
typedef struct _tls_session_t {
    mp_obj_base_t base;
    mbedtls_ssl_session session;
    const tls_context_t *context;
    unsigned trust_changes;
    mp_obj_t hostname;
} tls_session_t;

extern const mp_obj_type_t tls_context_type;
extern const mp_obj_type_t tls_socket_type;
extern const mp_obj_type_t tls_session_type;

// tls_error.c. OSError of an error of Mbed TLS.
NORETURN void tls_raise(int error);

// modtls.c. The kernel's generator, for Mbed TLS.
int tls_random(void *ctx, unsigned char *output, size_t len);

// tls_stream.c

extern const mp_stream_p_t tls_stream;

// Gives the socket's `ssl` its callbacks.
void tls_stream_begin(tls_socket_t *self);

// Raises what it fails for; the socket is closed then.
void tls_stream_handshake(tls_socket_t *self);

// Closes it; the stream below stays as it is, but in the first for the message that nothing more comes, if that can be sent
// without waiting. The first gives what was raised meanwhile, or MP_OBJ_NULL.
mp_obj_t tls_stream_close(tls_socket_t *self);
void tls_stream_abandon(tls_socket_t *self);

// The handshake is done, and nothing went wrong.
bool tls_stream_is_connected(tls_socket_t *self);

// tls_socket.c. A session is an object of tls_session_type, or None.
mp_obj_t tls_socket_new(tls_context_t *context, mp_obj_t stream, bool handshake, mp_obj_t hostname, mp_obj_t session);

// tls_session.c. What the connection tells of its session now: an object, or MP_OBJ_NULL where it has told it before.
mp_obj_t tls_session_of(const tls_socket_t *self);

// Before the handshake: an error of Mbed TLS, or 0. Raises ValueError where the session is not of such a connection.
int tls_session_use(mp_obj_t session, tls_socket_t *self);

#endif // MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_TLS_PARTS_H
