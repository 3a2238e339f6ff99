/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Any bytes are refused by ValueError, within the promised memory, or are a value. That crosses again. */

#include "py/gc.h"

#include "tests/host/transfer_world.h"

#define BYTES_EACH (64)
#define BYTES_BESIDE (4096) // The exception.

// Collecting at each allocation shows what the collector cannot see, and takes its time.
#define COLLECT_LEN_MAX (200)

static size_t used(void) {
    gc_info_t info;
    gc_info(&info);
    return info.used;
}

static void decode(void *value) {
    *(mp_obj_t *)value = transfer_decode(sent, sent_len, TRANSFER_DATA, NULL);
}

static void encode(void *value) {
    vstr_t bytes;
    vstr_init(&bytes, 1);
    transfer_encode(*(mp_obj_t *)value, &bytes, NULL);
    hold(bytes.buf, bytes.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    interpreter_start(512 * size + 64 * 1024);
    hold(data, size);
    interpreter_collect_always(size <= COLLECT_LEN_MAX);
    mp_obj_t value = MP_OBJ_NULL;
    size_t before = used();
    mp_obj_t raised = interpreter_try(decode, &value);
    CHECK(used() <= before + BYTES_EACH * size + BYTES_BESIDE);
    if (raised != MP_OBJ_NULL) {
        check_raised(raised, &mp_type_ValueError);
        return 0;
    }
    check_quiet(interpreter_try(encode, &value));
    size_t len = sent_len;
    check_quiet(interpreter_try(decode, &value));
    check_quiet(interpreter_try(encode, &value));
    CHECK(sent_len <= 2 * len);
    return 0;
}
