/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* What crosses from one interpreter to another: a copy, made of bytes. The sender encodes, the bytes lie
 * where both can read, the receiver decodes on its own heap.
 *
 * These values cross, each of exactly this type (an instance of a subclass does not):
 * - None, bool, Ellipsis, NotImplemented, int of any size, float, complex, range;
 * - str, bytes, bytearray;
 * - tuple, list, dict, set and frozenset of what crosses. What is one object in several places is one
 *   object in the copy too. A list or dict may contain itself; a tuple, function or exception that does
 *   so does not cross;
 * - functions, classes and built-in functions that are globals of a module other than __main__: by the
 *   names of both. The receiver imports the module;
 * - functions of __main__ that are bytecode, lambdas and generator functions included: as a copy of the
 *   bytecode with its constants and default arguments. Their globals are the receiver's __main__;
 * - exceptions whose class crosses: class, args and attributes, without a traceback;
 * - instances of classes that have a method __reduce__(), as pickle calls it: what that returns, a callable that
 *   crosses and a tuple of arguments for it. The receiver calls it.
 * Whatever else does not: closures and machine code of __main__, its classes, bound methods, instances of
 * other classes.
 *
 * The format. It is one firmware's own: both ends are the same build, nothing is stored. A value is a tag,
 * one byte, and what the tag asks for:
 *   size    unsigned, seven bits a byte, the low ones first; the top bit says that more follow
 *   signed  as size, of the number doubled; of a negative one the complement, doubled, plus 1
 *   text    size, and as many bytes
 *
 *   NONE FALSE TRUE ELLIPSIS NOT_IMPLEMENTED  nothing
 *   INT            signed
 *   BIG, NEGATIVE  size, and as many bytes of the magnitude, the low ones first
 *   FLOAT          an mp_float_t;  COMPLEX  two: the real part, the imaginary part
 *   REFERENCE      size: the number of a value that came before
 *   STR BYTES BYTEARRAY        text
 *   TUPLE LIST SET FROZENSET   size, and as many values;  DICT  size, and as many pairs of values
 *   RANGE          three signed: start, stop, step
 *   GLOBAL         two texts: the name of the module, the name in it
 *   EXCEPTION      the class (a value), the args (a tuple), the attributes (size, pairs)
 *   FUNCTION       transfer_function.c tells
 *   REDUCED        a callable (a value) and its arguments (a tuple)
 * Values from STR on are numbered from 0 in the order in which they begin, so that a REFERENCE can name
 * them. Not so tuples and frozensets that are (part of) a key of a dict or a member of a set: those are
 * always written in full, or a few bytes could ask for a hash that takes for ever.
 *
 * What is shared and not copied, such as a memoryview of memory that every interpreter can reach, is SHARED, and
 * then what a transfer_sharing_t has written. */
#ifndef MICROPY_INCLUDED_CLOUD_HYPERVISOR_TRANSFER_H
#define MICROPY_INCLUDED_CLOUD_HYPERVISOR_TRANSFER_H

#include "py/obj.h"

struct _encoder_t;
struct _decoder_t;

// Values in values: of deeper ones encoding raises RuntimeError, decoding ValueError.
#define TRANSFER_DEPTH_MAX (200)

// A TypeError. Who includes this puts it into a module.
extern const mp_obj_type_t mp_type_NotShareableError;

typedef enum {
    // Any bytes, whoever made them. Functions and classes are those of the module builtins only.
    TRANSFER_DATA,
    // Bytes that transfer_encode() of this firmware made. Nobody can tell whether bytecode is harmless:
    // with this, other bytes can do whatever a program can.
    TRANSFER_CODE,
} transfer_trust_t;

// What to do with objects that are shared. Whoever encodes and decodes puts its own data behind it.
typedef struct _transfer_sharing_t {
    // Writes what the object is, by the functions of transfer_format.h. False: it is not to be shared.
    bool (*encode)(struct _transfer_sharing_t *self, struct _encoder_t *encoder, mp_obj_t obj);
    // Reads it, and gives the object.
    mp_obj_t (*decode)(struct _transfer_sharing_t *self, struct _decoder_t *decoder);
} transfer_sharing_t;

// Appends the encoding of `obj` to `bytes`. `sharing` may be NULL: nothing is shared. Nothing else is changed. Raises
// - NotShareableError: something in it does not cross;
// - RuntimeError: it is too deep, or changed meanwhile (by a finaliser, or a __reduce__());
// - MemoryError.
// What was appended until then has no meaning.
void transfer_encode(mp_obj_t obj, vstr_t *bytes, transfer_sharing_t *sharing);

// Gives the value that the bytes hold, made on the current heap. Nobody may change them meanwhile; they are not
// needed after. It allocates at most some 64 bytes for each of them. Raises
// - ValueError: this is no encoding, or one that `trust` forbids;
// - MemoryError; RuntimeError: the C stack ends;
// - what importing a module raises; AttributeError: it lacks the name;
// - what the callable of a __reduce__() raises.
mp_obj_t transfer_decode(const byte *data, size_t len, transfer_trust_t trust, transfer_sharing_t *sharing);

#endif // MICROPY_INCLUDED_CLOUD_HYPERVISOR_TRANSFER_H
