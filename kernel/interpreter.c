/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include <string.h>

#include "boot/cpu.h"
#include "boot/idt.h"
#include "kernel/address_space.h"
#include "kernel/board.h"
#include "kernel/cmdline.h"
#include "kernel/cpu_state.h"
#include "kernel/interpreter.h"
#include "kernel/interpreter_death.h"
#include "kernel/page_alloc.h"
#include "kernel/panic.h"
#include "kernel/shared_memory.h"
#include "kernel/system.h"
#include "kernel/thread.h"
#include "kernel/tlb.h"

/* Python recurses on the C stack. It is only promised, so a small machine has less. */
#define STACK_SIZE (1 << 20)
#define SMALL_STACK_SIZE (256 * 1024)
#define SMALL_MACHINE (64 << 20)

/* Below the stack, for what must not be left halfway when the stack is used up. */
#define STACK_SLACK (ADDRESS_SPACE_RENEWED * PAGE_SIZE)

/* Unmapped below that, where nothing else is. */
#define STACK_GAP (LARGE_PAGE_SIZE / 8)

/* The heap of the common size. Of a small machine it takes four fifths; the rest is for
 * what the kernel needs, machine code and a RAM disk. */
#define COMMON_HEAP_SIZE (32 << 20)
#define SMALL_MACHINE_SHARE(bytes) ((bytes) / 5 * 4)

/* Of what is free then, the heap of an interpreter after the main one. */
#define FURTHER_SHARE(bytes) ((bytes) / 16)

/* Pages that heaps leave to the kernel. */
#define KERNEL_SLACK_PAGES 32

/* Machine code starts at multiples of this; what lies between traps (INT3). */
#define CODE_ALIGN 16
#define CODE_FILLER 0xcc

#define LARGEST_STACK (1 << 30)

#define MINIMUM_HEAP_SIZE (64 * 1024)

/* Set by the linker script. */
extern const uint8_t image_start[], must_finish_end[], rodata_start[], image_end[];
extern const uint8_t boot_stack_guard[], boot_stack[];
extern uint8_t window_template[], window_data_start[], window_data_end[], window_bss_end[];

static interpreter_t main_interpreter;
static size_t heap_limit; // Of each.

static size_t whole_pages(size_t bytes) {
    return (bytes + PAGE_SIZE - 1) & ~(size_t)(PAGE_SIZE - 1);
}

static uintptr_t stack_bottom(const interpreter_t *self) {
    return WINDOW_STACK_END - self->stack_size;
}

static uintptr_t slack_bottom(const interpreter_t *self) {
    return stack_bottom(self) - STACK_SLACK;
}

/* Whose memory a fault is in. */
static interpreter_t *faulting(void) {
    return kernel_cpu()->visited ? kernel_cpu()->visited : interpreter_current();
}

/* What lies where, for the crash report. Guard pages first. */
static const char *place_name(const interpreter_t *self, uintptr_t address) {
    uintptr_t stack_start = self ? slack_bottom(self) : WINDOW_STACK_END;
    const struct {
        uintptr_t start, end;
        const char *name;
    } places[] = {
        { 0, PAGE_SIZE, "a null pointer" },
        { (uintptr_t)boot_stack_guard, (uintptr_t)boot_stack, "kernel stack overflow" },
        { WINDOW_OVERRUN_STACK_END, stack_start, "stack overflow" },
        { WINDOW_OVERRUN_STACK - PAGE_SIZE, WINDOW_OVERRUN_STACK, "stack overflow" },
        { KERNEL_STACK_BASE, KERNEL_STACK_END, "kernel stack overflow" },
        { (uintptr_t)image_start, (uintptr_t)image_end, "the image" },
        { WINDOW_DATA, WINDOW_DATA_END, "the interpreter's data" },
        { WINDOW_EXEC, WINDOW_EXEC_END, "the interpreter's machine code" },
        { WINDOW_HEAP, WINDOW_HEAP_END, "the interpreter's heap" },
        { HEAP_EXTENSION_BASE, HEAP_EXTENSION_END, "the interpreter's heap" },
        { stack_start, WINDOW_STACK_END, "the interpreter's stack" },
        { STACKS_BASE, AREA_END, "stack overflow" },
        { DIRECT_MAP_BASE, DIRECT_MAP_END, "the direct map of memory" },
        { MMIO_BASE, MMIO_END, "device registers" },
        { SHARED_BASE, SHARED_END, "shared memory" },
    };
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); ++i) {
        if (address >= places[i].start && address < places[i].end) {
            return places[i].name;
        }
    }
    return NULL;
}

