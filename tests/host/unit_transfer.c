/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */
#include "ports/cloud_hypervisor/transfer.h"
#include "py/runtime.h"
#include "tests/host/micropython/interpreter.h"
#include "tests/host/unit.h"
TEST(smoke) { interpreter_start(65536); vstr_t v; vstr_init(&v, 16); transfer_encode(interpreter_eval("[1,2,(3,)]"), &v); mp_obj_print(transfer_decode((byte*)v.buf, v.len, TRANSFER_DATA), PRINT_REPR); }
