/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Functions of __main__ as a copy of their bytecode (py/bc.h, py/bc0.h). Upstream's marshal does this for
 * functions on the heap that make none themselves, and writes beyond its tables where the module has more
 * than 256 names; these may lie in ROM, and make others.
 *
 *   FUNCTION   code; the sizes of the tables that the bytecode indexes, of names and of constants; names;
 *              constants; the positional defaults (a tuple), those of keywords (a dict, or None)
 *   code       text: prelude and bytecode; size, and as many codes: of the functions that it makes
 *   names      size, and as many pairs of an index (size) and a text
 *   constants  size, and as many pairs of an index (size) and a value
 * The tables belong to a whole module: what this function does not use is left out. */

#include <string.h>

#include "py/bc.h"
#include "py/bc0.h"
#include "py/cstack.h"
#include "py/emitglue.h"
#include "py/objfun.h"
#include "py/objtuple.h"
#include "py/runtime.h"

#include "transfer_format.h"

// An index has 16 bits in upstream's tables of names, and is small enough in any module otherwise.
#define TABLE_MAX (1 << 16)

#define HAS_SIGNED_OFFSET(opcode) (MP_BC_UNWIND_JUMP <= (opcode) && (opcode) <= MP_BC_POP_JUMP_IF_FALSE)

// Bytecode ----------------------------------------------------------------------------------

typedef struct _instruction_t {
    byte opcode;
    mp_uint_t argument;
    const byte *target; // Where it may jump to; NULL: nowhere.
    const byte *next;
} instruction_t;

static instruction_t read_instruction(const byte *ip) {
    instruction_t read = { .opcode = *ip++ };
    unsigned format = MP_BC_FORMAT(read.opcode);
    if (format == MP_BC_FORMAT_QSTR || format == MP_BC_FORMAT_VAR_UINT) {
        read.argument = mp_decode_uint(&ip);
    } else if (format == MP_BC_FORMAT_OFFSET) {
        mp_int_t offset = ip[0];
        mp_int_t bias = 0x40;
        if (*ip++ & 0x80) {
            offset = (offset & 0x7f) | *ip++ << 7;
            bias = 0x4000;
        }
        read.target = ip + (HAS_SIGNED_OFFSET(read.opcode) ? offset - bias : offset);
    }
    read.next = ip + ((read.opcode & MP_BC_MASK_EXTRA_BYTE) == 0);
    return read;
}

static bool falls_through(byte opcode) {
    return opcode != MP_BC_RETURN_VALUE && opcode != MP_BC_RAISE_LAST && opcode != MP_BC_RAISE_OBJ
           && opcode != MP_BC_RAISE_FROM && opcode != MP_BC_JUMP && opcode != MP_BC_UNWIND_JUMP
           && opcode != MP_BC_POP_EXCEPT_JUMP;
}

static bool makes_function(byte opcode) {
    return opcode == MP_BC_MAKE_FUNCTION || opcode == MP_BC_MAKE_FUNCTION_DEFARGS
           || opcode == MP_BC_MAKE_CLOSURE || opcode == MP_BC_MAKE_CLOSURE_DEFARGS;
}

// Encode ------------------------------------------------------------------------------------

// What a function, and those that it makes, use of the tables of their module.
typedef struct _used_t {
    mp_set_t names; // of indices
    mp_set_t constants;
} used_t;

static void use(mp_set_t *set, size_t index) {
    mp_set_lookup(set, MP_OBJ_NEW_SMALL_INT(index), MP_MAP_LOOKUP_ADD_IF_NOT_FOUND);
}

