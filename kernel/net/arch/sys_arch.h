/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Threads, and what they wait by, as lwIP wants them: lwip/sys.h says how they behave. */
#ifndef MICROPY_INCLUDED_KERNEL_NET_ARCH_SYS_ARCH_H
#define MICROPY_INCLUDED_KERNEL_NET_ARCH_SYS_ARCH_H

#include "kernel/mutex.h"
#include "kernel/semaphore.h"
#include "kernel/thread.h"

typedef mutex_t sys_mutex_t;
typedef semaphore_t sys_sem_t;
typedef struct _mailbox_t *sys_mbox_t;
typedef thread_t *sys_thread_t;
typedef uint64_t sys_prot_t;

/* A mutex and a semaphore are valid wherever they lie, and need no end. */
#define sys_mutex_valid(mutex) ((void)(mutex), 1)
#define sys_mutex_set_invalid(mutex) ((void)(mutex))
#define sys_sem_valid(semaphore) ((void)(semaphore), 1)
#define sys_sem_set_invalid(semaphore) ((void)(semaphore))
#define sys_mbox_valid(mailbox) (*(mailbox) != NULL)
#define sys_mbox_set_invalid(mailbox) (*(mailbox) = NULL)

/* Each thread has one. */
#define LWIP_NETCONN_THREAD_SEM_GET() (&thread_current()->net_done)
#define LWIP_NETCONN_THREAD_SEM_ALLOC() ((void)0)
#define LWIP_NETCONN_THREAD_SEM_FREE() ((void)0)

/* Has the thread that waits for a message look at its deadline again: sys_arch_mbox_fetch() ends as if it had come. Any
 * context. */
void mailbox_nudge(sys_mbox_t mailbox);

#endif // MICROPY_INCLUDED_KERNEL_NET_ARCH_SYS_ARCH_H