/* What is linked behind must_finish_end, and machine code of the interpreter's own. */
static bool may_be_left(const interrupt_frame_t *frame) {
    uintptr_t rip = frame->rip;
    bool in_application = (rip >= (uintptr_t)must_finish_end && rip < (uintptr_t)rodata_start)
        || (rip >= WINDOW_EXEC && rip < WINDOW_EXEC_END);
    return in_application && frame->rflags & RFLAGS_IF;
}

/* Takes the thread off its stack if that is what the fault is about. A push or a call faults
 * right below RSP, everything else above it; a function with a large frame far below the stack, in
 * the gap that is left there. */
static bool leave_stack(interrupt_frame_t *frame, uintptr_t address) {
    interpreter_t *self = interpreter_current();
    uintptr_t bottom = thread_current()->stack_bottom;
    bool beyond_stack = address >= bottom - STACK_SLACK - STACK_GAP && address < bottom;
    bool by_stack = address + sizeof(uint64_t) >= frame->rsp;
    if (!self || !self->on_stack_overrun || !beyond_stack || !by_stack || !may_be_left(frame)) {
        return false;
    }
    address_space_renew(&self->space, bottom - STACK_SLACK, bottom);
    frame->rip = (uintptr_t)self->on_stack_overrun;
    frame->rsp = WINDOW_OVERRUN_STACK_END - sizeof(uint64_t); // As behind a call: System V ABI, 3.2.2.
    frame->rbp = 0;
    return true;
}

static void on_page_fault(interrupt_frame_t *frame) {
    uintptr_t address = read_cr2();
    bool missing = !(frame->error & (FAULT_PRESENT | FAULT_RESERVED | FAULT_FETCH));
    if (missing && (leave_stack(frame, address) || shared_memory_fault(address))) {
        return;
    }
    // All areas lie here. For another address the lock is not taken: the kernel may hold it.
    bool in_areas = address >= WINDOW_BASE && address < AREA_END;
    interpreter_t *self = faulting();
    if (!self || !missing || !in_areas || !address_space_fault(&self->space, address)) {
        interpreter_fault(frame, place_name(self, address));
    }
}

static void set_heap_limit(void) {
    const char *setting = system_setting("heap");
    uint64_t limit = SIZE_MAX;
    if (setting && !cmdline_parse_size(setting, &limit)) {
        panic("the setting heap= wants a size: 64M, 1G");
    }
    heap_limit = limit;
}

static size_t free_bytes(void) {
    size_t pages = page_available_count();
    return pages > KERNEL_SLACK_PAGES ? (pages - KERNEL_SLACK_PAGES) * PAGE_SIZE : 0;
}

static bool add_areas(interpreter_t *self) {
    self->stack_size = free_bytes() < SMALL_MACHINE ? SMALL_STACK_SIZE : STACK_SIZE;
    return address_space_add(&self->space, WINDOW_DATA, whole_pages(window_bss_end - window_data_start), false)
           && address_space_add(&self->space, slack_bottom(self), STACK_SLACK + self->stack_size, false)
           && address_space_add(&self->space, WINDOW_OVERRUN_STACK, WINDOW_OVERRUN_STACK_END - WINDOW_OVERRUN_STACK, false);
}

/* The heap of the common size, where there may be as much. */
static bool add_heap(interpreter_t *self, size_t most) {
    size_t size = most < COMMON_HEAP_SIZE ? most : COMMON_HEAP_SIZE;
    size = (size < heap_limit ? size : heap_limit) & ~(size_t)(PAGE_SIZE - 1);
    self->heap_size = size;
    self->heap_limit = heap_limit;
    return size >= MINIMUM_HEAP_SIZE && address_space_add(&self->space, WINDOW_HEAP, size, false);
}

bool interpreter_make_memory(interpreter_t *self) {
    return add_areas(self) && add_heap(self, FURTHER_SHARE(free_bytes()));
}

