/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include <string.h>

#include "boot/cpu.h"
#include "boot/paging.h"
#include "drivers/power.h"
#include "drivers/smbios.h"
#include "kernel/application.h"
#include "kernel/interpreters.h"
#include "kernel/machine.h"
#include "kernel/page_alloc.h"
#include "kernel/panic.h"
#include "kernel/system.h"

/* Set by the linker script; as `readelf -n` shows it: a header, the hash. */
extern const uint8_t build_id_note[];

#define NOTE_HEADER_SIZE 16

_Noreturn void system_power_off(void) {
    interrupts_disable();
    power_off(&machine.acpi);
    panic("the machine did not power off");
}

_Noreturn void system_reset(void) {
    interrupts_disable();
    power_reset(&machine.acpi);
    cpu_stop();
}

static bool stopping;

bool system_ask_to_stop(void) {
    if (__atomic_exchange_n(&stopping, true, __ATOMIC_SEQ_CST)) {
        return false;
    }
    interpreter_t *first = interpreter_find(0);
    interpreter_interrupt(first);
    interpreter_release(first);
    return true;
}

bool system_is_stopping(void) {
    return __atomic_load_n(&stopping, __ATOMIC_SEQ_CST);
}

const char *system_setting(const char *name) {
    const char *value = machine.words.words ? cmdline_setting(&machine.words, name) : NULL;
    return value ? value : cmdline_setting(application_settings(), name);
}

static void check_settings(const cmdline_t *words, const char *const *names, size_t count) {
    static char text[100] = "the setting is not known: ";
    const char *unknown = cmdline_unknown(words, names, count);
    if (unknown) {
        size_t len = strlen(text);
        strncpy(text + len, unknown, sizeof(text) - 1 - len);
        panic(text);
    }
}

void system_check_settings(const char *const *names, size_t count) {
    check_settings(&machine.words, names, count);
    check_settings(application_settings(), names, count);
}

const cmdline_t *system_words(void) {
    return &machine.words;
}

const char *system_cmdline(void) {
    return machine.cmdline;
}

size_t system_ram_bytes(void) {
    return page_total_count() * PAGE_SIZE;
}

size_t system_ram_free_bytes(void) {
    return page_available_count() * PAGE_SIZE;
}

unsigned system_cpu_count(void) {
    return machine.acpi.cpu_enabled_count ? machine.acpi.cpu_enabled_count : 1;
}

const char *system_vmm_name(void) {
    if (!strcmp(machine.acpi.oem_id, "CLOUDH")) {
        return "Cloud Hypervisor";
    }
    if (!strncmp(machine.acpi.oem_id, "BOCHS", 5)) {
        return "QEMU";
    }
    return machine.acpi.oem_id[0] ? machine.acpi.oem_id : "unknown VMM";
}

const uint8_t *system_build_id(void) {
    return build_id_note + NOTE_HEADER_SIZE;
}

static const void *smbios_view(void *ctx, uint64_t paddr, size_t len) {
    (void)ctx;
    return paging_map_physical(paddr, len, MAP_READ_ONLY);
}

const uint8_t *system_uuid(void) {
    static uint8_t uuid[SMBIOS_UUID_SIZE];
    return smbios_system_uuid(smbios_view, NULL, uuid) ? uuid : NULL;
}
