/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "boot/cpu.h"
#include "boot/paging.h"
#include "drivers/lapic.h"
#include "drivers/power.h"
#include "kernel/backtrace.h"
#include "kernel/clock.h"
#include "kernel/console.h"
#include "kernel/cpus.h"
#include "kernel/machine.h"
#include "kernel/panic.h"
#include "kernel/system.h"

#define BUILD_ID_SHOWN 8

/* How long the others have to stop. A host may have suspended them. */
#define STOPPING_NS 200000000

#define NOBODY UINT32_MAX

static uint32_t panicking = NOBODY; // The index of the CPU that reports a crash.
static bool is_second;

static void print(const char *text) {
    console_write_emergency(text, strlen(text));
}

static void print_digits(uint64_t value, unsigned digits) {
    char text[16];
    for (unsigned i = 0; i < digits; ++i) {
        text[i] = "0123456789abcdef"[value >> 4 * (digits - 1 - i) & 0xf];
    }
    console_write_emergency(text, digits);
}

static void print_hex(uint64_t value, unsigned digits) {
    print("0x");
    print_digits(value, digits);
}

static void print_register(const char *name, uint64_t value) {
    print(name);
    print_hex(value, 16);
}

static void take_backtrace(uint64_t trace[PANIC_BACKTRACE], uint64_t rip, uint64_t rbp) {
    trace[0] = rip;
    for (unsigned i = 1; i < PANIC_BACKTRACE && backtrace_next(&rbp, &trace[i]); ++i) {
    }
}

static void print_trace(const uint64_t trace[PANIC_BACKTRACE]) {
    print("backtrace:");
    for (unsigned i = 0; i < PANIC_BACKTRACE && trace[i]; ++i) {
        print(" ");
        print_hex(trace[i], 16);
    }
    print("\r\n");
}

static void print_backtrace(uint64_t rip, uint64_t rbp) {
    uint64_t trace[PANIC_BACKTRACE] = { 0 };
    take_backtrace(trace, rip, rbp);
    print_trace(trace);
}

static void print_cpu(const kernel_cpu_t *cpu) {
    print("cpu ");
    print_digits(cpu->boot.index, 4);
}

static void print_thread(const kernel_cpu_t *cpu) {
    if (cpu->current) {
        print(", thread ");
        print(cpu->current->name);
    }
}

static void print_place(uint64_t rip) {
    print_cpu(kernel_cpu());
    print(", rip ");
    print_hex(rip, 16);
    print_thread(kernel_cpu());
    print(", build ");
    for (unsigned i = 0; i < BUILD_ID_SHOWN; ++i) {
        print_digits(system_build_id()[i], 2);
    }
    print("\r\n");
}

static void print_registers(const interrupt_frame_t *f) {
    print_register("rax ", f->rax);
    print_register(" rbx ", f->rbx);
    print_register(" rcx ", f->rcx);
    print_register(" rdx ", f->rdx);
    print_register("\r\nrsi ", f->rsi);
    print_register(" rdi ", f->rdi);
    print_register(" rbp ", f->rbp);
    print_register(" rsp ", f->rsp);
    print_register("\r\nr8  ", f->r8);
    print_register(" r9  ", f->r9);
    print_register(" r10 ", f->r10);
    print_register(" r11 ", f->r11);
    print_register("\r\nr12 ", f->r12);
    print_register(" r13 ", f->r13);
    print_register(" r14 ", f->r14);
    print_register(" r15 ", f->r15);
    print_register("\r\nrflags ", f->rflags);
    print_register(" cs ", f->cs);
    print_register(" ss ", f->ss);
    print_register("\r\ncr0 ", read_cr0());
    print_register(" cr2 ", read_cr2());
    print_register(" cr3 ", read_cr3());
    print_register(" cr4 ", read_cr4());
    print("\r\n");
}

/* What the error code of a page fault says: Intel SDM volume 3, figure 4-12. */
static void print_page_fault(const interrupt_frame_t *f, const char *what) {
    print(f->error & FAULT_FETCH ? ": execute" : f->error & FAULT_WRITE ? ": write" : ": read");
    print(" at ");
    print_hex(read_cr2(), 16);
    print(f->error & FAULT_RESERVED ? ", reserved bit set in a page table"
        : f->error & FAULT_PRESENT ? ", not allowed there" : ", nothing mapped there");
    if (what) {
        print(" (");
        print(what);
        print(")");
    }
}

/* What the error code of a segment exception says: SDM volume 3, 6.13. */
static void print_selector(uint64_t error) {
    print(error & 2 ? ": interrupt vector " : error & 4 ? ": LDT entry " : ": GDT entry ");
    print_hex(error >> 3 & 0x1fff, 4);
    print(error & 1 ? ", while delivering an event" : "");
}

