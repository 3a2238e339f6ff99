/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* The parts of the module _guest, a file for each topic. The package modules/guest checks what is given to
 * them and explains what they return; they crash for nothing, but name no mistake. */
#ifndef MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_MODGUEST_H
#define MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_MODGUEST_H

#include "py/obj.h"

// modguest_memory.c
MP_DECLARE_CONST_FUN_OBJ_1(guest_range_obj);
MP_DECLARE_CONST_FUN_OBJ_1(guest_use_obj);
MP_DECLARE_CONST_FUN_OBJ_0(guest_pages_obj);
MP_DECLARE_CONST_FUN_OBJ_1(guest_mapping_obj);
MP_DECLARE_CONST_FUN_OBJ_0(guest_heap_obj);
MP_DECLARE_CONST_FUN_OBJ_2(guest_peek_obj);
MP_DECLARE_CONST_FUN_OBJ_3(guest_poke_obj);
MP_DECLARE_CONST_FUN_OBJ_1(guest_physical_obj);

// modguest_activity.c
MP_DECLARE_CONST_FUN_OBJ_1(guest_cpu_obj);
MP_DECLARE_CONST_FUN_OBJ_1(guest_interpreter_obj);
MP_DECLARE_CONST_FUN_OBJ_2(guest_thread_obj);

// modguest_frames.c
MP_DECLARE_CONST_FUN_OBJ_1(guest_frames_obj);
MP_DECLARE_CONST_FUN_OBJ_0(guest_callers_obj);

// modguest_pci.c
MP_DECLARE_CONST_FUN_OBJ_0(guest_pci_obj);
MP_DECLARE_CONST_FUN_OBJ_1(guest_vector_obj);

// modguest_network.c
MP_DECLARE_CONST_FUN_OBJ_1(guest_interface_obj);
MP_DECLARE_CONST_FUN_OBJ_2(guest_connection_obj);

#endif // MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_MODGUEST_H
