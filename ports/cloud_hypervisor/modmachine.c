/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

// Included by extmod/modmachine.c.

#include "py/mphal.h"
#include "kernel/clock.h"
#include "kernel/system.h"
#include "machine_disk.h"
#include "modmachine.h"

#define UUID_SIZE 16

// The usual values. The firmware cannot tell its own reset from power-on, and nothing outlasts
// either: the causes between are there for programs that compare with them, and never given.
enum {
    RESET_CAUSE_POWER_ON = 1,
    RESET_CAUSE_HARD,
    RESET_CAUSE_WATCHDOG,
    RESET_CAUSE_DEEPSLEEP,
    RESET_CAUSE_SOFT,
};

static mp_int_t reset_cause = RESET_CAUSE_POWER_ON;

void machine_set_soft_reset(void) {
    reset_cause = RESET_CAUSE_SOFT;
}

static mp_int_t mp_machine_reset_cause(void) {
    return reset_cause;
}

// What was written is on the disks; open files are not closed, as in a power cut.
static void before_stop(void) {
    #if MICROPY_PY_MACHINE_DISK
    disks_flush();
    #endif
}

_Noreturn static void mp_machine_reset(void) {
    before_stop();
    system_reset();
}

// The UUID that the VMM gave the machine, 16 bytes; empty where it gave none.
static mp_obj_t mp_machine_unique_id(void) {
    const uint8_t *uuid = system_uuid();
    return uuid ? mp_obj_new_bytes(uuid, UUID_SIZE) : mp_const_empty_bytes;
}

static mp_obj_t mp_machine_get_freq(void) {
    return mp_obj_new_int_from_ull(clock_tsc_hz());
}

static void mp_machine_set_freq(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    (void)args;
    mp_raise_NotImplementedError(MP_ERROR_TEXT("the host sets the frequency"));
}

// machine.idle(): until the next event: console input, a timer.
static void mp_machine_idle(void) {
    mp_event_wait_indefinite();
}

// machine.lightsleep([ms]): as idle(), or for the whole time given.
static void mp_machine_lightsleep(size_t n_args, const mp_obj_t *args) {
    if (n_args == 0) {
        mp_event_wait_indefinite();
    } else {
        mp_hal_delay_ms(MAX(0, mp_obj_get_int(args[0])));
    }
}

// machine.deepsleep([ms]): nothing survives it. It ends in a reset after `ms`; without a
// time the machine is powered off, and whoever starts it again wakes it.
_Noreturn static void mp_machine_deepsleep(size_t n_args, const mp_obj_t *args) {
    if (n_args == 0) {
        before_stop();
        system_power_off();
    }
    mp_hal_delay_ms(MAX(0, mp_obj_get_int(args[0])));
    before_stop();
    system_reset();
}

// machine.poweroff()
_Noreturn static mp_obj_t machine_poweroff(void) {
    before_stop();
    system_power_off();
}
static MP_DEFINE_CONST_FUN_OBJ_0(machine_poweroff_obj, machine_poweroff);

#if MICROPY_PY_MACHINE_DISK
#define MACHINE_DISK { MP_ROM_QSTR(MP_QSTR_Disk), MP_ROM_PTR(&machine_disk_type) },
#else
#define MACHINE_DISK
#endif

#define MICROPY_PY_MACHINE_EXTRA_GLOBALS \
    { MP_ROM_QSTR(MP_QSTR_poweroff), MP_ROM_PTR(&machine_poweroff_obj) }, \
    MACHINE_DISK \
    { MP_ROM_QSTR(MP_QSTR_RTC), MP_ROM_PTR(&machine_rtc_type) }, \
    { MP_ROM_QSTR(MP_QSTR_Timer), MP_ROM_PTR(&machine_timer_type) }, \
    { MP_ROM_QSTR(MP_QSTR_PWRON_RESET), MP_ROM_INT(RESET_CAUSE_POWER_ON) }, \
    { MP_ROM_QSTR(MP_QSTR_HARD_RESET), MP_ROM_INT(RESET_CAUSE_HARD) }, \
    { MP_ROM_QSTR(MP_QSTR_WDT_RESET), MP_ROM_INT(RESET_CAUSE_WATCHDOG) }, \
    { MP_ROM_QSTR(MP_QSTR_DEEPSLEEP_RESET), MP_ROM_INT(RESET_CAUSE_DEEPSLEEP) }, \
    { MP_ROM_QSTR(MP_QSTR_SOFT_RESET), MP_ROM_INT(RESET_CAUSE_SOFT) },
