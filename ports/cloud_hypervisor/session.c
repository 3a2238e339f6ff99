/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include "py/cstack.h"
#include "py/gc.h"
#include "py/mphal.h"
#include "py/mpthread.h"
#include "py/runtime.h"
#include "shared/readline/readline.h"
#include "shared/runtime/softtimer.h"

#if MICROPY_PY_TLS
#include "psa/crypto.h"
#endif

#include "disk_rom.h"
#include "environment.h"
#include "heap.h"
#include "kernel/interpreter.h"
#include "machine_disk.h"
#include "modinterpreters.h"
#include "session.h"
#include "shared_memory_obj.h"
#include "stack_overrun.h"

// What is left to say an exception with when the heap is full; a program may have more, by
// micropython.alloc_emergency_exception_buf().
#define EMERGENCY_EXCEPTION_BUF_SIZE 256

void session_init(void) {
    #if MICROPY_PY_THREAD
    mp_thread_init();
    #endif
    mp_hal_init();
    size_t stack_size;
    char *stack = interpreter_stack(&stack_size);
    mp_cstack_init_with_top(stack + stack_size, stack_size);
    interpreter_on_stack_overrun(stack_overrun);
}

void session_begin(void) {
    heap_init();
    mp_init();
    #if MICROPY_PY_OS
    environment_init();
    #endif
    mp_alloc_emergency_exception_buf(MP_OBJ_NEW_SMALL_INT(EMERGENCY_EXCEPTION_BUF_SIZE));
    mp_obj_list_append(mp_sys_path, MP_OBJ_NEW_QSTR(MP_QSTR__slash_lib));
    readline_init0();
}

void session_end_others(void) {
    #if MICROPY_PY_THREAD
    mp_thread_deinit();
    #endif
    #if MICROPY_PY_INTERPRETERS
    interpreters_close_all();
    #endif
}

void session_before_stop(void) {
    session_end_others();
    gc_sweep_all();
    #if MICROPY_PY_MACHINE_DISK
    disks_flush();
    #endif
}

void session_end(void) {
    session_end_others();
    #if MICROPY_PY_MACHINE_TIMER
    soft_timer_deinit();
    #endif
    #if MICROPY_PY_TLS
    mbedtls_psa_crypto_free(); // Of handshakes that were ended with their threads it has keys, in the heap.
    #endif
    gc_sweep_all();
    #if MICROPY_PY_INTERPRETERS
    shared_memory_deinit();
    #endif
    #if MICROPY_PY_MACHINE_DISK
    disk_rom_deinit();
    machine_disk_deinit();
    #endif
    mp_deinit();
}
