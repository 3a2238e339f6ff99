/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include <stdbool.h>
#include <string.h>

#include "kernel/kalloc.h"
#include "kernel/message.h"
#include "kernel/thread.h"

#define PART_BYTES (4096 - sizeof(message_part_t))

typedef struct _message_part_t {
    struct _message_part_t *next;
    uint8_t bytes[];
} message_part_t;

typedef struct _message_ref_t {
    struct _message_ref_t *next;
    size_t number;
    kobject_t *object;
} message_ref_t;

static size_t min(size_t a, size_t b) {
    return a < b ? a : b;
}

/* Returns false where memory is missing; what was added stays. */
static bool add_parts(message_t *message, const uint8_t *bytes) {
    message_part_t **end = &message->parts;
    for (size_t done = 0; done < message->size;) {
        size_t count = min(message->size - done, PART_BYTES);
        message_part_t *part = kalloc(sizeof(*part) + PART_BYTES);
        if (!part) {
            return false;
        }
        part->next = NULL;
        memcpy(part->bytes, bytes + done, count);
        *end = part;
        end = &part->next;
        done += count;
    }
    return true;
}

message_t *message_new(const void *bytes, size_t size) {
    size_t whole = sizeof(message_t) + size;
    message_t *message = whole <= KALLOC_SIZE_MAX && whole > size ? kalloc(whole) : NULL;
    if (message) {
        *message = (message_t) { .size = size, .only = (uint8_t *)(message + 1) };
        memcpy(message->only, bytes, size);
        return message;
    }
    message = kalloc(sizeof(*message));
    if (!message) {
        return NULL;
    }
    *message = (message_t) { .size = size };
    if (!add_parts(message, bytes)) {
        message_free(message);
        return NULL;
    }
    return message;
}

void message_copy(const message_t *message, void *to) {
    if (message->only) {
        memcpy(to, message->only, message->size);
        return;
    }
    size_t done = 0;
    for (message_part_t *part = message->parts; part; part = part->next) {
        size_t count = min(message->size - done, PART_BYTES);
        memcpy((uint8_t *)to + done, part->bytes, count);
        done += count;
    }
}

bool message_add(message_t *message, size_t number, kobject_t *object) {
    message_ref_t *ref = kalloc(sizeof(*ref));
    if (!ref) {
        return false;
    }
    kobject_hold(object);
    *ref = (message_ref_t) { message->refs, number, object };
    message->refs = ref;
    return true;
}

kobject_t *message_object(const message_t *message, size_t number) {
    const message_ref_t *ref = message->refs;
    while (ref && ref->number != number) {
        ref = ref->next;
    }
    return ref ? ref->object : NULL;
}

/* What it leaves to be freed. */
static message_t *drop(kobject_t *object) {
    bool was_last = !__atomic_sub_fetch(&object->refs, 1, __ATOMIC_ACQ_REL);
    return was_last ? object->free(object) : NULL;
}

/* Puts a list of messages in front of another one. */
static message_t *join(message_t *first, message_t *second) {
    message_t *last = first;
    while (last && last->next) {
        last = last->next;
    }
    if (last) {
        last->next = second;
    }
    return last ? first : second;
}

static void free_bytes(message_t *message) {
    if (message->only) {
        kfree(message, sizeof(*message) + message->size);
        return;
    }
    while (message->parts) {
        message_part_t *part = message->parts;
        message->parts = part->next;
        kfree(part, sizeof(*part) + PART_BYTES);
    }
    kfree(message, sizeof(*message));
}

static void free_all(message_t *messages) {
    while (messages) {
        message_t *message = messages;
        messages = message->next;
        while (message->refs) {
            message_ref_t *ref = message->refs;
            message->refs = ref->next;
            messages = join(drop(ref->object), messages);
            kfree(ref, sizeof(*ref));
        }
        free_bytes(message);
    }
}

void message_free(message_t *message) {
    message->next = NULL;
    free_all(message);
}

void kobject_release(kobject_t *object) {
    free_all(drop(object));
}

void message_begin(message_t *message) {
    thread_t *thread = thread_current();
    message->next = thread->reading;
    thread->reading = message;
}

void message_end(void) {
    thread_t *thread = thread_current();
    message_t *message = thread->reading;
    thread->reading = message->next;
    message_free(message);
}
