/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Machine code from the compiler's native emitter and from .mpy files. It is finished on the
 * heap, then copied to where the processor may run it and nobody may write it. */

#include "py/persistentcode.h"
#include "py/runtime.h"

#include "kernel/interpreter.h"

#if MICROPY_EMIT_MACHINE_CODE

// `relocation` describes the addresses in the code that want adjusting; NULL: there are none.
void *native_code_commit(const void *code, size_t size, void *relocation) {
    void *place = interpreter_exec_reserve(size);
    if (!place) {
        m_malloc_fail(size);
    }
    if (relocation) {
        mp_native_relocate(relocation, (uint8_t *)code, (uintptr_t)place);
    }
    interpreter_exec_write(place, code, size);
    return place;
}

#endif // MICROPY_EMIT_MACHINE_CODE
