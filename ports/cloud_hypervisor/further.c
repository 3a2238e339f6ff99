/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include <string.h>

#include "py/compile.h"
#include "py/mphal.h"
#include "py/mpthread.h"
#include "py/objtuple.h"
#include "py/runtime.h"

#include "application.h"
#include "further.h"
#include "heap.h"
#include "kernel/interpreters.h"
#include "session.h"
#include "sharing.h"
#include "transfer.h"

// What is asked for, that the collector sees all of it.
MP_REGISTER_ROOT_POINTER(mp_obj_t further_request);

static mp_obj_t do_exec(mp_obj_t text) {
    size_t len;
    const char *source = mp_obj_str_get_data(text, &len);
    mp_lexer_t *lexer = mp_lexer_new_from_str_len(MP_QSTR__lt_string_gt_, source, len, 0);
    mp_parse_tree_t tree = mp_parse(lexer, MP_PARSE_FILE_INPUT);
    mp_call_function_0(mp_compile(&tree, MP_QSTR__lt_string_gt_, false));
    return mp_const_none;
}

static mp_obj_t do_call(mp_obj_t callable, mp_obj_t positional, mp_obj_t keywords) {
    size_t n_args;
    mp_obj_t *items;
    mp_obj_tuple_get(positional, &n_args, &items);
    mp_map_t *map = mp_obj_dict_get_map(keywords);
    mp_obj_t *args = m_new(mp_obj_t, n_args + 2 * map->used);
    memcpy(args, items, n_args * sizeof(*args));
    mp_obj_t *next = args + n_args;
    for (size_t i = 0; i < map->alloc; ++i) {
        if (mp_map_slot_is_filled(map, i)) {
            *next++ = map->table[i].key;
            *next++ = map->table[i].value;
        }
    }
    return mp_call_function_n_kw(callable, n_args, map->used, args);
}

static mp_obj_t do_set(mp_obj_t names) {
    mp_map_t *map = mp_obj_dict_get_map(names);
    for (size_t i = 0; i < map->alloc; ++i) {
        if (mp_map_slot_is_filled(map, i)) {
            mp_store_global(mp_obj_str_get_qstr(map->table[i].key), map->table[i].value);
        }
    }
    return mp_const_none;
}

static mp_obj_t do_request(mp_obj_t request) {
    mp_obj_tuple_t *tuple = MP_OBJ_TO_PTR(request);
    switch (MP_OBJ_SMALL_INT_VALUE(tuple->items[0])) {
        case FURTHER_EXEC:
            return do_exec(tuple->items[1]);
        case FURTHER_CALL:
            return do_call(tuple->items[1], tuple->items[2], tuple->items[3]);
        default:
            return do_set(tuple->items[1]);
    }
}

static mp_obj_t text_of(void (*print)(const mp_print_t *to, mp_obj_t obj), mp_obj_t obj) {
    vstr_t text;
    mp_print_t to;
    vstr_init_print(&text, 64, &to);
    print(&to, obj);
    return mp_obj_new_str_from_utf8_vstr(&text);
}

static void print_str(const mp_print_t *to, mp_obj_t obj) {
    mp_obj_print_helper(to, obj, PRINT_STR);
}

// The name of the module that made the class. What was made in C counts as built in.
static mp_obj_t module_of(mp_obj_t exception) {
    mp_obj_t module[2];
    mp_load_method_maybe(MP_OBJ_FROM_PTR(mp_obj_get_type(exception)), MP_QSTR___module__, module);
    return module[0] == MP_OBJ_NULL ? MP_OBJ_NEW_QSTR(MP_QSTR_builtins) : module[0];
}

static message_t *send_failure(mp_obj_t exception, mp_obj_t copy) {
    mp_obj_t items[] = {
        MP_OBJ_NEW_SMALL_INT(FURTHER_FAILED),
        MP_OBJ_NEW_QSTR(mp_obj_get_type(exception)->name),
        module_of(exception),
        text_of(print_str, exception),
        text_of(mp_obj_print_exception, exception),
        copy,
    };
    return sharing_send(mp_obj_new_tuple(MP_ARRAY_SIZE(items), items));
}

