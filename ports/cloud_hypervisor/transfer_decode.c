/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Bytes to values. Whatever the bytes are, nothing is read beyond them, and what is allocated has its
 * bytes: a container is made only if as many follow as all containers begun must still have. */

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

#define SIZE_BITS (8 * sizeof(size_t))

void decode_refuse(void) {
    mp_raise_ValueError(MP_ERROR_TEXT("not an encoded value"));
}

// Bytes -------------------------------------------------------------------------------------

// How many may be taken: the others are those that values must still have.
static size_t room(const decoder_t *d) {
    return (size_t)(d->end - d->at) - d->promised;
}

const byte *decode_bytes(decoder_t *d, size_t len) {
    if (len > room(d)) {
        decode_refuse();
    }
    d->at += len;
    return d->at - len;
}

byte decode_byte(decoder_t *d) {
    return *decode_bytes(d, 1);
}

size_t decode_size(decoder_t *d) {
    size_t value = 0;
    for (unsigned shift = 0; shift < SIZE_BITS; shift += 7) {
        byte next = decode_byte(d);
        size_t bits = next & 0x7f;
        if (bits << shift >> shift != bits) {
            decode_refuse();
        }
        value |= bits << shift;
        if (!(next & 0x80)) {
            return value;
        }
    }
    decode_refuse();
}

static mp_int_t decode_signed(decoder_t *d) {
    size_t doubled = decode_size(d);
    return (mp_int_t)(doubled & 1 ? ~(doubled >> 1) : doubled >> 1);
}

const byte *decode_text(decoder_t *d, size_t *len) {
    *len = decode_size(d);
    return decode_bytes(d, *len);
}

qstr decode_qstr(decoder_t *d) {
    size_t len;
    const byte *data = decode_text(d, &len);
    if (len > TRANSFER_NAME_MAX) {
        decode_refuse();
    }
    return qstr_from_strn((const char *)data, len);
}

// The number of values that follow, `times` bytes each at least.
static size_t decode_count(decoder_t *d, size_t times) {
    size_t count = decode_size(d);
    if (count > room(d) / times) {
        decode_refuse();
    }
    d->promised += count * times;
    return count;
}

static mp_obj_t decode_promised(decoder_t *d) {
    d->promised--;
    return decode_value(d);
}

// Numbers of objects ------------------------------------------------------------------------

static void values_grow(decoder_t *d) {
    size_t alloc = 2 * d->n_values_alloc;
    if (d->values == d->first_values) {
        d->values = m_new(mp_obj_t, alloc);
        memcpy(d->values, d->first_values, sizeof(d->first_values));
    } else {
        d->values = m_renew(mp_obj_t, d->values, d->n_values_alloc, alloc);
    }
    d->n_values_alloc = alloc;
}

static size_t new_number(decoder_t *d) {
    if (d->n_values == d->n_values_alloc) {
        values_grow(d);
    }
    d->values[d->n_values] = MP_OBJ_NULL;
    return d->n_values++;
}

static mp_obj_t decode_reference(decoder_t *d) {
    size_t number = decode_size(d);
    if (number >= d->n_values || d->values[number] == MP_OBJ_NULL) {
        decode_refuse();
    }
    mp_obj_t value = d->values[number];
    // As a key these stand in full.
    if (d->in_key && (mp_obj_is_exact_type(value, &mp_type_tuple) || mp_obj_is_exact_type(value, &mp_type_frozenset))) {
        decode_refuse();
    }
    return value;
}

// Numbers -----------------------------------------------------------------------------------

static mp_obj_t decode_big(decoder_t *d, bool negative) {
    size_t len;
    const byte *magnitude = decode_text(d, &len);
    while (len && !magnitude[len - 1]) {
        len--;
    }
    if (len < sizeof(mp_int_t) || (len == sizeof(mp_int_t) && !(magnitude[len - 1] & 0x80))) {
        mp_int_t value = 0;
        memcpy(&value, magnitude, len);
        return mp_obj_new_int(negative ? -value : value);
    }
    #if MICROPY_LONGINT_IMPL == MICROPY_LONGINT_IMPL_MPZ
    mp_obj_t value = mp_obj_int_from_bytes_impl(false, len, magnitude);
    return negative ? mp_unary_op(MP_UNARY_OP_NEGATIVE, value) : value;
    #else
    decode_refuse();
    #endif
}

#if MICROPY_PY_BUILTINS_FLOAT
static mp_float_t decode_float(decoder_t *d) {
    mp_float_t value;
    memcpy(&value, decode_bytes(d, sizeof(value)), sizeof(value));
    return value;
}
#endif

