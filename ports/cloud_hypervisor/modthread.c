/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* The module _thread, in place of upstream's: its locks take a timeout and are interrupted by Ctrl-C, and
 * there is RLock, as in CPython. */

#include <string.h>

#include "py/mphal.h"
#include "py/mpthread.h"
#include "py/runtime.h"

#include "kernel/clock.h"
#include "kernel/event.h"

#if MICROPY_PY_THREAD

#define NS_PER_S 1000000000

// In seconds: what a clock of 64 bits in nanoseconds has room for, as in CPython.
#define TIMEOUT_MAX 9223372036

// Locks. An RLock is one that knows who has locked it, and how often.

typedef struct _lock_t {
    mp_obj_base_t base;
    mp_thread_mutex_t mutex;
    mp_uint_t owner; // Of an RLock: mp_thread_get_id() while `count`.
    mp_uint_t count;
} lock_t;

extern const mp_obj_type_t thread_lock_type, thread_rlock_type;

static mp_obj_t lock_new(const mp_obj_type_t *type) {
    lock_t *self = mp_obj_malloc(lock_t, type);
    mp_thread_mutex_init(&self->mutex);
    self->count = 0;
    return MP_OBJ_FROM_PTR(self);
}

static bool is_reentrant(const lock_t *self) {
    return self->base.type == &thread_rlock_type;
}

static bool is_owned(const lock_t *self) {
    return self->count && self->owner == mp_thread_get_id();
}

uint64_t mp_thread_deadline(mp_obj_t timeout) {
    if (timeout == mp_const_none) {
        return WAIT_FOREVER;
    }
    mp_float_t seconds = mp_obj_get_float(timeout);
    if (!(seconds >= 0)) {
        mp_raise_ValueError(MP_ERROR_TEXT("timeout value must be a non-negative number"));
    }
    if (seconds > TIMEOUT_MAX) {
        mp_raise_msg(&mp_type_OverflowError, MP_ERROR_TEXT("timeout value is too large"));
    }
    return seconds > 0 ? clock_monotonic_ns() + (uint64_t)(seconds * NS_PER_S) : 0;
}

static uint64_t deadline_of(mp_obj_t timeout, bool blocking) {
    mp_float_t seconds = mp_obj_get_float(timeout);
    if (seconds == -1) {
        return blocking ? WAIT_FOREVER : 0;
    }
    if (!blocking) {
        mp_raise_ValueError(MP_ERROR_TEXT("can't specify a timeout for a non-blocking call"));
    }
    return mp_thread_deadline(timeout);
}

static mp_obj_t lock_acquire(size_t n_args, const mp_obj_t *pos_args, mp_map_t *kw_args) {
    enum { ARG_blocking, ARG_timeout };
    static const mp_arg_t allowed_args[] = {
        { MP_QSTR_blocking, MP_ARG_BOOL, { .u_bool = true } },
        { MP_QSTR_timeout, MP_ARG_OBJ, { .u_rom_obj = MP_ROM_INT(-1) } },
    };
    mp_arg_val_t args[MP_ARRAY_SIZE(allowed_args)];
    mp_arg_parse_all(n_args - 1, pos_args + 1, kw_args, MP_ARRAY_SIZE(allowed_args), allowed_args, args);
    lock_t *self = MP_OBJ_TO_PTR(pos_args[0]);
    uint64_t deadline_ns = deadline_of(args[ARG_timeout].u_obj, args[ARG_blocking].u_bool);
    if (is_reentrant(self) && is_owned(self)) {
        ++self->count;
        return mp_const_true;
    }
    if (!mp_thread_mutex_lock_until(&self->mutex, deadline_ns)) {
        return mp_const_false;
    }
    self->owner = mp_thread_get_id();
    self->count = 1;
    return mp_const_true;
}
static MP_DEFINE_CONST_FUN_OBJ_KW(lock_acquire_obj, 1, lock_acquire);