void interpreter_fill_data(void) {
    memcpy(window_data_start, window_template, window_data_end - window_data_start);
}

void *interpreter_init(void) {
    interpreter_t *self = &main_interpreter;
    address_space_adopt(&self->space);
    tlb_enter(self->space.cr3);
    interpreters_init(self);
    thread_adopt(self);
    interrupt_set_handler(VECTOR_PAGE_FAULT, on_page_fault);
    set_heap_limit();

    if (!add_areas(self)) {
        panic("no memory for the interpreter: " BOARD_WANTS_RAM);
    }
    if (!add_heap(self, SMALL_MACHINE_SHARE(free_bytes()))) {
        panic("too little memory for a heap: give heap= at least 64K; or " BOARD_WANTS_RAM);
    }
    thread_current()->stack_bottom = stack_bottom(self);
    interpreter_fill_data();
    return (void *)WINDOW_STACK_END;
}

void *interpreter_heap(size_t *size) {
    *size = interpreter_current()->heap_size;
    return (void *)WINDOW_HEAP;
}

size_t interpreter_heap_available(void) {
    interpreter_t *self = interpreter_current();
    size_t by_limit = self->heap_limit - self->heap_size - self->heap_extended;
    size_t by_memory = free_bytes();
    // Page tables need a part: one page for 512, and a few.
    size_t tables = (address_space_cost(by_memory) * PAGE_SIZE - by_memory);
    by_memory = by_memory > tables ? by_memory - tables : 0;
    return (by_limit < by_memory ? by_limit : by_memory) & ~(size_t)(PAGE_SIZE - 1);
}

/* Makes a demand-zero area in the first hole of [start, end) that is large enough, behind a gap that
 * stays unmapped. */
static uintptr_t add_area_between(uintptr_t start, uintptr_t end, size_t gap, size_t size, bool large) {
    address_space_t *space = &interpreter_current()->space;
    uintptr_t at = address_space_find_hole(space, start, end, gap + size);
    return at && address_space_add(space, at + gap, size, large) ? at + gap : 0;
}

void *interpreter_heap_extend(size_t size) {
    size = whole_pages(size);
    if (!size || size > interpreter_heap_available()) {
        return NULL;
    }
    uintptr_t start = add_area_between(HEAP_EXTENSION_BASE, HEAP_EXTENSION_END, 0, size, true);
    interpreter_current()->heap_extended += start ? size : 0;
    return (void *)start;
}

void *interpreter_area(size_t size) {
    size = whole_pages(size);
    return size && size <= STACKS_BASE - AREA_BASE ? (void *)add_area_between(AREA_BASE, STACKS_BASE, 0, size, false) : NULL;
}

void *interpreter_stack_new(size_t *size) {
    *size = whole_pages(*size);
    if (!*size || *size > LARGEST_STACK) {
        return NULL;
    }
    uintptr_t start = add_area_between(STACKS_BASE, AREA_END, STACK_GAP, STACK_SLACK + *size, false);
    return start ? (void *)(start + STACK_SLACK) : NULL;
}

void interpreter_stack_free(void *stack) {
    address_space_drop(&interpreter_current()->space, (uintptr_t)stack - STACK_SLACK, false);
}

void interpreter_heap_release(void *area) {
    interpreter_t *self = interpreter_current();
    uintptr_t start = (uintptr_t)area;
    uint32_t busy;
    // What another thread gave a device may have been in there: a buffer that was made larger meanwhile.
    while ((busy = __atomic_load_n(&self->dma, __ATOMIC_ACQUIRE))) {
        wait_on(&self->dma, busy, WAIT_FOREVER);
    }
    self->heap_extended -= address_space_area_end(&self->space, start) - start;
    address_space_drop(&self->space, start, false);
}

static void drop_code(interpreter_t *self) {
    uint64_t pages[32];
    size_t count;
    uintptr_t at = WINDOW_EXEC;
    // To the first hole: a reservation that failed may have mapped more than is used.
    do {
        count = 0;
        while (count < sizeof(pages) / sizeof(pages[0]) && at < WINDOW_EXEC_END
               && (pages[count] = paging_unmap(self->space.root, at))) {
            ++count;
            at += PAGE_SIZE;
        }
        if (count) {
            tlb_flush(self->space.cr3);
        }
        for (size_t i = 0; i < count; ++i) {
            page_free(pages[i], 0);
        }
    } while (count);
    self->code_used = 0;
}

