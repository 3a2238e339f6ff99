/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include <string.h>

#include "boot/ap.h"
#include "boot/cpu.h"
#include "boot/cpu_features.h"
#include "boot/gdt.h"
#include "boot/idt.h"
#include "boot/paging.h"
#include "drivers/lapic.h"
#include "kernel/clock.h"
#include "kernel/console.h"
#include "kernel/cpus.h"
#include "kernel/irq.h"
#include "kernel/machine.h"
#include "kernel/page_alloc.h"
#include "kernel/panic.h"
#include "kernel/sched.h"
#include "kernel/tlb.h"

#define NS_PER_MS 1000000ull

/* A start-up IPI may be lost: SDM volume 3, 9.4.4.1 has a second one follow. A CPU of a busy host needs its
 * time; but those that are slow or not there at all are waited for together, at most twice as long. */
#define SECOND_STARTUP_NS (10 * NS_PER_MS)
#define COMING_UP_NS (2000 * NS_PER_MS)

/* Where conventional memory ends; a start-up IPI names a page below 1 MiB. */
#define LOW_MEMORY_END 0xa0000

/* What a CPU that comes up takes, and then surely runs: boot/ap.S. 0: not yet; AP_CLOSED: it comes too late. */
uint64_t ap_stack_top;

static kernel_cpu_t *only_one[1];
static kernel_cpu_t **cpus = only_one; // By index.
static uint32_t count;
static kernel_cpu_t *starting; // For who takes the stack.
static bool started;
static void (*on_start)(void);

void cpus_init(kernel_cpu_t *boot_cpu) {
    only_one[0] = boot_cpu;
    count = 1;
}

unsigned cpus_count(void) {
    return __atomic_load_n(&count, __ATOMIC_ACQUIRE);
}

unsigned cpus_usable(void) {
    return started || !machine.acpi.cpu_enabled_count ? cpus_count() : machine.acpi.cpu_enabled_count;
}

kernel_cpu_t *cpus_get(unsigned index) {
    return cpus[index];
}

/* The first C of a CPU that was started, on its own stack. */
void ap_main(void) {
    kernel_cpu_t *cpu = starting;
    gdt_init(&cpu->boot, cpu->boot.index, (void *)cpu->boot.tss.ist[IST_DEVICE - 1]);
    idt_load();
    cpu_features_enable();
    if (!irq_init_cpu()) {
        panic("no memory to map the local APIC");
    }
    cpu->boot.apic_id = lapic_id();
    timer_init_cpu();
    page_cache_register(&cpu->pages);
    tlb_leave_space(cpu);
    sched_init_cpu(NULL, NULL);
    __atomic_store_n(&count, cpu->boot.index + 1, __ATOMIC_RELEASE);
    sched_run();
}

static bool is_up(const kernel_cpu_t *cpu) {
    return cpus_count() > cpu->boot.index;
}

static bool wait_until_up(const kernel_cpu_t *cpu, uint64_t ns) {
    uint64_t end = clock_monotonic_ns() + ns;
    while (!is_up(cpu)) {
        if (clock_monotonic_ns() >= end) {
            return is_up(cpu);
        }
        cpu_relax();
    }
    return true;
}

static void send(void (*ipi)(uint32_t apic_id, uint8_t page), uint32_t apic_id, uint8_t page) {
    uint64_t flags = interrupts_save_disable();
    ipi(apic_id, page);
    interrupts_restore(flags);
}

static void send_init(uint32_t apic_id, uint8_t page) {
    (void)page;
    lapic_send_init(apic_id);
}

/* The CPUs of today need no pause between INIT and start-up IPI. */
static void wake(uint32_t apic_id, uint8_t page) {
    send(send_init, apic_id, 0);
    send(lapic_send_startup, apic_id, page);
}

/* The next one that the MADT has enabled, beside the boot CPU, which it need not list. */
static bool next_other(acpi_cursor_t *cursor, uint32_t *apic_id) {
    acpi_cpu_t cpu;
    while (acpi_madt_next_cpu(&machine.acpi, cursor, &cpu)) {
        if (cpu.enabled && cpu.apic_id != cpus[0]->boot.apic_id) {
            *apic_id = cpu.apic_id;
            return true;
        }
    }
    return false;
}

/* Memory for the CPU that comes next: zeroed, and never given back. NULL where there is none, or all have come. */
static kernel_cpu_t *offer(unsigned wanted) {
    uint32_t index = cpus_count();
    if (index >= wanted) {
        return NULL;
    }
    kernel_cpu_t *cpu = (kernel_cpu_t *)machine_keep(sizeof(kernel_cpu_t));
    uint64_t stack_top = (uintptr_t)paging_alloc_stack(CPU_STACK_SIZE);
    if (!cpu || !stack_top) {
        return NULL;
    }
    memset(cpu, 0, sizeof(*cpu));
    cpu->boot.index = index;
    if (!cpus_alloc_interrupt_stacks(cpu)) {
        return NULL;
    }
    cpus[index] = starting = cpu;
    __atomic_store_n(&ap_stack_top, stack_top, __ATOMIC_RELEASE);
    return cpu;
}

