/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* A CPU walks the page tables that CR3 names whenever it likes, ahead of what it executes, and while it runs no
 * thread too: through what it remembers of upper tables it reaches a table that was freed, and sets accessed
 * bits there (SDM volume 3, 4.8, 4.10.3.1). So before a table is used for something else, each CPU that has
 * its root in CR3 has to answer, the idle ones as well. An idle CPU stays in the address space of the thread
 * that it ran last, which may soon go on; the first time it is asked it leaves that for page tables with
 * nothing in them that is ever taken out, and is not woken again.
 *
 * What is remembered of a PCID that is not in CR3 is not used (4.10.2.2): there a note suffices, and the next
 * load of CR3 forgets it.
 *
 * Between the two stand these orders. Who changed tables takes the note away, then looks at what CR3 is or is
 * about to be. Who loads CR3 says so first, then looks at the note. So one of them sees the other. */

#include "boot/cpu.h"
#include "boot/idt.h"
#include "boot/paging.h"
#include "drivers/lapic.h"
#include "kernel/cpus.h"
#include "kernel/page_alloc.h"
#include "kernel/panic.h"
#include "kernel/tlb.h"

static uint8_t vector;
static uint64_t empty_cr3; // Page tables without an interpreter's part; those of the boot until tlb_start().

static uint64_t fresh_bit(uint64_t cr3) {
    uint64_t pcid = cr3 & CR3_PCID;
    return pcid < TLB_PCIDS ? 1ull << pcid & ~1ull : 0;
}

static bool is_same(uint64_t loaded, uint64_t cr3) {
    return (loaded & ~CR3_KEEP) == cr3;
}

static void load(kernel_cpu_t *cpu, uint64_t cr3) {
    __atomic_store_n(&cpu->boot.next_cr3, cr3, __ATOMIC_RELEASE);
    write_cr3(cr3);
    __atomic_store_n(&cpu->boot.cr3, cr3, __ATOMIC_RELEASE);
}

void tlb_leave_space(kernel_cpu_t *cpu) {
    load(cpu, empty_cr3);
}

void tlb_before_switch(kernel_cpu_t *cpu, uint64_t cr3) {
    if (!cr3 || is_same(cpu->boot.cr3, cr3)) {
        return;
    }
    __atomic_store_n(&cpu->boot.next_cr3, cr3, __ATOMIC_SEQ_CST);
    uint64_t bit = fresh_bit(cr3);
    if (bit && __atomic_fetch_or(&cpu->tlb_fresh, bit, __ATOMIC_SEQ_CST) & bit) {
        __atomic_store_n(&cpu->boot.next_cr3, cr3 | CR3_KEEP, __ATOMIC_RELEASE);
    }
}

/* Forgets what this CPU knows of the address space that it is in, or leaves that. All but global pages, which
 * are the kernel's and stay: SDM volume 3, 4.10.4.1. */
static void forget(kernel_cpu_t *cpu) {
    if (cpu->current->context.cr3) {
        load(cpu, cpu->boot.cr3 & ~CR3_KEEP);
    } else {
        tlb_leave_space(cpu);
    }
}

/* What a CPU is asked for. */
enum {
    NOTHING,
    ASKED,
    AT_WORK,
};

