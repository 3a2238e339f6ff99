/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* How sockets are connected. */

#include "py/runtime.h"

#include "socket_address.h"
#include "socket_parts.h"

#define BACKLOG_DEFAULT 128

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
static ssize_t look_connected(socket_t *socket, int fd, const socket_step_t *step) {
    (void)socket;
    if (lwip_connect(fd, (const struct sockaddr *)step->address, *step->address_len) == 0 || *net_errno() == MP_EISCONN) {
        return 0;
    }
    *net_errno() = *net_errno() == MP_EALREADY ? MP_EAGAIN : why_not_connected(fd, *net_errno());
    return -1;
}

static int try_connect(const socket_obj_t *self, mp_obj_t address_in) {
    uint64_t deadline_ns = socket_deadline_of(self);
    struct sockaddr_storage address;
    socklen_t len = socket_address_of(address_in, self->family, deadline_ns, &address);
    int error;
    SOCKET_TRY(self, error, lwip_connect(fd, (const struct sockaddr *)&address, len));
    if (error == MP_EINPROGRESS && deadline_ns) {
        socket_step_t step = { .fn = look_connected, .address = &address, .address_len = &len };
        socket_await(self, &step, deadline_ns, &error);
    }
    return error;
}

// connect(address)
static mp_obj_t socket_connect(mp_obj_t self_in, mp_obj_t address) {
    socket_check(try_connect(MP_OBJ_TO_PTR(self_in), address));
    return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_2(socket_connect_obj, socket_connect);

// connect_ex(address): the number of an error, or 0.
static mp_obj_t socket_connect_ex(mp_obj_t self_in, mp_obj_t address) {
    return MP_OBJ_NEW_SMALL_INT(try_connect(MP_OBJ_TO_PTR(self_in), address));
}
MP_DEFINE_CONST_FUN_OBJ_2(socket_connect_ex_obj, socket_connect_ex);

// bind(address)
static mp_obj_t socket_bind(mp_obj_t self_in, mp_obj_t address_in) {
    const socket_obj_t *self = MP_OBJ_TO_PTR(self_in);
    struct sockaddr_storage address;
    socklen_t len = socket_address_of(address_in, self->family, WAIT_FOREVER, &address);
    int error;
    MP_THREAD_GIL_EXIT();
    bool may = socket_may_bind((const struct sockaddr *)&address);
    MP_THREAD_GIL_ENTER();
    if (!may) {
        socket_raise(MP_EADDRNOTAVAIL);
    }
    SOCKET_TRY(self, error, lwip_bind(fd, (const struct sockaddr *)&address, len));
    socket_check(error);
    return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_2(socket_bind_obj, socket_bind);

// listen(backlog=128). Fewer are not: lwIP counts those too that have only begun, of which a few come at once.
static mp_obj_t socket_listen(size_t n_args, const mp_obj_t *args) {
    mp_int_t backlog = n_args > 1 ? mp_obj_get_int(args[1]) : BACKLOG_DEFAULT;
    int error;
    SOCKET_TRY(MP_OBJ_TO_PTR(args[0]), error, lwip_listen(fd, MAX(BACKLOG_DEFAULT, MIN(backlog, UINT8_MAX))));
    socket_check(error);
    return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(socket_listen_obj, 1, 2, socket_listen);

static ssize_t accept_one(socket_t *socket, int fd, const socket_step_t *step) {
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
    socket_obj_t *object = socket_obj_new(self->family, self->type, self->protocol);
    socket_step_t step = { .fn = accept_one, .buffer = &accepted, .address = &address, .address_len = &len };
    socket_do_step(self, &step);
    return socket_with_address(socket_obj_open(object, accepted), &address, len);
}
MP_DEFINE_CONST_FUN_OBJ_1(socket_accept_obj, socket_accept_);

// shutdown(how)
static mp_obj_t socket_shutdown(mp_obj_t self_in, mp_obj_t how) {
    mp_int_t which = mp_obj_get_int(how);
    int error;
    SOCKET_TRY(MP_OBJ_TO_PTR(self_in), error, lwip_shutdown(fd, which));
    socket_check(error);
    return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_2(socket_shutdown_obj, socket_shutdown);

