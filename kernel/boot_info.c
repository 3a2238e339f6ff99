/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include "kernel/boot_info.h"

#include <string.h>

/* struct hvm_start_info, byte offsets in the comments. Version 0 ends before memmap_paddr. */
struct hvm_start_info {
    uint32_t magic;         /* 0x00 */
    uint32_t version;       /* 0x04 */
    uint32_t flags;         /* 0x08 */
    uint32_t nr_modules;    /* 0x0c */
    uint64_t modlist_paddr; /* 0x10 */
    uint64_t cmdline_paddr; /* 0x18 */
    uint64_t rsdp_paddr;    /* 0x20 */
    uint64_t memmap_paddr;  /* 0x28 */
    uint32_t memmap_entries; /* 0x30 */
    uint32_t reserved;      /* 0x34 */
};

#define START_INFO_MAGIC 0x336ec578 /* "xEn3" with bit 7 of the E set. */
#define START_INFO_V0_SIZE offsetof(struct hvm_start_info, memmap_paddr)

struct hvm_modlist_entry {
    uint64_t paddr;
    uint64_t size;
    uint64_t cmdline_paddr;
    uint64_t reserved;
};

struct hvm_memmap_table_entry {
    uint64_t addr;
    uint64_t size;
    uint32_t type;
    uint32_t reserved;
};

#define MEMMAP_TYPE_RAM 1

#define PAGE_BYTES 4096
/* No physical address of this architecture is as high: Intel SDM volume 3, 4.1.4. */
#define PHYS_LIMIT (1ull << 52)

typedef struct _memory_t {
    phys_view_t view;
    void *ctx;
} memory_t;

/* Copies `len` bytes (the structures may lie at any alignment). */
static bool read_memory(const memory_t *memory, uint64_t paddr, void *to, size_t len) {
    if (paddr > PHYS_LIMIT - len) {
        return false;
    }
    const void *from = memory->view(memory->ctx, paddr, len);
    if (from == NULL) {
        return false;
    }
    memcpy(to, from, len);
    return true;
}

/* Item `index` (below 2^32) of an array. A base near 2^64 must not wrap back to low memory. */
static bool read_item(const memory_t *memory, uint64_t base, uint64_t index, void *to, size_t len) {
    return base <= PHYS_LIMIT && read_memory(memory, base + index * len, to, len);
}

static void add_ram(boot_info_t *info, uint64_t start, uint64_t size) {
    if (start >= PHYS_LIMIT || size > PHYS_LIMIT - start) {
        info->problems |= BOOT_INFO_RAM_BAD_ENTRY;
        /* One that wraps is nonsense as a whole; one that is merely too long is cut. */
        if (start >= PHYS_LIMIT || size > UINT64_MAX - start) {
            return;
        }
        size = PHYS_LIMIT - start;
    }
    phys_ranges_add(&info->ram, start, start + size);
}

static void reserve(boot_info_t *info, uint64_t start, uint64_t size) {
    uint64_t end = size > UINT64_MAX - start ? UINT64_MAX : start + size;
    phys_ranges_subtract(&info->ram, start, end);
}

/* Two passes, since a reservation wins against RAM wherever in the unsorted map it stands,
 * and none needs to be remembered so. */
static boot_info_status_t parse_memmap(boot_info_t *info, const memory_t *memory, uint64_t paddr, uint32_t count) {
    if (paddr == 0 || count == 0) {
        return BOOT_INFO_NO_MEMMAP;
    }
    if (count > BOOT_INFO_MEMMAP_MAX) {
        return BOOT_INFO_MEMMAP_TOO_LONG;
    }
    for (int pass = 0; pass < 2; pass++) {
        for (uint32_t i = 0; i < count; i++) {
            struct hvm_memmap_table_entry entry;
            if (!read_item(memory, paddr, i, &entry, sizeof(entry))) {
                return BOOT_INFO_MEMMAP_UNREADABLE;
            }
            bool is_ram = entry.type == MEMMAP_TYPE_RAM;
            if (pass == 0 && is_ram) {
                add_ram(info, entry.addr, entry.size);
            } else if (pass == 1 && !is_ram) {
                reserve(info, entry.addr, entry.size);
            }
        }
    }
    phys_ranges_round_inwards(&info->ram, PAGE_BYTES);
    if (info->ram.dropped) {
        info->problems |= BOOT_INFO_RAM_DROPPED;
    }
    return info->ram.count == 0 ? BOOT_INFO_NO_RAM : BOOT_INFO_OK;
}

static void parse_modules(boot_info_t *info, const memory_t *memory, uint64_t paddr, uint32_t count) {
    if (count > BOOT_INFO_MODULES_MAX) {
        info->problems |= BOOT_INFO_MODULES_DROPPED;
        count = BOOT_INFO_MODULES_MAX;
    }
    for (uint32_t i = 0; i < count; i++) {
        struct hvm_modlist_entry entry;
        if (!read_item(memory, paddr, i, &entry, sizeof(entry))
            || entry.paddr > PHYS_LIMIT || entry.size > PHYS_LIMIT - entry.paddr) {
            info->problems |= BOOT_INFO_MODULE_BAD_ENTRY;
        } else if (entry.size > 0) {
            info->module[info->module_count++] = (boot_module_t) { entry.paddr, entry.size };
        }
    }
}

