/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Values to bytes. No program runs meanwhile but for finalisers, when the collector runs, and __reduce__(): what may
 * have changed after an allocation is looked at again. */

#include <string.h>

#include "py/builtin.h"
#include "py/cstack.h"
#include "py/objexcept.h"
#include "py/objint.h"
#include "py/objlist.h"
#include "py/objstr.h"
#include "py/objtuple.h"
#include "py/objtype.h"
#include "py/runtime.h"

#include "transfer_format.h"

#define BIG_LEN_MIN (16)

MP_DEFINE_EXCEPTION(NotShareableError, TypeError)

void encode_refuse(mp_obj_t obj) {
    mp_raise_msg_varg(&mp_type_NotShareableError, MP_ERROR_TEXT("'%s' object can't be shared"),
        mp_obj_get_type_str(obj));
}

static _Noreturn void refuse_open(mp_obj_t obj) {
    mp_raise_msg_varg(&mp_type_NotShareableError, MP_ERROR_TEXT("'%s' object contains itself"),
        mp_obj_get_type_str(obj));
}

static _Noreturn void raise_changed(void) {
    mp_raise_msg(&mp_type_RuntimeError, MP_ERROR_TEXT("changed while it was copied"));
}

// Bytes -------------------------------------------------------------------------------------

// Doubles the buffer: vstr itself adds little, and each time the collector counts the blocks of what is there.
static void reserve(encoder_t *e, size_t size) {
    if (e->bytes->alloc - e->bytes->len < size) {
        vstr_hint_size(e->bytes, MAX(size, e->bytes->len));
    }
}

void encode_byte(encoder_t *e, byte value) {
    reserve(e, 1);
    e->bytes->buf[e->bytes->len++] = value;
}

void encode_size(encoder_t *e, size_t value) {
    for (; value > 0x7f; value >>= 7) {
        encode_byte(e, 0x80 | (value & 0x7f));
    }
    encode_byte(e, value);
}

static void encode_signed(encoder_t *e, mp_int_t value) {
    size_t doubled = (size_t)value << 1;
    encode_size(e, value < 0 ? ~doubled : doubled);
}

static void encode_bytes(encoder_t *e, const void *data, size_t len) {
    reserve(e, len);
    if (len) { // If not, `data` may be NULL.
        vstr_add_strn(e->bytes, data, len);
    }
}

void encode_text(encoder_t *e, const void *data, size_t len) {
    encode_size(e, len);
    encode_bytes(e, data, len);
}

void encode_qstr(encoder_t *e, qstr name) {
    size_t len;
    const byte *data = qstr_data(name, &len);
    encode_text(e, data, len);
}

// Numbers of objects ------------------------------------------------------------------------

// The slot of the object, or the free one where it belongs.
static memo_slot_t *memo_find(encoder_t *e, mp_obj_t object) {
    // Objects lie at multiples of 16: the multiplication brings all bits of the address to the upper half.
    size_t hash = ((uint64_t)(uintptr_t)object * 0x9e3779b97f4a7c15) >> 32;
    for (;; hash++) {
        memo_slot_t *slot = &e->memo[hash & (e->memo_alloc - 1)];
        if (slot->object == object || slot->object == MP_OBJ_NULL) {
            return slot;
        }
    }
}

static void free_memo(encoder_t *e, memo_slot_t *memo, size_t alloc) {
    if (memo != e->first_memo) {
        m_del(memo_slot_t, memo, alloc);
    }
}

static void memo_grow(encoder_t *e) {
    memo_slot_t *old = e->memo;
    size_t old_alloc = e->memo_alloc;
    e->memo_alloc = 2 * old_alloc;
    e->memo = m_new0(memo_slot_t, e->memo_alloc);
    for (size_t i = 0; i < old_alloc; i++) {
        if (old[i].object != MP_OBJ_NULL) {
            *memo_find(e, old[i].object) = old[i];
        }
    }
    free_memo(e, old, old_alloc);
}

