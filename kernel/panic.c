/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "boot/cpu.h"
#include "boot/paging.h"
#include "boot/percpu.h"
#include "drivers/power.h"
#include "kernel/backtrace.h"
#include "kernel/console.h"
#include "kernel/machine.h"
#include "kernel/panic.h"
#include "kernel/system.h"

#define BACKTRACE_LIMIT 24

#define BUILD_ID_SHOWN 8

static uint32_t panicking;

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

static void print_backtrace(uint64_t rip, uint64_t rbp) {
    print("backtrace: ");
    print_hex(rip, 16);
    uint64_t caller;
    for (unsigned i = 0; i < BACKTRACE_LIMIT && backtrace_next(&rbp, &caller); ++i) {
        print(" ");
        print_hex(caller, 16);
    }
    print("\r\n");
}

static void print_place(uint64_t rip) {
    print("cpu ");
    print_digits(cpu_current()->index, 4);
    print(", rip ");
    print_hex(rip, 16);
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
static void begin(const char *what) {
    interrupts_disable();
    switch (__atomic_fetch_add(&panicking, 1, __ATOMIC_SEQ_CST)) {
        case 0:
            print("\r\n*** crash: ");
            print(what);
            return;
        case 1:
            print("\r\n*** crash while reporting a crash\r\n");
            finish();
        default:
            cpu_stop();
    }
}

_Noreturn void panic_exception(interrupt_frame_t *f, const char *what) {
    size_t known = sizeof(exceptions) / sizeof(exceptions[0]);
    begin(f->vector < known ? exceptions[f->vector] : "interrupt nobody handles");
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
    finish();
}

_Noreturn void panic(const char *message) {
    begin(message);
    print("\r\n");
    // Inside of the call: what follows it may belong to the next function.
    uint64_t rip = (uintptr_t)__builtin_return_address(0) - 1;
    print_place(rip);
    print_backtrace(rip, *(uint64_t *)__builtin_frame_address(0));
    finish();
}
