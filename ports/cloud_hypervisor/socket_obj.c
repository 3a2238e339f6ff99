/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include <string.h>

#include "py/gc.h"
#include "py/mperrno.h"
#include "py/mpthread.h"
#include "py/runtime.h"
#include "py/stream.h"

#include "kernel/clock.h"
#include "kernel/devices.h"
#include "kernel/interpreters.h"
#include "kernel/kalloc.h"
#include "kernel/net/core.h"
#include "kernel/net/socket.h"
#include "mphalport.h"
#include "socket_address.h"
#include "socket_obj.h"

#define BACKLOG_DEFAULT 128
#define OPTION_MAX 64

MP_DEFINE_CONST_OBJ_TYPE(
    socket_timeout_type,
    MP_QSTR_timeout,
    MP_TYPE_FLAG_NONE,
    make_new, mp_obj_exception_make_new,
    print, mp_obj_exception_print,
    attr, mp_obj_exception_attr,
    parent, &mp_type_OSError
    );

// A socket as one interpreter has it: one of its owners. Kernel memory.
typedef struct _handle_t {
    kobject_t object;
    socket_t *socket;
    socket_watch_t watch;
    bool is_closed;      // With the GIL.
} handle_t;

typedef struct _socket_obj_t {
    mp_obj_base_t base;
    kept_t *kept;        // Of a handle. NULL: it was not opened.
    int family, type, protocol;
    uint64_t timeout_ns; // 0: it does not wait; WAIT_FOREVER.
} socket_obj_t;

static struct _message_t *free_handle(kobject_t *object) {
    handle_t *handle = (handle_t *)object;
    socket_unwatch(&handle->watch);
    if (!handle->is_closed) {
        socket_close(handle->socket);
    }
    socket_release(handle->socket);
    kfree(handle, sizeof(*handle));
    return NULL;
}

static NORETURN void raise_error(int error) {
    if (error == MP_ETIMEDOUT) {
        mp_obj_t args[] = { MP_OBJ_NEW_SMALL_INT(error), mp_obj_new_str_from_cstr("timed out") };
        nlr_raise(mp_obj_new_exception_args(&socket_timeout_type, MP_ARRAY_SIZE(args), args));
    }
    mp_raise_OSError(error);
}

// NULL: it was not opened, or is closed.
static handle_t *open_handle_of(const socket_obj_t *self) {
    handle_t *handle = self->kept ? (handle_t *)self->kept->object : NULL;
    return handle && !handle->is_closed ? handle : NULL;
}

static handle_t *handle_of(const socket_obj_t *self) {
    handle_t *handle = open_handle_of(self);
    if (!handle) {
        mp_raise_OSError(MP_EBADF);
    }
    return handle;
}

static socket_t *socket_of(const socket_obj_t *self) {
    return handle_of(self)->socket;
}

// lwIP's number; -1: it is closed.
static int fd_of(const socket_obj_t *self) {
    handle_t *handle = open_handle_of(self);
    return handle ? handle->socket->fd : -1;
}

// Closed, until it is opened: what can fail for want of memory comes before there is a connection that it could cost.
static socket_obj_t *new_object(int family, int type, int protocol) {
    socket_obj_t *self = mp_obj_malloc_with_finaliser(socket_obj_t, &socket_type);
    self->kept = NULL;
    self->family = family;
    self->type = type;
    self->protocol = protocol;
    self->timeout_ns = WAIT_FOREVER;
    return self;
}

// Takes over what the caller holds and owns; `socket` may be NULL: *net_errno() tells why.
static mp_obj_t open_object(socket_obj_t *self, socket_t *socket) {
    int error = *net_errno();
    handle_t *handle = socket ? kalloc(sizeof(*handle)) : NULL;
    if (handle) {
        *handle = (handle_t) { { 1, free_handle }, socket, { .event = &interpreter_current()->event }, false };
        self->kept = interpreter_keep(&handle->object);
    }
    if (!self->kept) {
        if (handle) {
            kobject_release(&handle->object);
        } else if (socket) {
            socket_release(socket);
        }
        mp_raise_OSError(socket ? MP_ENOMEM : error);
    }
    return MP_OBJ_FROM_PTR(self);
}

static socket_t *make_socket(int family, int type, int protocol) {
    MP_THREAD_GIL_EXIT();
    devices_begin();
    socket_t *socket = socket_new(family, type, protocol);
    MP_THREAD_GIL_ENTER();
    return socket;
}

