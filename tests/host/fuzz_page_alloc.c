/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* The page allocator against its model, what happens chosen by the fuzzer. */
#include "tests/host/page_model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    model_run(data, size);
    return 0;
}
