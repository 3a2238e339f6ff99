/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* The fixed virtual address layout, the same in every address space but for the
 * interpreter's slots. Plain constants: C, assembly and the linker script read them. */
#ifndef MICROPY_INCLUDED_BOOT_LAYOUT_H
#define MICROPY_INCLUDED_BOOT_LAYOUT_H

#define PAGE_SHIFT 12
#define PAGE_SIZE 0x1000
#define LARGE_PAGE_SIZE 0x200000

#define BOOT_STACK_SIZE 0x4000

/* First GiB: the image at its link address, nothing else. */
#define IMAGE_LIMIT 0x40000000

/* Second GiB: the interpreter window, private to each interpreter. The code model
 * wants its data within +-2 GiB of the text, so it has to lie here. */
#define WINDOW_BASE 0x40000000
#define WINDOW_DATA WINDOW_BASE
#define WINDOW_DATA_END 0x40080000
#define WINDOW_OVERRUN_STACK 0x40081000 /* What runs here: kernel/interpreter.h. */
#define WINDOW_OVERRUN_STACK_END 0x40089000
#define WINDOW_STACK_END 0x401ff000 /* Of the main thread; under one page table with the data. */
#define WINDOW_EXEC 0x44000000
#define WINDOW_EXEC_END 0x48000000
#define WINDOW_HEAP 0x48000000
#define WINDOW_HEAP_END 0x70000000
#define WINDOW_END 0x80000000

/* PML4 slot 1: heap beyond the window, private to each interpreter. Only data that is
 * reached by pointers lies here, so the code model does not mind. */
#define HEAP_EXTENSION_BASE 0x8000000000
#define HEAP_EXTENSION_END 0x10000000000

/* PML4 slot 2: other memory of the interpreter, which outlives a soft reset. */
#define AREA_BASE 0x10000000000
#define STACKS_BASE 0x14000000000 /* From here on stacks of its other threads. */
#define AREA_END 0x18000000000

/* High half: the same in every address space. */
#define DIRECT_MAP_BASE 0xffff800000000000 /* All RAM, up to 64 TiB. */
#define DIRECT_MAP_END 0xffffc00000000000
/* These two share a page directory. */
#define MMIO_BASE 0xffffc00000000000 /* Device registers and ACPI tables, mapped on demand. */
#define MMIO_END 0xffffc0001ffff000
#define PHYSICAL_VIEW 0xffffc0001ffff000 /* One page, of kernel/physical.c. */
#define KERNEL_STACK_BASE 0xffffc00020000000 /* A guard page below each stack. */
#define KERNEL_STACK_END 0xffffc00040000000
#define SHARED_BASE 0xffffc00080000000 /* Memory that interpreters share: kernel/shared_memory.h. */
#define SHARED_END 0xffffc04000000000

#endif // MICROPY_INCLUDED_BOOT_LAYOUT_H