// Writes a reference if the object has a number. If not it gets one: false.
static bool encode_reference(encoder_t *e, mp_obj_t obj, bool open) {
    if (e->memo_used >= e->memo_alloc / 4 * 3) {
        memo_grow(e);
    }
    memo_slot_t *slot = memo_find(e, obj);
    if (slot->object == MP_OBJ_NULL) {
        *slot = (memo_slot_t) { .object = obj, .number = e->memo_used++, .open = open };
        return false;
    }
    if (slot->open) {
        refuse_open(obj);
    }
    encode_byte(e, TAG_REFERENCE);
    encode_size(e, slot->number);
    return true;
}

// Numbers -----------------------------------------------------------------------------------

#if MICROPY_LONGINT_IMPL != MICROPY_LONGINT_IMPL_NONE
static void encode_big(encoder_t *e, mp_obj_t obj) {
    bool negative = mp_obj_int_sign(obj) < 0;
    if (negative) {
        obj = mp_unary_op(MP_UNARY_OP_NEGATIVE, obj);
    }
    size_t len = BIG_LEN_MIN;
    byte *magnitude = m_new(byte, len);
    while (!mp_obj_int_to_bytes_impl(obj, false, len, magnitude)) {
        magnitude = m_renew(byte, magnitude, len, 2 * len);
        len *= 2;
    }
    encode_byte(e, negative ? TAG_NEGATIVE : TAG_BIG);
    size_t used = len;
    while (used && !magnitude[used - 1]) {
        used--;
    }
    encode_text(e, magnitude, used);
    m_del(byte, magnitude, len);
}
#endif

// Whether it was one of those that have no number.
static bool encode_unnumbered(encoder_t *e, mp_obj_t obj) {
    if (obj == mp_const_none) {
        encode_byte(e, TAG_NONE);
    } else if (obj == mp_const_false) {
        encode_byte(e, TAG_FALSE);
    } else if (obj == mp_const_true) {
        encode_byte(e, TAG_TRUE);
    } else if (obj == MP_OBJ_FROM_PTR(&mp_const_ellipsis_obj)) {
        encode_byte(e, TAG_ELLIPSIS);
    } else if (obj == MP_OBJ_FROM_PTR(&mp_const_notimplemented_obj)) {
        encode_byte(e, TAG_NOT_IMPLEMENTED);
    } else if (mp_obj_is_small_int(obj)) {
        encode_byte(e, TAG_INT);
        encode_signed(e, MP_OBJ_SMALL_INT_VALUE(obj));
    #if MICROPY_LONGINT_IMPL != MICROPY_LONGINT_IMPL_NONE
    } else if (mp_obj_is_exact_type(obj, &mp_type_int)) {
        encode_big(e, obj);
    #endif
    #if MICROPY_PY_BUILTINS_FLOAT
    } else if (mp_obj_is_float(obj)) {
        mp_float_t value = mp_obj_float_get(obj);
        encode_byte(e, TAG_FLOAT);
        encode_bytes(e, &value, sizeof(value));
    #endif
    #if MICROPY_PY_BUILTINS_COMPLEX
    } else if (mp_obj_is_exact_type(obj, &mp_type_complex)) {
        mp_float_t parts[2];
        mp_obj_complex_get(obj, &parts[0], &parts[1]);
        encode_byte(e, TAG_COMPLEX);
        encode_bytes(e, parts, sizeof(parts));
    #endif
    } else {
        return false;
    }
    return true;
}

// Containers --------------------------------------------------------------------------------

static void encode_buffer(encoder_t *e, byte tag, mp_obj_t obj) {
    mp_buffer_info_t buffer;
    mp_get_buffer_raise(obj, &buffer, MP_BUFFER_READ);
    size_t len = buffer.len;
    encode_byte(e, tag);
    encode_size(e, len);
    reserve(e, len);
    // A bytearray may have moved.
    mp_get_buffer_raise(obj, &buffer, MP_BUFFER_READ);
    if (buffer.len != len) {
        raise_changed();
    }
    encode_bytes(e, buffer.buf, len);
}