// socket(family=AF_INET, type=SOCK_STREAM, proto=0)
static mp_obj_t socket_make_new(const mp_obj_type_t *type_in, size_t n_args, size_t n_kw, const mp_obj_t *args) {
    (void)type_in;
    static const mp_arg_t allowed[] = {
        { MP_QSTR_family, MP_ARG_INT, { .u_int = AF_INET } },
        { MP_QSTR_type, MP_ARG_INT, { .u_int = SOCK_STREAM } },
        { MP_QSTR_proto, MP_ARG_INT, { .u_int = 0 } },
    };
    mp_arg_val_t values[MP_ARRAY_SIZE(allowed)];
    mp_arg_parse_all_kw_array(n_args, n_kw, args, MP_ARRAY_SIZE(allowed), allowed, values);
    int family = values[0].u_int, type = values[1].u_int, protocol = values[2].u_int;
    if (family != AF_INET && family != AF_INET6) {
        mp_raise_OSError(MP_EAFNOSUPPORT);
    }
    if (type != SOCK_STREAM && type != SOCK_DGRAM && type != SOCK_RAW) {
        mp_raise_OSError(MP_EINVAL);
    }
    socket_obj_t *self = new_object(family, type, protocol);
    socket_t *socket = make_socket(family, type, protocol);
    if (!socket && *net_errno() != MP_EINVAL) {
        gc_collect(); // It may close some.
        socket = make_socket(family, type, protocol);
    }
    return open_object(self, socket);
}

static void socket_print(const mp_print_t *print, mp_obj_t self_in, mp_print_kind_t kind) {
    (void)kind;
    const socket_obj_t *self = MP_OBJ_TO_PTR(self_in);
    mp_printf(print, "<socket fd=%d, family=%d, type=%d, proto=%d>", fd_of(self), self->family, self->type, self->protocol);
}

// Waiting.

// What is done at once or not: how much, 0 at least; or -1 and *net_errno().
typedef struct _step_t {
    ssize_t (*fn)(socket_t *socket, int fd, const struct _step_t *step);
    void *buffer;
    size_t len;
    int flags;
    struct sockaddr_storage *address;
    socklen_t *address_len;
} step_t;

// Nothing of others' is held where a thread may end: in the wait.
static ssize_t try_step(socket_t *socket, const step_t *step, int *error) {
    int fd = socket_begin(socket);
    ssize_t done = fd < 0 ? -1 : step->fn(socket, fd, step);
    *error = done < 0 ? *net_errno() : 0;
    if (fd >= 0) {
        socket_end(socket);
    }
    return done;
}

static uint64_t deadline_of(const socket_obj_t *self) {
    uint64_t timeout_ns = self->timeout_ns;
    if (!timeout_ns || timeout_ns == WAIT_FOREVER) {
        return timeout_ns;
    }
    uint64_t now_ns = clock_monotonic_ns();
    return timeout_ns < WAIT_FOREVER - now_ns ? now_ns + timeout_ns : WAIT_FOREVER;
}

// Until the step is done. A number of an error in *error where -1 is returned; MP_ETIMEDOUT is that time is up.
static ssize_t await(const socket_obj_t *self, const step_t *step, uint64_t deadline_ns, int *error) {
    handle_t *handle = handle_of(self);
    socket_t *socket = handle->socket;
    for (;;) {
        if (handle->is_closed) {
            *error = MP_EBADF;
            return -1;
        }
        MP_THREAD_GIL_EXIT();
        uint32_t seen = socket_events(socket);
        ssize_t done = try_step(socket, step, error);
        bool waits = done < 0 && *error == MP_EAGAIN && deadline_ns && !(step->flags & MSG_DONTWAIT);
        wait_result_t result = waits ? socket_wait(socket, seen, deadline_ns) : WAIT_WOKEN;
        MP_THREAD_GIL_ENTER();
        if (!waits) {
            return done;
        }
        if (result == WAIT_TIMEOUT) {
            *error = MP_ETIMEDOUT;
            return -1;
        }
        mp_handle_pending(true);
    }
}

static size_t do_step(const socket_obj_t *self, const step_t *step) {
    int error;
    ssize_t done = await(self, step, deadline_of(self), &error);
    if (done < 0) {
        raise_error(error);
    }
    return (size_t)done;
}

// Receiving: one thread at a time.

