/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Waiting for a socket, and what goes through it. */

#include <string.h>

#include "py/runtime.h"
#include "py/stream.h"

#include "kernel/clock.h"
#include "lwip/prot/ip6.h"
#include "socket_address.h"
#include "socket_obj.h"
#include "socket_parts.h"

#define QUEUE_FULL_NS 1000000

// Bytes of a line that are looked at together.
#define LINE_STEP 128

NORETURN void socket_raise(int error) {
    if (error == MP_ETIMEDOUT) {
        mp_obj_t args[] = { MP_OBJ_NEW_SMALL_INT(error), mp_obj_new_str_from_cstr("timed out") };
        nlr_raise(mp_obj_new_exception_args(&socket_timeout_type, MP_ARRAY_SIZE(args), args));
    }
    mp_raise_OSError(error);
}

void socket_check(int error) {
    if (error) {
        socket_raise(error);
    }
}

// Nothing of others' is held where a thread may end: in the wait.
static ssize_t try_step(socket_t *socket, const socket_step_t *step, int *error) {
    int fd = socket_begin(socket);
    ssize_t done = fd < 0 ? -1 : step->fn(socket, fd, step);
    *error = done < 0 ? *net_errno() : 0;
    if (fd >= 0) {
        socket_end(socket);
    }
    return done;
}

uint64_t socket_deadline_of(const socket_obj_t *self) {
    uint64_t timeout_ns = self->timeout_ns;
    if (!timeout_ns || timeout_ns == WAIT_FOREVER) {
        return timeout_ns;
    }
    uint64_t now_ns = clock_monotonic_ns();
    return timeout_ns < WAIT_FOREVER - now_ns ? now_ns + timeout_ns : WAIT_FOREVER;
}

// Whether a step that was not done is tried again, and by when at the latest: where a device's queue is full, nothing tells
// when it is not.
static bool goes_on_by(int error, uint64_t deadline_ns, uint64_t *by_ns) {
    uint64_t soon_ns = clock_monotonic_ns() + QUEUE_FULL_NS;
    *by_ns = error == MP_ENOBUFS && soon_ns < deadline_ns ? soon_ns : deadline_ns;
    return error == MP_EAGAIN || error == MP_ENOBUFS;
}

ssize_t socket_await(const socket_obj_t *self, const socket_step_t *step, uint64_t deadline_ns, int *error) {
    socket_handle_t *handle = socket_obj_handle(self);
    socket_t *socket = handle->socket;
    for (;;) {
        if (handle->is_closed) {
            *error = MP_EBADF;
            return -1;
        }
        uint64_t by_ns;
        MP_THREAD_GIL_EXIT();
        uint32_t seen = socket_events(socket);
        ssize_t done = try_step(socket, step, error);
        bool waits = done < 0 && deadline_ns && !(step->flags & MSG_DONTWAIT) && goes_on_by(*error, deadline_ns, &by_ns);
        wait_result_t result = waits ? socket_wait(socket, seen, by_ns) : WAIT_WOKEN;
        MP_THREAD_GIL_ENTER();
        if (!waits) {
            *error = *error == MP_ENOBUFS ? MP_EAGAIN : *error;
            return done;
        }
        if (result == WAIT_TIMEOUT && by_ns == deadline_ns) {
            *error = MP_ETIMEDOUT;
            return -1;
        }
        mp_handle_pending(true);
    }
}

size_t socket_do_step(const socket_obj_t *self, const socket_step_t *step) {
    int error;
    ssize_t done = socket_await(self, step, socket_deadline_of(self), &error);
    if (done < 0) {
        socket_raise(error);
    }
    return (size_t)done;
}

// Receiving: one thread at a time.

static ssize_t receive_once(int fd, const socket_step_t *step) {
    return lwip_recvfrom(fd, step->buffer, step->len, step->flags, (struct sockaddr *)step->address, step->address_len);
}

// Up to the end of a line, which may not be there yet. What comes after it stays: it is looked at first.
static ssize_t receive_line(int fd, const socket_step_t *step) {
    socket_step_t look = *step;
    look.flags |= MSG_PEEK;
    ssize_t there = receive_once(fd, &look);
    if (there <= 0) {
        return there;
    }
    const char *end = memchr(step->buffer, '\n', (size_t)there);
    look.flags = step->flags;
    look.len = end ? (size_t)(end + 1 - (const char *)step->buffer) : (size_t)there;
    return receive_once(fd, &look);
}

