/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Who forgets what when page tables change: kernel/tlb.c on CPUs that remember all they may (Intel SDM volume 3,
 * 4.10), with PCIDs, which no emulator here has. A CPU is a thread of the host. It walks the tables of its CR3
 * between any two steps, also when it is idle, and keeps what it finds. A page that it reaches must not be in
 * use for something else: that is seen by its content, and by the thread sanitizer. */
#include <pthread.h>

#include "boot/cpu.h"
#include "boot/idt.h"
#include "boot/layout.h"
#include "boot/paging.h"
#include "drivers/lapic.h"
#include "kernel/cpus.h"
#include "kernel/page_alloc.h"
#include "kernel/panic.h"
#include "kernel/tlb.h"
#include "tests/host/check.h"
#include "tests/host/unit.h"

#define CPUS 4
#define STEPS 400000
#define LEAVES 4
#define MOST_PAGES 4000000
#define MOST_PCIDS 128

enum {
    IN_USE = 1,
    USED_OTHERWISE,
};

/* Pages by number; 0 is none. Those of tables are multiples of 8 in the first half, all others in the second. */
static uint8_t content[MOST_PAGES]; /* Plain. */
static uint32_t leaves[MOST_PAGES / 16][LEAVES]; /* Of table 8 * n: atomic. */
static uint32_t pages_used, tables_used; /* Atomic. */

/* Address spaces: two without a PCID, two that are kept, one whose PCID is too high for that. The last entry
 * is the boot's, in which nothing changes. */
#define SPACES 5
#define BOOT SPACES

typedef struct _space_t {
    uint64_t pcid;
    pthread_mutex_t lock; /* For who changes it; the boot's: what all share. */
    uint32_t root, table; /* Pages; the table is atomic. */
    uint32_t users;       /* Atomic: threads in it. */
    uint32_t closed;      /* Atomic: nobody may come in. */
} space_t;

static space_t spaces[SPACES + 1] = {
    { .pcid = 0 }, { .pcid = 0 }, { .pcid = 1 }, { .pcid = 63 }, { .pcid = 65 }, { .pcid = 0 },
};

/* A CPU, and what it remembers of each PCID. Its own thread's but for `kernel` and `pending`. */
typedef struct _machine_cpu_t {
    kernel_cpu_t kernel;
    uint32_t pending; /* Atomic: an IPI. */
    uint64_t cr3;
    struct {
        uint32_t table, leaf[LEAVES], shared;
    } known[MOST_PCIDS];
    thread_t thread;
    int space; /* Of the thread; -1: idle. */
    uint32_t seed;
    bool interrupts_off;
} machine_cpu_t;

static machine_cpu_t cpus[CPUS];
static _Thread_local machine_cpu_t *self;
static interrupt_handler_t shootdown;
static uint32_t finished; /* Atomic. */
static uint32_t shared_page; /* In all address spaces; atomic. */

static uint32_t random_below(uint32_t limit) {
    self->seed = self->seed * 1664525 + 1013904223;
    return (self->seed >> 8) % limit;
}

cpu_t *cpu_current(void) {
    return &self->kernel.boot;
}

unsigned cpus_count(void) {
    return CPUS;
}

kernel_cpu_t *cpus_get(unsigned index) {
    return &cpus[index].kernel;
}

static uint64_t cr3_of(const space_t *space) {
    return (uint64_t)(space - spaces + 1) << PAGE_SHIFT | space->pcid;
}

/* A root is a number here: that of its page, which is no address. */
uint64_t paging_cr3(const uint64_t *root) {
    return (uintptr_t)root;
}

uint64_t *paging_boot_root(void) {
    return (uint64_t *)(uintptr_t)cr3_of(&spaces[BOOT]);
}

/* tlb_start() makes page tables, which is not what is tried here: CPUs leave a space for the boot's. */
uint64_t page_alloc(unsigned order) {
    (void)order;
    abort();
}

uint64_t *paging_new_root(uint64_t root, uint64_t low) {
    (void)root;
    (void)low;
    abort();
}

_Noreturn void panic(const char *message) {
    fprintf(stderr, "panic: %s\n", message);
    abort();
}

uint8_t interrupt_allocate_vector(const char *name, interrupt_handler_t handler) {
    (void)name;
    shootdown = handler;
    return VECTOR_FIRST_DEVICE;
}

void lapic_eoi(void) {
}

void lapic_send_ipi(uint32_t apic_id, uint8_t vector) {
    CHECK(vector == VECTOR_FIRST_DEVICE);
    __atomic_store_n(&cpus[apic_id].pending, 1, __ATOMIC_RELEASE);
}