static ssize_t receive(socket_t *socket, int fd, const step_t *step) {
    mutex_lock(&socket->reading);
    ssize_t done = lwip_recvfrom(fd, step->buffer, step->len, step->flags, (struct sockaddr *)step->address, step->address_len);
    mutex_unlock(&socket->reading);
    return done;
}

// lwIP tells the end of a stream once, then that there is no connection; and waits for one that nobody has asked for.
static ssize_t receive_stream(socket_t *socket, int fd, const step_t *step) {
    struct sockaddr_storage peer;
    socklen_t len = sizeof(peer);
    ssize_t done = receive(socket, fd, step);
    int error = done < 0 ? *net_errno() : 0;
    if (error == MP_ENOTCONN && __atomic_load_n(&socket->has_ended, __ATOMIC_RELAXED)) {
        return 0;
    }
    if (!done || error == MP_ECONNRESET || error == MP_ECONNABORTED) {
        __atomic_store_n(&socket->has_ended, true, __ATOMIC_RELAXED);
    } else if (error == MP_EAGAIN && lwip_getpeername(fd, (struct sockaddr *)&peer, &len) == 0) {
        *net_errno() = MP_EAGAIN;
    }
    return done;
}

// What takes part in recv(): of a stream it has no address.
static step_t receiving(const socket_obj_t *self, void *buffer, size_t len, int flags) {
    bool streams = self->type == SOCK_STREAM;
    return (step_t) { .fn = streams ? receive_stream : receive, .buffer = buffer, .len = len, .flags = flags };
}

static size_t size_of(mp_obj_t size_in) {
    mp_int_t size = mp_obj_get_int(size_in);
    if (size < 0) {
        mp_raise_ValueError(MP_ERROR_TEXT("negative buffersize in recv"));
    }
    return size;
}

static mp_obj_t receive_bytes(const socket_obj_t *self, size_t n_args, const mp_obj_t *args, struct sockaddr_storage *address,
    socklen_t *address_len) {
    vstr_t bytes;
    vstr_init_len(&bytes, size_of(args[1]));
    step_t step = receiving(self, bytes.buf, bytes.len, n_args > 2 ? mp_obj_get_int(args[2]) : 0);
    step.address = address;
    step.address_len = address_len;
    // What is not filled is given back at once.
    bytes.len = bytes.len ? do_step(self, &step) : 0;
    return mp_obj_new_bytes_from_vstr(&bytes);
}