void interpreter_memory_reset(void) {
    interpreter_t *self = interpreter_current();
    uintptr_t start;
    while ((start = address_space_find_area(&self->space, HEAP_EXTENSION_BASE, HEAP_EXTENSION_END))) {
        interpreter_heap_release((void *)start);
    }
    address_space_drop(&self->space, WINDOW_HEAP, true);
    drop_code(self);
}

/* Where the mapped page at `virt` can be written. */
static uint8_t *writable_alias(const interpreter_t *self, uintptr_t virt) {
    size_t size;
    uint64_t entry = paging_lookup(self->space.root, virt, &size);
    return entry ? phys_to_virt(entry & PTE_ADDRESS) : NULL;
}

/* Maps the page of code at `virt`, unless it is mapped. */
static bool map_code_page(interpreter_t *self, uintptr_t virt) {
    if (writable_alias(self, virt)) {
        return true;
    }
    uint64_t page = page_alloc(0);
    if (!page) {
        return false;
    }
    memset(phys_to_virt(page), CODE_FILLER, PAGE_SIZE);
    if (!paging_map(self->space.root, virt, page, PAGE_SIZE, MAP_EXECUTE, false)) {
        page_free(page, 0);
        return false;
    }
    return true;
}

void *interpreter_exec_reserve(size_t size) {
    interpreter_t *self = interpreter_current();
    uintptr_t start = (WINDOW_EXEC + self->code_used + CODE_ALIGN - 1) & ~(uintptr_t)(CODE_ALIGN - 1);
    if (!size || size > WINDOW_EXEC_END - start) {
        return NULL;
    }
    for (uintptr_t at = start & ~(uintptr_t)(PAGE_SIZE - 1); at < start + size; at += PAGE_SIZE) {
        if (!map_code_page(self, at)) {
            return NULL;
        }
    }
    self->code_used = start + size - WINDOW_EXEC;
    return (void *)start;
}

void interpreter_exec_write(void *address, const void *code, size_t size) {
    interpreter_t *self = interpreter_current();
    uintptr_t at = (uintptr_t)address, end = at + size;
    const uint8_t *from = code;
    if (at < WINDOW_EXEC || end > WINDOW_EXEC + self->code_used) {
        panic("machine code outside of what was reserved for it");
    }
    while (at < end) {
        size_t offset = at & (PAGE_SIZE - 1);
        size_t step = PAGE_SIZE - offset < end - at ? PAGE_SIZE - offset : end - at;
        memcpy(writable_alias(self, at) + offset, from, step);
        from += step;
        at += step;
    }
}

void interpreter_exec_range(const void **start, size_t *size) {
    *start = (const void *)WINDOW_EXEC;
    *size = interpreter_current()->code_used;
}

void *interpreter_stack(size_t *size) {
    const interpreter_t *self = interpreter_current();
    *size = self->stack_size;
    return (void *)stack_bottom(self);
}

void interpreter_on_stack_overrun(void (*fn)(void)) {
    interpreter_current()->on_stack_overrun = fn;
}

/* How many bytes from `at` on are of pages never touched. */
static size_t untouched(uintptr_t at) {
    interpreter_t *self = interpreter_current();
    size_t hole;
    if (at < WINDOW_BASE || at >= AREA_END) {
        return 0; // Kernel memory; and the address space's lock may be held.
    }
    uintptr_t area_end = address_space_area_end(&self->space, at);
    if (!area_end || paging_lookup(self->space.root, at, &hole)) {
        return 0;
    }
    uintptr_t end = (at & ~(hole - 1)) + hole;
    return (end < area_end ? end : area_end) - at;
}

void interpreter_zero(void *start, size_t len) {
    uintptr_t at = (uintptr_t)start, end = at + len;
    while (at < end) {
        size_t step = PAGE_SIZE - (at & (PAGE_SIZE - 1));
        size_t skip = step == PAGE_SIZE ? untouched(at) : 0;
        if (skip) {
            step = skip;
        } else {
            step = step < end - at ? step : end - at;
            memset((void *)at, 0, step);
        }
        at += step;
    }
}
