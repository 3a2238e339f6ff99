/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* MicroPython looks at the stack's end where Python calls Python. C that calls itself, as when two
 * deep lists are compared, just runs over it; that becomes the same exception here. */

#include "py/gc.h"
#include "py/runtime.h"

#include "stack_overrun.h"

// On another stack than the program's, which a collection would look for above this one.
_Noreturn void stack_overrun(void) {
    uint16_t enabled = MP_STATE_MEM(gc_auto_collect_enabled);
    MP_STATE_MEM(gc_auto_collect_enabled) = 0;
    mp_obj_t exception = mp_obj_new_exception_arg1(&mp_type_RuntimeError,
        MP_OBJ_NEW_QSTR(MP_QSTR_maximum_space_recursion_space_depth_space_exceeded));
    MP_STATE_MEM(gc_auto_collect_enabled) = enabled;
    nlr_raise(exception);
}
