/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Bytes on their way from one interpreter to another, in kernel memory. Thread context. */
#ifndef MICROPY_INCLUDED_KERNEL_MESSAGE_H
#define MICROPY_INCLUDED_KERNEL_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/kobject.h"

typedef struct _message_t message_t;

struct _message_t {
    message_t *next; /* For whoever keeps several. */
    size_t size;     /* Of all the bytes. */
    struct _message_part_t *parts;
    uint8_t *only;   /* All of them, where they lie in one piece; else NULL. */
    struct _message_ref_t *refs;
};

/* A copy of the bytes. NULL where memory is missing. */
message_t *message_new(const void *bytes, size_t size);

/* Copies all of them to where the caller wants them. */
void message_copy(const message_t *message, void *to);

/* Has the message hold the object `number`, which the bytes refer to. False where memory is missing. */
bool message_add(message_t *message, size_t number, kobject_t *object);

/* The object of that number, as long as the message is there; or NULL. */
kobject_t *message_object(const message_t *message, size_t number);

/* Gives it back, and what it holds. */
void message_free(message_t *message);

/* Notes a message that this thread reads: should the thread end, the kernel frees it. Each is begun and ended within
 * the one before. */
void message_begin(message_t *message);

/* Frees the message that was begun last. */
void message_end(void);

#endif // MICROPY_INCLUDED_KERNEL_MESSAGE_H
