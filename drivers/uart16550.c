/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include "boot/cpu.h"
#include "drivers/uart16550.h"

#define COM1 0x3f8

/* Registers and their bits: PC16550D, 8.0. */
enum {
    RBR = 0, // Receiver buffer, read.
    THR = 0, // Transmitter holding, write.
    DLL = 0, // Divisor latch, with LCR_DLAB.
    IER = 1,
    IER_RECEIVED = 0x01,
    FCR = 2,
    FCR_ENABLE = 0x01,
    FCR_TRIGGER_14 = 0xc0,
    LCR = 3,
    LCR_8N1 = 0x03,
    LCR_DLAB = 0x80,
    MCR = 4,
    MCR_DTR_RTS_OUT2 = 0x0b, // OUT2 gates the interrupt line on a PC.
    LSR = 5,
    LSR_DATA_READY = 0x01,
    LSR_THR_EMPTY = 0x20,
};

#define DIVISOR_115200 1
#define FIFO_SIZE 16

/* What a port reads as that no device answers at, as with `--serial off`. Cloud Hypervisor before
 * v53 gives anything there; an idle transmitter, as after a reset, it hardly gives. */
#define NOTHING_THERE 0xff

static bool is_there;

void uart_init(void) {
    uint8_t status = in8(COM1 + LSR);
    is_there = status & LSR_THR_EMPTY && status != NOTHING_THERE;
    if (!is_there) {
        return;
    }
    // No interrupt is enabled, and the divisor's upper half is 0, from reset on.
    out8(COM1 + LCR, LCR_DLAB | LCR_8N1);
    out8(COM1 + DLL, DIVISOR_115200);
    out8(COM1 + LCR, LCR_8N1);
    // Forgets the one byte that a receiver without FIFO has taken before the boot, on QEMU. Cloud
    // Hypervisor has no FIFO control, and forgets nothing.
    out8(COM1 + FCR, FCR_ENABLE | FCR_TRIGGER_14);
    out8(COM1 + MCR, MCR_DTR_RTS_OUT2);
}

void uart_enable_receive_interrupt(void) {
    out8(COM1 + IER, IER_RECEIVED);
}

int uart_receive(void) {
    if (!is_there || !(in8(COM1 + LSR) & LSR_DATA_READY)) {
        return -1;
    }
    return in8(COM1 + RBR);
}

/* An empty transmitter takes a FIFO's worth of bytes, so only each sixteenth one is preceded by
 * a look at it, which on a virtual machine costs as much as a byte. */
void uart_send(uint8_t byte) {
    static unsigned room;
    if (!is_there) {
        return;
    }
    if (!room) {
        while (!(in8(COM1 + LSR) & LSR_THR_EMPTY)) {
            cpu_relax();
        }
        room = FIFO_SIZE;
    }
    --room;
    out8(COM1 + THR, byte);
}
