/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include <string.h>

#include "boot/cpu.h"
#include "boot/fpu.h"
#include "boot/paging.h"
#include "kernel/cpus.h"
#include "kernel/interpreters.h"
#include "kernel/page_alloc.h"
#include "kernel/sched.h"
#include "kernel/thread.h"
#include "kernel/wait.h"

/* Who sees to the end of a thread: whoever comes second. */
enum {
    FATE_OPEN,
    FATE_DETACHED,
    FATE_ENDED,
};

/* A thread's page: the thread_t, then room for vector registers. */
#define FPU_AREA_AT ((sizeof(thread_t) + FPU_AREA_ALIGN - 1) & ~(size_t)(FPU_AREA_ALIGN - 1))

_Static_assert(FPU_AREA_AT + FPU_AREA_SIZE <= PAGE_SIZE, "a thread and its vector registers share a page");

/* Kernel stacks are used again: their addresses are never given back. Each free one holds the next. */
static spinlock_t stacks_lock = SPINLOCK_INIT(LOCK_RANK_STACKS);
static void **free_stacks;

static void *take_stack(void) {
    uint64_t flags = spin_lock_nofault(&stacks_lock);
    void **top = free_stacks;
    free_stacks = top ? top[-1] : NULL;
    spin_unlock_irqrestore(&stacks_lock, flags);
    top = top ? top : paging_alloc_stack(THREAD_KERNEL_STACK);
    if (top) {
        top[-1] = NULL; // As context_init() wants it.
    }
    return top;
}

static void put_stack(void **top) {
    uint64_t flags = spin_lock_nofault(&stacks_lock);
    top[-1] = free_stacks;
    free_stacks = top;
    spin_unlock_irqrestore(&stacks_lock, flags);
}

static uint64_t page_of(thread_t *thread) {
    return virt_to_phys(thread);
}

static thread_t *new_thread(void) {
    uint64_t page = page_alloc(0);
    if (!page) {
        return NULL;
    }
    thread_t *thread = phys_to_virt(page);
    memset(thread, 0, PAGE_SIZE);
    return thread;
}

static void join_siblings(thread_t *thread) {
    interpreter_t *interpreter = thread->interpreter;
    uint64_t flags = spin_lock_nofault(&interpreter->lock);
    thread->sibling_next = interpreter->threads;
    thread->sibling_at = &interpreter->threads;
    if (thread->sibling_next) {
        thread->sibling_next->sibling_at = &thread->sibling_next;
    }
    interpreter->threads = thread;
    ++interpreter->running;
    spin_unlock_irqrestore(&interpreter->lock, flags);
}

static void leave_siblings(thread_t *thread) {
    interpreter_t *interpreter = thread->interpreter;
    uint64_t flags = spin_lock_nofault(&interpreter->lock);
    *thread->sibling_at = thread->sibling_next;
    if (thread->sibling_next) {
        thread->sibling_next->sibling_at = thread->sibling_at;
    }
    spin_unlock_irqrestore(&interpreter->lock, flags);
}

static void free_thread(thread_t *thread) {
    call_thread_ends(thread);
    if (thread->sibling_at) {
        leave_siblings(thread);
    }
    if (thread->stack) {
        put_stack(thread->stack);
    }
    page_free(page_of(thread), 0);
}

/* The first thread has no area for vector registers as long as it is alone: nothing interrupts it for
 * another. */
static bool prepare_first_thread(void) {
    thread_t *first = thread_current();
    if (first->fpu) {
        return true;
    }
    uint64_t page = page_alloc(0);
    if (!page) {
        return false;
    }
    memset(phys_to_virt(page), 0, PAGE_SIZE);
    first->fpu = phys_to_virt(page);
    cpus_start();
    return true;
}

static void begin(void *arg) {
    (void)arg;
    thread_t *thread = thread_current();
    thread->fn(thread->arg);
    thread_exit();
}

thread_t *thread_create(const thread_options_t *options, void (*fn)(void *), void *arg) {
    thread_t *thread = options->is_kernels || prepare_first_thread() ? new_thread() : NULL;
    if (!thread) {
        return NULL;
    }
    if (!options->is_kernels) {
        thread->fpu = (uint8_t *)thread + FPU_AREA_AT;
    }
    void *stack_top = options->stack_top;
    if (!stack_top) {
        stack_top = thread->stack = take_stack();
    }
    if (!stack_top) {
        free_thread(thread);
        return NULL;
    }
    strncpy(thread->name, options->name, THREAD_NAME_SIZE - 1);
    thread->link.priority = options->priority;
    thread->stack_bottom = options->stack_bottom;
    thread->fn = fn;
    thread->arg = arg;
    thread->cpu = thread_current()->cpu;
    thread->interpreter = options->interpreter ? options->interpreter : thread_current()->interpreter;
    context_init(&thread->context, begin, NULL, stack_top, thread->interpreter->space.cr3);
    join_siblings(thread);
    sched_ready(thread);
    return thread;
}

_Noreturn void thread_exit(void) {
    call_thread_ends(thread_current());
    sched_exit();
}

void thread_ended(thread_t *thread) {
    uint32_t *running = &thread->interpreter->running;
    uint32_t open = FATE_OPEN;
    if (__atomic_compare_exchange_n(&thread->fate, &open, FATE_ENDED, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
        wait_wake(&thread->fate, WAKE_ALL); // It may be gone already: only its address counts.
    } else {
        free_thread(thread);
    }
    __atomic_fetch_sub(running, 1, __ATOMIC_ACQ_REL); // From here on the interpreter may be gone.
    wait_wake(running, WAKE_ALL);
}

bool thread_join(thread_t *thread, uint64_t deadline_ns) {
    while (__atomic_load_n(&thread->fate, __ATOMIC_ACQUIRE) != FATE_ENDED) {
        // Interruptible, that its own interpreter's death may end it.
        if (wait_on_interruptible(&thread->fate, FATE_OPEN, deadline_ns) == WAIT_TIMEOUT) {
            return false;
        }
    }
    free_thread(thread);
    return true;
}

void thread_detach(thread_t *thread) {
    uint32_t open = FATE_OPEN;
    if (!__atomic_compare_exchange_n(&thread->fate, &open, FATE_DETACHED, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
        free_thread(thread);
    }
}

bool thread_has_ended(const thread_t *thread) {
    return __atomic_load_n(&thread->fate, __ATOMIC_RELAXED) == FATE_ENDED;
}

void thread_adopt(interpreter_t *interpreter) {
    thread_t *thread = thread_current();
    thread->interpreter = interpreter;
    thread->context.cr3 = interpreter->space.cr3;
    join_siblings(thread);
}

void thread_free_ended(interpreter_t *interpreter) {
    while (interpreter->threads) {
        free_thread(interpreter->threads);
    }
}

void thread_yield(void) {
    uint64_t flags = interrupts_save_disable();
    sched_yield();
    interrupts_restore(flags);
}