// The value of a tag below TAG_STR.
static mp_obj_t decode_unnumbered(decoder_t *d, byte tag) {
    switch (tag) {
        case TAG_NONE:
            return mp_const_none;
        case TAG_FALSE:
            return mp_const_false;
        case TAG_TRUE:
            return mp_const_true;
        case TAG_ELLIPSIS:
            return MP_OBJ_FROM_PTR(&mp_const_ellipsis_obj);
        case TAG_NOT_IMPLEMENTED:
            return MP_OBJ_FROM_PTR(&mp_const_notimplemented_obj);
        case TAG_INT:
            return mp_obj_new_int(decode_signed(d));
        case TAG_BIG:
        case TAG_NEGATIVE:
            return decode_big(d, tag == TAG_NEGATIVE);
        #if MICROPY_PY_BUILTINS_FLOAT
        case TAG_FLOAT:
            return mp_obj_new_float(decode_float(d));
        #endif
        #if MICROPY_PY_BUILTINS_COMPLEX
        case TAG_COMPLEX: {
            mp_float_t real = decode_float(d);
            return mp_obj_new_complex(real, decode_float(d));
        }
        #endif
        case TAG_REFERENCE:
            return decode_reference(d);
        default:
            decode_refuse();
    }
}

// Containers --------------------------------------------------------------------------------

static mp_obj_t decode_buffer(decoder_t *d, byte tag) {
    size_t len;
    const byte *data = decode_text(d, &len);
    if (tag == TAG_STR) {
        return mp_obj_new_str((const char *)data, len); // UnicodeError, a ValueError, where it is not UTF-8.
    }
    return tag == TAG_BYTES ? mp_obj_new_bytes(data, len) : mp_obj_new_bytearray(len, data);
}

static mp_obj_t decode_tuple(decoder_t *d) {
    size_t len = decode_count(d, 1);
    mp_obj_tuple_t *tuple = MP_OBJ_TO_PTR(mp_obj_new_tuple(len, NULL));
    for (size_t i = 0; i < len; i++) {
        tuple->items[i] = decode_promised(d);
    }
    return MP_OBJ_FROM_PTR(tuple);
}

static mp_obj_t decode_list(decoder_t *d, size_t number) {
    size_t len = decode_count(d, 1);
    mp_obj_list_t *list = MP_OBJ_TO_PTR(mp_obj_new_list(len, NULL));
    list->len = 0;
    d->values[number] = MP_OBJ_FROM_PTR(list);
    for (size_t i = 0; i < len; i++) {
        mp_obj_list_append(MP_OBJ_FROM_PTR(list), decode_promised(d));
    }
    return MP_OBJ_FROM_PTR(list);
}

static mp_obj_t decode_key(decoder_t *d) {
    bool in_key = d->in_key;
    d->in_key = true;
    mp_obj_t key = decode_promised(d);
    d->in_key = in_key;
    return key;
}

static mp_obj_t decode_dict(decoder_t *d, size_t number) {
    size_t len = decode_count(d, 2);
    // In a full one a key that is missing would be looked for everywhere.
    mp_obj_t dict = mp_obj_new_dict(len + len / 4);
    d->values[number] = dict;
    for (size_t i = 0; i < len; i++) {
        mp_obj_t key = decode_key(d);
        mp_obj_dict_store(dict, key, decode_promised(d));
    }
    return dict;
}

// With free slots for a quarter more. Members come in the order of the sender's table: put into one that grows
// as it is filled, they would lie in one row.
static mp_obj_t decode_set(decoder_t *d, byte tag) {
    size_t len = decode_count(d, 1);
    size_t alloc = len + len / 4;
    mp_obj_t *members = m_new(mp_obj_t, alloc);
    for (size_t i = 0; i < len; i++) {
        members[i] = decode_key(d);
    }
    for (size_t i = len; i < alloc; i++) {
        members[i] = members[0]; // Which has it already.
    }
    mp_obj_t set = mp_obj_new_set(alloc, members);
    m_del(mp_obj_t, members, alloc);
    if (tag == TAG_FROZENSET) {
        ((mp_obj_base_t *)MP_OBJ_TO_PTR(set))->type = &mp_type_frozenset; // As upstream makes one.
    }
    return set;
}

static mp_obj_t decode_range(decoder_t *d) {
    mp_obj_t arguments[3];
    for (size_t i = 0; i < MP_ARRAY_SIZE(arguments); i++) {
        mp_int_t value = decode_signed(d);
        if (value == INTPTR_MIN) {
            decode_refuse(); // An int object, but upstream makes no machine word of it.
        }
        arguments[i] = mp_obj_new_int(value);
    }
    return mp_call_function_n_kw(MP_OBJ_FROM_PTR(&mp_type_range), MP_ARRAY_SIZE(arguments), 0, arguments);
}