static ssize_t receive(socket_t *socket, int fd, const socket_step_t *step) {
    mutex_lock(&socket->reading);
    ssize_t done = step->is_line ? receive_line(fd, step) : receive_once(fd, step);
    mutex_unlock(&socket->reading);
    return done;
}

// While it connects, a transfer would wait, as on Linux; lwIP says EINPROGRESS.
static ssize_t would_wait(ssize_t done) {
    if (done < 0 && *net_errno() == MP_EINPROGRESS) {
        *net_errno() = MP_EAGAIN;
    }
    return done;
}

// lwIP tells the end of a stream once, then that there is no connection; and waits for one that nobody has asked for.
static ssize_t receive_stream(socket_t *socket, int fd, const socket_step_t *step) {
    struct sockaddr_storage peer;
    socklen_t len = sizeof(peer);
    ssize_t done = would_wait(receive(socket, fd, step));
    int error = done < 0 ? *net_errno() : 0;
    if (error == MP_ENOTCONN && __atomic_load_n(&socket->has_ended, __ATOMIC_RELAXED)) {
        return 0;
    }
    if ((!done && step->len) || error == MP_ECONNRESET || error == MP_ECONNABORTED) {
        __atomic_store_n(&socket->has_ended, true, __ATOMIC_RELAXED);
    } else if (error == MP_EAGAIN && lwip_getpeername(fd, (struct sockaddr *)&peer, &len) == 0) {
        *net_errno() = MP_EAGAIN;
    }
    return done;
}

// lwIP gives a raw socket the header too. Of IPv6 nobody else does: RFC 3542, 3.
static ssize_t receive_raw_ipv6(socket_t *socket, int fd, const socket_step_t *step) {
    uint8_t header[IP6_HLEN];
    struct iovec parts[] = { { header, sizeof(header) }, { step->buffer, step->len } };
    struct msghdr message = { .msg_name = step->address, .msg_namelen = step->address_len ? *step->address_len : 0,
                              .msg_iov = parts, .msg_iovlen = MP_ARRAY_SIZE(parts) };
    mutex_lock(&socket->reading);
    ssize_t done = lwip_recvmsg(fd, &message, step->flags);
    mutex_unlock(&socket->reading);
    if (step->address_len) {
        *step->address_len = message.msg_namelen;
    }
    return done < 0 ? done : MAX(done - (ssize_t)sizeof(header), 0);
}

// What takes part in recv(): of a stream it has no address.
static socket_step_t receiving(const socket_obj_t *self, void *buffer, size_t len, int flags) {
    bool streams = self->type == SOCK_STREAM, is_raw_ipv6 = self->type == SOCK_RAW && self->family == AF_INET6;
    return (socket_step_t) { .fn = streams ? receive_stream : is_raw_ipv6 ? receive_raw_ipv6 : receive,
                             .buffer = buffer, .len = len, .flags = flags };
}

static size_t size_of(mp_obj_t size_in) {
    mp_int_t size = mp_obj_get_int(size_in);
    if (size < 0) {
        mp_raise_ValueError(MP_ERROR_TEXT("negative buffersize in recv"));
    }
    return size;
}

// readline(size=-1): without the end of a line where the stream ends, or a socket that does not wait has no more; None where
// that has nothing. The stream's own would take each byte through all of lwIP.
static mp_obj_t socket_readline(size_t n_args, const mp_obj_t *args) {
    const socket_obj_t *self = MP_OBJ_TO_PTR(args[0]);
    mp_int_t size = n_args > 1 && args[1] != mp_const_none ? mp_obj_get_int(args[1]) : -1;
    size_t left = size < 0 ? SIZE_MAX : (size_t)size;
    vstr_t line;
    vstr_init(&line, LINE_STEP);
    while (left) {
        size_t room = left < LINE_STEP ? left : LINE_STEP;
        socket_step_t step = receiving(self, vstr_add_len(&line, room), room, 0);
        step.is_line = self->type == SOCK_STREAM;
        int error;
        ssize_t done = socket_await(self, &step, socket_deadline_of(self), &error);
        vstr_cut_tail_bytes(&line, done < 0 ? room : room - (size_t)done);
        if (done < 0 && (error != MP_EAGAIN || !line.len)) {
            if (error != MP_EAGAIN) {
                socket_raise(error);
            }
            return mp_const_none;
        }
        if (done <= 0 || line.buf[line.len - 1] == '\n') {
            break;
        }
        left -= (size_t)done;
    }
    return mp_obj_new_bytes_from_vstr(&line);
}
MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(socket_readline_obj, 1, 2, socket_readline);

