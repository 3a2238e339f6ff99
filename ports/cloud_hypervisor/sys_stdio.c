/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* sys.stdin, sys.stdout and sys.stderr. Unlike upstream's shared/runtime/sys_stdio_mphal.c they know
 * the end of the input. */

#include "py/mperrno.h"
#include "py/mphal.h"
#include "py/obj.h"
#include "py/stream.h"

#include "stdio_port.h"

typedef struct _sys_stdio_obj_t {
    mp_obj_base_t base;
    int fd;
} sys_stdio_obj_t;

#define FD_IN (0)
#define FD_OUT (1)
#define FD_ERR (2)

static void stdio_print(const mp_print_t *print, mp_obj_t self_in, mp_print_kind_t kind) {
    (void)kind;
    sys_stdio_obj_t *self = MP_OBJ_TO_PTR(self_in);
    mp_printf(print, "<io.%s %d>", mp_obj_get_type_str(self_in), self->fd);
}

static mp_uint_t buffer_read(mp_obj_t self_in, void *buf, mp_uint_t size, int *errcode) {
    (void)self_in, (void)errcode;
    uint8_t *bytes = buf;
    for (mp_uint_t i = 0; i < size; ++i) {
        int c = stdio_read_byte();
        if (c < 0) {
            return i;
        }
        bytes[i] = c;
    }
    return size;
}

static mp_uint_t buffer_write(mp_obj_t self_in, const void *buf, mp_uint_t size, int *errcode) {
    (void)self_in, (void)errcode;
    return mp_hal_stdout_tx_strn(buf, size);
}

static mp_uint_t text_read(mp_obj_t self_in, void *buf, mp_uint_t size, int *errcode) {
    sys_stdio_obj_t *self = MP_OBJ_TO_PTR(self_in);
    if (self->fd != FD_IN) {
        *errcode = MP_EPERM;
        return MP_STREAM_ERROR;
    }
    mp_uint_t count = buffer_read(self_in, buf, size, errcode);
    if (stdio_is_terminal()) {
        for (char *c = buf; c < (char *)buf + count; ++c) {
            *c = *c == '\r' ? '\n' : *c;
        }
    }
    return count;
}

static mp_uint_t text_write(mp_obj_t self_in, const void *buf, mp_uint_t size, int *errcode) {
    sys_stdio_obj_t *self = MP_OBJ_TO_PTR(self_in);
    if (self->fd == FD_IN) {
        *errcode = MP_EPERM;
        return MP_STREAM_ERROR;
    }
    mp_hal_stdout_tx_strn_cooked(buf, size);
    return size;
}

static mp_uint_t stdio_ioctl(mp_obj_t self_in, mp_uint_t request, uintptr_t arg, int *errcode) {
    (void)self_in;
    switch (request) {
        case MP_STREAM_POLL:
            return stdio_poll(arg);
        case MP_STREAM_FLUSH: // What was written is on the line.
        case MP_STREAM_CLOSE:
            return 0;
        default:
            *errcode = MP_EINVAL;
            return MP_STREAM_ERROR;
    }
}

static const sys_stdio_obj_t buffer_obj;

static const mp_rom_map_elem_t stdio_locals_table[] = {
    { MP_ROM_QSTR(MP_QSTR_buffer), MP_ROM_PTR(&buffer_obj) },
    { MP_ROM_QSTR(MP_QSTR_read), MP_ROM_PTR(&mp_stream_read_obj) },
    { MP_ROM_QSTR(MP_QSTR_readinto), MP_ROM_PTR(&mp_stream_readinto_obj) },
    { MP_ROM_QSTR(MP_QSTR_readline), MP_ROM_PTR(&mp_stream_unbuffered_readline_obj) },
    { MP_ROM_QSTR(MP_QSTR_readlines), MP_ROM_PTR(&mp_stream_unbuffered_readlines_obj) },
    { MP_ROM_QSTR(MP_QSTR_write), MP_ROM_PTR(&mp_stream_write_obj) },
    { MP_ROM_QSTR(MP_QSTR_flush), MP_ROM_PTR(&mp_stream_flush_obj) },
    { MP_ROM_QSTR(MP_QSTR_close), MP_ROM_PTR(&mp_identity_obj) },
    { MP_ROM_QSTR(MP_QSTR___enter__), MP_ROM_PTR(&mp_identity_obj) },
    { MP_ROM_QSTR(MP_QSTR___exit__), MP_ROM_PTR(&mp_stream___exit___obj) },
};
static MP_DEFINE_CONST_DICT(stdio_locals, stdio_locals_table);

static const mp_stream_p_t text_protocol = {
    .read = text_read,
    .write = text_write,
    .ioctl = stdio_ioctl,
    .is_text = true,
};

static const mp_stream_p_t buffer_protocol = {
    .read = buffer_read,
    .write = buffer_write,
    .ioctl = stdio_ioctl,
};

static MP_DEFINE_CONST_OBJ_TYPE(text_type, MP_QSTR_TextIOWrapper, MP_TYPE_FLAG_ITER_IS_STREAM,
    print, stdio_print, protocol, &text_protocol, locals_dict, &stdio_locals);

static MP_DEFINE_CONST_OBJ_TYPE(buffer_type, MP_QSTR_FileIO, MP_TYPE_FLAG_ITER_IS_STREAM,
    print, stdio_print, protocol, &buffer_protocol, locals_dict, &stdio_locals);

const sys_stdio_obj_t mp_sys_stdin_obj = { { &text_type }, .fd = FD_IN };
const sys_stdio_obj_t mp_sys_stdout_obj = { { &text_type }, .fd = FD_OUT };
const sys_stdio_obj_t mp_sys_stderr_obj = { { &text_type }, .fd = FD_ERR };

// As upstream: one for all three, which can read and write.
static const sys_stdio_obj_t buffer_obj = { { &buffer_type } };
