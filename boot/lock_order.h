/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* The order of the spin locks: a CPU that holds one takes only such as stand below it here. A debug build
 * checks that (boot/lock_check.c). */
#ifndef MICROPY_INCLUDED_BOOT_LOCK_ORDER_H
#define MICROPY_INCLUDED_BOOT_LOCK_ORDER_H

typedef enum _lock_rank_t {
    LOCK_RANK_NONE,          /* A lock that nobody has given a rank. */
    LOCK_RANK_CONSOLE,       /* kernel/console.c: what was received. Its break function takes others. */
    LOCK_RANK_APPLICATION,   /* The application's, which it takes against interrupts. */
    LOCK_RANK_INTERPRETERS,  /* kernel/interpreters.c: the list of them. */
    LOCK_RANK_QUEUES,        /* kernel/queue.c: the list of them. */
    LOCK_RANK_QUEUE,         /* kernel/queue.c: each one's messages. */
    LOCK_RANK_THREADS,       /* kernel/thread.c: the threads of an interpreter. */
    LOCK_RANK_STACKS,        /* kernel/thread.c: kernel stacks that are free. */
    LOCK_RANK_DISK,          /* kernel/disk_part.c: who has claimed what. */
    LOCK_RANK_DEVICE_QUEUE,  /* A driver's, each queue's. */
    LOCK_RANK_NET_MAILBOX,   /* kernel/net/mailbox.c: each one's messages. */
    LOCK_RANK_NET,           /* kernel/net/sys_arch.c: lwIP's counts of who holds what. */
    LOCK_RANK_WAIT,          /* kernel/wait.c: who waits on what. */
    LOCK_RANK_WATCHDOG,      /* kernel/watchdog.c: its timer. */
    LOCK_RANK_RUN_QUEUE,     /* kernel/sched.c, each CPU's. */
    LOCK_RANK_TIMER,         /* kernel/timer.c, each CPU's. */
    LOCK_RANK_PHYSICAL,      /* kernel/physical.c: the page for looking at memory. */
    LOCK_RANK_CLOCK,         /* kernel/clock.c: its start. */
    LOCK_RANK_HIGH_HALF,     /* boot/high_half.c: addresses of views and stacks. */
    LOCK_RANK_PCI,           /* drivers/pci.c: its pair of ports. */
    LOCK_RANK_IOAPIC,        /* drivers/ioapic.c: its pair of registers. */
    /* From here on the page-fault handler takes them: spin_lock_nofault(). */
    LOCK_RANK_KALLOC,        /* kernel/kalloc.c: pages of small pieces. */
    LOCK_RANK_ADDRESS_SPACE, /* kernel/address_space.c, each interpreter's. */
    LOCK_RANK_PAGE_CACHE,    /* kernel/page_alloc.c, each CPU's. */
    LOCK_RANK_PAGES,         /* kernel/page_alloc.c: all the others. */
} lock_rank_t;

#endif // MICROPY_INCLUDED_BOOT_LOCK_ORDER_H
