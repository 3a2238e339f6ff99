/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Values on their way from one interpreter to another, for unit_transfer*.c: a sender, the bytes in memory
 * of their own, and a receiver, which is a fresh interpreter. While either encodes or decodes each
 * allocation collects first. */
#ifndef MICROPY_INCLUDED_TESTS_HOST_TRANSFER_WORLD_H
#define MICROPY_INCLUDED_TESTS_HOST_TRANSFER_WORLD_H

#include "py/builtin.h"
#include "py/runtime.h"

#include "ports/cloud_hypervisor/transfer.h"
#include "tests/host/micropython/interpreter.h"
#include "tests/host/check.h"

#define HEAP_SIZE (256 * 1024)

static byte *sent; // In a block of its own size.
static size_t sent_len;

static inline void hold(const void *data, size_t len) {
    free(sent);
    sent = malloc(len ? len : 1);
    memcpy(sent, data, len);
    sent_len = len;
}

#define HELD(text) hold(text, sizeof(text) - 1)

static inline void check_quiet(mp_obj_t exception) {
    if (exception != MP_OBJ_NULL) {
        mp_obj_print_exception(&mp_plat_print, exception);
        abort();
    }
}

static inline void exec_source(void *source) {
    interpreter_exec(source);
}

static inline void exec(const char *source) {
    check_quiet(interpreter_try(exec_source, (void *)source));
}

static inline void encode_expression(void *expression) {
    mp_obj_t value = interpreter_eval(expression);
    vstr_t bytes;
    vstr_init(&bytes, 1);
    interpreter_collect_always(true);
    transfer_encode(value, &bytes, NULL);
    interpreter_collect_always(false);
    hold(bytes.buf, bytes.len);
}

static inline void decode_as_x(void *trust) {
    interpreter_collect_always(true);
    mp_obj_t value = transfer_decode(sent, sent_len, *(transfer_trust_t *)trust, NULL);
    interpreter_collect_always(false);
    mp_store_global(qstr_from_str("x"), value);
}

// In a fresh interpreter: the exception that decoding raises, MP_OBJ_NULL if it gives a value, now the global x.
static inline mp_obj_t receive(transfer_trust_t trust) {
    interpreter_start(HEAP_SIZE);
    mp_obj_t raised = interpreter_try(decode_as_x, &trust);
    interpreter_collect_always(false);
    return raised;
}

// In a fresh interpreter that ran `setup`: the exception that encoding raises, MP_OBJ_NULL if it is done.
static inline mp_obj_t send(const char *setup, const char *expression) {
    interpreter_start(HEAP_SIZE);
    exec(setup);
    mp_obj_t raised = interpreter_try(encode_expression, (void *)expression);
    interpreter_collect_always(false);
    return raised;
}

// The value crosses and is x.
static inline void cross(const char *setup, const char *expression) {
    check_quiet(send(setup, expression));
    check_quiet(receive(TRANSFER_CODE));
}

static inline void check_in_python(const char *condition) {
    static char source[2048];
    snprintf(source, sizeof(source), "assert %s, x", condition);
    exec(source);
}

static inline void check_raised(mp_obj_t exception, const mp_obj_type_t *type) {
    if (exception == MP_OBJ_NULL || !mp_obj_exception_match(exception, MP_OBJ_FROM_PTR(type))) {
        fprintf(stderr, "raised, not what was expected:\n");
        check_quiet(exception);
        abort();
    }
}

// The value does not cross; what the error says.
static inline const char *check_refused(const char *setup, const char *expression) {
    mp_obj_t raised = send(setup, expression);
    check_raised(raised, &mp_type_NotShareableError);
    return mp_obj_str_get_str(mp_obj_exception_get_value(raised));
}

#endif // MICROPY_INCLUDED_TESTS_HOST_TRANSFER_WORLD_H
