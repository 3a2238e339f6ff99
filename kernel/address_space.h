/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* What of an address space is private: demand-zero areas, whose pages come as they are touched.
 *
 * What an area promises is reserved when it is made, page tables included, so that a page
 * fault in it always finds a page. */
#ifndef MICROPY_INCLUDED_KERNEL_ADDRESS_SPACE_H
#define MICROPY_INCLUDED_KERNEL_ADDRESS_SPACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "boot/paging.h"
#include "boot/spinlock.h"

#define AREAS_PER_BLOCK 64

/* A demand-zero area, [start, end), whole pages. One that is dropped shares the page table of its
 * 2 MiB with no other. */
typedef struct _area_t {
    page_source_t source;  /* Of page tables: the promised ones. */
    uintptr_t start, end;  /* Both 0: a free slot. */
    size_t pages_promised; /* Pages not touched yet. */
    size_t tables_promised;
    bool large;            /* Comes by 2 MiB at a time, as far as memory is in one piece. */
} area_t;

/* More come when all slots of the last one are taken, each in a page of its own. */
typedef struct _area_block_t {
    struct _area_block_t *next;
    area_t area[AREAS_PER_BLOCK];
} area_block_t;

typedef struct _address_space_t {
    uint64_t *root;      /* Page tables, in the direct map. */
    uint64_t cr3;        /* What CR3 is loaded with: their address, and the PCID; 0: whatever it is. */
    spinlock_t lock;     /* All below. Taken by the page-fault handler: spin_lock_nofault_outer(). */
    area_block_t areas;
} address_space_t;

/* That of the boot, made of zeroed memory. Who runs in it loads `cr3`. */
void address_space_adopt(address_space_t *space);

/* The part of it that all others have too: what is taken out there every CPU forgets. */
void address_space_share(address_space_t *space);

/* An address space with no area, its high half and the image as everywhere, made of zeroed memory. False where
 * memory is missing. Thread context. */
bool address_space_init(address_space_t *space);

/* Gives back all that it has, its page tables too. Nobody runs in it, or will. Thread context, of another one. */
void address_space_end(address_space_t *space);

/* Makes [start, start + size) demand-zero; by 2 MiB pages where `large`. False where memory is missing; nothing
 * is changed then. Thread context, of any address space. */
bool address_space_add(address_space_t *space, uintptr_t start, size_t size, bool large);

/* The lowest place in [start, end) for an area of `size` bytes that shares no page table with those that are
 * there; 0 where there is none. As long as nobody else adds one. `start` is a multiple of 2 MiB. */
uintptr_t address_space_find_hole(address_space_t *space, uintptr_t start, uintptr_t end, size_t size);

/* Where some area in [start, end) begins; 0 where there is none. */
uintptr_t address_space_find_area(address_space_t *space, uintptr_t start, uintptr_t end);

/* The memory that address_space_add() needs for an area of `size` bytes, in pages. */
size_t address_space_cost(size_t size);

/* Gives all pages of the area at `start` back, and the area itself unless `keep`: it is then as
 * new. Nobody may use it meanwhile. Thread context. */
void address_space_drop(address_space_t *space, uintptr_t start, bool keep);

/* Gives the pages of [start, end), a part of an area of ADDRESS_SPACE_RENEWED pages at most, back to the
 * area: it is as new there. The page-fault handler may call it. */
#define ADDRESS_SPACE_RENEWED 8
void address_space_renew(address_space_t *space, uintptr_t start, uintptr_t end);

/* Serves a page fault at `address`: true where it lies in an area and has a page now. */
bool address_space_fault(address_space_t *space, uintptr_t address);

/* Bytes of memory that its areas have touched. */
size_t address_space_used(address_space_t *space);

/* The end of the area that `address` lies in, or 0. */
uintptr_t address_space_area_end(address_space_t *space, uintptr_t address);

#endif // MICROPY_INCLUDED_KERNEL_ADDRESS_SPACE_H
