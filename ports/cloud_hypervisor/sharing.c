/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include "py/objarray.h"
#include "py/runtime.h"

#include "interpreter_queue.h"
#include "kernel/thread.h"
#include "shared_memory_obj.h"
#include "sharing.h"
#include "socket_obj.h"
#include "transfer_format.h"

// What the bytes refer to, by number. They name a queue by that alone; a memoryview by more: see encode().
typedef struct _sender_t {
    transfer_sharing_t base;
    kobject_t **objects;
    size_t count, alloc;
    mp_obj_t sockets; // A list of those that were made for the message.
} sender_t;

typedef struct _receiver_t {
    transfer_sharing_t base;
    const message_t *message;
} receiver_t;

// The GIL is kept until the message holds them: so they are there, as the values that refer to them are.
static size_t add(sender_t *self, kobject_t *object) {
    if (self->count == self->alloc) {
        self->objects = m_renew(kobject_t *, self->objects, self->alloc, self->alloc + 4);
        self->alloc += 4;
    }
    self->objects[self->count] = object;
    return self->count++;
}

#if MICROPY_PY_SOCKET
static void encode_socket(sender_t *self, encoder_t *e, mp_obj_t obj) {
    int kind[3];
    mp_obj_t again = socket_obj_again(obj);
    self->sockets = self->sockets ? self->sockets : mp_obj_new_list(0, NULL);
    mp_obj_list_append(self->sockets, again);
    encode_size(e, add(self, socket_obj_kobject(again)));
    socket_obj_kind(obj, kind);
    for (size_t i = 0; i < MP_ARRAY_SIZE(kind); ++i) {
        encode_size(e, kind[i]);
    }
}

static mp_obj_t decode_socket(kobject_t *object, decoder_t *d) {
    int kind[3];
    for (size_t i = 0; i < MP_ARRAY_SIZE(kind); ++i) {
        kind[i] = decode_size(d);
    }
    return socket_obj_from(object, kind);
}

// The message holds what they hold.
static void give_up_sockets(mp_obj_t sockets) {
    size_t count;
    mp_obj_t *items;
    mp_obj_list_get(sockets, &count, &items);
    for (size_t i = 0; i < count; ++i) {
        socket_obj_give_up(items[i]);
    }
}
#endif

static bool encode(transfer_sharing_t *base, encoder_t *e, mp_obj_t obj) {
    sender_t *self = (sender_t *)base;
    if (mp_obj_is_exact_type(obj, &interpreter_queue_type)) {
        encode_size(e, add(self, &interpreter_queue_of(obj)->object));
        return true;
    }
    #if MICROPY_PY_SOCKET
    if (socket_obj_is(obj)) {
        encode_socket(self, e, obj);
        return true;
    }
    #endif
    shared_memory_t *memory = mp_obj_is_exact_type(obj, &mp_type_memoryview) ? shared_memory_of(obj) : NULL;
    if (memory) {
        const mp_obj_array_t *view = MP_OBJ_TO_PTR(obj);
        encode_size(e, add(self, &memory->object));
        encode_byte(e, view->typecode);
        encode_size(e, view->free);
        encode_size(e, view->len);
    }
    return memory;
}

static mp_obj_t decode(transfer_sharing_t *base, decoder_t *d) {
    kobject_t *object = message_object(((receiver_t *)base)->message, decode_size(d));
    if (object && queue_is(object)) {
        return interpreter_queue_new((queue_t *)object);
    }
    #if MICROPY_PY_SOCKET
    if (object && socket_obj_is_kobject(object)) {
        return decode_socket(object, d);
    }
    #endif
    if (!object || !shared_memory_is(object)) {
        decode_refuse();
    }
    byte typecode = decode_byte(d);
    size_t offset = decode_size(d);
    return shared_memory_view((shared_memory_t *)object, typecode, offset, decode_size(d));
}

message_t *sharing_send(mp_obj_t value) {
    sender_t sender = { .base.encode = encode, .sockets = MP_OBJ_NULL };
    vstr_t bytes;
    vstr_init(&bytes, 64);
    transfer_encode(value, &bytes, &sender.base);
    message_t *message = message_new(bytes.buf, bytes.len);
    for (size_t i = 0; i < sender.count && message; ++i) {
        if (!message_add(message, i, sender.objects[i])) {
            message_free(message);
            message = NULL;
        }
    }
    if (!message) {
        m_malloc_fail(bytes.len);
    }
    #if MICROPY_PY_SOCKET
    if (sender.sockets) {
        give_up_sockets(sender.sockets);
    }
    #endif
    vstr_clear(&bytes);
    return message;
}

static mp_obj_t decode_message(message_t *message) {
    receiver_t receiver = { .base.decode = decode, .message = message };
    const byte *bytes = message->only;
    if (!bytes) {
        byte *copy = m_new(byte, message->size);
        message_copy(message, copy);
        bytes = copy;
    }
    return transfer_decode(bytes, message->size, TRANSFER_CODE, &receiver.base);
}

// A program may run meanwhile.
mp_obj_t sharing_receive(void) {
    nlr_buf_t nlr;
    if (nlr_push(&nlr) == 0) {
        mp_obj_t value = decode_message(thread_current()->reading);
        nlr_pop();
        message_end();
        return value;
    }
    message_end();
    nlr_jump(nlr.ret_val);
}