static void encode_tuple(encoder_t *e, mp_obj_t obj) {
    mp_obj_tuple_t *tuple = MP_OBJ_TO_PTR(obj);
    encode_byte(e, TAG_TUPLE);
    encode_size(e, tuple->len);
    for (size_t i = 0; i < tuple->len; i++) {
        encode_value(e, tuple->items[i]);
    }
}

static void encode_list(encoder_t *e, mp_obj_t obj) {
    mp_obj_list_t *list = MP_OBJ_TO_PTR(obj);
    size_t len = list->len;
    encode_byte(e, TAG_LIST);
    encode_size(e, len);
    for (size_t i = 0; i < len; i++) {
        if (list->len != len) {
            raise_changed();
        }
        encode_value(e, list->items[i]);
    }
}

static void encode_key(encoder_t *e, mp_obj_t obj) {
    bool in_key = e->in_key;
    e->in_key = true;
    encode_value(e, obj);
    e->in_key = in_key;
}

static void encode_map(encoder_t *e, const mp_map_t *map) {
    size_t used = map->used;
    size_t left = used;
    encode_size(e, used);
    for (size_t i = 0; i < map->alloc; i++) {
        if (mp_map_slot_is_filled(map, i)) {
            if (map->used != used || !left--) {
                raise_changed();
            }
            mp_obj_t value = map->table[i].value;
            encode_key(e, map->table[i].key);
            encode_value(e, value);
        }
    }
    if (left) {
        raise_changed();
    }
}

static void encode_set(encoder_t *e, byte tag, mp_obj_t obj) {
    size_t left = MP_OBJ_SMALL_INT_VALUE(mp_obj_len(obj));
    encode_byte(e, tag);
    encode_size(e, left);
    mp_obj_iter_buf_t buffer;
    mp_obj_t iterator = mp_getiter(obj, &buffer);
    mp_obj_t item;
    while ((item = mp_iternext(iterator)) != MP_OBJ_STOP_ITERATION) {
        if (!left--) {
            raise_changed();
        }
        encode_key(e, item);
    }
    if (left) {
        raise_changed();
    }
}

static void encode_range(encoder_t *e, mp_obj_t obj) {
    encode_byte(e, TAG_RANGE);
    encode_signed(e, mp_obj_get_int(mp_load_attr(obj, MP_QSTR_start)));
    encode_signed(e, mp_obj_get_int(mp_load_attr(obj, MP_QSTR_stop)));
    encode_signed(e, mp_obj_get_int(mp_load_attr(obj, MP_QSTR_step)));
}

static void encode_exception(encoder_t *e, mp_obj_t obj) {
    mp_obj_t native = obj;
    if (!mp_obj_is_native_exception_instance(obj)) {
        native = ((mp_obj_instance_t *)MP_OBJ_TO_PTR(obj))->subobj[0];
        if (!mp_obj_is_native_exception_instance(native)) {
            encode_refuse(obj); // Its __init__() has not come to its base.
        }
    }
    encode_byte(e, TAG_EXCEPTION);
    encode_value(e, MP_OBJ_FROM_PTR(mp_obj_get_type(obj)));
    encode_value(e, mp_load_attr(native, MP_QSTR_args)); // This way a compressed text is plain.
    if (native == obj) {
        encode_size(e, 0);
    } else {
        encode_map(e, &((mp_obj_instance_t *)MP_OBJ_TO_PTR(obj))->members);
    }
}

static void encode_global(encoder_t *e, mp_obj_t obj) {
    qstr module, name;
    if (transfer_find_global(obj, &module, &name)) {
        encode_byte(e, TAG_GLOBAL);
        encode_qstr(e, module);
        encode_qstr(e, name);
    } else if (mp_obj_is_exact_type(obj, &mp_type_fun_bc) || mp_obj_is_exact_type(obj, &mp_type_gen_wrap)) {
        encode_function(e, obj);
    } else {
        encode_refuse(obj);
    }
}

