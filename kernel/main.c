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
#include "kernel/cpus.h"
#include "kernel/interpreter.h"
#include "kernel/interpreter_death.h"
#include "kernel/irq.h"
#include "kernel/machine.h"
#include "kernel/panic.h"
#include "kernel/sched.h"
#include "kernel/system.h"
#include "kernel/timer.h"
#include "kernel/tlb.h"

#define EARLY_FAULT_STACK_SIZE 2048

extern uint8_t boot_stack[]; /* Free again when the first thread runs. */

void boot_main(uint64_t start_info);
_Noreturn void thread_enter(void *stack_top, void (*fn)(void));

static kernel_cpu_t boot_cpu;
static thread_t main_thread = { .name = "main", .link = { .priority = RUN_PRIORITY_NORMAL } };
static uint8_t early_fault_stack[EARLY_FAULT_STACK_SIZE] __attribute__((section(".uncleared"), aligned(16)));

static void unhandled(interrupt_frame_t *frame) {
    switch (frame->vector) {
        case VECTOR_NMI:
        case VECTOR_DOUBLE_FAULT:
        case VECTOR_MACHINE_CHECK:
            panic_exception(frame, NULL);
        default:
            interpreter_fault(frame, NULL);
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
    if (!cpus_alloc_interrupt_stacks(&boot_cpu)) {
        panic("no memory for interrupt stacks: " BOARD_WANTS_RAM);
    }
    machine_init_acpi();

    irq_init();
    timer_init();
    cpus_init(&boot_cpu);
    sched_init();
    tlb_init();
    console_init();

    sched_init_cpu(&main_thread, boot_stack + BOOT_STACK_SIZE);
    void *stack_top = interpreter_init();
    thread_enter(stack_top, run_application);
}
