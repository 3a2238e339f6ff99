/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Of the module _guest what looks at CPUs, threads and interpreters. */

#include "py/runtime.h"

#include "kernel/activity.h"
#include "kernel/clock.h"
#include "modguest.h"

#define TICKS_TO_US(ticks) ((ticks) / (clock_tsc_hz() / 1000000))

static mp_obj_t number(uint64_t value) {
    return mp_obj_new_int_from_ull(value);
}

// cpu(index): (APIC id, microseconds idle); None behind the last one that runs.
static mp_obj_t guest_cpu(mp_obj_t index) {
    activity_cpu_t cpu;
    if (!activity_cpu(mp_obj_get_int(index), &cpu)) {
        return mp_const_none;
    }
    mp_obj_t items[2] = { number(cpu.apic_id), number(TICKS_TO_US(cpu.idle_ticks)) };
    return mp_obj_new_tuple(2, items);
}
MP_DEFINE_CONST_FUN_OBJ_1(guest_cpu_obj, guest_cpu);

// interpreter(id): (id, is it in a call, bytes of its memory in use) of the first one from there on; None: there is none.
static mp_obj_t guest_interpreter(mp_obj_t id) {
    interpreter_t *interpreter = interpreter_find_from(mp_obj_get_int(id));
    if (!interpreter) {
        return mp_const_none;
    }
    mp_obj_t items[3];
    uint64_t values[] = { interpreter->id, call_is_running(&interpreter->call), address_space_used(&interpreter->space) };
    interpreter_release(interpreter);
    for (size_t i = 0; i < MP_ARRAY_SIZE(items); ++i) {
        items[i] = number(values[i]);
    }
    return mp_obj_new_tuple(MP_ARRAY_SIZE(items), items);
}
MP_DEFINE_CONST_FUN_OBJ_1(guest_interpreter_obj, guest_interpreter);

// thread(interpreter id, index): (id, name, CPU, state, microseconds run); None behind the last one.
static mp_obj_t guest_thread(mp_obj_t id, mp_obj_t index) {
    activity_thread_t thread;
    unsigned at = mp_obj_get_int(index);
    interpreter_t *interpreter = interpreter_find(mp_obj_get_int(id));
    bool found = interpreter && activity_thread(interpreter, at, &thread);
    if (interpreter) {
        interpreter_release(interpreter);
    }
    if (!found) {
        return mp_const_none;
    }
    mp_obj_t items[5] = {
        number((uintptr_t)thread.id), mp_obj_new_str_from_cstr(thread.name), number(thread.cpu),
        mp_obj_new_str_from_cstr(thread.state), number(TICKS_TO_US(thread.run_ticks)),
    };
    return mp_obj_new_tuple(5, items);
}
MP_DEFINE_CONST_FUN_OBJ_2(guest_thread_obj, guest_thread);
