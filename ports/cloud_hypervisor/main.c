/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* MicroPython as the kernel's application: what happens from power-on to the prompt, and
 * again after each soft reset. */

#include "py/mphal.h"
#include "py/mpthread.h"
#include "py/runtime.h"
#include "shared/runtime/pyexec.h"

#include "application.h"
#include "disk_mount.h"
#include "heap.h"
#include "kernel/application.h"
#include "kernel/devices.h"
#include "kernel/interpreter.h"
#include "kernel/panic.h"
#include "kernel/system.h"
#include "modmachine.h"
#include "ramdisk.h"
#include "session.h"
#include "settings.h"

// boot.py, then main.py. Returns false where one of them asked for a soft reset.
static bool run_user_files(void) {
    int ret = pyexec_file_if_exists("boot.py");
    if (ret & PYEXEC_FORCED_EXIT) {
        return false;
    }
    // A tool that talks raw REPL wants no program in its way.
    if (pyexec_mode_kind == PYEXEC_MODE_FRIENDLY_REPL && ret != 0) {
        ret = pyexec_file_if_exists("main.py");
    }
    return !(ret & PYEXEC_FORCED_EXIT);
}

// Returns false for a soft reset, true to go on, in the other mode perhaps. What a program
// raises pyexec catches; here arrives what its own reading and compiling raises with
// memory full.
static bool run_repl(void) {
    nlr_buf_t nlr;
    if (nlr_push(&nlr) == 0) {
        int ret = pyexec_mode_kind == PYEXEC_MODE_RAW_REPL ? pyexec_raw_repl() : pyexec_friendly_repl();
        nlr_pop();
        return ret == 0;
    }
    mp_hal_set_interrupt_char(-1);
    if (system_is_stopping()) {
        return false;
    }
    mp_obj_print_exception(&mp_plat_print, MP_OBJ_FROM_PTR(nlr.ret_val));
    return heap_relieve();
}

// Returns false where a soft reset is wanted.
static bool run_programs(void) {
    if (application_problem()) {
        return true; // Left alone, what is frozen of it too.
    }
    if (!application_exists()) {
        return run_user_files();
    }
    application_end(application_run());
    return true;
}

static void tell_problem(void) {
    const char *problem = application_problem();
    if (problem) {
        mp_printf(&mp_plat_print, "The application is left alone: %s.\n", problem);
    }
}

// What is on the disks; without any, memory.
static void mount_files(void) {
    #if MICROPY_PY_MACHINE_DISK
    if (disk_mount_all()) {
        return;
    }
    #endif
    #if MICROPY_VFS_LFS2
    ramdisk_mount();
    #endif
}

static void run_session(void) {
    session_begin();
    mount_files();

    tell_problem();

    if (!system_is_stopping() && run_programs()) {
        while (!system_is_stopping() && run_repl()) {
        }
    }

    application_run_exit_function();
    if (system_is_stopping()) {
        session_before_stop();
        system_power_off();
    }
    session_end_others();
    mp_hal_stdout_tx_str("MPY: soft reboot\r\n");
    session_end();
    interpreter_memory_reset();
}

void app_main(void) {
    static const char *const settings[] = { SETTINGS };
    system_check_settings(settings, MP_ARRAY_SIZE(settings));
    session_init();
    #if MICROPY_PY_DEVICES
    devices_init();
    #endif
    for (;;) {
        run_session();
        #if MICROPY_PY_MACHINE
        machine_set_soft_reset();
        #endif
    }
}

void nlr_jump_fail(void *exception) {
    (void)exception;
    panic("MicroPython: an exception that nobody catches");
}