// What pickle calls. Returns false where the class has it not.
static bool encode_reduced(encoder_t *e, mp_obj_t obj) {
    mp_obj_t method[2];
    if (!mp_obj_is_instance_type(mp_obj_get_type(obj))) {
        return false;
    }
    mp_load_method_maybe(obj, MP_QSTR___reduce__, method);
    if (method[0] == MP_OBJ_NULL) {
        return false;
    }
    mp_obj_t reduced = mp_call_method_n_kw(0, 0, method);
    size_t len;
    mp_obj_t *items;
    if (!mp_obj_is_exact_type(reduced, &mp_type_tuple)) {
        encode_refuse(obj);
    }
    mp_obj_tuple_get(reduced, &len, &items);
    if (len != 2 || !mp_obj_is_exact_type(items[1], &mp_type_tuple)) {
        encode_refuse(obj);
    }
    mp_obj_t callable = items[0], args = items[1]; // Nobody else has the tuple.
    encode_byte(e, TAG_REDUCED);
    encode_value(e, callable);
    encode_value(e, args);
    return true;
}

static bool encode_shared(encoder_t *e, mp_obj_t obj) {
    size_t before = e->bytes->len;
    if (e->sharing) {
        encode_byte(e, TAG_SHARED);
        if (e->sharing->encode(e->sharing, e, obj)) {
            return true;
        }
    }
    vstr_cut_tail_bytes(e->bytes, e->bytes->len - before);
    return false;
}

static void encode_contents(encoder_t *e, mp_obj_t obj) {
    const mp_obj_type_t *type = mp_obj_get_type(obj);
    if (type == &mp_type_str) {
        encode_buffer(e, TAG_STR, obj);
    } else if (type == &mp_type_bytes) {
        encode_buffer(e, TAG_BYTES, obj);
    } else if (type == &mp_type_bytearray) {
        encode_buffer(e, TAG_BYTEARRAY, obj);
    } else if (type == &mp_type_tuple) {
        encode_tuple(e, obj);
    } else if (type == &mp_type_list) {
        encode_list(e, obj);
    } else if (type == &mp_type_dict) {
        encode_byte(e, TAG_DICT);
        encode_map(e, mp_obj_dict_get_map(obj));
    } else if (type == &mp_type_set) {
        encode_set(e, TAG_SET, obj);
    } else if (type == &mp_type_frozenset) {
        encode_set(e, TAG_FROZENSET, obj);
    } else if (type == &mp_type_range) {
        encode_range(e, obj);
    } else if (mp_obj_is_exception_instance(obj)) {
        encode_exception(e, obj);
    } else if (!encode_reduced(e, obj) && !encode_shared(e, obj)) {
        encode_global(e, obj);
    }
}

// Values ------------------------------------------------------------------------------------

void encode_value(encoder_t *e, mp_obj_t obj) {
    if (encode_unnumbered(e, obj)) {
        return;
    }
    const mp_obj_type_t *type = mp_obj_get_type(obj);
    bool part_of_key = type == &mp_type_tuple || type == &mp_type_frozenset;
    bool in_full = e->in_key && part_of_key;
    // The decoder makes these two when they begin; the others when it has all of their parts.
    bool open = type != &mp_type_list && type != &mp_type_dict;
    if (!in_full && encode_reference(e, obj, open)) {
        return;
    }
    if (e->depth == TRANSFER_DEPTH_MAX) {
        mp_raise_recursion_depth();
    }
    mp_cstack_check();
    bool in_key = e->in_key;
    e->in_key = in_key && part_of_key;
    e->depth++;
    encode_contents(e, obj);
    e->depth--;
    e->in_key = in_key;
    if (!in_full && open) {
        memo_find(e, obj)->open = false;
    }
}

void transfer_encode(mp_obj_t obj, vstr_t *bytes, transfer_sharing_t *sharing) {
    encoder_t encoder = { .bytes = bytes, .memo_alloc = ENCODER_FIRST_MEMO, .sharing = sharing };
    encoder.memo = encoder.first_memo;
    encode_value(&encoder, obj);
    free_memo(&encoder, encoder.memo, encoder.memo_alloc);
}
