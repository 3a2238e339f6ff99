/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

// Included by extmod/machine_uart.c.

/* machine.UART(0): the serial line of the console, byte for byte, for a program that has it
 * to itself or that takes turns with the prompt. Both VMMs ignore the line's speed, so
 * there is nothing to set. The interrupt character works here too: micropython.kbd_intr(-1)
 * lets it through. */

#include "py/mperrno.h"
#include "py/mphal.h"
#include "kernel/clock.h"
#include "kernel/console.h"

#define NS_PER_MS 1000000

#define MICROPY_PY_MACHINE_UART_CLASS_CONSTANTS

struct _machine_uart_obj_t {
    mp_obj_base_t base;
    uint32_t baudrate;        // As given, for print().
    uint32_t timeout_ms;      // For the first byte of a read.
    uint32_t timeout_char_ms; // Between two bytes.
};

static machine_uart_obj_t console_uart = { .base = { &machine_uart_type }, .baudrate = 115200 };

static void mp_machine_uart_print(const mp_print_t *print, mp_obj_t self_in, mp_print_kind_t kind) {
    (void)kind;
    machine_uart_obj_t *self = MP_OBJ_TO_PTR(self_in);
    mp_printf(print, "UART(0, baudrate=%u, bits=8, parity=None, stop=1, timeout=%u, timeout_char=%u)",
        (unsigned)self->baudrate, (unsigned)self->timeout_ms, (unsigned)self->timeout_char_ms);
}

static void mp_machine_uart_init_helper(machine_uart_obj_t *self, size_t n_args, const mp_obj_t *pos_args, mp_map_t *kw_args) {
    enum {
        ARG_baudrate, ARG_bits, ARG_parity, ARG_stop, ARG_timeout, ARG_timeout_char,
        ARG_rxbuf, ARG_txbuf, ARG_invert, ARG_flow,
    };
    static const mp_arg_t allowed_args[] = {
        { MP_QSTR_baudrate, MP_ARG_INT, {.u_int = 115200} },
        { MP_QSTR_bits, MP_ARG_INT, {.u_int = 8} },
        { MP_QSTR_parity, MP_ARG_OBJ, {.u_rom_obj = MP_ROM_NONE} },
        { MP_QSTR_stop, MP_ARG_INT, {.u_int = 1} },
        { MP_QSTR_timeout, MP_ARG_KW_ONLY | MP_ARG_INT, {.u_int = 0} },
        { MP_QSTR_timeout_char, MP_ARG_KW_ONLY | MP_ARG_INT, {.u_int = 0} },
        // Programs written for a board say how large its buffers shall be; here they are large.
        { MP_QSTR_rxbuf, MP_ARG_KW_ONLY | MP_ARG_INT, {.u_int = 0} },
        { MP_QSTR_txbuf, MP_ARG_KW_ONLY | MP_ARG_INT, {.u_int = 0} },
        { MP_QSTR_invert, MP_ARG_KW_ONLY | MP_ARG_INT, {.u_int = 0} },
        { MP_QSTR_flow, MP_ARG_KW_ONLY | MP_ARG_INT, {.u_int = 0} },
    };
    mp_arg_val_t args[MP_ARRAY_SIZE(allowed_args)];
    mp_arg_parse_all(n_args, pos_args, kw_args, MP_ARRAY_SIZE(allowed_args), allowed_args, args);
    if (args[ARG_bits].u_int != 8 || args[ARG_parity].u_obj != mp_const_none || args[ARG_stop].u_int != 1) {
        mp_raise_ValueError(MP_ERROR_TEXT("8 bits, no parity, 1 stop bit only"));
    }
    if (args[ARG_invert].u_int != 0 || args[ARG_flow].u_int != 0) {
        mp_raise_ValueError(MP_ERROR_TEXT("no inverted lines, no flow control"));
    }
    self->baudrate = args[ARG_baudrate].u_int;
    self->timeout_ms = MAX(0, args[ARG_timeout].u_int);
    self->timeout_char_ms = MAX(0, args[ARG_timeout_char].u_int);
}

static mp_obj_t mp_machine_uart_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *args) {
    (void)type;
    mp_arg_check_num(n_args, n_kw, 1, MP_OBJ_FUN_ARGS_MAX, true);
    if (mp_obj_get_int(args[0]) != 0) {
        mp_raise_ValueError(MP_ERROR_TEXT("UART doesn't exist"));
    }
    if (n_args > 1 || n_kw > 0) {
        mp_map_t kw_args;
        mp_map_init_fixed_table(&kw_args, n_kw, args + n_args);
        mp_machine_uart_init_helper(&console_uart, n_args - 1, args + 1, &kw_args);
    }
    return MP_OBJ_FROM_PTR(&console_uart);
}

// The console stays what it is.
static void mp_machine_uart_deinit(machine_uart_obj_t *self) {
    (void)self;
}

// 1 stands for "some".
static mp_int_t mp_machine_uart_any(machine_uart_obj_t *self) {
    (void)self;
    return console_readable();
}

// console_write() has waited for all but what the UART itself holds.
static bool mp_machine_uart_txdone(machine_uart_obj_t *self) {
    (void)self;
    return true;
}

// The next byte, or -1 where none comes in time.
static int read_byte(uint32_t timeout_ms) {
    uint64_t deadline_ns = clock_monotonic_ns() + (uint64_t)timeout_ms * NS_PER_MS;
    for (;;) {
        int c = console_read();
        if (c >= 0 || clock_monotonic_ns() >= deadline_ns) {
            return c;
        }
        mp_event_handle_nowait();
        mp_hal_wait_for_event_until_ns(deadline_ns);
    }
}

static mp_uint_t mp_machine_uart_read(mp_obj_t self_in, void *buf, mp_uint_t size, int *errcode) {
    machine_uart_obj_t *self = MP_OBJ_TO_PTR(self_in);
    mp_uint_t count = 0;
    while (count < size) {
        int c = read_byte(count ? self->timeout_char_ms : self->timeout_ms);
        if (c < 0) {
            break;
        }
        ((byte *)buf)[count++] = c;
    }
    if (size && !count) {
        *errcode = MP_EAGAIN;
        return MP_STREAM_ERROR;
    }
    return count;
}

static mp_uint_t mp_machine_uart_write(mp_obj_t self_in, const void *buf, mp_uint_t size, int *errcode) {
    (void)self_in;
    (void)errcode;
    console_write(buf, size);
    return size;
}

static mp_uint_t mp_machine_uart_ioctl(mp_obj_t self_in, mp_uint_t request, uintptr_t arg, int *errcode) {
    (void)self_in;
    if (request == MP_STREAM_POLL) {
        mp_uint_t ret = arg & MP_STREAM_POLL_WR;
        return console_readable() ? ret | (arg & MP_STREAM_POLL_RD) : ret;
    }
    if (request == MP_STREAM_FLUSH) {
        return 0;
    }
    *errcode = MP_EINVAL;
    return MP_STREAM_ERROR;
}