static mp_obj_t lock_release(mp_obj_t self_in) {
    lock_t *self = MP_OBJ_TO_PTR(self_in);
    if (is_reentrant(self) ? !is_owned(self) : !self->count) {
        mp_raise_msg(&mp_type_RuntimeError, MP_ERROR_TEXT("release unlocked lock"));
    }
    if (!--self->count) {
        mp_thread_mutex_unlock(&self->mutex);
    }
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(lock_release_obj, lock_release);

static mp_obj_t lock_locked(mp_obj_t self_in) {
    lock_t *self = MP_OBJ_TO_PTR(self_in);
    return mp_obj_new_bool(self->count);
}
static MP_DEFINE_CONST_FUN_OBJ_1(lock_locked_obj, lock_locked);

static mp_obj_t lock_is_owned(mp_obj_t self_in) {
    return mp_obj_new_bool(is_owned(MP_OBJ_TO_PTR(self_in)));
}
static MP_DEFINE_CONST_FUN_OBJ_1(lock_is_owned_obj, lock_is_owned);

static mp_obj_t lock_exit(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    return lock_release(args[0]);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(lock_exit_obj, 4, 4, lock_exit);

static const mp_rom_map_elem_t lock_locals_dict_table[] = {
    { MP_ROM_QSTR(MP_QSTR_acquire), MP_ROM_PTR(&lock_acquire_obj) },
    { MP_ROM_QSTR(MP_QSTR_release), MP_ROM_PTR(&lock_release_obj) },
    { MP_ROM_QSTR(MP_QSTR_locked), MP_ROM_PTR(&lock_locked_obj) },
    { MP_ROM_QSTR(MP_QSTR___enter__), MP_ROM_PTR(&lock_acquire_obj) },
    { MP_ROM_QSTR(MP_QSTR___exit__), MP_ROM_PTR(&lock_exit_obj) },
    { MP_ROM_QSTR(MP_QSTR__is_owned), MP_ROM_PTR(&lock_is_owned_obj) }, // Of RLock: the last one.
};
static const mp_obj_dict_t lock_locals_dict = {
    .base = { &mp_type_dict },
    .map = { 1, 1, 1, MP_ARRAY_SIZE(lock_locals_dict_table) - 1, MP_ARRAY_SIZE(lock_locals_dict_table) - 1,
             (mp_map_elem_t *)lock_locals_dict_table },
};
static MP_DEFINE_CONST_DICT(rlock_locals_dict, lock_locals_dict_table);

static mp_obj_t lock_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *args) {
    mp_arg_check_num(n_args, n_kw, 0, 0, false);
    (void)args;
    return lock_new(type);
}

MP_DEFINE_CONST_OBJ_TYPE(thread_lock_type, MP_QSTR_lock, MP_TYPE_FLAG_NONE,
    make_new, lock_make_new, locals_dict, &lock_locals_dict);
MP_DEFINE_CONST_OBJ_TYPE(thread_rlock_type, MP_QSTR_RLock, MP_TYPE_FLAG_NONE,
    make_new, lock_make_new, locals_dict, &rlock_locals_dict);

static mp_obj_t thread_allocate_lock(void) {
    return lock_new(&thread_lock_type);
}
static MP_DEFINE_CONST_FUN_OBJ_0(thread_allocate_lock_obj, thread_allocate_lock);

// Threads.

static size_t stack_size; // Of the next ones; 0: the default.

void mp_thread_module_reset(void) {
    stack_size = 0;
}

typedef struct _start_t {
    mp_obj_dict_t *locals, *globals;
    mp_obj_t function;
    size_t n_args, n_kw;
    mp_obj_t args[];
} start_t;

static void tell_uncaught(mp_obj_t function, mp_obj_t exception) {
    if (!mp_obj_exception_match(exception, MP_OBJ_FROM_PTR(&mp_type_SystemExit))) {
        mp_printf(MICROPY_ERROR_PRINTER, "Unhandled exception in thread started by ");
        mp_obj_print_helper(MICROPY_ERROR_PRINTER, function, PRINT_REPR);
        mp_printf(MICROPY_ERROR_PRINTER, "\n");
        mp_obj_print_exception(MICROPY_ERROR_PRINTER, exception);
    }
}

// The first function of a thread. It has no GIL yet.
static void *run(void *arg) {
    start_t *start = arg;
    MP_THREAD_GIL_ENTER();
    mp_thread_start();
    mp_locals_set(start->locals);
    mp_globals_set(start->globals);
    nlr_buf_t nlr;
    if (nlr_push(&nlr) == 0) {
        mp_call_function_n_kw(start->function, start->n_args, start->n_kw, start->args);
        nlr_pop();
    } else if (nlr_push(&nlr) == 0) { // Telling it may raise another.
        tell_uncaught(start->function, MP_OBJ_FROM_PTR(nlr.ret_val));
        nlr_pop();
    }
    mp_thread_finish();
    MP_THREAD_GIL_EXIT();
    return NULL;
}

static mp_obj_t thread_start_new_thread(size_t n_args, const mp_obj_t *args) {
    if (!mp_obj_is_callable(args[0])) {
        mp_raise_TypeError(MP_ERROR_TEXT("first arg must be callable"));
    }
    size_t positional;
    mp_obj_t *items;
    mp_obj_get_array(args[1], &positional, &items);
    const mp_map_t *keywords = NULL;
    if (n_args > 2) {
        if (!mp_obj_is_dict_or_ordereddict(args[2])) {
            mp_raise_TypeError(MP_ERROR_TEXT("optional 3rd arg must be a dictionary"));
        }
        keywords = mp_obj_dict_get_map(args[2]);
    }
    size_t keyword_count = keywords ? keywords->used : 0;
    start_t *start = m_new_obj_var(start_t, args, mp_obj_t, positional + 2 * keyword_count);
    start->locals = mp_locals_get();
    start->globals = mp_globals_get();
    start->function = args[0];
    start->n_args = positional;
    start->n_kw = keyword_count;
    memcpy(start->args, items, positional * sizeof(mp_obj_t));
    mp_obj_t *next = start->args + positional;
    for (size_t i = 0; keywords && i < keywords->alloc; ++i) {
        if (mp_map_slot_is_filled(keywords, i)) {
            *next++ = keywords->table[i].key;
            *next++ = keywords->table[i].value;
        }
    }
    size_t size = stack_size;
    return mp_obj_new_int_from_uint(mp_thread_create(run, start, &size));
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(thread_start_new_thread_obj, 2, 3, thread_start_new_thread);

static mp_obj_t thread_exit_(void) {
    mp_raise_type(&mp_type_SystemExit);
}
static MP_DEFINE_CONST_FUN_OBJ_0(thread_exit_obj, thread_exit_);

static mp_obj_t thread_get_ident(void) {
    return mp_obj_new_int_from_uint(mp_thread_get_id());
}
static MP_DEFINE_CONST_FUN_OBJ_0(thread_get_ident_obj, thread_get_ident);

static mp_obj_t thread_stack_size(size_t n_args, const mp_obj_t *args) {
    size_t before = stack_size;
    mp_int_t size = n_args ? mp_obj_get_int(args[0]) : 0;
    if (size < 0) {
        mp_raise_ValueError(MP_ERROR_TEXT("size must be 0 or a positive value"));
    }
    stack_size = size;
    return mp_obj_new_int_from_uint(before);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(thread_stack_size_obj, 0, 1, thread_stack_size);

static mp_obj_t thread_interrupt_main(void) {
    mp_sched_keyboard_interrupt();
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_0(thread_interrupt_main_obj, thread_interrupt_main);

static mp_obj_t thread_get_main_thread_ident(void) {
    return mp_obj_new_int_from_uint(mp_thread_get_main_id());
}
static MP_DEFINE_CONST_FUN_OBJ_0(thread_get_main_thread_ident_obj, thread_get_main_thread_ident);

// _thread._wake(): who waits for an event, as select.poll() does, looks again. The port's own.
static mp_obj_t thread_wake(void) {
    mp_hal_signal_event();
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_0(thread_wake_obj, thread_wake);

static const mp_rom_map_elem_t thread_globals_table[] = {
    { MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR__thread) },
    { MP_ROM_QSTR(MP_QSTR_LockType), MP_ROM_PTR(&thread_lock_type) },
    { MP_ROM_QSTR(MP_QSTR_RLock), MP_ROM_PTR(&thread_rlock_type) },
    { MP_ROM_QSTR(MP_QSTR_error), MP_ROM_PTR(&mp_type_RuntimeError) },
    { MP_ROM_QSTR(MP_QSTR_TIMEOUT_MAX), MP_ROM_INT(TIMEOUT_MAX) },
    { MP_ROM_QSTR(MP_QSTR_allocate_lock), MP_ROM_PTR(&thread_allocate_lock_obj) },
    { MP_ROM_QSTR(MP_QSTR_start_new_thread), MP_ROM_PTR(&thread_start_new_thread_obj) },
    { MP_ROM_QSTR(MP_QSTR_exit), MP_ROM_PTR(&thread_exit_obj) },
    { MP_ROM_QSTR(MP_QSTR_get_ident), MP_ROM_PTR(&thread_get_ident_obj) },
    { MP_ROM_QSTR(MP_QSTR__get_main_thread_ident), MP_ROM_PTR(&thread_get_main_thread_ident_obj) },
    { MP_ROM_QSTR(MP_QSTR__wake), MP_ROM_PTR(&thread_wake_obj) },
    { MP_ROM_QSTR(MP_QSTR_stack_size), MP_ROM_PTR(&thread_stack_size_obj) },
    { MP_ROM_QSTR(MP_QSTR_interrupt_main), MP_ROM_PTR(&thread_interrupt_main_obj) },
};
static MP_DEFINE_CONST_DICT(thread_globals, thread_globals_table);

const mp_obj_module_t mp_module_thread = {
    .base = { &mp_type_module },
    .globals = (mp_obj_dict_t *)&thread_globals,
};

MP_REGISTER_MODULE(MP_QSTR__thread, mp_module_thread);

#endif // MICROPY_PY_THREAD
