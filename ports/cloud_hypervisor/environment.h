/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* os.environ, a plain dict, from the words NAME=value of the application's settings and of the command
 * line, which goes before them. */
#ifndef MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_ENVIRONMENT_H
#define MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_ENVIRONMENT_H

#include "py/obj.h"

// Forgets the dict. Once a session.
void environment_init(void);

// The dict, filled when it is first asked for: most programs never do.
mp_obj_t environment(void);

// os.cpu_count: modos.c.
MP_DECLARE_CONST_FUN_OBJ_0(mp_os_cpu_count_obj);

#endif // MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_ENVIRONMENT_H
