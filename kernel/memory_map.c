/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include "boot/paging.h"
#include "kernel/application.h"
#include "kernel/machine.h"
#include "kernel/memory_map.h"

#define ONE_MIB 0x100000

#define CACHING (PTE_WRITE_THROUGH | PTE_CACHE_DISABLE)

/* Set by the linker script. */
extern const uint8_t image_start[], rodata_start[], data_start[], image_end[];

/* The VMM's structures lie in the first GiB, as at the boot; what is no RAM there is not ours to read. */
static const void *low_view(void *ctx, uint64_t paddr, size_t len) {
    (void)ctx;
    bool readable = paddr < IMAGE_LIMIT && len <= IMAGE_LIMIT - paddr && paging_readable(DIRECT_MAP_BASE + paddr, len);
    return readable ? phys_to_virt(paddr) : NULL;
}

bool memory_map_entry(uint32_t index, boot_memory_t *entry) {
    return boot_info_memory(machine.start_info, low_view, NULL, index, entry);
}

bool memory_map_use(uint32_t index, memory_use_t *use) {
    const application_place_t *application = application_place();
    const memory_use_t fixed[] = {
        { 0, ONE_MIB, "left alone: structures of the boot" },
        { (uintptr_t)image_start, (uintptr_t)image_end, "the image" },
        { application->paddr, application->paddr + application->size, "the application in the ELF file" },
    };
    uint32_t count = sizeof(fixed) / sizeof(fixed[0]) - (application->size == 0);
    if (index < count) {
        *use = fixed[index];
    } else if (index - count < machine.boot.module_count) {
        const boot_module_t *module = &machine.boot.module[index - count];
        *use = (memory_use_t) { module->paddr, module->paddr + module->size, "the initramfs" };
    } else {
        return false;
    }
    return true;
}

static const char *name_of(uintptr_t address) {
    const struct {
        uintptr_t end;
        const char *name;
    } places[] = { // In order.
        { (uintptr_t)rodata_start, "the image: code" },
        { (uintptr_t)data_start, "the image: constants" },
        { (uintptr_t)image_end, "the image: the kernel's data" },
        { WINDOW_DATA_END, "the interpreter's data" },
        { WINDOW_STACK_END, "the interpreter's stack" },
        { WINDOW_EXEC_END, "machine code made at run time" },
        { WINDOW_HEAP_END, "heap" },
        { WINDOW_END, NULL },
        { HEAP_EXTENSION_END, "heap" },
        { AREA_END, "a RAM disk" },
        { DIRECT_MAP_BASE - 1, NULL },
        { DIRECT_MAP_END, "all RAM" },
        { MMIO_END, "devices and firmware tables" },
        { KERNEL_STACK_BASE, NULL },
        { KERNEL_STACK_END, "the kernel's stacks" },
        { SHARED_BASE, NULL },
        { SHARED_END, "shared memory" },
    };
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); ++i) {
        if (address < places[i].end) {
            return places[i].name;
        }
    }
    return NULL;
}

/* Where the next page or hole begins: behind `hole` bytes at `at`. 0 behind the last one. */
static uintptr_t behind(uintptr_t at, size_t hole) {
    uintptr_t next = (at & ~(hole - 1)) + hole;
    return next && !paging_is_canonical(next) ? DIRECT_MAP_BASE : next;
}

/* As paging_lookup(): where there is a page, its address and its rights in the end. */
static uint64_t look_up(uintptr_t at, size_t *size) {
    uint64_t *root = paging_current_root();
    uint64_t entry = paging_lookup(root, at, size);
    return entry ? (entry & (PTE_ADDRESS | PTE_PRESENT | CACHING)) | paging_rights(root, at) : 0;
}

bool memory_map_next(uint64_t from, mapping_t *mapping) {
    uintptr_t at = paging_is_canonical(from) ? from : DIRECT_MAP_BASE;
    uint64_t entry;
    size_t size;
    while (!(entry = look_up(at, &size))) {
        at = behind(at, size);
        if (!at) {
            return false;
        }
    }
    at &= ~(size - 1);
    *mapping = (mapping_t) { at, at + size, entry, true, name_of(at) };
    for (;;) {
        uint64_t expected = (entry & PTE_ADDRESS) + size;
        at = mapping->end;
        bool is_next = at && paging_is_canonical(at) && (entry = look_up(at, &size));
        if (!is_next || (entry ^ mapping->entry) & ~PTE_ADDRESS || name_of(at) != mapping->name) {
            return true;
        }
        mapping->in_order = mapping->in_order && (entry & PTE_ADDRESS) == expected;
        mapping->end = at + size;
    }
}