static const char *const exceptions[] = {
    "divide error (#DE)", "debug exception (#DB)", "non-maskable interrupt (NMI)", "breakpoint (#BP)",
    "overflow (#OF)", "bound range exceeded (#BR)", "undefined opcode (#UD)", "no FPU (#NM)",
    "double fault (#DF)", "coprocessor segment overrun", "invalid TSS (#TS)", "segment not present (#NP)",
    "stack segment fault (#SS)", "general protection (#GP)", "page fault (#PF)", "exception 15",
    "x87 floating-point error (#MF)", "alignment check (#AC)", "machine check (#MC)", "SIMD floating-point error (#XM)",
    "virtualization exception (#VE)", "control protection (#CP)",
};

/* The other CPUs. */

/* What a CPU does that is told to stop, by an NMI, or that crashes while another reports a crash. */
static _Noreturn void stop_here(uint64_t rip, uint64_t rbp) {
    kernel_cpu_t *cpu = kernel_cpu();
    take_backtrace(cpu->stopped_at, rip, rbp);
    __atomic_store_n(&cpu->stopped, true, __ATOMIC_RELEASE);
    cpu_stop();
}

static bool is_reported_by_another(void) {
    uint32_t reporting = __atomic_load_n(&panicking, __ATOMIC_SEQ_CST);
    return reporting != NOBODY && reporting != cpu_current()->index;
}

static bool has_stopped(const kernel_cpu_t *cpu) {
    return cpu == kernel_cpu() || __atomic_load_n(&cpu->stopped, __ATOMIC_ACQUIRE);
}

static void stop_others(void) {
    for (unsigned i = 0; i < cpus_count(); ++i) {
        if (!has_stopped(cpus_get(i))) {
            lapic_send_nmi(cpus_get(i)->boot.apic_id);
        }
    }
    uint64_t end = cpus_count() > 1 ? clock_monotonic_ns() + STOPPING_NS : 0;
    for (unsigned i = 0; i < cpus_count(); ++i) {
        while (!has_stopped(cpus_get(i)) && clock_monotonic_ns() < end) {
            cpu_relax();
        }
    }
}

/* Of an idle one there is nothing to tell. */
static void print_others(void) {
    for (unsigned i = 0; i < cpus_count(); ++i) {
        const kernel_cpu_t *cpu = cpus_get(i);
        if (cpu == kernel_cpu() || (has_stopped(cpu) && cpu->current == &cpu->idle)) {
            continue;
        }
        print_cpu(cpu);
        print_thread(cpu);
        print(has_stopped(cpu) ? "\r\n" : " does not answer\r\n");
        if (has_stopped(cpu)) {
            print_trace(cpu->stopped_at);
        }
    }
}

static _Noreturn void finish(void) {
    print("*** end of crash\r\n");
    const char *on_crash = system_setting("on-crash");
    if (on_crash && !strcmp(on_crash, "reset")) {
        system_reset();
    }
    if (on_crash && !strcmp(on_crash, "poweroff")) {
        power_off(&machine.acpi);
        print("*** the machine did not power off\r\n");
    }
    cpu_stop();
}

/* Only the first crash is reported: what fails while it is being reported tells nothing. */
static void begin(const char *what, uint64_t rip, uint64_t rbp) {
    interrupts_disable();
    uint32_t reporting = NOBODY;
    if (__atomic_compare_exchange_n(&panicking, &reporting, cpu_current()->index, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
        stop_others();
        print("\r\n*** crash: ");
        print(what);
        return;
    }
    if (is_reported_by_another()) {
        stop_here(rip, rbp);
    }
    if (is_second) {
        cpu_stop();
    }
    is_second = true;
    print("\r\n*** crash while reporting a crash\r\n");
    finish();
}

static const char *name_of(const interrupt_frame_t *f) {
    return f->vector < sizeof(exceptions) / sizeof(exceptions[0]) ? exceptions[f->vector] : "interrupt nobody handles";
}

/* The rest of the headline, then where it was. */
static void print_exception(const interrupt_frame_t *f, const char *what) {
    print(", vector ");
    print_hex(f->vector, 2);
    print(", error ");
    print_hex(f->error, 4);
    if (f->vector == VECTOR_PAGE_FAULT) {
        print_page_fault(f, what);
    } else if (f->vector >= 10 && f->vector <= 13 && f->error) {
        print_selector(f->error);
    }
    print("\r\n");
    print_place(f->rip);
    print_registers(f);
    print_backtrace(f->rip, f->rbp);
}

_Noreturn void panic_exception(interrupt_frame_t *f, const char *what) {
    begin(name_of(f), f->rip, f->rbp);
    print_exception(f, what);
    print_others();
    finish();
}

void panic_report_interpreter(interrupt_frame_t *f, const char *what, uint64_t id) {
    print("\r\n*** interpreter ");
    print_digits(id, 8);
    print(" ends: ");
    print(name_of(f));
    print_exception(f, what);
}

_Noreturn void panic(const char *message) {
    // Inside of the call: what follows it may belong to the next function.
    uint64_t rip = (uintptr_t)__builtin_return_address(0) - 1;
    uint64_t rbp = *(uint64_t *)__builtin_frame_address(0);
    begin(message, rip, rbp);
    print("\r\n");
    print_place(rip);
    print_backtrace(rip, rbp);
    print_others();
    finish();
}
