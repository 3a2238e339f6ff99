/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include <stdint.h>

#include <string.h>

#include "boot/cpu.h"
#include "boot/paging.h"
#include "boot/percpu.h"
#include "boot/spinlock.h"
#include "drivers/lapic.h"
#include "drivers/uart16550.h"
#include "kernel/board.h"
#include "kernel/console.h"
#include "kernel/interpreters.h"
#include "kernel/irq.h"
#include "kernel/mutex.h"
#include "kernel/page_alloc.h"
#include "kernel/panic.h"

#define RING_ORDER 4
#define RING_SIZE (PAGE_SIZE << RING_ORDER)

/* Receive ring. `head` is moved by whoever holds `lock`, `tail` by readers. What does not
 * fit stays in the UART, where nothing is lost: the reader takes it in again. */
static uint8_t *ring;
static uint32_t head, tail;
static bool left_in_uart;
static spinlock_t lock = SPINLOCK_INIT(LOCK_RANK_CONSOLE);

static int break_char = -1;
static interpreter_t *break_owner;
static int quote_char = -1;
static bool quoted; /* The next byte comes behind a quote. */

static mutex_t output_lock;

/* A byte that came, from whom ever. The ring has room, and the lock is held. */
static void take(int c) {
    if (c == break_char && !quoted) {
        interpreter_interrupt(break_owner);
        return;
    }
    quoted = c == quote_char && !quoted;
    ring[head % RING_SIZE] = c;
    __atomic_store_n(&head, head + 1, __ATOMIC_RELEASE);
}

/* Moves everything the UART has into the ring. The lock is held. */
static void take_in(void) {
    left_in_uart = false;
    for (;;) {
        if (head - tail == RING_SIZE) {
            left_in_uart = true;
            return;
        }
        int c = uart_receive();
        if (c < 0) {
            return;
        }
        take(c);
    }
}

static void on_interrupt(interrupt_frame_t *frame) {
    (void)frame;
    uint64_t flags = spin_lock_irqsave(&lock);
    take_in();
    spin_unlock_irqrestore(&lock, flags);
    interpreters_signal_all();
    lapic_eoi();
}

void console_init(void) {
    uint64_t pages = page_alloc(RING_ORDER);
    if (!pages) {
        panic("no memory for the console's receive ring");
    }
    ring = phys_to_virt(pages);
    if (!irq_connect_isa(UART_ISA_IRQ, "console", on_interrupt)) {
        panic("no I/O APIC pin for the console's interrupt");
    }
    uart_enable_receive_interrupt();
    uint64_t flags = spin_lock_irqsave(&lock);
    take_in();
    spin_unlock_irqrestore(&lock, flags);
}

size_t console_type(const uint8_t *data, size_t len) {
    uint64_t flags = spin_lock_irqsave(&lock);
    size_t at = 0;
    while (at < len && head - tail != RING_SIZE) {
        take(data[at++]);
    }
    spin_unlock_irqrestore(&lock, flags);
    interpreters_signal_all();
    return at;
}

bool console_readable(void) {
    return __atomic_load_n(&head, __ATOMIC_ACQUIRE) != tail;
}

int console_read(void) {
    uint32_t at = __atomic_load_n(&tail, __ATOMIC_RELAXED);
    int c;
    do {
        if (__atomic_load_n(&head, __ATOMIC_ACQUIRE) == at) {
            return -1;
        }
        c = ring[at % RING_SIZE];
    } while (!__atomic_compare_exchange_n(&tail, &at, at + 1, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED));
    if (left_in_uart && head - at <= RING_SIZE / 2) {
        uint64_t flags = spin_lock_irqsave(&lock);
        take_in();
        spin_unlock_irqrestore(&lock, flags);
    }
    return c;
}

void console_set_break(int c, interpreter_t *owner) {
    uint64_t flags = spin_lock_irqsave(&lock);
    break_char = c;
    break_owner = owner;
    spin_unlock_irqrestore(&lock, flags);
}

void console_set_quote(int c) {
    uint64_t flags = spin_lock_irqsave(&lock);
    quoted = quoted && quote_char == c;
    quote_char = c;
    spin_unlock_irqrestore(&lock, flags);
}

static void send(const uint8_t *data, size_t len) {
    while (len--) {
        uart_send(*data++);
    }
}

/* Output is polled, so its owner holds up no interrupt. */
void console_write(const void *data, size_t len) {
    mutex_lock(&output_lock);
    send(data, len);
    mutex_unlock(&output_lock);
}

void console_write_serial(const char *text, size_t len) {
    send((const uint8_t *)text, len);
}

void MICROPY_HW_EARLY_CONSOLE(const char *text, size_t len);

void console_report(const char *who, const char *what, const char *why) {
    const char *parts[] = { who, ": ", what, why ? ": " : "", why ? why : "", "\r\n" };
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); ++i) {
        console_write_emergency(parts[i], strlen(parts[i]));
    }
}

void console_write_emergency(const char *text, size_t len) {
    MICROPY_HW_EARLY_CONSOLE(text, len);
}