/* The CPU's part. */

static void reach(uint32_t page) {
    CHECK_EQ(content[page], IN_USE);
}

/* As the CPU likes, whatever it executes. */
static void walk(void) {
    const space_t *space = &spaces[(self->cr3 >> PAGE_SHIFT) - 1];
    uint32_t *shared = &self->known[space->pcid].shared;
    if (!*shared) {
        *shared = __atomic_load_n(&shared_page, __ATOMIC_ACQUIRE);
    }
    reach(*shared);
    if (space == &spaces[BOOT]) {
        return;
    }
    unsigned which = random_below(LEAVES);
    uint32_t *table = &self->known[space->pcid].table;
    uint32_t *leaf = &self->known[space->pcid].leaf[which];
    if (!*leaf) {
        if (!*table) {
            reach(space->root);
            *table = __atomic_load_n(&space->table, __ATOMIC_ACQUIRE);
        }
        reach(*table);
        *leaf = __atomic_load_n(&leaves[*table / 8][which], __ATOMIC_ACQUIRE);
    }
    reach(*leaf);
}

void cpu_relax(void) {
    walk();
    sched_yield();
}

void write_cr3(uint64_t value) {
    static uint64_t serialized;
    __atomic_fetch_add(&serialized, 1, __ATOMIC_RELAXED); // A locked instruction: what was stored is seen.
    self->cr3 = value & ~CR3_KEEP;
    if (!(value & CR3_KEEP)) {
        memset(&self->known[value & CR3_PCID], 0, sizeof(self->known[0]));
    }
    if (!random_below(8)) {
        cpu_relax();
    }
}

static void take_interrupt(void) {
    if (__atomic_exchange_n(&self->pending, 0, __ATOMIC_ACQUIRE)) {
        self->interrupts_off = true;
        shootdown(NULL);
        self->interrupts_off = false;
    }
}

uint64_t interrupts_save_disable(void) {
    bool were_off = self->interrupts_off;
    self->interrupts_off = true;
    return were_off ? 0 : RFLAGS_IF;
}

void interrupts_restore(uint64_t flags) {
    if (flags & RFLAGS_IF) {
        self->interrupts_off = false;
        take_interrupt();
    }
}

/* What kernel/sched.c and boot/context_switch.S do. `space` -1: to the idle thread. */
static void switch_to(int space) {
    int before = self->space;
    kernel_cpu_t *cpu = &self->kernel;
    uint64_t flags = interrupts_save_disable();
    self->space = space;
    self->thread.context.cr3 = space < 0 ? 0 : cr3_of(&spaces[space]);
    cpu->current = space < 0 ? &cpu->idle : &self->thread;
    tlb_before_switch(cpu, cpu->current->context.cr3);
    cpu_relax();
    if (cpu->boot.next_cr3 != cpu->boot.cr3) {
        write_cr3(cpu->boot.next_cr3);
        __atomic_store_n(&cpu->boot.cr3, cpu->boot.next_cr3, __ATOMIC_RELEASE);
    }
    if (before >= 0) {
        __atomic_fetch_sub(&spaces[before].users, 1, __ATOMIC_SEQ_CST);
    }
    interrupts_restore(flags);
}

/* Has nobody take the space away. */
static bool hold(space_t *space) {
    __atomic_fetch_add(&space->users, 1, __ATOMIC_SEQ_CST);
    if (!__atomic_load_n(&space->closed, __ATOMIC_SEQ_CST)) {
        return true;
    }
    __atomic_fetch_sub(&space->users, 1, __ATOMIC_SEQ_CST);
    return false;
}

static void switch_to_any(void) {
    unsigned space = random_below(SPACES + 2);
    if (space >= SPACES) {
        switch_to(-1);
    } else if (hold(&spaces[space])) {
        switch_to(space);
    }
}

/* As an interrupt does, whoever it interrupts. */
static void visit_any(void) {
    space_t *space = &spaces[random_below(SPACES)];
    uint64_t flags = interrupts_save_disable();
    if (hold(space)) {
        tlb_visit(cr3_of(space));
        cpu_relax();
        walk();
        tlb_end_visit();
        __atomic_fetch_sub(&space->users, 1, __ATOMIC_SEQ_CST);
    }
    interrupts_restore(flags);
}

/* The kernel's part: how address spaces are changed. */

static uint32_t new_page(void) {
    uint32_t page = MOST_PAGES / 2 + __atomic_fetch_add(&pages_used, 1, __ATOMIC_RELAXED);
    CHECK(page < MOST_PAGES);
    content[page] = IN_USE;
    return page;
}

