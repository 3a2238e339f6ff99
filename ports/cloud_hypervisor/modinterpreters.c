/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* The module _interpreters: what concurrent.interpreters is made of. */

#include "py/gc.h"
#include "py/mphal.h"
#include "py/mpthread.h"
#include "py/runtime.h"

#include "further.h"
#include "interpreter_queue.h"
#include "kernel/interpreters.h"
#include "modinterpreters.h"
#include "shared_memory_obj.h"
#include "sharing.h"
#include "transfer.h"

MP_DEFINE_EXCEPTION(InterpreterError, Exception)
MP_DEFINE_EXCEPTION(InterpreterNotFoundError, InterpreterError)

// An interpreter, there or ended.
typedef struct _handle_t {
    mp_obj_base_t base;
    kept_t *kept; // NULL: not yet, or not any more.
} handle_t;

extern const mp_obj_type_t interpreter_handle_type;

static handle_t *handle_new(void) {
    handle_t *self = mp_obj_malloc_with_finaliser(handle_t, &interpreter_handle_type);
    self->kept = NULL;
    return self;
}

// Takes over what the caller holds.
static mp_obj_t handle_or_none(handle_t *self, interpreter_t *interpreter) {
    if (!interpreter) {
        return mp_const_none;
    }
    self->kept = interpreter_keep(&interpreter->object);
    if (!self->kept) {
        interpreter_release(interpreter);
        m_malloc_fail(sizeof(kept_t));
    }
    return MP_OBJ_FROM_PTR(self);
}

static interpreter_t *interpreter_named(mp_obj_t self_in) {
    kept_t *kept = ((handle_t *)MP_OBJ_TO_PTR(self_in))->kept;
    if (!kept) {
        mp_raise_ValueError(MP_ERROR_TEXT("the interpreter was given up"));
    }
    return interpreter_of(kept->object);
}

static bool close_without_gil(interpreter_t *interpreter, bool if_idle) {
    MP_THREAD_GIL_EXIT();
    bool closed = interpreter_close(interpreter, if_idle, mp_thread_is_interrupted);
    MP_THREAD_GIL_ENTER();
    return closed;
}