/* Measures the string page by page: what lies behind its last page may not be readable. */
static void parse_cmdline(boot_info_t *info, const memory_t *memory, uint64_t paddr) {
    info->cmdline_paddr = paddr;
    if (paddr == 0) {
        return;
    }
    uint32_t len = 0;
    while (len < BOOT_INFO_CMDLINE_MAX && paddr + len >= paddr) {
        size_t chunk = PAGE_BYTES - ((paddr + len) & (PAGE_BYTES - 1));
        if (chunk > BOOT_INFO_CMDLINE_MAX - len) {
            chunk = BOOT_INFO_CMDLINE_MAX - len;
        }
        const char *text = memory->view(memory->ctx, paddr + len, chunk);
        if (text == NULL) {
            break;
        }
        for (size_t i = 0; i < chunk; i++) {
            if (text[i] == '\0') {
                info->cmdline_len = len + i;
                return;
            }
        }
        len += chunk;
    }
    info->problems |= BOOT_INFO_CMDLINE_TRUNCATED;
    info->cmdline_len = len < BOOT_INFO_CMDLINE_MAX ? len : BOOT_INFO_CMDLINE_MAX - 1;
}

boot_info_status_t boot_info_parse(boot_info_t *info, uint64_t paddr, phys_view_t view, void *ctx) {
    memory_t memory = { view, ctx };
    info->rsdp_paddr = 0;
    info->cmdline_paddr = 0;
    info->cmdline_len = 0;
    info->problems = 0;
    info->module_count = 0;
    phys_ranges_clear(&info->ram);

    struct hvm_start_info start_info;
    if (!read_memory(&memory, paddr, &start_info, START_INFO_V0_SIZE)) {
        return BOOT_INFO_UNREADABLE;
    }
    if (start_info.magic != START_INFO_MAGIC) {
        return BOOT_INFO_BAD_MAGIC;
    }
    info->rsdp_paddr = start_info.rsdp_paddr;
    parse_cmdline(info, &memory, start_info.cmdline_paddr);
    parse_modules(info, &memory, start_info.modlist_paddr, start_info.nr_modules);
    if (start_info.version == 0) {
        return BOOT_INFO_NO_MEMMAP;
    }
    /* Versions above 1 only add fields behind these. */
    if (!read_memory(&memory, paddr, &start_info, sizeof(start_info))) {
        return BOOT_INFO_UNREADABLE;
    }
    boot_info_status_t status = parse_memmap(info, &memory, start_info.memmap_paddr, start_info.memmap_entries);
    if (status != BOOT_INFO_OK) {
        phys_ranges_clear(&info->ram);
    }
    return status;
}

size_t boot_info_copy_cmdline(const boot_info_t *info, phys_view_t view, void *ctx, char *buf, size_t size) {
    size_t len = info->cmdline_len < size ? info->cmdline_len : size - 1;
    const void *text = len > 0 ? view(ctx, info->cmdline_paddr, len) : NULL;
    if (text == NULL) {
        len = 0;
    } else {
        memcpy(buf, text, len);
    }
    buf[len] = '\0';
    return len;
}

bool boot_info_memory(uint64_t paddr, phys_view_t view, void *ctx, uint32_t index, boot_memory_t *entry) {
    memory_t memory = { view, ctx };
    struct hvm_start_info start_info;
    struct hvm_memmap_table_entry item;
    if (!read_memory(&memory, paddr, &start_info, sizeof(start_info))
        || start_info.magic != START_INFO_MAGIC || start_info.version == 0
        || start_info.memmap_entries > BOOT_INFO_MEMMAP_MAX || index >= start_info.memmap_entries
        || !read_item(&memory, start_info.memmap_paddr, index, &item, sizeof(item))) {
        return false;
    }
    *entry = (boot_memory_t) { item.addr, item.size, item.type };
    return true;
}

const char *boot_info_status_text(boot_info_status_t status) {
    switch (status) {
        case BOOT_INFO_OK:
            return "boot information is complete";
        case BOOT_INFO_UNREADABLE:
            return "the PVH start_info is not in readable memory";
        case BOOT_INFO_BAD_MAGIC:
            return "no PVH start_info: boot this ELF file by its PVH note (--kernel)";
        case BOOT_INFO_NO_MEMMAP:
            return "the PVH start_info has no memory map (version 0): use a newer VMM";
        case BOOT_INFO_MEMMAP_UNREADABLE:
            return "the memory map is not in readable memory";
        case BOOT_INFO_MEMMAP_TOO_LONG:
            return "the memory map has more than 4096 entries";
        case BOOT_INFO_NO_RAM:
            return "the memory map has no RAM";
    }
    return "?";
}

const char *boot_info_problem_text(unsigned bit) {
    switch (1u << bit) {
        case BOOT_INFO_RAM_DROPPED:
            return "the memory map is in too many pieces: some RAM stays unused";
        case BOOT_INFO_RAM_BAD_ENTRY:
            return "the memory map has RAM beyond any physical address: not used";
        case BOOT_INFO_MODULES_DROPPED:
            return "more than 4 boot modules: the others are not seen";
        case BOOT_INFO_MODULE_BAD_ENTRY:
            return "a boot module has an impossible address or size: not seen";
        case BOOT_INFO_CMDLINE_TRUNCATED:
            return "the command line has no end: cut";
    }
    return "?";
}
