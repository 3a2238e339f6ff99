/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include <string.h>

#include "boot/cpu.h"
#include "boot/paging.h"

#define ENTRIES 512
#define GIGABYTE_PAGE (1ull << 30)

/* Made by boot/pvh.S. They lie in the image, where physical is virtual. */
extern uint64_t boot_pml4[ENTRIES], boot_pdpt_low[ENTRIES], boot_pd[ENTRIES];

/* Set by the linker script. */
extern const uint8_t image_start[], rodata_start[], data_start[], image_end[];

/* An unmapped page below the stack of the boot: boot/pvh.S. */
extern const uint8_t boot_stack_guard[], boot_stack[];

static page_source_t *kernel_source;

uint64_t paging_new_page(void) {
    return kernel_source->take(kernel_source);
}

static uint64_t new_table(page_source_t *source) {
    uint64_t paddr = source->take(source);
    if (paddr) {
        memset(phys_to_virt(paddr), 0, PAGE_SIZE);
    }
    return paddr;
}

static uint64_t *table_of(uint64_t entry) {
    return phys_to_virt(entry & PTE_ADDRESS);
}

/* The entry for `virt` at `level` (1: 4 KiB pages, 2: 2 MiB, 3: 1 GiB), with the tables
 * above made where there is a source. NULL where they are missing or a larger page is there. */
static uint64_t *entry_at(uint64_t *root, uintptr_t virt, unsigned level, page_source_t *source) {
    uint64_t *table = root;
    for (unsigned at = 4;; --at) {
        uint64_t *entry = &table[virt >> (12 + 9 * (at - 1)) & (ENTRIES - 1)];
        if (at == level) {
            return entry;
        }
        if (!(*entry & PTE_PRESENT)) {
            uint64_t paddr = source ? new_table(source) : 0;
            if (!paddr) {
                return NULL;
            }
            // Rights are those of the last level.
            *entry = paddr | PTE_PRESENT | PTE_WRITABLE;
        } else if (*entry & PTE_LARGE) {
            return NULL;
        }
        table = table_of(*entry);
    }
}

/* CPUID.80000001H:EDX[26]. Asked only by a machine with as much memory: it is an exit. */
static bool has_gigabyte_pages(void) {
    return cpuid(0x80000001, 0).edx & (1u << 26);
}

static unsigned largest_level(uintptr_t virt, uint64_t paddr, size_t len, bool gigabyte_pages) {
    uint64_t both = virt | paddr;
    if (gigabyte_pages && len >= GIGABYTE_PAGE && !(both & (GIGABYTE_PAGE - 1))) {
        return 3;
    }
    return !(both & (LARGE_PAGE_SIZE - 1)) && len >= LARGE_PAGE_SIZE ? 2 : 1;
}

bool paging_map(uint64_t *root, uintptr_t virt, uint64_t paddr, size_t len, uint64_t rights, bool large) {
    uint64_t *entry = NULL;
    bool gigabyte_pages = large && len >= GIGABYTE_PAGE && has_gigabyte_pages();
    while (len) {
        unsigned level = large ? largest_level(virt, paddr, len, gigabyte_pages) : 1;
        size_t step = (size_t)PAGE_SIZE << 9 * (level - 1);
        // The next entry of the same table follows the last one.
        if (level == 1 && entry && (virt & (LARGE_PAGE_SIZE - 1))) {
            ++entry;
        } else {
            entry = entry_at(root, virt, level, kernel_source);
            if (!entry) {
                return false;
            }
        }
        bool was_present = *entry & PTE_PRESENT;
        *entry = paddr | rights | (level > 1 ? PTE_LARGE : 0);
        if (was_present) {
            invlpg(virt);
        }
        virt += step;
        paddr += step;
        len -= step;
    }
    return true;
}

static bool map_one(uint64_t *entry, uint64_t value) {
    if (entry) {
        *entry = value;
    }
    return entry;
}

bool paging_map_page(uint64_t *root, uintptr_t virt, uint64_t paddr, uint64_t rights, page_source_t *source) {
    return map_one(entry_at(root, virt, 1, source), paddr | rights);
}

bool paging_map_large_page(uint64_t *root, uintptr_t virt, uint64_t paddr, uint64_t rights, page_source_t *source) {
    return map_one(entry_at(root, virt, 2, source), paddr | rights | PTE_LARGE);
}

/* Empties an entry. Returns what it pointed to, where that is of the kind wanted, else 0. */
static uint64_t take_out(uint64_t *entry, uintptr_t virt, uint64_t large) {
    if (!entry || !(*entry & PTE_PRESENT) || (*entry & PTE_LARGE) != large) {
        return 0;
    }
    uint64_t paddr = *entry & PTE_ADDRESS;
    *entry = 0;
    // Of an upper entry too, the CPU may hold a copy: SDM volume 3, 4.10.2 and 4.10.4.1.
    invlpg(virt);
    return paddr;
}

uint64_t paging_unmap(uint64_t *root, uintptr_t virt) {
    return take_out(entry_at(root, virt, 1, NULL), virt, 0); // Bit 7 is the PAT's there, never set.
}

uint64_t paging_unmap_large(uint64_t *root, uintptr_t virt) {
    return take_out(entry_at(root, virt, 2, NULL), virt, PTE_LARGE);
}

uint64_t paging_remove_table(uint64_t *root, uintptr_t virt) {
    return take_out(entry_at(root, virt, 2, NULL), virt, 0);
}

