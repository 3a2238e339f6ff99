/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* A guest on the project's kernel that dies on purpose, in the way that the setting
 * `fault=NAME` of its command line says: each proves that the kernel catches one kind of fault,
 * and names it. A guest that survives says so, and that is a failure. */

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "boot/layout.h"
#include "boot/percpu.h"
#include "kernel/console.h"
#include "kernel/interpreter.h"
#include "kernel/panic.h"
#include "kernel/system.h"

static const uint32_t read_only = 0x600d;
static uint8_t data[16] = { 0xc3 }; // RET, should it ever run.

static void call(const void *code) {
    ((void (*)(void))(uintptr_t)code)();
}

static void write_text(void) {
    *(volatile uint8_t *)(uintptr_t)app_main = 0x90;
}

static void write_read_only_data(void) {
    *(volatile uint32_t *)(uintptr_t)&read_only = 0xbad;
}

static void write_code_of_interpreter(void) {
    volatile uint8_t *code = interpreter_exec_reserve(sizeof(data));
    interpreter_exec_write((void *)code, data, sizeof(data));
    call((const void *)code); // Runs, and returns.
    code[0] = 0x90;
}

static void execute_data(void) {
    call(data);
}

static void execute_heap(void) {
    size_t size;
    uint8_t *heap = interpreter_heap(&size);
    heap[0] = 0xc3;
    call(heap);
}

static void execute_stack(void) {
    volatile uint8_t code[16] = { 0xc3 };
    call((const void *)code);
}

static void execute_direct_map(void) {
    call((const void *)(DIRECT_MAP_BASE + LINK_ADDRESS));
}

static void read_page_zero(void) {
    (void)*(volatile uint8_t *)16;
}

static void read_low_memory(void) {
    (void)*(volatile uint8_t *)0x7000; // Mapped nowhere but in the direct map.
}

static void read_beyond_heap(void) {
    size_t size;
    uint8_t *heap = interpreter_heap(&size);
    (void)*(volatile uint8_t *)(heap + size);
}

static void read_non_canonical(void) {
    (void)*(volatile uint8_t *)0x0123456789abcdef;
}

static void overrun_stack(void) {
    volatile uint8_t big[512];
    big[0] = 1;
    overrun_stack();
    big[1] = big[0]; // Not a tail call.
}

static void undefined_opcode(void) {
    __asm__ volatile ("ud2");
}

static void divide_error(void) {
    uint32_t zero = 0;
    __asm__ volatile ("divl %0" : "+r" (zero) : : "eax", "edx");
}

/* A page fault whose handler cannot be entered, because its stack is not mapped. */
static void double_fault(void) {
    cpu_current()->tss.ist[1] = WINDOW_END + PAGE_SIZE;
    read_page_zero();
}

static void breakpoint(void) {
    __asm__ volatile ("int3");
}

static void say_panic(void) {
    panic("on purpose");
}

static const struct {
    const char *name;
    void (*fn)(void);
} faults[] = {
    { "write-text", write_text },
    { "write-read-only-data", write_read_only_data },
    { "write-interpreter-code", write_code_of_interpreter },
    { "execute-data", execute_data },
    { "execute-heap", execute_heap },
    { "execute-stack", execute_stack },
    { "execute-direct-map", execute_direct_map },
    { "read-page-zero", read_page_zero },
    { "read-low-memory", read_low_memory },
    { "read-beyond-heap", read_beyond_heap },
    { "read-non-canonical", read_non_canonical },
    { "overrun-stack", overrun_stack },
    { "undefined-opcode", undefined_opcode },
    { "divide-error", divide_error },
    { "double-fault", double_fault },
    { "breakpoint", breakpoint },
    { "panic", say_panic },
};

static void say(const char *text) {
    console_write(text, strlen(text));
}

void app_main(void) {
    const char *wanted = system_setting("fault");
    for (size_t i = 0; wanted && i < sizeof(faults) / sizeof(faults[0]); ++i) {
        if (!strcmp(faults[i].name, wanted)) {
            say("about to fault: ");
            say(wanted);
            say("\r\n");
            faults[i].fn();
            say("survived\r\n");
            return;
        }
    }
    say("no such fault\r\n");
}