// Without its class's __init__(): what that did is in the attributes.
static mp_obj_t decode_exception(decoder_t *d) {
    mp_obj_t class = decode_value(d);
    mp_obj_t args = decode_value(d);
    if (!mp_obj_is_exception_type(class) || !mp_obj_is_exact_type(args, &mp_type_tuple)) {
        decode_refuse();
    }
    size_t n_args;
    mp_obj_t *items;
    mp_obj_tuple_get(args, &n_args, &items);
    size_t n_attributes = decode_count(d, 2);
    if (n_args > MP_OBJ_FUN_ARGS_MAX) {
        decode_refuse();
    }
    const mp_obj_type_t *type = MP_OBJ_TO_PTR(class);
    if (mp_obj_is_native_type(type)) {
        if (n_attributes) {
            decode_refuse();
        }
        return mp_obj_exception_make_new(type, n_args, 0, items);
    }
    const mp_obj_type_t *base;
    mp_obj_instance_t *instance = mp_obj_new_instance(type, &base);
    instance->subobj[0] = mp_obj_exception_make_new(base, n_args, 0, items);
    for (size_t i = 0; i < n_attributes; i++) {
        mp_obj_t name = decode_key(d);
        if (!mp_obj_is_str(name)) {
            decode_refuse();
        }
        mp_obj_t value = decode_promised(d);
        name = mp_obj_str_intern_checked(name);
        mp_map_lookup(&instance->members, name, MP_MAP_LOOKUP_ADD_IF_NOT_FOUND)->value = value;
    }
    return MP_OBJ_FROM_PTR(instance);
}

// `number` is SIZE_MAX where it has none. Those that may contain themselves note the object themselves.
static mp_obj_t decode_reduced(decoder_t *d) {
    if (d->trust != TRANSFER_CODE) {
        decode_refuse(); // A program would run.
    }
    mp_obj_t callable = decode_value(d);
    mp_obj_t args = decode_value(d);
    if (!mp_obj_is_exact_type(args, &mp_type_tuple)) {
        decode_refuse();
    }
    size_t len;
    mp_obj_t *items;
    mp_obj_tuple_get(args, &len, &items);
    return mp_call_function_n_kw(callable, len, 0, items);
}

static mp_obj_t decode_shared(decoder_t *d) {
    if (!d->sharing) {
        decode_refuse();
    }
    return d->sharing->decode(d->sharing, d);
}

static mp_obj_t decode_contents(decoder_t *d, byte tag, size_t number) {
    switch (tag) {
        case TAG_STR:
        case TAG_BYTES:
        case TAG_BYTEARRAY:
            return decode_buffer(d, tag);
        case TAG_TUPLE:
            return decode_tuple(d);
        case TAG_LIST:
            return decode_list(d, number);
        case TAG_DICT:
            return decode_dict(d, number);
        case TAG_SET:
        case TAG_FROZENSET:
            return decode_set(d, tag);
        case TAG_RANGE:
            return decode_range(d);
        case TAG_GLOBAL:
            return transfer_load_global(d);
        case TAG_EXCEPTION:
            return decode_exception(d);
        case TAG_FUNCTION:
            return decode_function(d);
        case TAG_REDUCED:
            return decode_reduced(d);
        case TAG_SHARED:
            return decode_shared(d);
        default:
            decode_refuse();
    }
}

// Values ------------------------------------------------------------------------------------

static bool is_mutable(mp_obj_t value) {
    const mp_obj_type_t *type = mp_obj_get_type(value);
    return type == &mp_type_list || type == &mp_type_dict || type == &mp_type_set || type == &mp_type_bytearray
           || type == &mp_type_range; // Upstream cannot hash one.
}

static mp_obj_t decode_numbered(decoder_t *d, byte tag) {
    bool part_of_key = tag == TAG_TUPLE || tag == TAG_FROZENSET;
    size_t number = d->in_key && part_of_key ? SIZE_MAX : new_number(d);
    if (d->depth == TRANSFER_DEPTH_MAX) {
        decode_refuse();
    }
    mp_cstack_check();
    bool in_key = d->in_key;
    d->in_key = in_key && part_of_key;
    d->depth++;
    mp_obj_t value = decode_contents(d, tag, number);
    d->depth--;
    d->in_key = in_key;
    if (number != SIZE_MAX) {
        d->values[number] = value;
    }
    return value;
}

mp_obj_t decode_value(decoder_t *d) {
    byte tag = decode_byte(d);
    mp_obj_t value = tag < TAG_STR ? decode_unnumbered(d, tag) : decode_numbered(d, tag);
    if (d->in_key && is_mutable(value)) {
        decode_refuse();
    }
    return value;
}

mp_obj_t transfer_decode(const byte *data, size_t len, transfer_trust_t trust, transfer_sharing_t *sharing) {
    decoder_t decoder = {
        .at = data, .end = data + len, .n_values_alloc = DECODER_FIRST_VALUES, .trust = trust, .sharing = sharing,
    };
    decoder.values = decoder.first_values;
    mp_obj_t value = decode_value(&decoder);
    if (decoder.at != decoder.end) {
        decode_refuse();
    }
    if (decoder.values != decoder.first_values) {
        m_del(mp_obj_t, decoder.values, decoder.n_values_alloc);
    }
    return value;
}