static message_t *send_two(int what, mp_obj_t value) {
    mp_obj_t items[] = { MP_OBJ_NEW_SMALL_INT(what), value };
    return sharing_send(mp_obj_new_tuple(MP_ARRAY_SIZE(items), items));
}

// What fn(a, b) gives; NULL where it raises, for want of memory if for nothing else, and what in *raised.
static message_t *try_to(message_t *(*fn)(mp_obj_t a, mp_obj_t b), mp_obj_t a, mp_obj_t b, mp_obj_t *raised) {
    nlr_buf_t nlr;
    if (nlr_push(&nlr) == 0) {
        message_t *message = fn(a, b);
        nlr_pop();
        return message;
    }
    *raised = MP_OBJ_FROM_PTR(nlr.ret_val);
    return NULL;
}

static message_t *send_result(mp_obj_t result, mp_obj_t unused) {
    (void)unused;
    return send_two(FURTHER_DONE, result);
}

static message_t *send_refusal(mp_obj_t refusal, mp_obj_t unused) {
    (void)unused;
    return send_two(FURTHER_UNSHAREABLE, text_of(print_str, refusal));
}

// NULL where there is no memory for any.
static message_t *reply_of(mp_obj_t result, mp_obj_t raised) {
    message_t *reply = NULL;
    if (raised == MP_OBJ_NULL) {
        reply = try_to(send_result, result, MP_OBJ_NULL, &raised);
        if (!reply && mp_obj_is_exact_type(raised, &mp_type_NotShareableError)) {
            return try_to(send_refusal, raised, MP_OBJ_NULL, &raised);
        }
    }
    mp_obj_t further;
    if (!reply) {
        reply = try_to(send_failure, raised, raised, &further);
    }
    return reply ? reply : try_to(send_failure, raised, mp_const_none, &further);
}

static message_t *serve(void) {
    nlr_buf_t nlr;
    if (nlr_push(&nlr) == 0) {
        MP_STATE_VM(further_request) = sharing_receive();
        mp_obj_t result = do_request(MP_STATE_VM(further_request));
        mp_handle_pending(true);
        nlr_pop();
        return reply_of(result, MP_OBJ_NULL);
    }
    mp_handle_pending(false);
    heap_relieve(); // Else what has filled all memory could neither be told of nor be undone.
    return reply_of(MP_OBJ_NULL, MP_OBJ_FROM_PTR(nlr.ret_val));
}

// Callbacks run meanwhile. False: the interpreter is to end.
static bool next_request(call_t *call) {
    wait_result_t result;
    do {
        mp_handle_pending(false);
        MP_THREAD_GIL_EXIT();
        result = call_next(call);
        MP_THREAD_GIL_ENTER();
    } while (result == WAIT_INTERRUPTED);
    if (result != WAIT_WOKEN) {
        return false;
    }
    // An exception that was meant for a call that has ended is nobody's, should it be on its way yet.
    interpreter_forget_interrupt();
    mp_handle_pending(false);
    call_set_begun(call);
    return true;
}

// Not by the collector, which all of the closer's threads wait for, and not because everything ends.
static bool is_closed_by_hand(void) {
    const interpreter_t *self = interpreter_current();
    return __atomic_load_n(&self->handles, __ATOMIC_RELAXED) && !__atomic_load_n(&self->closing, __ATOMIC_SEQ_CST);
}

void further_main(void) {
    call_t *call = &interpreter_current()->call;
    session_init();
    session_begin();
    application_prepare();
    while (next_request(call)) {
        call_reply(call, serve());
    }
    if (is_closed_by_hand()) {
        application_wait_for_threads();
    }
    application_run_exit_function();
    session_end();
    MP_THREAD_GIL_EXIT();
}
