/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* The story of the boot, from C's first instruction on the boot CPU to the application. */

#include "boot/cpu.h"
#include "boot/cpu_features.h"
#include "boot/gdt.h"
#include "boot/idt.h"
#include "boot/paging.h"
#include "drivers/uart16550.h"
#include "kernel/application.h"
#include "kernel/board.h"
#include "kernel/clock.h"
#include "kernel/console.h"
#include "kernel/cpu_state.h"
#include "kernel/interpreter.h"
#include "kernel/irq.h"
#include "kernel/machine.h"
#include "kernel/panic.h"
#include "kernel/system.h"
#include "kernel/timer.h"

#define EARLY_FAULT_STACK_SIZE 2048
#define IST_STACK_SIZE (2 * PAGE_SIZE)

void boot_main(uint64_t start_info);
_Noreturn void thread_enter(void *stack_top, void (*fn)(void));

static kernel_cpu_t boot_cpu;
static uint8_t early_fault_stack[EARLY_FAULT_STACK_SIZE] __attribute__((section(".uncleared"), aligned(16)));

static void unhandled(interrupt_frame_t *frame) {
    panic_exception(frame, NULL);
}

static void init_interrupt_stacks(cpu_t *cpu) {
    for (unsigned ist = 1; ist <= IST_COUNT; ++ist) {
        void *top = paging_alloc_stack(IST_STACK_SIZE);
        if (!top) {
            panic("no memory for interrupt stacks: " BOARD_WANTS_RAM);
        }
        cpu->tss.ist[ist - 1] = (uintptr_t)top;
    }
}

static void run_application(void) {
    interrupts_enable();
    app_main();
    system_power_off();
}

void boot_main(uint64_t start_info) {
    clock_init();
    gdt_init(&boot_cpu.boot, 0, early_fault_stack + EARLY_FAULT_STACK_SIZE);
    idt_init(unhandled);
    uart_init();
    cpu_features_read();

    machine_init_memory(start_info);
    application_init();
    cpu_features_enable();
    init_interrupt_stacks(&boot_cpu.boot);
    machine_init_acpi();

    irq_init();
    timer_init();
    console_init();

    void *stack_top = interpreter_init();
    thread_enter(stack_top, run_application);
}
