/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include <string.h>

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
#include "kernel/sched.h"
#include "kernel/tlb.h"

#define NS_PER_MS 1000000ull

/* A start-up IPI may be lost: SDM volume 3, 9.4.4.1 has a second one follow. A CPU of a busy host needs its
 * time. */
#define SECOND_STARTUP_NS (10 * NS_PER_MS)
#define COMING_UP_NS (2000 * NS_PER_MS)

/* Where conventional memory ends; a start-up IPI names a page below 1 MiB. */
#define LOW_MEMORY_END 0xa0000

extern const uint8_t ap_trampoline[], ap_trampoline_end[];

void ap_main(void);
extern uint64_t ap_stack_top;

uint64_t ap_stack_top; // For the CPU that is being started, which takes it: boot/ap.S.

static kernel_cpu_t *only_one[1];
static kernel_cpu_t **cpus = only_one; // By index.
static uint32_t count;
static kernel_cpu_t *starting;
static bool started;

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
    if (!irq_init_cpu() || lapic_id() != cpu->boot.apic_id) {
        cpu_stop(); // It is another one than was wanted: nobody waits for it.
    }
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
        if (clock_monotonic_ns() > end) {
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
static bool wake(kernel_cpu_t *cpu, uint64_t stack_top, uint8_t page) {
    starting = cpu;
    __atomic_store_n(&ap_stack_top, stack_top, __ATOMIC_RELEASE);
    send(send_init, cpu->boot.apic_id, 0);
    send(lapic_send_startup, cpu->boot.apic_id, page);
    if (wait_until_up(cpu, SECOND_STARTUP_NS)) {
        return true;
    }
    send(lapic_send_startup, cpu->boot.apic_id, page);
    if (wait_until_up(cpu, COMING_UP_NS)) {
        return true;
    }
    // Should it come after all, it finds no stack. If it has that already, INIT stops it.
    __atomic_exchange_n(&ap_stack_top, 0, __ATOMIC_ACQ_REL);
    send(send_init, cpu->boot.apic_id, 0);
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

/* Its memory: zeroed, and never given back. */
static kernel_cpu_t *new_cpu(uint32_t apic_id, uint64_t *stack_top) {
    kernel_cpu_t *cpu = (kernel_cpu_t *)machine_keep(sizeof(kernel_cpu_t));
    if (!cpu) {
        return NULL;
    }
    memset(cpu, 0, sizeof(*cpu));
    cpu->boot.index = count;
    cpu->boot.apic_id = apic_id;
    *stack_top = (uintptr_t)paging_alloc_stack(CPU_STACK_SIZE);
    return *stack_top && cpus_alloc_interrupt_stacks(cpu) ? cpu : NULL;
}

static void start(uint32_t apic_id, uint8_t page) {
    uint64_t stack_top;
    if (!lapic_reaches(apic_id)) {
        say_left_out(apic_id, "without x2APIC no interrupt reaches it");
        return;
    }
    kernel_cpu_t *cpu = new_cpu(apic_id, &stack_top);
    if (!cpu) {
        say_left_out(apic_id, "no memory for it");
        return;
    }
    cpus[count] = cpu;
    if (!wake(cpu, stack_top, page)) {
        say_left_out(apic_id, "it does not come up");
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

void cpus_start(void) {
    uint64_t page = low_page();
    unsigned wanted = machine.acpi.cpu_enabled_count;
    if (started || wanted <= 1) {
        return;
    }
    started = true;
    kernel_cpu_t **table = (kernel_cpu_t **)machine_keep(wanted * sizeof(*table));
    if (!page || !table || !tlb_start()) {
        console_write_emergency("No memory to start the other CPUs.\r\n", 36);
        return;
    }
    table[0] = cpus[0];
    cpus = table;
    memcpy(phys_to_virt(page), ap_trampoline, ap_trampoline_end - ap_trampoline);

    acpi_cursor_t cursor = { 0 };
    acpi_cpu_t cpu;
    while (count < wanted && acpi_madt_next_cpu(&machine.acpi, &cursor, &cpu)) {
        if (cpu.enabled && cpu.apic_id != cpus[0]->boot.apic_id) {
            start(cpu.apic_id, page >> PAGE_SHIFT);
        }
    }
}
