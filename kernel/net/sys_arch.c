/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include "boot/percpu.h"
#include "kernel/clock.h"
#include "kernel/interpreters.h"
#include "lwip/sys.h"

#define NS_PER_MS 1000000ull

void sys_init(void) {
}

u32_t sys_now(void) {
    return (u32_t)(clock_monotonic_ns() / NS_PER_MS);
}

err_t sys_mutex_new(sys_mutex_t *mutex) {
    *mutex = (mutex_t) { 0 };
    return ERR_OK;
}

void sys_mutex_free(sys_mutex_t *mutex) {
    (void)mutex;
}

void sys_mutex_lock(sys_mutex_t *mutex) {
    mutex_lock(mutex);
}

void sys_mutex_unlock(sys_mutex_t *mutex) {
    mutex_unlock(mutex);
}

err_t sys_sem_new(sys_sem_t *semaphore, u8_t count) {
    *semaphore = (semaphore_t) { count };
    return ERR_OK;
}

void sys_sem_free(sys_sem_t *semaphore) {
    (void)semaphore;
}

void sys_sem_signal(sys_sem_t *semaphore) {
    semaphore_give(semaphore);
}

u32_t sys_arch_sem_wait(sys_sem_t *semaphore, u32_t timeout_ms) {
    uint64_t deadline_ns = timeout_ms ? clock_monotonic_ns() + timeout_ms * NS_PER_MS : WAIT_FOREVER;
    return semaphore_take_until(semaphore, deadline_ns) ? 0 : SYS_ARCH_TIMEOUT;
}

/* The network's thread is the machine's: it ends with it. */
sys_thread_t sys_thread_new(const char *name, lwip_thread_fn fn, void *arg, int stack_size, int priority) {
    (void)stack_size;
    (void)priority;
    const thread_options_t options = {
        .name = name, .priority = RUN_PRIORITY_NORMAL, .interpreter = interpreter_find(0), .is_kernels = true,
    };
    return thread_create(&options, fn, arg);
}

/* Some lines at a time: counts of references, a list's ends. They nest. */
static spinlock_t lock = SPINLOCK_INIT(LOCK_RANK_NET);
static const cpu_t *owner; // The CPU that has it.

#define NESTED UINT64_MAX

sys_prot_t sys_arch_protect(void) {
    uint64_t flags = interrupts_save_disable();
    const cpu_t *cpu = cpu_current();
    if (__atomic_load_n(&owner, __ATOMIC_RELAXED) == cpu) {
        return NESTED;
    }
    spin_lock(&lock);
    __atomic_store_n(&owner, cpu, __ATOMIC_RELAXED);
    return flags;
}

void sys_arch_unprotect(sys_prot_t flags) {
    if (flags != NESTED) {
        __atomic_store_n(&owner, NULL, __ATOMIC_RELAXED);
        spin_unlock_irqrestore(&lock, flags);
    }
}
