/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include "py/gc.h"
#include "py/mpstate.h"
#include "shared/runtime/gchelper.h"
#include "shared/runtime/softtimer.h"

#include "heap.h"
#include "kernel/interpreter.h"

// The end of the common heap is kept back, so that a program which has filled all memory
// leaves enough to type `del` at the prompt.
#define RESERVE_SIZE (64 * 1024)

// A collection is due when as much was allocated as survived the last one, and at least
// this much. Otherwise a program that makes nothing but garbage walks through all memory,
// which costs a page fault and a cache miss every few objects.
#define COLLECT_BYTES_MIN (4 * 1024 * 1024)

static char *reserve;
static bool reserve_in_use;
static size_t pace; // Our own gc.threshold(), in blocks. Another value there is the user's.

static void set_pace(size_t blocks) {
    pace = MAX(blocks, COLLECT_BYTES_MIN / MICROPY_BYTES_PER_GC_BLOCK);
    MP_STATE_MEM(gc_alloc_threshold) = pace;
}

void heap_init(void) {
    size_t size;
    char *start = interpreter_heap(&size);
    // A heap of less than twice the reserve has none.
    reserve = start + size - (size >= 2 * RESERVE_SIZE ? RESERVE_SIZE : 0);
    reserve_in_use = reserve == start + size;
    gc_init(start, reserve);
    set_pace(0);
}

void *heap_extend(size_t size) {
    return interpreter_heap_extend(size);
}

void heap_release(void *area) {
    if (area == reserve) {
        reserve_in_use = false;
    } else {
        interpreter_heap_release(area);
    }
}

size_t gc_get_max_new_split(void) {
    return interpreter_heap_available();
}

// After each program and each line at the prompt: lends the reserve if the heap is full. The
// collector gives it back (heap_release) when nothing in it is alive any more.
void heap_relieve(void) {
    if (reserve_in_use) {
        return;
    }
    void *probe = gc_alloc(RESERVE_SIZE / 4, 0);
    if (probe) {
        gc_free(probe);
    } else {
        reserve_in_use = true;
        gc_add(reserve, reserve + RESERVE_SIZE);
    }
}

// Where the live objects end in each area: at most so many blocks are alive.
static size_t live_blocks(void) {
    size_t blocks = 0;
    for (mp_state_mem_area_t *area = &MP_STATE_MEM(area); area; area = area->next) {
        blocks += area->gc_last_used_block;
    }
    return blocks;
}

void gc_collect(void) {
    gc_collect_start();
    gc_helper_collect_regs_and_stack();

    // Loaded machine code holds addresses of its data.
    const void *code;
    size_t code_size;
    interpreter_exec_range(&code, &code_size);
    gc_collect_root((void **)code, code_size / sizeof(void *));

    soft_timer_gc_mark_all();
    gc_collect_end();

    if (MP_STATE_MEM(gc_alloc_threshold) == pace) {
        set_pace(live_blocks());
    }
}