// recv(size, flags=0)
static mp_obj_t socket_recv(size_t n_args, const mp_obj_t *args) {
    return receive_bytes(MP_OBJ_TO_PTR(args[0]), n_args, args, NULL, NULL);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(socket_recv_obj, 2, 3, socket_recv);

static mp_obj_t with_address(mp_obj_t what, const struct sockaddr_storage *address, socklen_t len) {
    mp_obj_t items[] = { what, len ? socket_address_new(address) : mp_const_none };
    return mp_obj_new_tuple(MP_ARRAY_SIZE(items), items);
}

// recvfrom(size, flags=0): (bytes, address)
static mp_obj_t socket_recvfrom(size_t n_args, const mp_obj_t *args) {
    struct sockaddr_storage address = { 0 };
    socklen_t len = sizeof(address);
    mp_obj_t bytes = receive_bytes(MP_OBJ_TO_PTR(args[0]), n_args, args, &address, &len);
    return with_address(bytes, &address, address.ss_family ? len : 0);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(socket_recvfrom_obj, 2, 3, socket_recvfrom);

static step_t receiving_into(size_t n_args, const mp_obj_t *args) {
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
    step_t step = receiving_into(n_args, args);
    return MP_OBJ_NEW_SMALL_INT(step.len ? do_step(MP_OBJ_TO_PTR(args[0]), &step) : 0);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(socket_recv_into_obj, 2, 4, socket_recv_into);

// recvfrom_into(buffer, nbytes=0, flags=0): (count, address)
static mp_obj_t socket_recvfrom_into(size_t n_args, const mp_obj_t *args) {
    struct sockaddr_storage address = { 0 };
    socklen_t len = sizeof(address);
    step_t step = receiving_into(n_args, args);
    step.address = &address;
    step.address_len = &len;
    mp_obj_t count = MP_OBJ_NEW_SMALL_INT(do_step(MP_OBJ_TO_PTR(args[0]), &step));
    return with_address(count, &address, address.ss_family ? len : 0);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(socket_recvfrom_into_obj, 2, 4, socket_recvfrom_into);

// Sending.

static ssize_t send_some(socket_t *socket, int fd, const step_t *step) {
    (void)socket;
    return lwip_sendto(fd, step->buffer, step->len, step->flags, (const struct sockaddr *)step->address,
        step->address_len ? *step->address_len : 0);
}

static step_t sending(mp_obj_t data, int flags) {
    mp_buffer_info_t buffer;
    mp_get_buffer_raise(data, &buffer, MP_BUFFER_READ);
    return (step_t) { .fn = send_some, .buffer = buffer.buf, .len = buffer.len, .flags = flags };
}

// send(data, flags=0): how much was taken.
static mp_obj_t socket_send(size_t n_args, const mp_obj_t *args) {
    step_t step = sending(args[1], n_args > 2 ? mp_obj_get_int(args[2]) : 0);
    return MP_OBJ_NEW_SMALL_INT(do_step(MP_OBJ_TO_PTR(args[0]), &step));
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(socket_send_obj, 2, 3, socket_send);

// sendall(data, flags=0). The timeout is for all of it.
static mp_obj_t socket_sendall(size_t n_args, const mp_obj_t *args) {
    const socket_obj_t *self = MP_OBJ_TO_PTR(args[0]);
    step_t step = sending(args[1], n_args > 2 ? mp_obj_get_int(args[2]) : 0);
    uint64_t deadline_ns = deadline_of(self);
    while (step.len) {
        int error;
        ssize_t done = await(self, &step, deadline_ns, &error);
        if (done < 0) {
            raise_error(error);
        }
        step.buffer = (uint8_t *)step.buffer + done;
        step.len -= done;
    }
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(socket_sendall_obj, 2, 3, socket_sendall);

// sendto(data, address), sendto(data, flags, address)
static mp_obj_t socket_sendto(size_t n_args, const mp_obj_t *args) {
    const socket_obj_t *self = MP_OBJ_TO_PTR(args[0]);
    struct sockaddr_storage address;
    step_t step = sending(args[1], n_args > 3 ? mp_obj_get_int(args[2]) : 0);
    socklen_t len = socket_address_of(args[n_args - 1], self->family, deadline_of(self), &address);
    step.address = &address;
    step.address_len = &len;
    return MP_OBJ_NEW_SMALL_INT(do_step(self, &step));
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(socket_sendto_obj, 3, 4, socket_sendto);

// Connections.

// A call of lwIP's that waits for nothing, of `fd`: an error, or 0.
#define TRY(self, error, call) do { \
        socket_t *socket = socket_of(self); \
        MP_THREAD_GIL_EXIT(); \
        int fd = socket_begin(socket); \
        error = fd < 0 || (call) < 0 ? *net_errno() : 0; \
        if (fd >= 0) { \
            socket_end(socket); \
        } \
        MP_THREAD_GIL_ENTER(); \
} while (0)

static void check(int error) {
    if (error) {
        raise_error(error);
    }
}

// What lwIP says of a connection that did not come about: an abort is that nobody has answered.
static int why_not_connected(int fd, int error) {
    int failed = 0;
    socklen_t len = sizeof(failed);
    if (error == MP_ENOTCONN && lwip_getsockopt(fd, SOL_SOCKET, SO_ERROR, &failed, &len) == 0 && failed) {
        error = failed;
    }
    return error == MP_ECONNRESET ? MP_ECONNREFUSED : error == MP_ECONNABORTED ? MP_ETIMEDOUT : error;
}

// Whether a connection that has begun is there.
static ssize_t look_connected(socket_t *socket, int fd, const step_t *step) {
    (void)socket;
    if (lwip_connect(fd, (const struct sockaddr *)step->address, *step->address_len) == 0 || *net_errno() == MP_EISCONN) {
        return 0;
    }
    *net_errno() = *net_errno() == MP_EALREADY ? MP_EAGAIN : why_not_connected(fd, *net_errno());
    return -1;
}

static int try_connect(const socket_obj_t *self, mp_obj_t address_in) {
    uint64_t deadline_ns = deadline_of(self);
    struct sockaddr_storage address;
    socklen_t len = socket_address_of(address_in, self->family, deadline_ns, &address);
    int error;
    TRY(self, error, lwip_connect(fd, (const struct sockaddr *)&address, len));
    if (error == MP_EINPROGRESS && deadline_ns) {
        step_t step = { .fn = look_connected, .address = &address, .address_len = &len };
        await(self, &step, deadline_ns, &error);
    }
    return error;
}

// connect(address)
static mp_obj_t socket_connect(mp_obj_t self_in, mp_obj_t address) {
    check(try_connect(MP_OBJ_TO_PTR(self_in), address));
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_2(socket_connect_obj, socket_connect);

// connect_ex(address): the number of an error, or 0.
static mp_obj_t socket_connect_ex(mp_obj_t self_in, mp_obj_t address) {
    return MP_OBJ_NEW_SMALL_INT(try_connect(MP_OBJ_TO_PTR(self_in), address));
}
static MP_DEFINE_CONST_FUN_OBJ_2(socket_connect_ex_obj, socket_connect_ex);

// bind(address)
static mp_obj_t socket_bind(mp_obj_t self_in, mp_obj_t address_in) {
    const socket_obj_t *self = MP_OBJ_TO_PTR(self_in);
    struct sockaddr_storage address;
    socklen_t len = socket_address_of(address_in, self->family, WAIT_FOREVER, &address);
    int error;
    TRY(self, error, lwip_bind(fd, (const struct sockaddr *)&address, len));
    check(error);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_2(socket_bind_obj, socket_bind);

// listen(backlog=128)
static mp_obj_t socket_listen(size_t n_args, const mp_obj_t *args) {
    mp_int_t backlog = n_args > 1 ? mp_obj_get_int(args[1]) : BACKLOG_DEFAULT;
    int error;
    TRY(MP_OBJ_TO_PTR(args[0]), error, lwip_listen(fd, MAX(0, MIN(backlog, UINT8_MAX))));
    check(error);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(socket_listen_obj, 1, 2, socket_listen);

static ssize_t accept_one(socket_t *socket, int fd, const step_t *step) {
    (void)fd;
    socket_t *accepted = socket_accept(socket, (struct sockaddr *)step->address, step->address_len);
    *(socket_t **)step->buffer = accepted;
    return accepted ? 0 : -1;
}

// accept(): (socket, address)
static mp_obj_t socket_accept_(mp_obj_t self_in) {
    const socket_obj_t *self = MP_OBJ_TO_PTR(self_in);
    struct sockaddr_storage address = { 0 };
    socklen_t len = sizeof(address);
    socket_t *accepted = NULL;
    socket_obj_t *object = new_object(self->family, self->type, self->protocol);
    step_t step = { .fn = accept_one, .buffer = &accepted, .address = &address, .address_len = &len };
    do_step(self, &step);
    return with_address(open_object(object, accepted), &address, len);
}
static MP_DEFINE_CONST_FUN_OBJ_1(socket_accept_obj, socket_accept_);

// shutdown(how)
static mp_obj_t socket_shutdown(mp_obj_t self_in, mp_obj_t how) {
    mp_int_t which = mp_obj_get_int(how);
    int error;
    TRY(MP_OBJ_TO_PTR(self_in), error, lwip_shutdown(fd, which));
    check(error);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_2(socket_shutdown_obj, socket_shutdown);

// What it is.

static mp_obj_t name_of(mp_obj_t self_in, int (*ask)(int fd, struct sockaddr *address, socklen_t *len)) {
    struct sockaddr_storage address = { 0 };
    socklen_t len = sizeof(address);
    int error;
    TRY(MP_OBJ_TO_PTR(self_in), error, ask(fd, (struct sockaddr *)&address, &len));
    check(error);
    return socket_address_new(&address);
}

static mp_obj_t socket_getsockname(mp_obj_t self_in) {
    return name_of(self_in, lwip_getsockname);
}
static MP_DEFINE_CONST_FUN_OBJ_1(socket_getsockname_obj, socket_getsockname);

static mp_obj_t socket_getpeername(mp_obj_t self_in) {
    return name_of(self_in, lwip_getpeername);
}
static MP_DEFINE_CONST_FUN_OBJ_1(socket_getpeername_obj, socket_getpeername);

static mp_obj_t socket_fileno(mp_obj_t self_in) {
    return MP_OBJ_NEW_SMALL_INT(fd_of(MP_OBJ_TO_PTR(self_in)));
}
static MP_DEFINE_CONST_FUN_OBJ_1(socket_fileno_obj, socket_fileno);

// setsockopt(level, option, value): an int, or the bytes of a structure of lwip/sockets.h.
static mp_obj_t socket_setsockopt(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    mp_int_t level = mp_obj_get_int(args[1]), option = mp_obj_get_int(args[2]);
    int number;
    mp_buffer_info_t buffer = { .buf = &number, .len = sizeof(number) };
    if (!mp_get_buffer(args[3], &buffer, MP_BUFFER_READ)) {
        number = mp_obj_get_int_truncated(args[3]);
        buffer = (mp_buffer_info_t) { .buf = &number, .len = sizeof(number) };
    }
    int error;
    TRY(MP_OBJ_TO_PTR(args[0]), error, lwip_setsockopt(fd, level, option, buffer.buf, buffer.len));
    check(error);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(socket_setsockopt_obj, 4, 4, socket_setsockopt);

// getsockopt(level, option, size=0): an int, or so many bytes at most.
static mp_obj_t socket_getsockopt(size_t n_args, const mp_obj_t *args) {
    mp_int_t level = mp_obj_get_int(args[1]), option = mp_obj_get_int(args[2]);
    mp_int_t size = n_args > 3 ? mp_obj_get_int(args[3]) : 0;
    if (size < 0 || size > OPTION_MAX) {
        mp_raise_OSError(MP_EINVAL);
    }
    _Alignas(8) uint8_t value[OPTION_MAX] = { 0 };
    socklen_t len = size ? size : sizeof(int);
    int error;
    TRY(MP_OBJ_TO_PTR(args[0]), error, lwip_getsockopt(fd, level, option, value, &len));
    check(error);
    return size ? mp_obj_new_bytes(value, len) : mp_obj_new_int(*(int *)value);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(socket_getsockopt_obj, 3, 4, socket_getsockopt);

// settimeout(seconds): None: for ever; 0: it does not wait.
static mp_obj_t socket_settimeout(mp_obj_t self_in, mp_obj_t seconds) {
    socket_obj_t *self = MP_OBJ_TO_PTR(self_in);
    if (seconds == mp_const_none) {
        self->timeout_ns = WAIT_FOREVER;
        return mp_const_none;
    }
    mp_float_t value = mp_obj_get_float(seconds);
    if (!(value >= 0)) {
        mp_raise_ValueError(MP_ERROR_TEXT("timeout must not be negative"));
    }
    mp_float_t ns = value * MICROPY_FLOAT_CONST(1e9);
    self->timeout_ns = ns < (mp_float_t)INT64_MAX ? MAX((uint64_t)ns, (uint64_t)(value > 0)) : WAIT_FOREVER;
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_2(socket_settimeout_obj, socket_settimeout);

static mp_obj_t socket_gettimeout(mp_obj_t self_in) {
    const socket_obj_t *self = MP_OBJ_TO_PTR(self_in);
    return self->timeout_ns == WAIT_FOREVER ? mp_const_none : mp_obj_new_float(self->timeout_ns / MICROPY_FLOAT_CONST(1e9));
}
static MP_DEFINE_CONST_FUN_OBJ_1(socket_gettimeout_obj, socket_gettimeout);

static mp_obj_t socket_setblocking(mp_obj_t self_in, mp_obj_t blocks) {
    socket_obj_t *self = MP_OBJ_TO_PTR(self_in);
    self->timeout_ns = mp_obj_is_true(blocks) ? WAIT_FOREVER : 0;
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_2(socket_setblocking_obj, socket_setblocking);

// makefile(mode, …): itself, as MicroPython's sockets are streams.
static mp_obj_t socket_makefile(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    return args[0];
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(socket_makefile_obj, 1, 6, socket_makefile);

static void close_object(const socket_obj_t *self) {
    handle_t *handle = open_handle_of(self);
    if (handle) {
        handle->is_closed = true;
        MP_THREAD_GIL_EXIT();
        socket_close(handle->socket);
        MP_THREAD_GIL_ENTER();
    }
}

// In a collection: the GIL stays.
static mp_obj_t socket_del(mp_obj_t self_in) {
    socket_obj_t *self = MP_OBJ_TO_PTR(self_in);
    if (self->kept) {
        interpreter_let_go(self->kept);
        self->kept = NULL;
    }
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(socket_del_obj, socket_del);

// As a stream.

static mp_uint_t finish(const socket_obj_t *self, const step_t *step, int *errcode) {
    if (!open_handle_of(self)) {
        *errcode = MP_EBADF;
        return MP_STREAM_ERROR;
    }
    ssize_t done = await(self, step, deadline_of(self), errcode);
    return done < 0 ? MP_STREAM_ERROR : (mp_uint_t)done;
}

static mp_uint_t socket_read(mp_obj_t self_in, void *buffer, mp_uint_t size, int *errcode) {
    const socket_obj_t *self = MP_OBJ_TO_PTR(self_in);
    step_t step = receiving(self, buffer, size, 0);
    return finish(self, &step, errcode);
}

static mp_uint_t socket_write(mp_obj_t self_in, const void *buffer, mp_uint_t size, int *errcode) {
    step_t step = { .fn = send_some, .buffer = (void *)buffer, .len = size };
    return finish(MP_OBJ_TO_PTR(self_in), &step, errcode);
}

// The watch comes first: what happens after the look signals the interpreter's event, which poll() waits for.
static mp_uint_t poll_socket(const socket_obj_t *self, mp_uint_t wanted) {
    handle_t *handle = open_handle_of(self);
    if (!handle) {
        return MP_STREAM_POLL_NVAL;
    }
    MP_THREAD_GIL_EXIT();
    socket_watch(handle->socket, &handle->watch);
    unsigned ready = socket_readiness(handle->socket);
    MP_THREAD_GIL_ENTER();
    mp_uint_t result = (ready & SOCKET_READABLE ? MP_STREAM_POLL_RD : 0) | (ready & SOCKET_WRITABLE ? MP_STREAM_POLL_WR : 0);
    return (result & wanted) | (ready & SOCKET_FAILED ? MP_STREAM_POLL_ERR : 0)
        | (ready & SOCKET_CLOSED ? MP_STREAM_POLL_NVAL : 0);
}

static mp_uint_t socket_ioctl(mp_obj_t self_in, mp_uint_t request, uintptr_t arg, int *errcode) {
    const socket_obj_t *self = MP_OBJ_TO_PTR(self_in);
    switch (request) {
        case MP_STREAM_CLOSE:
            close_object(self);
            return 0;
        case MP_STREAM_POLL:
            return poll_socket(self, arg);
        default:
            *errcode = MP_EINVAL;
            return MP_STREAM_ERROR;
    }
}

static const mp_stream_p_t socket_stream = {
    .read = socket_read,
    .write = socket_write,
    .ioctl = socket_ioctl,
};

// On their way to another interpreter.

bool socket_obj_is(mp_obj_t obj) {
    return mp_obj_is_exact_type(obj, &socket_type);
}

mp_obj_t socket_obj_again(mp_obj_t obj) {
    const socket_obj_t *self = MP_OBJ_TO_PTR(obj);
    socket_obj_t *again = new_object(self->family, self->type, self->protocol);
    socket_t *socket = socket_of(self);
    kobject_hold(&socket->object);
    socket_add_owner(socket);
    return open_object(again, socket);
}

kobject_t *socket_obj_kobject(mp_obj_t obj) {
    return &handle_of(MP_OBJ_TO_PTR(obj))->object;
}

void socket_obj_kind(mp_obj_t obj, int kind[3]) {
    const socket_obj_t *self = MP_OBJ_TO_PTR(obj);
    kind[0] = self->family;
    kind[1] = self->type;
    kind[2] = self->protocol;
}

bool socket_obj_is_kobject(const kobject_t *object) {
    return object->free == free_handle;
}

mp_obj_t socket_obj_from(kobject_t *object, const int kind[3]) {
    handle_t *handle = (handle_t *)object;
    socket_obj_t *self = new_object(kind[0], kind[1], kind[2]);
    socket_unwatch(&handle->watch);
    handle->watch.event = &interpreter_current()->event;
    kobject_hold(object);
    self->kept = interpreter_keep(object);
    if (!self->kept) {
        kobject_release(object);
        mp_raise_OSError(MP_ENOMEM);
    }
    return MP_OBJ_FROM_PTR(self);
}

void socket_obj_give_up(mp_obj_t obj) {
    socket_del(obj);
}

static const mp_rom_map_elem_t socket_locals_table[] = {
    { MP_ROM_QSTR(MP_QSTR___del__), MP_ROM_PTR(&socket_del_obj) },
    { MP_ROM_QSTR(MP_QSTR___enter__), MP_ROM_PTR(&mp_identity_obj) },
    { MP_ROM_QSTR(MP_QSTR___exit__), MP_ROM_PTR(&mp_stream___exit___obj) },
    { MP_ROM_QSTR(MP_QSTR_accept), MP_ROM_PTR(&socket_accept_obj) },
    { MP_ROM_QSTR(MP_QSTR_bind), MP_ROM_PTR(&socket_bind_obj) },
    { MP_ROM_QSTR(MP_QSTR_close), MP_ROM_PTR(&mp_stream_close_obj) },
    { MP_ROM_QSTR(MP_QSTR_connect), MP_ROM_PTR(&socket_connect_obj) },
    { MP_ROM_QSTR(MP_QSTR_connect_ex), MP_ROM_PTR(&socket_connect_ex_obj) },
    { MP_ROM_QSTR(MP_QSTR_fileno), MP_ROM_PTR(&socket_fileno_obj) },
    { MP_ROM_QSTR(MP_QSTR_getpeername), MP_ROM_PTR(&socket_getpeername_obj) },
    { MP_ROM_QSTR(MP_QSTR_getsockname), MP_ROM_PTR(&socket_getsockname_obj) },
    { MP_ROM_QSTR(MP_QSTR_getsockopt), MP_ROM_PTR(&socket_getsockopt_obj) },
    { MP_ROM_QSTR(MP_QSTR_gettimeout), MP_ROM_PTR(&socket_gettimeout_obj) },
    { MP_ROM_QSTR(MP_QSTR_listen), MP_ROM_PTR(&socket_listen_obj) },
    { MP_ROM_QSTR(MP_QSTR_makefile), MP_ROM_PTR(&socket_makefile_obj) },
    { MP_ROM_QSTR(MP_QSTR_read), MP_ROM_PTR(&mp_stream_read_obj) },
    { MP_ROM_QSTR(MP_QSTR_readinto), MP_ROM_PTR(&mp_stream_readinto_obj) },
    { MP_ROM_QSTR(MP_QSTR_readline), MP_ROM_PTR(&mp_stream_unbuffered_readline_obj) },
    { MP_ROM_QSTR(MP_QSTR_recv), MP_ROM_PTR(&socket_recv_obj) },
    { MP_ROM_QSTR(MP_QSTR_recv_into), MP_ROM_PTR(&socket_recv_into_obj) },
    { MP_ROM_QSTR(MP_QSTR_recvfrom), MP_ROM_PTR(&socket_recvfrom_obj) },
    { MP_ROM_QSTR(MP_QSTR_recvfrom_into), MP_ROM_PTR(&socket_recvfrom_into_obj) },
    { MP_ROM_QSTR(MP_QSTR_send), MP_ROM_PTR(&socket_send_obj) },
    { MP_ROM_QSTR(MP_QSTR_sendall), MP_ROM_PTR(&socket_sendall_obj) },
    { MP_ROM_QSTR(MP_QSTR_sendto), MP_ROM_PTR(&socket_sendto_obj) },
    { MP_ROM_QSTR(MP_QSTR_setblocking), MP_ROM_PTR(&socket_setblocking_obj) },
    { MP_ROM_QSTR(MP_QSTR_setsockopt), MP_ROM_PTR(&socket_setsockopt_obj) },
    { MP_ROM_QSTR(MP_QSTR_settimeout), MP_ROM_PTR(&socket_settimeout_obj) },
    { MP_ROM_QSTR(MP_QSTR_shutdown), MP_ROM_PTR(&socket_shutdown_obj) },
    { MP_ROM_QSTR(MP_QSTR_write), MP_ROM_PTR(&mp_stream_write_obj) },
};
static MP_DEFINE_CONST_DICT(socket_locals, socket_locals_table);

static void socket_attr(mp_obj_t self_in, qstr attr, mp_obj_t *dest) {
    const socket_obj_t *self = MP_OBJ_TO_PTR(self_in);
    if (dest[0] != MP_OBJ_NULL) {
        return; // Nothing of it is set so.
    }
    switch (attr) {
        case MP_QSTR_family:
            dest[0] = MP_OBJ_NEW_SMALL_INT(self->family);
            break;
        case MP_QSTR_type:
            dest[0] = MP_OBJ_NEW_SMALL_INT(self->type);
            break;
        case MP_QSTR_proto:
            dest[0] = MP_OBJ_NEW_SMALL_INT(self->protocol);
            break;
        default:
            dest[1] = MP_OBJ_SENTINEL; // Among the methods.
    }
}

MP_DEFINE_CONST_OBJ_TYPE(
    socket_type,
    MP_QSTR_socket,
    MP_TYPE_FLAG_NONE,
    make_new, socket_make_new,
    print, socket_print,
    attr, socket_attr,
    protocol, &socket_stream,
    locals_dict, &socket_locals
    );