static uint32_t new_table(void) {
    uint32_t table = 1 + __atomic_fetch_add(&tables_used, 1, __ATOMIC_RELAXED);
    CHECK(8 * table < MOST_PAGES / 2);
    content[8 * table] = IN_USE;
    for (unsigned i = 0; i < LEAVES; ++i) {
        leaves[table][i] = new_page();
    }
    return 8 * table;
}

static void free_table(uint32_t table) {
    for (unsigned i = 0; i < LEAVES; ++i) {
        content[leaves[table / 8][i]] = USED_OTHERWISE;
    }
    content[table] = USED_OTHERWISE;
}

static void make(space_t *space) {
    space->root = new_page();
    __atomic_store_n(&space->table, new_table(), __ATOMIC_RELEASE);
}

static void change_leaf(space_t *space) {
    uint32_t *leaf = &leaves[space->table / 8][random_below(LEAVES)];
    uint32_t old = __atomic_exchange_n(leaf, new_page(), __ATOMIC_RELEASE);
    tlb_flush(cr3_of(space));
    content[old] = USED_OTHERWISE;
}

static void change_table(space_t *space) {
    uint32_t old = __atomic_exchange_n(&space->table, new_table(), __ATOMIC_RELEASE);
    tlb_flush(cr3_of(space));
    free_table(old);
}

static void change_what_is_shared(void) {
    uint32_t old = __atomic_exchange_n(&shared_page, new_page(), __ATOMIC_RELEASE);
    tlb_flush_all();
    content[old] = USED_OTHERWISE;
}

/* Another comes in its place, with its address and its PCID. */
static void replace(space_t *space) {
    __atomic_store_n(&space->closed, 1, __ATOMIC_SEQ_CST);
    unsigned tries = 50;
    while (--tries && __atomic_load_n(&space->users, __ATOMIC_SEQ_CST)) {
        cpu_relax();
        take_interrupt();
    }
    if (tries) {
        tlb_retire(cr3_of(space));
        free_table(space->table);
        content[space->root] = USED_OTHERWISE;
        make(space);
    }
    __atomic_store_n(&space->closed, 0, __ATOMIC_SEQ_CST);
}

static uint32_t replaced;

static void change_any(void) {
    space_t *space = &spaces[random_below(SPACES + 1)];
    if (self->space < 0 || pthread_mutex_trylock(&space->lock)) {
        return;
    }
    unsigned choice = random_below(8);
    if (space == &spaces[BOOT]) {
        change_what_is_shared();
    } else if (choice < 5) {
        change_leaf(space);
    } else if (choice < 7 || space == &spaces[self->space]) {
        change_table(space);
    } else {
        uint32_t root = space->root;
        replace(space);
        __atomic_fetch_add(&replaced, root != space->root, __ATOMIC_RELAXED);
    }
    pthread_mutex_unlock(&space->lock);
}

static void *run_cpu(void *arg) {
    self = arg;
    for (unsigned step = 0; step < STEPS; ++step) {
        take_interrupt();
        walk();
        unsigned choice = random_below(16);
        if (choice < 4) {
            switch_to_any();
        } else if (choice == 4) {
            change_any();
        } else if (choice == 5) {
            visit_any();
        }
    }
    __atomic_fetch_add(&finished, 1, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(&finished, __ATOMIC_SEQ_CST) < CPUS) {
        take_interrupt();
        cpu_relax();
    }
    return NULL;
}

TEST(no_cpu_reaches_what_was_taken_out_of_an_address_space) {
    for (unsigned i = 0; i <= SPACES; ++i) {
        pthread_mutex_init(&spaces[i].lock, NULL);
        make(&spaces[i]);
    }
    shared_page = new_page();
    tlb_init();
    for (unsigned i = 0; i < CPUS; ++i) {
        self = &cpus[i];
        self->seed = 1 + i;
        self->space = -1;
        self->kernel.boot.index = self->kernel.boot.apic_id = i;
        self->kernel.current = &self->kernel.idle;
        tlb_leave_space(&self->kernel);
    }
    pthread_t threads[CPUS];
    for (unsigned i = 0; i < CPUS; ++i) {
        CHECK_EQ(pthread_create(&threads[i], NULL, run_cpu, &cpus[i]), 0);
    }
    for (unsigned i = 0; i < CPUS; ++i) {
        CHECK_EQ(pthread_join(threads[i], NULL), 0);
    }
    CHECK(replaced > 20);
}