// Gives where the code ends: nothing written down tells. It is behind the first instruction that does not go on
// to the next one, if none before it jumps further. What may lie there cannot be reached.
static const byte *scan_code(const byte *code, used_t *used, size_t *n_children) {
    const byte *ip = code;
    MP_BC_PRELUDE_SIG_DECODE(ip);
    MP_BC_PRELUDE_SIZE_DECODE(ip);
    const byte *opcodes = ip + n_info + n_cell;
    for (size_t i = 0; i < 1 + n_pos_args + n_kwonly_args; i++) {
        use(&used->names, mp_decode_uint(&ip)); // Its own, and its arguments'.
    }
    const byte *reachable = opcodes;
    instruction_t at = { .next = opcodes };
    *n_children = 0;
    do {
        at = read_instruction(at.next);
        if (MP_BC_FORMAT(at.opcode) == MP_BC_FORMAT_QSTR) {
            use(&used->names, at.argument);
        } else if (at.opcode == MP_BC_LOAD_CONST_OBJ) {
            use(&used->constants, at.argument);
        } else if (makes_function(at.opcode)) {
            *n_children = MAX(*n_children, at.argument + 1);
        }
        reachable = MAX(reachable, at.target);
    } while (falls_through(at.opcode) || reachable >= at.next);
    return at.next;
}

static void encode_code(encoder_t *e, mp_obj_t function, const byte *code, mp_raw_code_t *const *children,
    used_t *used) {
    if (++e->depth > TRANSFER_DEPTH_MAX) {
        mp_raise_recursion_depth();
    }
    mp_cstack_check();
    size_t n_children;
    const byte *end = scan_code(code, used, &n_children);
    encode_text(e, code, end - code);
    encode_size(e, n_children);
    for (size_t i = 0; i < n_children; i++) {
        const mp_raw_code_t *child = children[i];
        if (mp_proto_fun_is_bytecode(child)) {
            encode_code(e, function, (const byte *)child, NULL, used); // Frozen code has it without more.
        } else if (child->kind == MP_CODE_BYTECODE) {
            encode_code(e, function, child->fun_data, child->children, used);
        } else {
            encode_refuse(function);
        }
    }
    e->depth--;
}

// What the table must have at least.
static size_t table_size(const mp_set_t *indices) {
    size_t size = 0;
    for (size_t i = 0; i < indices->alloc; i++) {
        if (mp_set_slot_is_filled(indices, i)) {
            size = MAX(size, (size_t)MP_OBJ_SMALL_INT_VALUE(indices->table[i]) + 1);
        }
    }
    return size;
}

static void encode_names(encoder_t *e, const mp_set_t *indices, const mp_module_constants_t *tables) {
    encode_size(e, indices->used);
    for (size_t i = 0; i < indices->alloc; i++) {
        if (mp_set_slot_is_filled(indices, i)) {
            size_t index = MP_OBJ_SMALL_INT_VALUE(indices->table[i]);
            encode_size(e, index);
            encode_qstr(e, tables->qstr_table[index]);
        }
    }
}

static void encode_constants(encoder_t *e, const mp_set_t *indices, const mp_module_constants_t *tables) {
    encode_size(e, indices->used);
    for (size_t i = 0; i < indices->alloc; i++) {
        if (mp_set_slot_is_filled(indices, i)) {
            size_t index = MP_OBJ_SMALL_INT_VALUE(indices->table[i]);
            encode_size(e, index);
            encode_value(e, tables->obj_table[index]);
        }
    }
}

void encode_function(encoder_t *e, mp_obj_t obj) {
    const mp_obj_fun_bc_t *function = MP_OBJ_TO_PTR(obj);
    if (function->context->module.globals != &MP_STATE_VM(dict_main)) {
        encode_refuse(obj); // It belongs to a module that does not know it.
    }
    encode_byte(e, TAG_FUNCTION);
    used_t used;
    mp_set_init(&used.names, 0);
    mp_set_init(&used.constants, 0);
    use(&used.names, 0); // The name of the source file, for tracebacks.
    encode_code(e, obj, function->bytecode, function->child_table, &used);
    encode_size(e, table_size(&used.names));
    encode_size(e, table_size(&used.constants));
    encode_names(e, &used.names, &function->context->constants);
    encode_constants(e, &used.constants, &function->context->constants);
    const byte *ip = function->bytecode;
    MP_BC_PRELUDE_SIG_DECODE(ip);
    encode_value(e, mp_obj_new_tuple(n_def_pos_args, function->extra_args));
    encode_value(e, scope_flags & MP_SCOPE_FLAG_DEFKWARGS ? function->extra_args[n_def_pos_args] : mp_const_none);
    mp_set_clear(&used.names);
    mp_set_clear(&used.constants);
}

