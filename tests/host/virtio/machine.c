/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include "boot/cpu.h"
#include "boot/idt.h"
#include "boot/spinlock.h"
#include "drivers/driver.h"
#include "drivers/lapic.h"
#include "tests/host/check.h"
#include "tests/host/virtio/machine.h"

/* Where a device finds the host program's memory. Far up, so that no half of an address is enough. */
#define MEMORY_PADDR (1ull << 50)
#define PAGE_SIZE 4096

/* A view of registers is a number that is no address of the host's: the CPU would not follow it. */
#define VIEW_BASE (1ull << 60)
#define VIEW_STRIDE (1ull << 33)
#define VIEWS_MAX 64

#define PIECES_MAX 1024
#define VECTORS 256

typedef struct _piece_t {
    uint8_t *memory;
    size_t len;
    bool is_drivers;
} piece_t;

typedef struct _view_t {
    uint64_t paddr;
    size_t len;
} view_t;

machine_t machine;

static piece_t pieces[PIECES_MAX];
static unsigned piece_count;
static view_t views[VIEWS_MAX];
static unsigned view_count;
static interrupt_handler_t handlers[VECTORS];
static bool is_allocated[VECTORS], is_pending[VECTORS];
static unsigned pending_count;
static const spinlock_t *innermost;
static bool at_point;

void machine_start(void) {
    machine = (machine_t) { .look_ns = 1000, .allocs_left = -1, .vectors_left = -1 };
    piece_count = view_count = 0;
    memset(handlers, 0, sizeof(handlers));
    memset(is_allocated, 0, sizeof(is_allocated));
    memset(is_pending, 0, sizeof(is_pending));
    pending_count = 0;
    innermost = NULL;
    at_point = false;
}

unsigned machine_end(void) {
    unsigned left = 0;
    for (unsigned i = 0; i < piece_count; ++i) {
        if (pieces[i].is_drivers) {
            ++left;
            free(pieces[i].memory);
        }
    }
    for (unsigned vector = 0; vector < VECTORS; ++vector) {
        left += is_allocated[vector];
    }
    piece_count = 0;
    return left;
}

/* Memory. */

static void add_piece(void *memory, size_t len, bool is_drivers) {
    CHECK(piece_count < PIECES_MAX);
    pieces[piece_count++] = (piece_t) { memory, len, is_drivers };
}

static piece_t remove_piece(const void *memory) {
    for (unsigned i = piece_count; i--;) {
        if (pieces[i].memory == memory) {
            piece_t piece = pieces[i];
            pieces[i] = pieces[--piece_count];
            return piece;
        }
    }
    CHECK(!"memory is given back that was not taken");
    abort();
}

void machine_share(void *memory, size_t len) {
    add_piece(memory, len, false);
}

void machine_unshare(const void *memory) {
    remove_piece(memory);
}

uint8_t *machine_memory(uint64_t paddr, uint64_t len) {
    for (unsigned i = piece_count; i--;) {
        uint64_t offset = paddr - driver_address(pieces[i].memory);
        if (offset < pieces[i].len && len <= pieces[i].len - offset) {
            return pieces[i].memory + offset;
        }
    }
    return NULL;
}

static void check_thread_context(void) {
    CHECK(!machine.locks && !machine.in_interrupt);
}

void *driver_alloc(size_t size) {
    check_thread_context();
    CHECK(size);
    if (!machine.allocs_left) {
        return NULL;
    }
    --machine.allocs_left;
    void *memory;
    CHECK(posix_memalign(&memory, PAGE_SIZE, size) == 0);
    memset(memory, 0, size);
    add_piece(memory, size, true);
    return memory;
}

void driver_free(void *memory, size_t size) {
    check_thread_context();
    piece_t piece = remove_piece(memory);
    CHECK(piece.is_drivers);
    CHECK_EQ(size, piece.len);
    if (machine.freed) {
        machine.freed(driver_address(memory), size);
    }
    free(memory);
}

uint64_t driver_address(const void *memory) {
    return MEMORY_PADDR + (uintptr_t)memory;
}

/* Others, and interrupts. */

static void look(void) {
    CHECK(machine.looks++ < MACHINE_LOOKS_MAX);
    ++machine.looks_total;
}

void machine_point(void) {
    if (at_point) {
        return;
    }
    machine_take_interrupts();
    if (machine.elsewhere) {
        at_point = true;
        machine.elsewhere();
        at_point = false;
    }
}

/* Those that are pending now, once each: others' points may raise more meanwhile, for ever. */
void machine_take_interrupts(void) {
    if (!pending_count || machine.locks || machine.in_interrupt) {
        return;
    }
    for (unsigned vector = 0; vector < VECTORS; ++vector) {
        if (!is_pending[vector]) {
            continue;
        }
        is_pending[vector] = false;
        --pending_count;
        ++machine.interrupts;
        if (handlers[vector]) {
            machine.in_interrupt = true;
            interrupt_frame_t frame = { .vector = vector };
            handlers[vector](&frame);
            CHECK(!machine.in_interrupt); // Else the driver has not ended it.
        }
    }
}

bool machine_has_interrupts(void) {
    return pending_count;
}

