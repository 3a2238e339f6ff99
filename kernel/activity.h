/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* What the CPUs do, for people who look: momentary pictures, each taken while all goes on. Thread context. */
#ifndef MICROPY_INCLUDED_KERNEL_ACTIVITY_H
#define MICROPY_INCLUDED_KERNEL_ACTIVITY_H

#include "kernel/interpreters.h"

/* A CPU that runs; of the others nothing is known. */
typedef struct _activity_cpu_t {
    uint32_t apic_id;
    uint64_t idle_ticks; /* Of the TSC, since its start. */
} activity_cpu_t;

/* CPU `index`. False behind the last one. */
bool activity_cpu(unsigned index, activity_cpu_t *found);

typedef struct _activity_thread_t {
    const void *id;      /* As long as the thread lives it is nobody else's. */
    char name[THREAD_NAME_SIZE];
    unsigned cpu;        /* Where it runs, or ran last. */
    const char *state;   /* "running", "ready", "waiting" or "ended". */
    uint64_t run_ticks;  /* Of the TSC. */
} activity_thread_t;

/* Thread `index` of an interpreter that is held. False behind the last one. */
bool activity_thread(interpreter_t *interpreter, unsigned index, activity_thread_t *found);

#endif // MICROPY_INCLUDED_KERNEL_ACTIVITY_H
