/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Of the module _guest what looks at PCI devices. */

#include "py/runtime.h"

#include "boot/idt.h"
#include "drivers/pci.h"
#include "kernel/machine.h"
#include "modguest.h"

#define CONFIG_SIZE 256

// (segment, bus, slot, function, configuration space).
static pci_visit_t add_function(const pci_function_t *function, void *list) {
    uint32_t config[CONFIG_SIZE / sizeof(uint32_t)];
    for (unsigned i = 0; i < MP_ARRAY_SIZE(config); ++i) {
        config[i] = pci_read32(function, sizeof(uint32_t) * i);
    }
    mp_obj_t items[5] = {
        MP_OBJ_NEW_SMALL_INT(function->segment), MP_OBJ_NEW_SMALL_INT(function->bus), MP_OBJ_NEW_SMALL_INT(function->slot),
        MP_OBJ_NEW_SMALL_INT(function->function), mp_obj_new_bytes((const byte *)config, sizeof(config)),
    };
    mp_obj_list_append(MP_OBJ_FROM_PTR(list), mp_obj_new_tuple(MP_ARRAY_SIZE(items), items));
    return PCI_GO_ON;
}

// pci(): add_function() of each function.
static mp_obj_t guest_pci(void) {
    mp_obj_t list = mp_obj_new_list(0, NULL);
    pci_scan(&machine.acpi, add_function, MP_OBJ_TO_PTR(list)); // May be left by an exception.
    return list;
}
MP_DEFINE_CONST_FUN_OBJ_0(guest_pci_obj, guest_pci);

// vector(number): what it is for; None: it is nobody's.
static mp_obj_t guest_vector(mp_obj_t number) {
    mp_int_t vector = mp_obj_get_int(number);
    const char *name = vector >= 0 && vector <= UINT8_MAX ? interrupt_name(vector) : NULL;
    return name ? mp_obj_new_str_from_cstr(name) : mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_1(guest_vector_obj, guest_vector);