static mp_obj_t receive_bytes(const socket_obj_t *self, size_t n_args, const mp_obj_t *args, struct sockaddr_storage *address,
    socklen_t *address_len) {
    vstr_t bytes;
    vstr_init_len(&bytes, size_of(args[1]));
    socket_step_t step = receiving(self, bytes.buf, bytes.len, n_args > 2 ? mp_obj_get_int(args[2]) : 0);
    step.address = address;
    step.address_len = address_len;
    // What is not filled is given back at once.
    bytes.len = bytes.len ? socket_do_step(self, &step) : 0;
    return mp_obj_new_bytes_from_vstr(&bytes);
}

// recv(size, flags=0)
static mp_obj_t socket_recv(size_t n_args, const mp_obj_t *args) {
    return receive_bytes(MP_OBJ_TO_PTR(args[0]), n_args, args, NULL, NULL);
}
MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(socket_recv_obj, 2, 3, socket_recv);

mp_obj_t socket_with_address(mp_obj_t what, const struct sockaddr_storage *address, socklen_t len) {
    mp_obj_t items[] = { what, len ? socket_address_new(address) : mp_const_none };
    return mp_obj_new_tuple(MP_ARRAY_SIZE(items), items);
}

// recvfrom(size, flags=0): (bytes, address)
static mp_obj_t socket_recvfrom(size_t n_args, const mp_obj_t *args) {
    struct sockaddr_storage address = { 0 };
    socklen_t len = sizeof(address);
    mp_obj_t bytes = receive_bytes(MP_OBJ_TO_PTR(args[0]), n_args, args, &address, &len);
    return socket_with_address(bytes, &address, address.ss_family ? len : 0);
}
MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(socket_recvfrom_obj, 2, 3, socket_recvfrom);

static socket_step_t receiving_into(size_t n_args, const mp_obj_t *args) {
    int flags = n_args > 3 ? mp_obj_get_int(args[3]) : 0;
    mp_buffer_info_t buffer;
    mp_get_buffer_raise(args[1], &buffer, MP_BUFFER_WRITE);
    size_t len = n_args > 2 ? size_of(args[2]) : 0;
    if (len > buffer.len) {
        mp_raise_ValueError(MP_ERROR_TEXT("buffer too small for requested bytes"));
    }
    return receiving(MP_OBJ_TO_PTR(args[0]), buffer.buf, len ? len : buffer.len, flags);
}

// recv_into(buffer, nbytes=0, flags=0)
static mp_obj_t socket_recv_into(size_t n_args, const mp_obj_t *args) {
    socket_step_t step = receiving_into(n_args, args);
    return MP_OBJ_NEW_SMALL_INT(step.len ? socket_do_step(MP_OBJ_TO_PTR(args[0]), &step) : 0);
}
MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(socket_recv_into_obj, 2, 4, socket_recv_into);

// recvfrom_into(buffer, nbytes=0, flags=0): (count, address)
static mp_obj_t socket_recvfrom_into(size_t n_args, const mp_obj_t *args) {
    struct sockaddr_storage address = { 0 };
    socklen_t len = sizeof(address);
    socket_step_t step = receiving_into(n_args, args);
    step.address = &address;
    step.address_len = &len;
    mp_obj_t count = MP_OBJ_NEW_SMALL_INT(socket_do_step(MP_OBJ_TO_PTR(args[0]), &step));
    return socket_with_address(count, &address, address.ss_family ? len : 0);
}
MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(socket_recvfrom_into_obj, 2, 4, socket_recvfrom_into);

// Sending.

static ssize_t send_some(socket_t *socket, int fd, const socket_step_t *step) {
    (void)socket;
    return would_wait(lwip_sendto(fd, step->buffer, step->len, step->flags, (const struct sockaddr *)step->address,
        step->address_len ? *step->address_len : 0));
}

