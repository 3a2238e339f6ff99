/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* What the VMM tells a PVH guest: hvm_start_info, versions 0 and 1, and what hangs on it.
 * See the PVH boot ABI, docs/misc/pvh.pandoc and public/arch-x86/hvm/start_info.h of Xen.
 *
 * The structures lie in memory that is "usable" and soon overwritten or unmapped, so the
 * result holds copies and no pointer. Called once, on the boot CPU, before the page
 * allocator exists; pure, so that host tests run it too. */
#ifndef MICROPY_INCLUDED_KERNEL_BOOT_INFO_H
#define MICROPY_INCLUDED_KERNEL_BOOT_INFO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/phys_ranges.h"

/* More memory map entries than this are refused: they could hold reservations. */
#define BOOT_INFO_MEMMAP_MAX 4096
#define BOOT_INFO_MODULES_MAX 4
/* The longest command line, in bytes, its NUL included. Cloud Hypervisor's limit. */
#define BOOT_INFO_CMDLINE_MAX 0x10000

/* Gives a view of `len` bytes of physical memory at `paddr` (any alignment), or NULL where
 * not all of them are readable. A view is used before the next one is asked for. */
typedef const void *(*phys_view_t)(void *ctx, uint64_t paddr, size_t len);

/* Why there is no boot_info. With anything but BOOT_INFO_OK the result holds no RAM. */
typedef enum _boot_info_status_t {
    BOOT_INFO_OK,
    BOOT_INFO_UNREADABLE,        /* start_info is not in readable memory. */
    BOOT_INFO_BAD_MAGIC,         /* Not booted by PVH. */
    BOOT_INFO_NO_MEMMAP,         /* Version 0, or version 1 without entries. */
    BOOT_INFO_MEMMAP_UNREADABLE, /* Part of the memory map is not in readable memory. */
    BOOT_INFO_MEMMAP_TOO_LONG,   /* More than BOOT_INFO_MEMMAP_MAX entries. */
    BOOT_INFO_NO_RAM,            /* No whole page of RAM in the map. */
} boot_info_status_t;

/* What was wrong and could be passed over: bits of boot_info_t.problems. */
#define BOOT_INFO_RAM_DROPPED (1u << 0)       /* More pieces of RAM than PHYS_RANGES_MAX. */
#define BOOT_INFO_RAM_BAD_ENTRY (1u << 1)     /* A RAM entry beyond 2^52: cut or left out. */
#define BOOT_INFO_MODULES_DROPPED (1u << 2)   /* More modules than BOOT_INFO_MODULES_MAX. */
#define BOOT_INFO_MODULE_BAD_ENTRY (1u << 3)  /* A module unreadable, or wrapping: left out. */
#define BOOT_INFO_CMDLINE_TRUNCATED (1u << 4) /* No NUL within the limit or readable memory. */
#define BOOT_INFO_PROBLEMS 5

typedef struct _boot_module_t {
    uint64_t paddr; /* First byte, any alignment. */
    uint64_t size;  /* In bytes, above 0; paddr + size <= 2^52. */
} boot_module_t;

typedef struct _boot_info_t {
    uint64_t rsdp_paddr;    /* 0: none given. */
    uint64_t cmdline_paddr; /* 0: none given. */
    uint32_t cmdline_len;   /* Bytes before the NUL; below BOOT_INFO_CMDLINE_MAX. */
    uint32_t problems;
    uint32_t module_count;
    boot_module_t module[BOOT_INFO_MODULES_MAX];
    /* RAM (type 1) without whatever another entry reserves, in whole 4 KiB pages. It
     * includes the kernel image, the modules and the boot structures themselves. */
    phys_ranges_t ram;
} boot_info_t;

/* Reads the start_info at `paddr`. Fills `info`, which needs no initialisation. */
boot_info_status_t boot_info_parse(boot_info_t *info, uint64_t paddr, phys_view_t view, void *ctx);

/* Copies the command line into `buf` of `size` bytes, at least 1 (all of it fits in
 * info->cmdline_len + 1), and ends it with a NUL. Returns its length. The page allocator
 * may give `buf` where it was told to leave out the command line's own memory, which lies
 * below 1 MiB on Cloud Hypervisor and QEMU. */
size_t boot_info_copy_cmdline(const boot_info_t *info, phys_view_t view, void *ctx, char *buf, size_t size);

/* An entry of the memory map as the VMM gave it: nothing in it is checked. */
typedef struct _boot_memory_t {
    uint64_t start;
    uint64_t size;
    uint32_t type; /* As E820 counts them: 1 RAM, 2 reserved, 3 ACPI tables, 4 ACPI NVS, 5 broken. */
} boot_memory_t;

/* Reads entry `index` of the memory map of the start_info at `paddr`, as long as that is whole: at any
 * time, since no one uses that memory for something else. False behind the last entry. */
bool boot_info_memory(uint64_t paddr, phys_view_t view, void *ctx, uint32_t index, boot_memory_t *entry);

/* One line for people: what is wrong, and what to do. */
const char *boot_info_status_text(boot_info_status_t status);

/* The same for bit number 0..BOOT_INFO_PROBLEMS-1 of boot_info_t.problems. */
const char *boot_info_problem_text(unsigned bit);

#endif // MICROPY_INCLUDED_KERNEL_BOOT_INFO_H
