/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include <string.h>

#include "py/gc.h"
#include "py/mphal.h"
#include "py/mpthread.h"
#include "py/mpstate.h"
#include "shared/runtime/gchelper.h"
#include "shared/runtime/pyexec.h"
#include "shared/runtime/softtimer.h"

#include "heap.h"
#include "kernel/interpreter.h"
#include "machine_disk.h"
#include "shared_memory_obj.h"

// The end of the common heap is kept back, so that a program which has filled all memory
// leaves enough to type `del` at the prompt: one piece each time that this happens.
#define RESERVE_PIECES 4
#define RESERVE_PIECE_SIZE (16 * 1024)
#define RESERVE_SIZE (RESERVE_PIECES * RESERVE_PIECE_SIZE)

// What a line at the prompt needs, and a program that is none too large.
#define ENOUGH_SIZE (4 * 1024)

// A collection is due when as much was allocated as survived the last one, and at least
// this much. Otherwise a program that makes nothing but garbage walks through all memory,
// which costs a page fault and a cache miss every few objects.
#define COLLECT_BYTES_MIN (4 * 1024 * 1024)

static char *reserve;
static bool piece_is_lent[RESERVE_PIECES];
static size_t pace; // Our own gc.threshold(), in blocks. Another value there is the user's.

static void set_pace(size_t blocks) {
    pace = MAX(blocks, COLLECT_BYTES_MIN / MICROPY_BYTES_PER_GC_BLOCK);
    MP_STATE_MEM(gc_alloc_threshold) = pace;
}

void heap_init(void) {
    size_t size;
    char *start = interpreter_heap(&size);
    // A heap of less than twice the reserve has none.
    bool has_reserve = size >= 2 * RESERVE_SIZE;
    reserve = start + size - (has_reserve ? RESERVE_SIZE : 0);
    memset(piece_is_lent, !has_reserve, sizeof(piece_is_lent));
    gc_init(start, reserve);
    set_pace(0);
}

void *heap_extend(size_t size) {
    return interpreter_heap_extend(size);
}

void heap_release(void *area) {
    size_t offset = (char *)area - reserve;
    if (offset < RESERVE_SIZE) {
        piece_is_lent[offset / RESERVE_PIECE_SIZE] = false;
    } else {
        interpreter_heap_release(area);
    }
}

size_t gc_get_max_new_split(void) {
    return interpreter_heap_available();
}

static bool is_enough_left(void) {
    void *probe = gc_alloc(ENOUGH_SIZE, 0);
    gc_free(probe);
    return probe != NULL;
}

// The collector takes it back (heap_release) when nothing in it is alive any more.
static bool lend_piece(void) {
    for (size_t i = 0; i < RESERVE_PIECES; ++i) {
        if (!piece_is_lent[i]) {
            piece_is_lent[i] = true;
            char *piece = reserve + i * RESERVE_PIECE_SIZE;
            gc_add(piece, piece + RESERVE_PIECE_SIZE);
            return true;
        }
    }
    return false;
}

bool heap_relieve(void) {
    return is_enough_left() || (lend_piece() && is_enough_left());
}

void heap_after_exec(int *ret) {
    if (!heap_relieve()) {
        mp_hal_stdout_tx_str("All memory is in use, and no line can be typed: Python starts anew.\r\n");
        *ret |= PYEXEC_FORCED_EXIT;
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

// Upstream leaves in its queue what it has called, and takes all of it for a root.
static void forget_callbacks_that_ran(void) {
    mp_uint_t atomic = MICROPY_BEGIN_ATOMIC_SECTION();
    for (size_t i = MP_STATE_VM(sched_len); i < MICROPY_SCHEDULER_DEPTH; ++i) {
        size_t slot = (MP_STATE_VM(sched_idx) + i) % MICROPY_SCHEDULER_DEPTH;
        MP_STATE_VM(sched_queue)[slot] = (mp_sched_item_t) { MP_OBJ_NULL, MP_OBJ_NULL };
    }
    MICROPY_END_ATOMIC_SECTION(atomic);
}

void gc_collect(void) {
    forget_callbacks_that_ran();
    gc_collect_start();
    gc_helper_collect_regs_and_stack();

    #if MICROPY_PY_THREAD
    mp_thread_gc_others();
    #endif

    // Loaded machine code holds addresses of its data.
    const void *code;
    size_t code_size;
    interpreter_exec_range(&code, &code_size);
    gc_collect_root((void **)code, code_size / sizeof(void *));

    #if MICROPY_PY_MACHINE_TIMER
    soft_timer_gc_mark_all();
    #endif
    gc_collect_end();
    #if MICROPY_PY_INTERPRETERS
    shared_memory_after_collection();
    #endif
    #if MICROPY_PY_MACHINE_DISK
    machine_disk_after_collection();
    #endif

    if (MP_STATE_MEM(gc_alloc_threshold) == pace) {
        set_pace(live_blocks());
    }
}