// lwIP says ENOMEM where a device's queue is full, too.
static ssize_t send_datagram(socket_t *socket, int fd, const socket_step_t *step) {
    ssize_t done = send_some(socket, fd, step);
    if (done < 0 && *net_errno() == MP_ENOMEM) {
        *net_errno() = MP_ENOBUFS;
    }
    return done;
}

static step_fn_t sends(const socket_obj_t *self) {
    return self->type == SOCK_STREAM ? send_some : send_datagram;
}

static socket_step_t sending(mp_obj_t self_in, mp_obj_t data, int flags) {
    const socket_obj_t *self = MP_OBJ_TO_PTR(self_in);
    mp_buffer_info_t buffer;
    mp_get_buffer_raise(data, &buffer, MP_BUFFER_READ);
    return (socket_step_t) { .fn = sends(self), .buffer = buffer.buf, .len = buffer.len, .flags = flags };
}

// send(data, flags=0): how much was taken.
static mp_obj_t socket_send(size_t n_args, const mp_obj_t *args) {
    socket_step_t step = sending(args[0], args[1], n_args > 2 ? mp_obj_get_int(args[2]) : 0);
    return MP_OBJ_NEW_SMALL_INT(socket_do_step(MP_OBJ_TO_PTR(args[0]), &step));
}
MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(socket_send_obj, 2, 3, socket_send);

// sendall(data, flags=0). The timeout is for all of it.
static mp_obj_t socket_sendall(size_t n_args, const mp_obj_t *args) {
    const socket_obj_t *self = MP_OBJ_TO_PTR(args[0]);
    socket_step_t step = sending(args[0], args[1], n_args > 2 ? mp_obj_get_int(args[2]) : 0);
    uint64_t deadline_ns = socket_deadline_of(self);
    while (step.len) {
        int error;
        ssize_t done = socket_await(self, &step, deadline_ns, &error);
        if (done < 0) {
            socket_raise(error);
        }
        step.buffer = (uint8_t *)step.buffer + done;
        step.len -= done;
    }
    return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(socket_sendall_obj, 2, 3, socket_sendall);

// sendto(data, address), sendto(data, flags, address)
static mp_obj_t socket_sendto(size_t n_args, const mp_obj_t *args) {
    const socket_obj_t *self = MP_OBJ_TO_PTR(args[0]);
    struct sockaddr_storage address;
    socket_step_t step = sending(args[0], args[1], n_args > 3 ? mp_obj_get_int(args[2]) : 0);
    socklen_t len = socket_address_of(args[n_args - 1], self->family, socket_deadline_of(self), &address);
    step.address = &address;
    step.address_len = &len;
    return MP_OBJ_NEW_SMALL_INT(socket_do_step(self, &step));
}
MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(socket_sendto_obj, 3, 4, socket_sendto);

// As a stream.

static mp_uint_t finish(const socket_obj_t *self, const socket_step_t *step, uint64_t deadline_ns, int *errcode) {
    if (!socket_obj_open_handle(self)) {
        *errcode = MP_EBADF;
        return MP_STREAM_ERROR;
    }
    ssize_t done = socket_await(self, step, deadline_ns, errcode);
    return done < 0 ? MP_STREAM_ERROR : (mp_uint_t)done;
}

mp_uint_t socket_read_by(mp_obj_t self_in, void *buffer, mp_uint_t size, uint64_t deadline_ns, int *errcode) {
    const socket_obj_t *self = MP_OBJ_TO_PTR(self_in);
    socket_step_t step = receiving(self, buffer, size, 0);
    return finish(self, &step, deadline_ns, errcode);
}

mp_uint_t socket_write_by(mp_obj_t self_in, const void *buffer, mp_uint_t size, uint64_t deadline_ns, int *errcode) {
    const socket_obj_t *self = MP_OBJ_TO_PTR(self_in);
    socket_step_t step = { .fn = sends(self), .buffer = (void *)buffer, .len = size };
    return finish(self, &step, deadline_ns, errcode);
}

mp_uint_t socket_read(mp_obj_t self_in, void *buffer, mp_uint_t size, int *errcode) {
    return socket_read_by(self_in, buffer, size, socket_deadline_of(MP_OBJ_TO_PTR(self_in)), errcode);
}

mp_uint_t socket_write(mp_obj_t self_in, const void *buffer, mp_uint_t size, int *errcode) {
    return socket_write_by(self_in, buffer, size, socket_deadline_of(MP_OBJ_TO_PTR(self_in)), errcode);
}
