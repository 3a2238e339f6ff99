/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Of the module _guest what looks at the stack.
 *
 * MicroPython keeps no list of the functions that run. But each run of its bytecode has an nlr_buf_t
 * in the chain of what catches exceptions, which holds the registers of mp_execute_bytecode(). In one of
 * them, or in its frame on the stack, is its mp_code_state_t, always in the same one; in which, the
 * compiler decided. guest.backtrace() tells by naming itself: in the innermost run the state is
 * that of a function we know. */

#include "py/bc.h"
#include "py/objfun.h"
#include "py/runtime.h"

#include "boot/paging.h"
#include "kernel/backtrace.h"
#include "modguest.h"

#if MICROPY_NLR_SETJMP || MICROPY_STACKLESS
#error "the frames are found by the registers of nlr_push(), a C frame for each function of Python"
#endif

// In nlr_buf_t.regs: py/nlrx64.c.
enum { NLR_RIP, NLR_RBP, NLR_RSP, NLR_RBX };

// Frames of mp_execute_bytecode() are smaller.
#define FRAME_WORDS_MAX 128

// A place where the state may be: a saved register, by its index, or behind them a word below RBP.
static const mp_code_state_t *state_at(const nlr_buf_t *nlr, size_t place) {
    if (place < MICROPY_NLR_NUM_REGS) {
        return nlr->regs[place];
    }
    size_t words = place - MICROPY_NLR_NUM_REGS + 1;
    return ((const mp_code_state_t **)nlr->regs[NLR_RBP])[-(ptrdiff_t)words];
}

static size_t place_count(const nlr_buf_t *nlr) {
    ptrdiff_t frame = (const void **)nlr->regs[NLR_RBP] - (const void **)nlr->regs[NLR_RSP];
    return MICROPY_NLR_NUM_REGS + MAX(0, MIN(frame, FRAME_WORDS_MAX)); // Machine code has none.
}

static bool is_readable(const void *at, size_t len) {
    return (uintptr_t)at % sizeof(void *) == 0 && paging_readable((uintptr_t)at, len);
}

// Whether it is the state of a function of bytecode.
static bool is_state(const mp_code_state_t *state) {
    return is_readable(state, sizeof(*state)) && is_readable(state->fun_bc, sizeof(mp_obj_fun_bc_t))
        && (state->fun_bc->base.type == &mp_type_fun_bc || state->fun_bc->base.type == &mp_type_gen_wrap);
}

static bool is_of_vm(const nlr_buf_t *nlr, const nlr_buf_t *innermost) {
    return nlr->regs[NLR_RIP] == innermost->regs[NLR_RIP];
}

// The place at which the innermost run has the state of `fun`, and all others have some. Words
// that are left over from before may look right, in one run or another.
static size_t find_place(const nlr_buf_t *innermost, mp_obj_t fun) {
    for (size_t place = NLR_RBX; place < place_count(innermost); ++place) {
        const mp_code_state_t *state = state_at(innermost, place);
        bool ok = is_state(state) && state->fun_bc == MP_OBJ_TO_PTR(fun);
        for (const nlr_buf_t *nlr = innermost; ok && nlr; nlr = nlr->prev) {
            ok = !is_of_vm(nlr, innermost) || is_state(state_at(nlr, place));
        }
        if (ok) {
            return place;
        }
    }
    return 0;
}

// (file, line, function). As the VM does it where an exception passes: py/vm.c.
static mp_obj_t describe(const mp_code_state_t *state) {
    const byte *ip = state->fun_bc->bytecode;
    MP_BC_PRELUDE_SIG_DECODE(ip);
    MP_BC_PRELUDE_SIZE_DECODE(ip);
    const byte *info_end = ip + n_info;
    const byte *code = info_end + n_cell;
    size_t name = mp_decode_uint_value(ip);
    for (size_t i = 0; i < 1 + n_pos_args + n_kwonly_args; ++i) {
        ip = mp_decode_uint_skip(ip);
    }
    const qstr_short_t *names = state->fun_bc->context->constants.qstr_table;
    mp_obj_t items[3] = {
        MP_OBJ_NEW_QSTR(names[0]),
        MP_OBJ_NEW_SMALL_INT(mp_bytecode_get_source_line(ip, info_end, state->ip - code)),
        MP_OBJ_NEW_QSTR(names[name]),
    };
    return mp_obj_new_tuple(3, items);
}

// frames(fun): (file, line, function) of the functions of bytecode that run, the innermost first.
// That one is `fun`, which called this. Machine code of the native emitter has no such frame.
static mp_obj_t guest_frames(mp_obj_t fun) {
    mp_obj_t frames = mp_obj_new_list(0, NULL);
    const nlr_buf_t *innermost = MP_STATE_THREAD(nlr_top);
    size_t place = innermost ? find_place(innermost, fun) : 0;
    for (const nlr_buf_t *nlr = innermost; place && nlr; nlr = nlr->prev) {
        if (is_of_vm(nlr, innermost)) {
            mp_obj_list_append(frames, describe(state_at(nlr, place)));
        }
    }
    return frames;
}
MP_DEFINE_CONST_FUN_OBJ_1(guest_frames_obj, guest_frames);

// callers(): the addresses in the image to which the C functions that run return.
static mp_obj_t guest_callers(void) {
    mp_obj_t callers = mp_obj_new_list(0, NULL);
    uint64_t rbp = (uintptr_t)__builtin_frame_address(0), caller;
    while (backtrace_next(&rbp, &caller)) {
        mp_obj_list_append(callers, mp_obj_new_int_from_ull(caller));
    }
    return callers;
}
MP_DEFINE_CONST_FUN_OBJ_0(guest_callers_obj, guest_callers);
