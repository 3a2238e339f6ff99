/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include <string.h>

#include "py/gc.h"
#include "py/runtime.h"
#include "py/stream.h"

#include "kernel/devices.h"
#include "kernel/kalloc.h"
#include "socket_address.h"
#include "socket_obj.h"
#include "socket_parts.h"

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

static struct _message_t *free_handle(kobject_t *object) {
    socket_handle_t *handle = (socket_handle_t *)object;
    socket_unwatch(&handle->watch);
    if (!handle->is_closed) {
        socket_close(handle->socket);
    }
    socket_release(handle->socket);
    kfree(handle, sizeof(*handle));
    return NULL;
}

// NULL: it was not opened, or is closed.
socket_handle_t *socket_obj_open_handle(const socket_obj_t *self) {
    socket_handle_t *handle = self->kept ? (socket_handle_t *)self->kept->object : NULL;
    return handle && !handle->is_closed ? handle : NULL;
}

socket_handle_t *socket_obj_handle(const socket_obj_t *self) {
    socket_handle_t *handle = socket_obj_open_handle(self);
    if (!handle) {
        mp_raise_OSError(MP_EBADF);
    }
    return handle;
}

socket_t *socket_obj_socket(const socket_obj_t *self) {
    return socket_obj_handle(self)->socket;
}

// lwIP's number; -1: it is closed.
static int socket_obj_fd(const socket_obj_t *self) {
    socket_handle_t *handle = socket_obj_open_handle(self);
    return handle ? handle->socket->fd : -1;
}

// Closed, until it is opened: what can fail for want of memory comes before there is a connection that it could cost.
socket_obj_t *socket_obj_new(int family, int type, int protocol) {
    socket_obj_t *self = mp_obj_malloc_with_finaliser(socket_obj_t, &socket_type);
    self->kept = NULL;
    self->family = family;
    self->type = type;
    self->protocol = protocol;
    self->timeout_ns = WAIT_FOREVER;
    return self;
}

// Takes over what the caller holds and owns; `socket` may be NULL: *net_errno() tells why.
mp_obj_t socket_obj_open(socket_obj_t *self, socket_t *socket) {
    int error = *net_errno();
    socket_handle_t *handle = socket ? kalloc(sizeof(*handle)) : NULL;
    if (handle) {
        *handle = (socket_handle_t) { { 1, free_handle }, socket, { .event = &interpreter_current()->event }, false };
        self->kept = interpreter_keep(&handle->object);
    }
    if (!self->kept) {
        if (handle) {
            kobject_release(&handle->object);
        } else if (socket) {
            socket_close(socket); // Others may own it too.
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
    socket_obj_t *self = socket_obj_new(family, type, protocol);
    socket_t *socket = make_socket(family, type, protocol);
    if (!socket && *net_errno() != MP_EINVAL) {
        gc_collect(); // It may close some.
        socket = make_socket(family, type, protocol);
    }
    return socket_obj_open(self, socket);
}

static void socket_print(const mp_print_t *print, mp_obj_t self_in, mp_print_kind_t kind) {
    (void)kind;
    const socket_obj_t *self = MP_OBJ_TO_PTR(self_in);
    mp_printf(print, "<socket fd=%d, family=%d, type=%d, proto=%d>", socket_obj_fd(self), self->family, self->type, self->protocol);
}

// What it is.

static mp_obj_t name_of(mp_obj_t self_in, int (*ask)(int fd, struct sockaddr *address, socklen_t *len)) {
    struct sockaddr_storage address = { 0 };
    socklen_t len = sizeof(address);
    int error;
    SOCKET_TRY(MP_OBJ_TO_PTR(self_in), error, ask(fd, (struct sockaddr *)&address, &len));
    socket_check(error);
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
    return MP_OBJ_NEW_SMALL_INT(socket_obj_fd(MP_OBJ_TO_PTR(self_in)));
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
    SOCKET_TRY(MP_OBJ_TO_PTR(args[0]), error, lwip_setsockopt(fd, level, option, buffer.buf, buffer.len));
    socket_check(error);
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
    SOCKET_TRY(MP_OBJ_TO_PTR(args[0]), error, lwip_getsockopt(fd, level, option, value, &len));
    socket_check(error);
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
    socket_handle_t *handle = socket_obj_open_handle(self);
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

// The watch comes first: what happens after the look signals the interpreter's event, which poll() waits for.
static mp_uint_t poll_socket(const socket_obj_t *self, mp_uint_t wanted) {
    socket_handle_t *handle = socket_obj_open_handle(self);
    if (!handle) {
        return MP_STREAM_POLL_NVAL;
    }
    MP_THREAD_GIL_EXIT();
    socket_watch(handle->socket, &handle->watch);
    unsigned ready = socket_readiness(handle->socket);
    MP_THREAD_GIL_ENTER();
    mp_uint_t result = (ready & SOCKET_READABLE ? MP_STREAM_POLL_RD : 0) | (ready & SOCKET_WRITABLE ? MP_STREAM_POLL_WR : 0);
    return (result & wanted) | (ready & SOCKET_FAILED ? MP_STREAM_POLL_ERR : 0) | (ready & SOCKET_HUNG_UP ? MP_STREAM_POLL_HUP : 0)
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
    socket_obj_t *again = socket_obj_new(self->family, self->type, self->protocol);
    socket_t *socket = socket_obj_socket(self);
    kobject_hold(&socket->object);
    socket_add_owner(socket);
    return socket_obj_open(again, socket);
}

kobject_t *socket_obj_kobject(mp_obj_t obj) {
    return &socket_obj_handle(MP_OBJ_TO_PTR(obj))->object;
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
    socket_handle_t *handle = (socket_handle_t *)object;
    socket_obj_t *self = socket_obj_new(kind[0], kind[1], kind[2]);
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
    { MP_ROM_QSTR(MP_QSTR_readline), MP_ROM_PTR(&socket_readline_obj) },
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
