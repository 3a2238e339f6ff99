/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* What the parts of the type `socket` share: socket_obj.c, socket_io.c, socket_connect.c. With the GIL. */
#ifndef MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_SOCKET_PARTS_H
#define MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_SOCKET_PARTS_H

#include "py/mperrno.h"
#include "py/mpthread.h"
#include "py/obj.h"

#include "kernel/interpreters.h"
#include "kernel/net/core.h"
#include "kernel/net/socket.h"
#include "lwip/sockets.h"

// A socket as one interpreter has it: one of its owners. Kernel memory.
typedef struct _socket_handle_t {
    kobject_t object;
    socket_t *socket;
    socket_watch_t watch;
    bool is_closed;      // With the GIL.
} socket_handle_t;

typedef struct _socket_obj_t {
    mp_obj_base_t base;
    kept_t *kept;        // Of a handle. NULL: it was not opened.
    int family, type, protocol;
    uint64_t timeout_ns; // 0: it does not wait; WAIT_FOREVER.
} socket_obj_t;

// socket_obj.c. The first is NULL, the others raise, where it was not opened or is closed.
socket_handle_t *socket_obj_open_handle(const socket_obj_t *self);
socket_handle_t *socket_obj_handle(const socket_obj_t *self);
socket_t *socket_obj_socket(const socket_obj_t *self);

// Closed, until it is opened: what can fail for want of memory comes before there is a connection that it could cost.
socket_obj_t *socket_obj_new(int family, int type, int protocol);

// Takes over what the caller holds and owns; `socket` may be NULL: *net_errno() tells why. Raises OSError.
mp_obj_t socket_obj_open(socket_obj_t *self, socket_t *socket);

// socket_io.c

// What is done at once or not: how much, 0 at least; or -1 and *net_errno().
struct _socket_step_t;
typedef ssize_t (*step_fn_t)(socket_t *socket, int fd, const struct _socket_step_t *step);

typedef struct _socket_step_t {
    step_fn_t fn;
    void *buffer;
    size_t len;
    int flags;
    bool is_line; // Received is a line, or the beginning of one.
    struct sockaddr_storage *address;
    socklen_t *address_len;
} socket_step_t;

// When a call that begins now has waited long enough; 0: it does not wait.
uint64_t socket_deadline_of(const socket_obj_t *self);

// Until the step is done. A number of an error in *error where -1 is returned; MP_ETIMEDOUT is that time is up.
ssize_t socket_await(const socket_obj_t *self, const socket_step_t *step, uint64_t deadline_ns, int *error);

// The same with the socket's timeout. Raises.
size_t socket_do_step(const socket_obj_t *self, const socket_step_t *step);

// Raises OSError, or `timeout`; the second one where there is an error.
NORETURN void socket_raise(int error);
void socket_check(int error);

// (what, address); None where there is no address.
mp_obj_t socket_with_address(mp_obj_t what, const struct sockaddr_storage *address, socklen_t len);

// A call of lwIP's that waits for nothing, of `fd`: an error, or 0.
#define SOCKET_TRY(self, error, call) do { \
        socket_t *socket = socket_obj_socket(self); \
        MP_THREAD_GIL_EXIT(); \
        int fd = socket_begin(socket); \
        error = fd < 0 || (call) < 0 ? *net_errno() : 0; \
        if (fd >= 0) { \
            socket_end(socket); \
        } \
        MP_THREAD_GIL_ENTER(); \
} while (0)

// Of the stream protocol.
mp_uint_t socket_read(mp_obj_t self_in, void *buffer, mp_uint_t size, int *errcode);
mp_uint_t socket_write(mp_obj_t self_in, const void *buffer, mp_uint_t size, int *errcode);

// The same, by a time of the caller's.
mp_uint_t socket_read_by(mp_obj_t self_in, void *buffer, mp_uint_t size, uint64_t deadline_ns, int *errcode);
mp_uint_t socket_write_by(mp_obj_t self_in, const void *buffer, mp_uint_t size, uint64_t deadline_ns, int *errcode);

// Methods.
MP_DECLARE_CONST_FUN_OBJ_VAR_BETWEEN(socket_recv_obj);
MP_DECLARE_CONST_FUN_OBJ_VAR_BETWEEN(socket_recvfrom_obj);
MP_DECLARE_CONST_FUN_OBJ_VAR_BETWEEN(socket_readline_obj);
MP_DECLARE_CONST_FUN_OBJ_VAR_BETWEEN(socket_recv_into_obj);
MP_DECLARE_CONST_FUN_OBJ_VAR_BETWEEN(socket_recvfrom_into_obj);
MP_DECLARE_CONST_FUN_OBJ_VAR_BETWEEN(socket_send_obj);
MP_DECLARE_CONST_FUN_OBJ_VAR_BETWEEN(socket_sendall_obj);
MP_DECLARE_CONST_FUN_OBJ_VAR_BETWEEN(socket_sendto_obj);

// socket_connect.c
MP_DECLARE_CONST_FUN_OBJ_2(socket_connect_obj);
MP_DECLARE_CONST_FUN_OBJ_2(socket_connect_ex_obj);
MP_DECLARE_CONST_FUN_OBJ_2(socket_bind_obj);
MP_DECLARE_CONST_FUN_OBJ_VAR_BETWEEN(socket_listen_obj);
MP_DECLARE_CONST_FUN_OBJ_1(socket_accept_obj);
MP_DECLARE_CONST_FUN_OBJ_2(socket_shutdown_obj);

#endif // MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_SOCKET_PARTS_H