/* Does what this CPU was asked for. Who asks while it does so is heard: all is done again. Interrupts off. */
static void answer(kernel_cpu_t *cpu) {
    uint32_t *request = &cpu->tlb_request;
    uint32_t at_work = AT_WORK;
    while (__atomic_load_n(request, __ATOMIC_SEQ_CST) != NOTHING) {
        __atomic_store_n(request, AT_WORK, __ATOMIC_SEQ_CST);
        forget(cpu);
        __atomic_compare_exchange_n(request, &at_work, NOTHING, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
        at_work = AT_WORK;
    }
}

static void on_ipi(interrupt_frame_t *frame) {
    (void)frame;
    answer(kernel_cpu());
    lapic_eoi();
}

/* Whether the CPU is in that address space, or about to be. */
static bool is_in(kernel_cpu_t *cpu, uint64_t cr3) {
    return is_same(__atomic_load_n(&cpu->boot.next_cr3, __ATOMIC_SEQ_CST), cr3)
        || is_same(__atomic_load_n(&cpu->boot.cr3, __ATOMIC_SEQ_CST), cr3);
}

static void ask_in_any_case(kernel_cpu_t *cpu) {
    __atomic_store_n(&cpu->tlb_request, ASKED, __ATOMIC_SEQ_CST);
    lapic_send_ipi(cpu->boot.apic_id, vector);
}

/* Asks another CPU. Returns false where it need not be waited for. */
static bool ask(kernel_cpu_t *cpu, uint64_t cr3) {
    __atomic_fetch_and(&cpu->tlb_fresh, ~fresh_bit(cr3), __ATOMIC_SEQ_CST);
    if (!is_in(cpu, cr3)) {
        return false;
    }
    ask_in_any_case(cpu);
    return true;
}

/* Others may be waiting for us in the same way. */
static void wait_for(kernel_cpu_t *cpu, kernel_cpu_t *self) {
    while (__atomic_load_n(&cpu->tlb_request, __ATOMIC_ACQUIRE) != NOTHING) {
        answer(self);
        cpu_relax();
    }
}

void tlb_flush(uint64_t cr3) {
    uint64_t flags = interrupts_save_disable();
    kernel_cpu_t *self = kernel_cpu();
    if (is_same(self->boot.cr3, cr3)) {
        forget(self);
    } else {
        __atomic_fetch_and(&self->tlb_fresh, ~fresh_bit(cr3), __ATOMIC_SEQ_CST);
    }
    for (unsigned i = 0; i < cpus_count(); ++i) {
        kernel_cpu_t *cpu = cpus_get(i);
        if (cpu != self && ask(cpu, cr3)) {
            wait_for(cpu, self);
        }
    }
    interrupts_restore(flags);
}

void tlb_retire(uint64_t cr3) {
    if (is_same(kernel_cpu()->boot.cr3, cr3)) {
        panic("page tables are given up that are in use");
    }
    tlb_flush(cr3);
}

void tlb_flush_all(void) {
    uint64_t flags = interrupts_save_disable();
    kernel_cpu_t *self = kernel_cpu();
    __atomic_store_n(&self->tlb_fresh, 0, __ATOMIC_SEQ_CST);
    forget(self);
    for (unsigned i = 0; i < cpus_count(); ++i) {
        kernel_cpu_t *cpu = cpus_get(i);
        if (cpu != self) {
            __atomic_store_n(&cpu->tlb_fresh, 0, __ATOMIC_SEQ_CST);
            ask_in_any_case(cpu);
            wait_for(cpu, self);
        }
    }
    interrupts_restore(flags);
}

/* Meanwhile the CPU counts as one that is in both: is_in(). */
void tlb_visit(uint64_t cr3) {
    kernel_cpu_t *cpu = kernel_cpu();
    __atomic_store_n(&cpu->boot.next_cr3, cr3, __ATOMIC_SEQ_CST);
    if (!is_same(cpu->boot.cr3, cr3)) {
        write_cr3(cr3);
    }
}

void tlb_end_visit(void) {
    kernel_cpu_t *cpu = kernel_cpu();
    if (!is_same(cpu->boot.cr3, cpu->boot.next_cr3)) {
        write_cr3(cpu->boot.cr3 & ~CR3_KEEP);
    }
    __atomic_store_n(&cpu->boot.next_cr3, cpu->boot.cr3, __ATOMIC_SEQ_CST);
}

void tlb_enter(uint64_t cr3) {
    if (!is_same(kernel_cpu()->boot.cr3, cr3)) {
        load(kernel_cpu(), cr3);
    }
}

bool tlb_start(void) {
    uint64_t root_page = page_alloc(0), low_page = page_alloc(0);
    if (!root_page || !low_page) {
        return false;
    }
    empty_cr3 = paging_cr3(paging_new_root(root_page, low_page));
    return true;
}

void tlb_init(void) {
    vector = interrupt_allocate_vector("TLB shootdown", on_ipi);
    empty_cr3 = paging_cr3(paging_boot_root());
}
