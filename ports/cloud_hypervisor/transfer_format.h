/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* What the parts of the encoder and of the decoder share: transfer.h tells what it all means. */
#ifndef MICROPY_INCLUDED_CLOUD_HYPERVISOR_TRANSFER_FORMAT_H
#define MICROPY_INCLUDED_CLOUD_HYPERVISOR_TRANSFER_FORMAT_H

#include "transfer.h"

enum {
    TAG_NONE,
    TAG_FALSE,
    TAG_TRUE,
    TAG_ELLIPSIS,
    TAG_NOT_IMPLEMENTED,
    TAG_INT,
    TAG_BIG,
    TAG_NEGATIVE,
    TAG_FLOAT,
    TAG_COMPLEX,
    TAG_REFERENCE,
    TAG_STR, // The first that is numbered.
    TAG_BYTES,
    TAG_BYTEARRAY,
    TAG_TUPLE,
    TAG_LIST,
    TAG_DICT,
    TAG_SET,
    TAG_FROZENSET,
    TAG_RANGE,
    TAG_GLOBAL,
    TAG_EXCEPTION,
    TAG_FUNCTION,
    TAG_REDUCED,
    TAG_SHARED,
};

// What bounds the names of modules and of what is in them: they become qstrs.
#define TRANSFER_NAME_MAX ((1 << (8 * MICROPY_QSTR_BYTES_IN_LEN)) - 1)

// Where each numbered object is found by its address: open addressing, a slot of `object` 0 is free.
typedef struct _memo_slot_t {
    mp_obj_t object; // As long as it stands here the collector leaves it alone.
    size_t number : 8 * sizeof(size_t) - 1;
    size_t open : 1; // It is being encoded and cannot be referred to yet.
} memo_slot_t;

// What a small value needs lies on the stack.
#define ENCODER_FIRST_MEMO (16)
#define DECODER_FIRST_VALUES (8)

typedef struct _encoder_t {
    vstr_t *bytes;
    memo_slot_t *memo;
    size_t memo_alloc; // A power of 2.
    size_t memo_used;
    size_t depth;
    bool in_key;
    transfer_sharing_t *sharing;
    memo_slot_t first_memo[ENCODER_FIRST_MEMO];
} encoder_t;

void encode_byte(encoder_t *e, byte value);
void encode_size(encoder_t *e, size_t value);
void encode_text(encoder_t *e, const void *data, size_t len);
void encode_qstr(encoder_t *e, qstr name);
void encode_value(encoder_t *e, mp_obj_t obj);
// Raises NotShareableError, which names the type of the object.
_Noreturn void encode_refuse(mp_obj_t obj);

typedef struct _decoder_t {
    const byte *at;
    const byte *end;
    size_t promised; // Values that containers begun still lack: each takes a byte at least.
    mp_obj_t *values; // By number; MP_OBJ_NULL where it cannot be referred to yet.
    size_t n_values;
    size_t n_values_alloc;
    size_t depth;
    bool in_key;
    transfer_trust_t trust;
    transfer_sharing_t *sharing;
    mp_obj_t first_values[DECODER_FIRST_VALUES];
} decoder_t;

// All of these raise ValueError where the bytes do not hold what is asked for.
_Noreturn void decode_refuse(void);
const byte *decode_bytes(decoder_t *d, size_t len);
byte decode_byte(decoder_t *d);
size_t decode_size(decoder_t *d);
const byte *decode_text(decoder_t *d, size_t *len);
qstr decode_qstr(decoder_t *d);
mp_obj_t decode_value(decoder_t *d);

// transfer_global.c. *module and *name of what is a global of a module other than __main__; false: it is not.
bool transfer_find_global(mp_obj_t obj, qstr *module, qstr *name);
mp_obj_t transfer_load_global(decoder_t *d);

// transfer_function.c. `obj` is a bytecode function or bytecode generator function.
void encode_function(encoder_t *e, mp_obj_t obj);
mp_obj_t decode_function(decoder_t *d);

#endif // MICROPY_INCLUDED_CLOUD_HYPERVISOR_TRANSFER_FORMAT_H
