/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include <string.h>

#include "boot/paging.h"
#include "kernel/application.h"
#include "kernel/board.h"
#include "kernel/cpu_state.h"
#include "kernel/machine.h"
#include "kernel/page_alloc.h"
#include "kernel/panic.h"
#include "kernel/system.h"

#define ONE_MIB 0x100000

_Static_assert(BOARD_RAM_CAP >= 4 * ONE_MIB, "MICROPY_HW_RAM_CAP is a number of bytes, 4 MiB at least");

extern const uint8_t image_start[], image_end[];

machine_t machine;

/* boot/pvh.S has mapped the first GiB, and the structures of the boot lie in it. */
static const void *boot_view(void *ctx, uint64_t paddr, size_t len) {
    (void)ctx;
    return paddr < IMAGE_LIMIT && len <= IMAGE_LIMIT - paddr ? phys_to_virt(paddr) : NULL;
}

static const void *acpi_view(void *ctx, uint64_t paddr, size_t len) {
    (void)ctx;
    return paging_map_physical(paddr, len, MAP_READ_ONLY);
}

static uint64_t new_page(page_source_t *self) {
    (void)self;
    return page_alloc(0);
}

static page_source_t page_source = { new_page };

/* The image, and the application that the ELF file carries behind it. */
static uint64_t end_of_firmware(void) {
    const application_place_t *place = application_place();
    if (!place->size) {
        return (uintptr_t)image_end;
    }
    if (place->paddr < (uintptr_t)image_end || place->paddr % PAGE_SIZE || place->paddr >= IMAGE_LIMIT
        || place->size > IMAGE_LIMIT - place->paddr) {
        panic("the application of the ELF file does not lie behind the firmware");
    }
    return place->paddr + place->size;
}

static void init_allocator(void) {
    uint64_t cmdline = machine.boot.cmdline_paddr;
    uint64_t firmware_end = end_of_firmware();
    phys_range_t excluded[4 + BOOT_INFO_MODULES_MAX] = {
        { 0, ONE_MIB }, // The boot's structures now, the trampoline of other CPUs later.
        { (uintptr_t)image_start, firmware_end },
        { cmdline, cmdline + machine.boot.cmdline_len + 1 }, // In low memory too, on the VMMs we know.
    };
    size_t count = 3;
    if (BOARD_RAM_CAP < UINT64_MAX) {
        excluded[count++] = (phys_range_t) { phys_ranges_end_of(&machine.boot.ram, BOARD_RAM_CAP), UINT64_MAX };
    }
    for (uint32_t i = 0; i < machine.boot.module_count; ++i) {
        const boot_module_t *module = &machine.boot.module[i];
        if (module->paddr < firmware_end && module->paddr + module->size > (uintptr_t)image_start) {
            panic("the initramfs lies over the firmware: give the machine more memory");
        }
        excluded[count++] = (phys_range_t) { module->paddr, module->paddr + module->size };
    }
    if (!page_alloc_init(machine.boot.ram.range, machine.boot.ram.count, excluded, count, DIRECT_MAP_BASE)) {
        panic("no free memory: " BOARD_WANTS_RAM);
    }
    page_cache_register(&kernel_cpu()->pages);
}

/* RAM beyond what the direct map has room for is left alone. */
static void limit_ram(void) {
    phys_ranges_subtract(&machine.boot.ram, DIRECT_MAP_END - DIRECT_MAP_BASE, UINT64_MAX);
}

static void map_ram(void) {
    uint64_t end = 0;
    bool ok = true;
    for (uint32_t i = 0; i < machine.boot.ram.count; ++i) {
        const phys_range_t *range = &machine.boot.ram.range[i];
        ok = ok && paging_map_direct(range->start, range->end);
        end = range->end;
    }
    if (!ok || !paging_trim_direct(end)) {
        panic("no memory for page tables: " BOARD_WANTS_RAM);
    }
}

char *machine_keep(size_t size) {
    unsigned order = 0;
    while (((size_t)PAGE_SIZE << order) < size) {
        ++order;
    }
    uint64_t pages = page_alloc(order);
    return pages ? phys_to_virt(pages) : NULL;
}

static void keep_cmdline(void) {
    size_t size = machine.boot.cmdline_len + 1;
    char *text = machine_keep(2 * size); // As it was, and split into words.
    if (!text) {
        panic("no memory for the command line");
    }
    boot_info_copy_cmdline(&machine.boot, boot_view, NULL, text, size);
    memcpy(text + size, text, size);
    machine.cmdline = text;
    cmdline_status_t status = cmdline_split(text + size, &machine.words);
    if (status != CMDLINE_OK) {
        panic(cmdline_status_text(status));
    }
}

void machine_init_memory(uint64_t start_info) {
    machine.start_info = start_info;
    boot_info_status_t status = boot_info_parse(&machine.boot, start_info, boot_view, NULL);
    if (status != BOOT_INFO_OK) {
        panic(boot_info_status_text(status));
    }
    limit_ram();
    init_allocator();
    paging_init(&page_source);
    map_ram();
    keep_cmdline();
}

/* The setting acpi=off is for a VMM whose tables lead astray. */
static bool acpi_is_wanted(void) {
    const char *setting = system_setting("acpi");
    if (setting && strcmp(setting, "off") && strcmp(setting, "on")) {
        panic("the setting acpi= is on or off");
    }
    return !setting || strcmp(setting, "off");
}

void machine_init_acpi(void) {
    acpi_init(&machine.acpi, acpi_is_wanted() ? machine.boot.rsdp_paddr : 0, acpi_view, NULL);
}

page_cache_t *page_cache_current(void) {
    return &kernel_cpu()->pages;
}

#ifdef KERNEL_DEBUG
_Noreturn void spin_misuse(const char *what) {
    panic(what);
}
#endif

void page_alloc_misuse(const char *what, uint64_t paddr, unsigned order) {
    (void)paddr;
    (void)order;
    panic(what);
}
