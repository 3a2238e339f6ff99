/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* The machine around the drivers of PCI devices: memory that devices reach, a bus for registers, vectors, time. It has
 * one CPU. What the device and other CPUs do meanwhile happens at its points: each access to a register, each turn of
 * a loop that waits, each unlock.
 *
 * What a driver does wrong ends the program: an access outside of what was mapped, or not at a multiple of its width;
 * a lock taken twice or against the order; memory given back otherwise than it was taken; a loop without end. */
#ifndef MICROPY_INCLUDED_TESTS_HOST_VIRTIO_MACHINE_H
#define MICROPY_INCLUDED_TESTS_HOST_VIRTIO_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Physical addresses below are RAM that is no device's, and no register lies above. */
#define MACHINE_LOW_RAM (1ull << 30)
#define MACHINE_REGISTERS_END (1ull << 46)

/* No driver needs more of one device's registers at once: an ECAM bus. */
#define MACHINE_MAP_MAX (1u << 20)

/* One driver call looks at the machine less often than this. */
#define MACHINE_LOOKS_MAX 200000

typedef struct _machine_t {
    uint64_t now_ns;
    uint64_t look_ns;          /* So much time passes when a driver asks for it. */
    unsigned allocs_left;      /* How often memory is given yet. */
    unsigned vectors_left;     /* How often a vector is given yet. */
    bool lies;                 /* Devices may break rules: what leads nowhere is no error of the driver's. */
    bool in_interrupt;
    bool freeing;              /* A vector is given back: nobody may be called by it any more. */
    unsigned locks;            /* That are held. */
    unsigned looks;            /* At registers and time, since somebody set it to 0. */
    uint64_t looks_total;
    unsigned interrupts;       /* That were taken. */
    uint32_t last_apic_id;     /* Where the last message went. */
    void (*elsewhere)(void);   /* What others do at a point. It may call drivers; NULL: nothing. */
    /* The bus: an access to a register at a physical address. Returns what was read. */
    uint64_t (*bus)(uint64_t paddr, unsigned width, bool write, uint64_t value);
    uint32_t (*port)(uint16_t port, unsigned width, bool write, uint32_t value);
    /* What a driver reads instead. NULL: what the device says. */
    uint64_t (*lie)(uint64_t value, unsigned width);
    void (*freed)(uint64_t paddr, uint64_t len); /* Memory that the drivers give back. */
} machine_t;

extern machine_t machine;

/* As new. */
void machine_start(void);

/* What a driver has kept is given back. Returns how many pieces and vectors those were. */
unsigned machine_end(void);

/* Memory that is a driver's caller's, and that devices may be told of: until it is unshared. */
void machine_share(void *memory, size_t len);
void machine_unshare(const void *memory);

/* What a device reaches at an address. NULL: nobody has given it all of that. */
uint8_t *machine_memory(uint64_t paddr, uint64_t len);

/* A message of a device's: an interrupt, where that is what it says. */
void machine_message(uint64_t address, uint32_t data);

/* Interrupts come; others have their turn. So one that is raised there is on its way until the next point. */
void machine_point(void);

/* Interrupts come, if they may. */
void machine_take_interrupts(void);
bool machine_has_interrupts(void);

#endif // MICROPY_INCLUDED_TESTS_HOST_VIRTIO_MACHINE_H