// With its last handle an interpreter is gone, as CPython's.
static mp_obj_t handle_del(mp_obj_t self_in) {
    handle_t *self = MP_OBJ_TO_PTR(self_in);
    kept_t *kept = self->kept;
    self->kept = NULL;
    if (kept) {
        interpreter_t *interpreter = interpreter_of(kept->object);
        interpreter_hold(interpreter);
        if (interpreter_let_go(kept) && interpreter != interpreter_current()) {
            close_without_gil(interpreter, true);
        }
        interpreter_release(interpreter);
    }
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(handle_del_obj, handle_del);

static mp_obj_t handle_id(mp_obj_t self_in) {
    return mp_obj_new_int_from_ull(interpreter_named(self_in)->id);
}
static MP_DEFINE_CONST_FUN_OBJ_1(handle_id_obj, handle_id);

static interpreter_t *living(mp_obj_t self_in) {
    interpreter_t *interpreter = interpreter_named(self_in);
    if (!interpreter_is_alive(interpreter)) {
        mp_raise_msg_varg(&mp_type_InterpreterNotFoundError, MP_ERROR_TEXT("unrecognized interpreter ID %u"),
            (unsigned)interpreter->id);
    }
    return interpreter;
}

// The main one always runs something.
static mp_obj_t handle_is_running(mp_obj_t self_in) {
    interpreter_t *interpreter = living(self_in);
    return mp_obj_new_bool(interpreter_is_main(interpreter) || call_is_running(&interpreter->call));
}
static MP_DEFINE_CONST_FUN_OBJ_1(handle_is_running_obj, handle_is_running);

static _Noreturn void raise_running(void) {
    mp_raise_msg(&mp_type_InterpreterError, MP_ERROR_TEXT("interpreter already running"));
}

// What is to be raised in this thread, which is taken from it.
static mp_obj_t take_pending_exception(void) {
    mp_uint_t atomic = MICROPY_BEGIN_ATOMIC_SECTION();
    mp_obj_t exception = MP_STATE_THREAD(mp_pending_exception);
    MP_STATE_THREAD(mp_pending_exception) = MP_OBJ_NULL;
    MICROPY_END_ATOMIC_SECTION(atomic);
    return exception;
}

// Not before it is about this call: it would take it for what was meant for the last one.
static void interrupt_callee(void) {
    bool has_begun;
    do {
        MP_THREAD_GIL_EXIT();
        has_begun = call_wait_begun();
        MP_THREAD_GIL_ENTER();
    } while (!has_begun);
    interpreter_interrupt(thread_current()->callee);
}

// Without the GIL it may end where the thread takes that again: the kernel knows whom it has asked. The thread
// is woken for other reasons too: an exception is told to the callee once, and raised here when that has replied.
static void wait_for_reply(void) {
    mp_obj_t told = MP_OBJ_NULL;
    wait_result_t result;
    do {
        MP_THREAD_GIL_EXIT();
        result = call_wait();
        MP_THREAD_GIL_ENTER();
        mp_obj_t exception = result == WAIT_INTERRUPTED ? take_pending_exception() : MP_OBJ_NULL;
        if (exception != MP_OBJ_NULL) {
            told = exception;
            interrupt_callee();
        }
    } while (result == WAIT_INTERRUPTED);
    if (told != MP_OBJ_NULL) {
        mp_sched_exception(told);
    }
}

static _Noreturn void raise_no_reply(mp_obj_t self_in) {
    interpreter_t *interpreter = interpreter_named(self_in);
    if (interpreter_is_dead(interpreter)) {
        close_without_gil(interpreter, true);
        mp_raise_msg(&mp_type_InterpreterError, MP_ERROR_TEXT("interpreter crashed"));
    }
    living(self_in);
    mp_raise_type(&mp_type_MemoryError);
}

// call(request): the reply to it, both tuples of further.h.
static mp_obj_t handle_call(mp_obj_t self_in, mp_obj_t request) {
    interpreter_t *callee = living(self_in);
    if (interpreter_is_main(callee)) {
        raise_running();
    }
    message_t *message = sharing_send(request);
    interpreter_hold(callee);
    if (!call_begin(callee, message)) {
        message_free(message);
        interpreter_release(callee);
        living(self_in);
        raise_running();
    }
    wait_for_reply();
    if (!call_take()) {
        raise_no_reply(self_in);
    }
    mp_obj_t value = sharing_receive();
    mp_handle_pending(true);
    return value;
}
static MP_DEFINE_CONST_FUN_OBJ_2(handle_call_obj, handle_call);

static mp_obj_t handle_close(mp_obj_t self_in) {
    interpreter_t *interpreter = living(self_in);
    if (interpreter_is_main(interpreter)) {
        mp_raise_msg(&mp_type_InterpreterError, MP_ERROR_TEXT("cannot close the main interpreter"));
    }
    if (interpreter == interpreter_current()) {
        mp_raise_msg(&mp_type_InterpreterError, MP_ERROR_TEXT("cannot close the current interpreter"));
    }
    if (!close_without_gil(interpreter, true)) {
        living(self_in);
        mp_raise_msg(&mp_type_InterpreterError, MP_ERROR_TEXT("interpreter running"));
    }
    mp_handle_pending(true); // Here, not behind the `try` that this may be in.
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(handle_close_obj, handle_close);

static const mp_rom_map_elem_t handle_locals_table[] = {
    { MP_ROM_QSTR(MP_QSTR___del__), MP_ROM_PTR(&handle_del_obj) },
    { MP_ROM_QSTR(MP_QSTR_id), MP_ROM_PTR(&handle_id_obj) },
    { MP_ROM_QSTR(MP_QSTR_is_running), MP_ROM_PTR(&handle_is_running_obj) },
    { MP_ROM_QSTR(MP_QSTR_call), MP_ROM_PTR(&handle_call_obj) },
    { MP_ROM_QSTR(MP_QSTR_close), MP_ROM_PTR(&handle_close_obj) },
};
static MP_DEFINE_CONST_DICT(handle_locals, handle_locals_table);

MP_DEFINE_CONST_OBJ_TYPE(
    interpreter_handle_type,
    MP_QSTR_Interpreter,
    MP_TYPE_FLAG_NONE,
    locals_dict, &handle_locals
    );

static mp_obj_t interpreters_create(void) {
    handle_t *self = handle_new();
    interpreter_t *interpreter = interpreter_new(further_main);
    if (!interpreter) {
        gc_collect(); // Of some that are gone it may find the last handle.
        interpreter = interpreter_new(further_main);
    }
    if (!interpreter) {
        mp_raise_msg(&mp_type_InterpreterError, MP_ERROR_TEXT("interpreter creation failed: no memory"));
    }
    return handle_or_none(self, interpreter);
}
static MP_DEFINE_CONST_FUN_OBJ_0(interpreters_create_obj, interpreters_create);

// find(id): that with the lowest id from there on, or None.
static mp_obj_t interpreters_find(mp_obj_t id) {
    handle_t *self = handle_new();
    return handle_or_none(self, interpreter_find_from(mp_obj_get_int(id)));
}
static MP_DEFINE_CONST_FUN_OBJ_1(interpreters_find_obj, interpreters_find);

static mp_obj_t interpreters_get_current(void) {
    return mp_obj_new_int_from_ull(interpreter_current()->id);
}
static MP_DEFINE_CONST_FUN_OBJ_0(interpreters_get_current_obj, interpreters_get_current);

static mp_obj_t interpreters_is_shareable(mp_obj_t value) {
    nlr_buf_t nlr;
    if (nlr_push(&nlr) == 0) {
        message_free(sharing_send(value));
        nlr_pop();
        return mp_const_true;
    }
    if (!mp_obj_is_exact_type(MP_OBJ_FROM_PTR(nlr.ret_val), &mp_type_NotShareableError)) {
        nlr_jump(nlr.ret_val);
    }
    return mp_const_false;
}
static MP_DEFINE_CONST_FUN_OBJ_1(interpreters_is_shareable_obj, interpreters_is_shareable);

void interpreters_close_all(void) {
    interpreter_t *interpreter;
    while (interpreter_is_main(interpreter_current()) && (interpreter = interpreter_find_any())) {
        close_without_gil(interpreter, false);
        interpreter_release(interpreter);
    }
}

static const mp_rom_map_elem_t interpreters_globals_table[] = {
    { MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR__interpreters) },
    { MP_ROM_QSTR(MP_QSTR_InterpreterError), MP_ROM_PTR(&mp_type_InterpreterError) },
    { MP_ROM_QSTR(MP_QSTR_InterpreterNotFoundError), MP_ROM_PTR(&mp_type_InterpreterNotFoundError) },
    { MP_ROM_QSTR(MP_QSTR_NotShareableError), MP_ROM_PTR(&mp_type_NotShareableError) },
    { MP_ROM_QSTR(MP_QSTR_Interpreter), MP_ROM_PTR(&interpreter_handle_type) },
    { MP_ROM_QSTR(MP_QSTR_Queue), MP_ROM_PTR(&interpreter_queue_type) },
    { MP_ROM_QSTR(MP_QSTR_create), MP_ROM_PTR(&interpreters_create_obj) },
    { MP_ROM_QSTR(MP_QSTR_find), MP_ROM_PTR(&interpreters_find_obj) },
    { MP_ROM_QSTR(MP_QSTR_find_queue), MP_ROM_PTR(&interpreter_queue_find_obj) },
    { MP_ROM_QSTR(MP_QSTR_get_current), MP_ROM_PTR(&interpreters_get_current_obj) },
    { MP_ROM_QSTR(MP_QSTR_is_shareable), MP_ROM_PTR(&interpreters_is_shareable_obj) },
    { MP_ROM_QSTR(MP_QSTR_shared_memory), MP_ROM_PTR(&shared_memory_obj) },
    { MP_ROM_QSTR(MP_QSTR_EXEC), MP_ROM_INT(FURTHER_EXEC) },
    { MP_ROM_QSTR(MP_QSTR_CALL), MP_ROM_INT(FURTHER_CALL) },
    { MP_ROM_QSTR(MP_QSTR_SET), MP_ROM_INT(FURTHER_SET) },
    { MP_ROM_QSTR(MP_QSTR_DONE), MP_ROM_INT(FURTHER_DONE) },
    { MP_ROM_QSTR(MP_QSTR_FAILED), MP_ROM_INT(FURTHER_FAILED) },
};
static MP_DEFINE_CONST_DICT(interpreters_globals, interpreters_globals_table);

const mp_obj_module_t interpreters_module = {
    .base = { &mp_type_module },
    .globals = (mp_obj_dict_t *)&interpreters_globals,
};

MP_REGISTER_MODULE(MP_QSTR__interpreters, interpreters_module);
