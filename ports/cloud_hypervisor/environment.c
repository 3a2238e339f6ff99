/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include <string.h>

#include "py/runtime.h"

#include "disk_mount.h"
#include "environment.h"
#include "kernel/application.h"
#include "kernel/system.h"

#if MICROPY_PY_OS

#if !MICROPY_MODULE_ATTR_DELEGATION
#error "os.environ wants MICROPY_MODULE_ATTR_DELEGATION"
#endif

static void add(mp_obj_t dict, const cmdline_t *words) {
    cmdline_walk_t walk = cmdline_begin(words);
    const char *word;
    while ((word = cmdline_walk(&walk, CMDLINE_VARIABLE))) {
        const char *value = strchr(word, '=') + 1;
        mp_obj_dict_store(dict, mp_obj_new_str(word, value - 1 - word), mp_obj_new_str(value, strlen(value)));
    }
}

void environment_init(void) {
    MP_STATE_VM(environ) = MP_OBJ_NULL;
}

mp_obj_t environment(void) {
    if (MP_STATE_VM(environ) == MP_OBJ_NULL) {
        mp_obj_t dict = mp_obj_new_dict(0);
        add(dict, application_settings());
        add(dict, system_words());
        MP_STATE_VM(environ) = dict;
    }
    return MP_STATE_VM(environ);
}

// What extmod/modos.c has no entry for.
void os_attr(mp_obj_t self, qstr attr, mp_obj_t *dest);
void os_attr(mp_obj_t self, qstr attr, mp_obj_t *dest) {
    (void)self;
    if (dest[0] != MP_OBJ_NULL) {
        return;
    }
    if (attr == MP_QSTR_environ) {
        dest[0] = environment();
    } else if (attr == MP_QSTR_cpu_count || attr == MP_QSTR_process_cpu_count) {
        dest[0] = MP_OBJ_FROM_PTR(&mp_os_cpu_count_obj);
    #if MICROPY_PY_MACHINE_DISK
    } else if (attr == MP_QSTR_sync) {
        dest[0] = MP_OBJ_FROM_PTR(&disk_sync_obj);
    #endif
    }
}

MP_REGISTER_MODULE_DELEGATION(mp_module_os, os_attr);
MP_REGISTER_ROOT_POINTER(mp_obj_t environ);

#endif // MICROPY_PY_OS