uint64_t paging_lookup(uint64_t *root, uintptr_t virt, size_t *page_size) {
    uint64_t *table = root;
    for (unsigned at = 4; at; --at) {
        unsigned shift = 12 + 9 * (at - 1);
        uint64_t entry = table[virt >> shift & (ENTRIES - 1)];
        *page_size = (size_t)1 << shift;
        if (!(entry & PTE_PRESENT)) {
            return 0;
        }
        if (at == 1 || entry & PTE_LARGE) {
            return entry;
        }
        table = table_of(entry);
    }
    return 0;
}

uint64_t paging_rights(uint64_t *root, uintptr_t virt) {
    uint64_t writable = PTE_WRITABLE, nx = 0;
    uint64_t *table = root;
    for (unsigned at = 4; at; --at) {
        uint64_t entry = table[virt >> (12 + 9 * (at - 1)) & (ENTRIES - 1)];
        writable &= entry;
        nx |= entry & PTE_NX;
        if (!(entry & PTE_PRESENT) || entry & PTE_LARGE) {
            break;
        }
        table = table_of(entry);
    }
    return writable | nx;
}

uint64_t *paging_current_root(void) {
    return table_of(read_cr3());
}

bool paging_readable(uintptr_t virt, size_t len) {
    uintptr_t end = virt + len;
    if (end < virt || !paging_is_canonical(virt)) {
        return false;
    }
    while (virt < end) {
        size_t size;
        if (!paging_lookup(paging_current_root(), virt, &size)) {
            return false;
        }
        virt = (virt & ~(size - 1)) + size;
    }
    return true;
}

uint64_t *paging_boot_root(void) {
    return boot_pml4;
}

uint64_t paging_cr3(const uint64_t *root) {
    uintptr_t at = (uintptr_t)root;
    return at < DIRECT_MAP_BASE ? at : virt_to_phys(root);
}

uint64_t *paging_new_root(uint64_t root_page, uint64_t low_page) {
    uint64_t *root = memset(phys_to_virt(root_page), 0, PAGE_SIZE);
    uint64_t *low = memset(phys_to_virt(low_page), 0, PAGE_SIZE);
    memcpy(root + ENTRIES / 2, boot_pml4 + ENTRIES / 2, ENTRIES / 2 * sizeof(*root));
    low[0] = boot_pdpt_low[0]; // The image.
    root[0] = low_page | PTE_PRESENT | PTE_WRITABLE;
    return root;
}

/* `level` as in entry_at(). */
static void free_table(uint64_t *table, unsigned level, size_t count, void (*give_back)(uint64_t, unsigned)) {
    for (size_t i = 0; i < count; ++i) {
        if (!(table[i] & PTE_PRESENT)) {
            continue;
        }
        if (level > 1 && !(table[i] & PTE_LARGE)) {
            free_table(table_of(table[i]), level - 1, ENTRIES, give_back);
        } else {
            give_back(table[i] & PTE_ADDRESS, 9 * (level - 1));
        }
    }
    give_back(virt_to_phys(table), 0);
}

void paging_free_root(uint64_t *root, void (*give_back)(uint64_t paddr, unsigned order)) {
    table_of(root[0])[0] = 0; // The image stays.
    free_table(root, 4, ENTRIES / 2, give_back);
}

/* The image runs while its own map is made, so that is made one GiB higher, and then moved
 * down in one store. */
static void map_image(const uint8_t *start, const uint8_t *end, uint64_t rights) {
    uintptr_t first = (uintptr_t)start & ~(uintptr_t)(PAGE_SIZE - 1);
    if (!paging_map(boot_pml4, first + IMAGE_LIMIT, first, (uintptr_t)end - first, rights | PTE_GLOBAL, false)) {
        __builtin_trap();
    }
}

void paging_init(page_source_t *source) {
    kernel_source = source;

    map_image(image_start, rodata_start, MAP_EXECUTE);
    map_image(rodata_start, data_start, MAP_READ_ONLY);
    map_image(data_start, boot_stack_guard, MAP_WRITE);
    map_image(boot_stack, image_end, MAP_WRITE);
    boot_pdpt_low[0] = boot_pdpt_low[1];
    boot_pdpt_low[1] = 0;
    write_cr3((uintptr_t)boot_pml4);
}

bool paging_map_direct(uint64_t start, uint64_t end) {
    // boot/pvh.S has mapped the first GiB.
    start = start < GIGABYTE_PAGE ? GIGABYTE_PAGE : start;
    return start >= end
           || paging_map(boot_pml4, DIRECT_MAP_BASE + start, start, end - start, MAP_WRITE | PTE_GLOBAL, true);
}

bool paging_trim_direct(uint64_t end) {
    if (end >= GIGABYTE_PAGE) {
        return true;
    }
    uint64_t large_end = end & ~(uint64_t)(LARGE_PAGE_SIZE - 1);
    uint64_t last = 0;
    if (end > large_end) {
        // Complete before it replaces the large page: it lies in that page itself, perhaps.
        uint64_t paddr = new_table(kernel_source);
        if (!paddr) {
            return false;
        }
        uint64_t *table = phys_to_virt(paddr);
        for (uint64_t at = large_end; at < end; at += PAGE_SIZE) {
            *table++ = at | MAP_WRITE | PTE_GLOBAL;
        }
        last = paddr | PTE_PRESENT | PTE_WRITABLE;
    }
    for (size_t i = large_end / LARGE_PAGE_SIZE; i < ENTRIES; ++i) {
        boot_pd[i] = last;
        last = 0;
    }
    invlpg(DIRECT_MAP_BASE + large_end);
    return true;
}