void lapic_eoi(void) {
    CHECK(machine.in_interrupt && !machine.locks);
    machine.in_interrupt = false;
}

/* Intel SDM volume 3, 11.11.1 and 11.11.2. */
#define MESSAGE_ADDRESS 0xfee00000u
#define APIC_IDS 256

bool lapic_message_address(uint32_t apic_id, uint64_t *address) {
    *address = MESSAGE_ADDRESS | apic_id << 12;
    return apic_id < APIC_IDS;
}

void machine_message(uint64_t address, uint32_t data) {
    bool is_interrupt = (address & ~0xff000ull) == MESSAGE_ADDRESS && data < VECTORS && is_allocated[data];
    CHECK(is_interrupt || machine.lies);
    if (is_interrupt && !is_pending[data]) {
        machine.last_apic_id = address >> 12 & 0xff;
        is_pending[data] = true;
        ++pending_count;
    }
}

uint8_t interrupt_allocate_vector(const char *name, interrupt_handler_t handler) {
    CHECK(name && handler);
    if (!machine.vectors_left) {
        return 0;
    }
    --machine.vectors_left;
    for (unsigned vector = VECTOR_FIRST_DEVICE; vector < VECTOR_SPURIOUS; ++vector) {
        if (!is_allocated[vector]) {
            is_allocated[vector] = true;
            handlers[vector] = handler;
            return vector;
        }
    }
    return 0;
}

void interrupt_free_vector(uint8_t vector) {
    CHECK(is_allocated[vector]);
    machine.freeing = true;
    machine_take_interrupts();
    machine.freeing = false;
    is_allocated[vector] = false;
    handlers[vector] = NULL;
}

uint64_t spin_lock_irqsave(spinlock_t *lock) {
    CHECK(!lock->held);
    CHECK(lock->rank && (!innermost || innermost->rank < lock->rank));
    uint64_t flags = (uintptr_t)innermost;
    innermost = lock;
    lock->held = true;
    ++machine.locks;
    return flags;
}

void spin_unlock_irqrestore(spinlock_t *lock, uint64_t flags) {
    CHECK(lock->held && innermost == lock);
    innermost = (const spinlock_t *)(uintptr_t)flags;
    lock->held = false;
    --machine.locks;
    machine_point();
}

void cpu_relax(void) {
    look();
    machine_point();
}

uint64_t driver_now_ns(void) {
    look();
    machine_point();
    return machine.now_ns += machine.look_ns;
}

/* Registers. */

mmio_t driver_map(uint64_t paddr, size_t len) {
    check_thread_context();
    CHECK(len <= MACHINE_MAP_MAX);
    if (!len || paddr < MACHINE_LOW_RAM || paddr + len < paddr || paddr + len > MACHINE_REGISTERS_END) {
        return NULL;
    }
    unsigned i = 0;
    while (i < view_count && (views[i].paddr != paddr || views[i].len != len)) {
        ++i;
    }
    if (i == VIEWS_MAX) {
        return NULL;
    }
    views[i] = (view_t) { paddr, len };
    view_count = i < view_count ? view_count : i + 1;
    return (mmio_t)(uintptr_t)(VIEW_BASE + i * VIEW_STRIDE);
}

static uint64_t lied(uint64_t value, unsigned width) {
    return machine.lie ? machine.lie(value, width) : value;
}

static uint64_t access_register(mmio_t at, unsigned width, bool write, uint64_t value) {
    uint64_t offset = (uintptr_t)at - VIEW_BASE;
    CHECK(offset / VIEW_STRIDE < view_count);
    const view_t *view = &views[offset / VIEW_STRIDE];
    offset %= VIEW_STRIDE;
    CHECK(offset < view->len && width <= view->len - offset);
    CHECK((view->paddr + offset) % width == 0);
    look();
    machine_point();
    uint64_t read = machine.bus(view->paddr + offset, width, write, value);
    return write ? 0 : lied(read, width);
}

uint8_t mmio_read8(mmio_t at) {
    return access_register(at, 1, false, 0);
}

uint16_t mmio_read16(mmio_t at) {
    return access_register(at, 2, false, 0);
}

uint32_t mmio_read32(mmio_t at) {
    return access_register(at, 4, false, 0);
}

void mmio_write8(mmio_t at, uint8_t value) {
    access_register(at, 1, true, value);
}

void mmio_write16(mmio_t at, uint16_t value) {
    access_register(at, 2, true, value);
}

void mmio_write32(mmio_t at, uint32_t value) {
    access_register(at, 4, true, value);
}

void mmio_write64(mmio_t at, uint64_t value) {
    access_register(at, 8, true, value);
}

static uint32_t access_port(uint16_t port, unsigned width, bool write, uint32_t value) {
    CHECK(port % width == 0);
    look();
    machine_point();
    return machine.port(port, width, write, value);
}

uint32_t in32(uint16_t port) {
    return lied(access_port(port, 4, false, 0), 4);
}

void out16(uint16_t port, uint16_t value) {
    access_port(port, 2, true, value);
}

void out32(uint16_t port, uint32_t value) {
    access_port(port, 4, true, value);
}
