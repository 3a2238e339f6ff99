/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include "boot/cpu.h"
#include "boot/idt.h"
#include "boot/paging.h"
#include "drivers/lapic.h"
#include "kernel/cpus.h"
#include "kernel/tlb.h"

static uint8_t vector;

/* On this CPU. All but global pages, which are the kernel's and stay: SDM volume 3, 4.10.4.1. */
static void forget(void) {
    write_cr3(read_cr3());
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
        forget();
        __atomic_compare_exchange_n(request, &at_work, NOTHING, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
        at_work = AT_WORK;
    }
}

static void on_ipi(interrupt_frame_t *frame) {
    (void)frame;
    answer(kernel_cpu());
    lapic_eoi();
}

/* Asks one CPU. Returns false where it need not be waited for. */
static bool ask(kernel_cpu_t *cpu, uint64_t cr3) {
    if (__atomic_load_n(&cpu->loaded_cr3, __ATOMIC_SEQ_CST) != cr3) {
        return false;
    }
    __atomic_store_n(&cpu->tlb_request, ASKED, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&cpu->running_priority, __ATOMIC_SEQ_CST) < 0) {
        return false; // Idle: tlb_leave_idle().
    }
    lapic_send_ipi(cpu->boot.apic_id, vector);
    return true;
}

/* Others may be waiting for us in the same way. */
static void wait_for(kernel_cpu_t *cpu, kernel_cpu_t *self) {
    while (__atomic_load_n(&cpu->tlb_request, __ATOMIC_ACQUIRE) != NOTHING) {
        answer(self);
        cpu_relax();
    }
}

void tlb_flush(const uint64_t *root) {
    uint64_t flags = interrupts_save_disable();
    uint64_t cr3 = paging_cr3(root);
    forget();
    kernel_cpu_t *self = kernel_cpu();
    for (unsigned i = 0; i < cpus_count(); ++i) {
        kernel_cpu_t *cpu = cpus_get(i);
        if (cpu != self && ask(cpu, cr3)) {
            wait_for(cpu, self);
        }
    }
    interrupts_restore(flags);
}

void tlb_leave_idle(kernel_cpu_t *cpu) {
    answer(cpu);
}

void tlb_init(void) {
    vector = interrupt_allocate_vector("TLB shootdown", on_ipi);
}