/* Starts them one by one, so that none has to wait for its stack but those that are slow. Returns what none has
 * taken, or NULL. */
static kernel_cpu_t *start_all(unsigned wanted, uint8_t page) {
    acpi_cursor_t cursor = { 0 };
    uint32_t apic_id;
    uint64_t patience_ns = COMING_UP_NS;
    kernel_cpu_t *next = offer(wanted);
    while (next && next_other(&cursor, &apic_id)) {
        if (!lapic_reaches(apic_id)) {
            continue;
        }
        wake(apic_id, page);
        uint64_t ns = patience_ns < SECOND_STARTUP_NS ? patience_ns : SECOND_STARTUP_NS;
        if (wait_until_up(next, ns)) {
            next = offer(wanted);
        } else {
            send(lapic_send_startup, apic_id, page);
            patience_ns -= ns;
        }
    }
    while (next && wait_until_up(next, COMING_UP_NS)) {
        next = offer(wanted);
    }
    return next;
}

/* Who comes from now on finds no stack. */
static void close(const kernel_cpu_t *not_taken) {
    bool was_taken = !__atomic_exchange_n(&ap_stack_top, AP_CLOSED, __ATOMIC_ACQ_REL);
    while (not_taken && was_taken && !is_up(not_taken)) {
        cpu_relax(); // It came just in time.
    }
}

static bool runs(uint32_t apic_id) {
    for (unsigned i = 0; i < cpus_count(); ++i) {
        if (cpus[i]->boot.apic_id == apic_id) {
            return true;
        }
    }
    return false;
}

static void say_left_out(uint32_t apic_id, const char *why) {
    char text[] = "CPU with APIC id 0x00000000 is left out: ";
    for (unsigned i = 0; i < 8; ++i) {
        text[19 + i] = "0123456789abcdef"[apic_id >> 4 * (7 - i) & 0xf];
    }
    console_write_emergency(text, strlen(text));
    console_write_emergency(why, strlen(why));
    console_write_emergency("\r\n", 2);
}

/* Those that may be on their way still are stopped. */
static void leave_others_out(bool had_memory) {
    acpi_cursor_t cursor = { 0 };
    uint32_t apic_id;
    while (next_other(&cursor, &apic_id)) {
        if (!lapic_reaches(apic_id)) {
            say_left_out(apic_id, "without x2APIC no interrupt reaches it");
        } else if (!runs(apic_id)) {
            send(send_init, apic_id, 0);
            say_left_out(apic_id, had_memory ? "it does not come up" : "no memory for it");
        }
    }
}

bool cpus_alloc_interrupt_stacks(kernel_cpu_t *cpu) {
    for (unsigned ist = 1; ist <= IST_COUNT; ++ist) {
        void *top = paging_alloc_stack(INTERRUPT_STACK_SIZE);
        if (!top) {
            return false;
        }
        cpu->boot.tss.ist[ist - 1] = (uintptr_t)top;
    }
    return true;
}

static bool is_of_a_module(uint64_t page) {
    for (uint32_t i = 0; i < machine.boot.module_count; ++i) {
        const boot_module_t *module = &machine.boot.module[i];
        if (module->paddr < page + PAGE_SIZE && module->paddr + module->size > page) {
            return true;
        }
    }
    return false;
}

/* A page for the trampoline: RAM below 1 MiB, which the page allocator leaves alone. 0: there is none. */
static uint64_t low_page(void) {
    for (uint64_t page = PAGE_SIZE; page < LOW_MEMORY_END; page += PAGE_SIZE) {
        if (phys_ranges_contain(&machine.boot.ram, page, page + PAGE_SIZE) && !is_of_a_module(page)) {
            return page;
        }
    }
    return 0;
}

static unsigned count_wanted(void) {
    acpi_cursor_t cursor = { 0 };
    uint32_t apic_id;
    unsigned wanted = 1;
    while (next_other(&cursor, &apic_id)) {
        wanted += lapic_reaches(apic_id);
    }
    return wanted;
}

/* Returns the page that the others begin in; 0: memory is missing. */
static uint64_t prepare(unsigned wanted) {
    uint64_t page = low_page();
    kernel_cpu_t **table = (kernel_cpu_t **)machine_keep(wanted * sizeof(*table));
    if (!page || !table || !tlb_start()) {
        return 0;
    }
    table[0] = cpus[0];
    cpus = table;
    memcpy(phys_to_virt(page), ap_trampoline, ap_trampoline_end - ap_trampoline);
    return page;
}

void cpus_on_start(void (*fn)(void)) {
    on_start = fn;
}

void cpus_start(void) {
    if (started) {
        return;
    }
    started = true;
    kernel_cpu_t *not_taken = NULL;
    unsigned wanted = count_wanted();
    uint64_t page = wanted > 1 ? prepare(wanted) : 0;
    if (page) {
        not_taken = start_all(wanted, page >> PAGE_SHIFT);
        close(not_taken);
    }
    leave_others_out(not_taken);
    if (on_start) {
        on_start();
    }
}
