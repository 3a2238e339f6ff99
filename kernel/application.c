/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include <string.h>

#include "boot/paging.h"
#include "kernel/application.h"
#include "kernel/machine.h"
#include "kernel/page_alloc.h"
#include "kernel/romfs.h"

/* A longer file of settings than the longest command line is a mistake. */
#define SETTINGS_MAX BOOT_INFO_CMDLINE_MAX

/* boot/application_note.S; the compiler must not know its initial value. */
extern const application_place_t application_note;

static const void *romfs;
static size_t romfs_size;
static cmdline_t settings;
static const char *problem;

const application_place_t *application_place(void) {
    return &application_note;
}

/* What --initramfs brings goes before what the ELF file brings. */
static application_place_t find_place(void) {
    const boot_module_t *module = &machine.boot.module[0];
    return machine.boot.module_count ? (application_place_t) { module->paddr, module->size } : application_note;
}

static void read_settings(void) {
    size_t len;
    const char *text = romfs_find(romfs, romfs_size, APPLICATION_SETTINGS, &len);
    if (!text) {
        return;
    }
    char *copy = len < SETTINGS_MAX ? machine_keep(len + 1) : NULL;
    if (!copy) {
        problem = "its settings are too long";
        return;
    }
    memcpy(copy, text, len);
    copy[len] = '\0';
    if (cmdline_split(copy, &settings) != CMDLINE_OK) {
        problem = "its settings have a quote without its end";
    }
}

void application_init(void) {
    application_place_t place = find_place();
    if (!place.size) {
        return;
    }
    if (!phys_ranges_contain(&machine.boot.ram, place.paddr, place.paddr + place.size)) {
        problem = "it does not lie in memory";
        return;
    }
    romfs = phys_to_virt(place.paddr);
    romfs_size = place.size;
    romfs_status_t status = romfs_check(romfs, romfs_size);
    if (status == ROMFS_OK) {
        read_settings();
    } else {
        problem = romfs_status_text(status);
    }
    if (problem) {
        romfs = NULL;
        settings.count = 0;
    }
}

const void *application_romfs(size_t *size) {
    *size = romfs_size;
    return romfs;
}

const cmdline_t *application_settings(void) {
    return &settings;
}

const char *application_problem(void) {
    return problem;
}