// Decode ------------------------------------------------------------------------------------

static mp_raw_code_t *decode_code(decoder_t *d) {
    if (++d->depth > TRANSFER_DEPTH_MAX) {
        decode_refuse();
    }
    mp_cstack_check();
    size_t len;
    const byte *text = decode_text(d, &len);
    byte *code = m_new(byte, len);
    memcpy(code, text, len);
    size_t n_children = decode_size(d);
    mp_raw_code_t **children = NULL;
    if (n_children) {
        if (n_children > (size_t)(d->end - d->at)) {
            decode_refuse();
        }
        children = m_new0(mp_raw_code_t *, n_children);
        for (size_t i = 0; i < n_children; i++) {
            children[i] = decode_code(d);
        }
    }
    d->depth--;
    const byte *ip = code;
    MP_BC_PRELUDE_SIG_DECODE(ip);
    mp_raw_code_t *raw = mp_emit_glue_new_raw_code();
    mp_emit_glue_assign_bytecode(raw, code, children,
        #if MICROPY_PERSISTENT_CODE_SAVE
        len, n_children,
        #endif
        scope_flags);
    return raw;
}

static size_t decode_table_size(decoder_t *d) {
    size_t size = decode_size(d);
    if (size > TABLE_MAX) {
        decode_refuse();
    }
    return size;
}

static size_t decode_index(decoder_t *d, size_t size) {
    size_t index = decode_size(d);
    if (index >= size) {
        decode_refuse();
    }
    return index;
}

static mp_module_context_t *decode_tables(decoder_t *d) {
    mp_module_context_t *context = m_new_obj(mp_module_context_t);
    context->module.base.type = &mp_type_module;
    context->module.globals = &MP_STATE_VM(dict_main);
    size_t n_names = decode_table_size(d);
    size_t n_constants = decode_table_size(d);
    mp_module_context_alloc_tables(context, n_names, n_constants);
    memset(context->constants.qstr_table, 0, n_names * sizeof(qstr_short_t));
    for (size_t i = 0; i < n_constants; i++) {
        context->constants.obj_table[i] = mp_const_none;
    }
    for (size_t left = decode_size(d); left; left--) {
        size_t index = decode_index(d, n_names);
        context->constants.qstr_table[index] = decode_qstr(d);
    }
    for (size_t left = decode_size(d); left; left--) {
        size_t index = decode_index(d, n_constants);
        context->constants.obj_table[index] = decode_value(d);
    }
    return context;
}

mp_obj_t decode_function(decoder_t *d) {
    if (d->trust != TRANSFER_CODE) {
        decode_refuse();
    }
    mp_raw_code_t *code = decode_code(d);
    mp_module_context_t *context = decode_tables(d);
    mp_obj_t defaults[2] = { decode_value(d), MP_OBJ_NULL };
    mp_obj_t of_keywords = decode_value(d);
    const byte *ip = code->fun_data;
    MP_BC_PRELUDE_SIG_DECODE(ip);
    bool has_keywords = (scope_flags & MP_SCOPE_FLAG_DEFKWARGS) != 0;
    if (!mp_obj_is_exact_type(defaults[0], &mp_type_tuple)
        || (size_t)MP_OBJ_SMALL_INT_VALUE(mp_obj_len(defaults[0])) != n_def_pos_args
        || has_keywords != mp_obj_is_exact_type(of_keywords, &mp_type_dict)) {
        decode_refuse();
    }
    if (has_keywords) {
        defaults[1] = of_keywords;
    }
    return mp_make_function_from_proto_fun(code, context, defaults);
}
