/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include "py/mpthread.h"
#include "py/runtime.h"

#include "interpreter_queue.h"
#include "kernel/clock.h"
#include "kernel/interpreters.h"
#include "sharing.h"

typedef struct _queue_obj_t {
    mp_obj_base_t base;
    kept_t *kept; // NULL: not yet, or not any more.
} queue_obj_t;

static queue_obj_t *new_object(void) {
    queue_obj_t *self = mp_obj_malloc_with_finaliser(queue_obj_t, &interpreter_queue_type);
    self->kept = NULL;
    return self;
}

// Takes over what the caller holds; `queue` may be NULL for want of memory.
static mp_obj_t keep(queue_obj_t *self, queue_t *queue) {
    self->kept = queue ? interpreter_keep(&queue->object) : NULL;
    if (!self->kept) {
        if (queue) {
            kobject_release(&queue->object);
        }
        m_malloc_fail(sizeof(queue_t));
    }
    return MP_OBJ_FROM_PTR(self);
}

mp_obj_t interpreter_queue_new(queue_t *queue) {
    queue_obj_t *self = new_object();
    kobject_hold(&queue->object);
    return keep(self, queue);
}

queue_t *interpreter_queue_of(mp_obj_t obj) {
    kept_t *kept = ((queue_obj_t *)MP_OBJ_TO_PTR(obj))->kept;
    if (!kept) {
        mp_raise_ValueError(MP_ERROR_TEXT("the queue was given up"));
    }
    return (queue_t *)kept->object;
}

// Queue(limit): a new one, of at most so many items; 0: of any number.
static mp_obj_t queue_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *args) {
    (void)type;
    mp_arg_check_num(n_args, n_kw, 1, 1, false);
    mp_int_t limit = mp_obj_get_int(args[0]);
    queue_obj_t *self = new_object();
    return keep(self, queue_new(MAX(limit, 0)));
}

static mp_obj_t queue_find(mp_obj_t id) {
    queue_obj_t *self = new_object();
    queue_t *queue = queue_find_from(mp_obj_get_int(id));
    return queue ? keep(self, queue) : mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_1(interpreter_queue_find_obj, queue_find);

static mp_obj_t queue_del(mp_obj_t self_in) {
    queue_obj_t *self = MP_OBJ_TO_PTR(self_in);
    if (self->kept) {
        interpreter_let_go(self->kept);
        self->kept = NULL;
    }
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(queue_del_obj, queue_del);

static bool is_to_wait(wait_result_t result, uint64_t deadline_ns) {
    return deadline_ns && result != WAIT_WOKEN && (result == WAIT_INTERRUPTED || clock_monotonic_ns() < deadline_ns);
}

// The thread may end where it takes the GIL again: then the kernel frees what it has not sent, and what it has got.

// False where the time is up.
static bool put(queue_t *queue, message_t *message, uint64_t deadline_ns) {
    wait_result_t result = queue_put(queue, message, 0);
    thread_current()->sending = NULL;
    while (is_to_wait(result, deadline_ns)) {
        mp_handle_pending(true);
        MP_THREAD_GIL_EXIT();
        result = queue_put(queue, message, deadline_ns);
        MP_THREAD_GIL_ENTER();
        thread_current()->sending = NULL;
    }
    return result == WAIT_WOKEN;
}

// put(value, timeout): True, or False where the queue was full all that time. In seconds; None: for ever.
static mp_obj_t queue_obj_put(mp_obj_t self_in, mp_obj_t value, mp_obj_t timeout) {
    uint64_t deadline_ns = mp_thread_deadline(timeout);
    queue_t *queue = interpreter_queue_of(self_in);
    message_t *message = sharing_send(value);
    nlr_buf_t nlr;
    if (nlr_push(&nlr) == 0) {
        bool ok = put(queue, message, deadline_ns);
        nlr_pop();
        if (!ok) {
            message_free(message);
        }
        return mp_obj_new_bool(ok);
    }
    message_free(message);
    nlr_jump(nlr.ret_val);
}
static MP_DEFINE_CONST_FUN_OBJ_3(queue_put_obj, queue_obj_put);

// get(timeout): (value,), or None where the queue was empty all that time.
static mp_obj_t queue_obj_get(mp_obj_t self_in, mp_obj_t timeout) {
    uint64_t deadline_ns = mp_thread_deadline(timeout);
    queue_t *queue = interpreter_queue_of(self_in);
    wait_result_t result = queue_get(queue, 0);
    while (is_to_wait(result, deadline_ns)) {
        mp_handle_pending(true);
        MP_THREAD_GIL_EXIT();
        result = queue_get(queue, deadline_ns);
        MP_THREAD_GIL_ENTER();
    }
    if (result != WAIT_WOKEN) {
        return mp_const_none;
    }
    mp_obj_t value = sharing_receive();
    return mp_obj_new_tuple(1, &value);
}
static MP_DEFINE_CONST_FUN_OBJ_2(queue_get_obj, queue_obj_get);

static mp_obj_t queue_len(mp_unary_op_t op, mp_obj_t self_in) {
    return op == MP_UNARY_OP_LEN ? MP_OBJ_NEW_SMALL_INT(queue_count(interpreter_queue_of(self_in))) : MP_OBJ_NULL;
}

static mp_obj_t queue_id(mp_obj_t self_in) {
    return mp_obj_new_int_from_ull(interpreter_queue_of(self_in)->id);
}
static MP_DEFINE_CONST_FUN_OBJ_1(queue_id_obj, queue_id);

static mp_obj_t queue_limit(mp_obj_t self_in) {
    return mp_obj_new_int_from_ull(interpreter_queue_of(self_in)->limit);
}
static MP_DEFINE_CONST_FUN_OBJ_1(queue_limit_obj, queue_limit);

static const mp_rom_map_elem_t queue_locals_table[] = {
    { MP_ROM_QSTR(MP_QSTR___del__), MP_ROM_PTR(&queue_del_obj) },
    { MP_ROM_QSTR(MP_QSTR_put), MP_ROM_PTR(&queue_put_obj) },
    { MP_ROM_QSTR(MP_QSTR_get), MP_ROM_PTR(&queue_get_obj) },
    { MP_ROM_QSTR(MP_QSTR_id), MP_ROM_PTR(&queue_id_obj) },
    { MP_ROM_QSTR(MP_QSTR_limit), MP_ROM_PTR(&queue_limit_obj) },
};
static MP_DEFINE_CONST_DICT(queue_locals, queue_locals_table);

MP_DEFINE_CONST_OBJ_TYPE(
    interpreter_queue_type,
    MP_QSTR_Queue,
    MP_TYPE_FLAG_NONE,
    make_new, queue_make_new,
    unary_op, queue_len,
    locals_dict, &queue_locals
    );
