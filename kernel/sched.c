/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include <string.h>

#include "boot/cpu.h"
#include "boot/fpu.h"
#include "boot/idt.h"
#include "drivers/lapic.h"
#include "kernel/clock.h"
#include "kernel/cpu_state.h"
#include "kernel/cpus.h"
#include "kernel/interpreter_death.h"
#include "kernel/panic.h"
#include "kernel/sched.h"
#include "kernel/tlb.h"

#define NS_PER_S 1000000000ull

static uint8_t resched_vector;
static uint32_t idle_count; // CPUs with is_idle; atomic.

static thread_t *thread_of(run_link_t *link) {
    return link ? (thread_t *)((uint8_t *)link - offsetof(thread_t, link)) : NULL;
}

thread_t *thread_current(void) {
    // One instruction: the thread may be moved to another CPU before and after it.
    thread_t *thread;
    __asm__ volatile ("movq %%gs:%c1, %0" : "=r" (thread) : "i" (offsetof(kernel_cpu_t, current)));
    return thread;
}

/* The CPU's queue_lock is held. */
static void set_idle(kernel_cpu_t *cpu, bool idle) {
    if (cpu->is_idle != idle) {
        cpu->is_idle = idle;
        __atomic_fetch_add(&idle_count, idle ? 1 : -1, __ATOMIC_SEQ_CST);
    }
}

/* Taking threads. */

static thread_t *take_from(kernel_cpu_t *cpu) {
    if (!__atomic_load_n(&cpu->queue.count, __ATOMIC_RELAXED)) {
        return NULL;
    }
    spin_lock(&cpu->queue_lock);
    thread_t *thread = thread_of(run_queue_pop(&cpu->queue));
    spin_unlock(&cpu->queue_lock);
    return thread;
}

/* From the next CPU on, so that not all take from the first. */
static thread_t *steal(kernel_cpu_t *cpu) {
    unsigned count = cpus_count();
    thread_t *thread = NULL;
    for (unsigned i = 1; i < count && !thread; ++i) {
        thread = take_from(cpus_get((cpu->boot.index + i) % count));
    }
    return thread;
}

static bool somebody_waits(void) {
    for (unsigned i = 0; i < cpus_count(); ++i) {
        if (__atomic_load_n(&cpus_get(i)->queue.count, __ATOMIC_SEQ_CST)) {
            return true;
        }
    }
    return false;
}

/* Switching. */

static bool is_busy(const thread_t *thread) {
    return __atomic_load_n(&thread->context.busy, __ATOMIC_ACQUIRE);
}

/* Makes `next` the CPU's thread. Returns what is to be gone on with: another CPU may not have left its stack
 * yet, and be waiting for us to leave ours. So that is waited for on the CPU's own stack. */
static thread_t *begin_next(kernel_cpu_t *cpu, thread_t *next) {
    if (cpu->current != &cpu->idle && next != &cpu->idle && is_busy(next)) {
        cpu->handed_over = next;
        next = &cpu->idle;
    }
    while (is_busy(next)) {
        cpu_relax();
    }
    uint64_t now = rdtsc();
    cpu->current->run_ticks += now - cpu->switched_tsc;
    cpu->switched_tsc = now;
    next->context.busy = 1;
    next->cpu = cpu->boot.index;
    cpu->current = next;
    __atomic_store_n(&cpu->running_priority, next == &cpu->idle ? -1 : next->link.priority, __ATOMIC_SEQ_CST);
    tlb_before_switch(cpu, next->context.cr3);
    if (next->fpu_saved) {
        next->fpu_saved = false;
        fpu_restore(next->fpu);
    }
    return next;
}

static void switch_to(kernel_cpu_t *cpu, thread_t *next) {
    thread_t *from = cpu->current;
    next = begin_next(cpu, next);
    context_switch(&from->context, &next->context);
}

void sched_block(void) {
    kernel_cpu_t *cpu = kernel_cpu();
    thread_t *next = take_from(cpu);
    if (next != cpu->current) {
        switch_to(cpu, next ? next : &cpu->idle);
    }
}

/* The next thread whose turn it is before `thread` goes on, which is queued then; or NULL. */
static thread_t *make_way(kernel_cpu_t *cpu, thread_t *thread, int least_priority) {
    spin_lock(&cpu->queue_lock);
    int highest = run_queue_highest(&cpu->queue);
    thread_t *next = NULL;
    if (highest >= least_priority) {
        next = thread_of(run_queue_pop(&cpu->queue));
        (highest > thread->link.priority ? run_queue_push_front : run_queue_push)(&cpu->queue, &thread->link);
    }
    spin_unlock(&cpu->queue_lock);
    return next;
}

void sched_yield(void) {
    kernel_cpu_t *cpu = kernel_cpu();
    cpu->resched = false;
    thread_t *next = make_way(cpu, cpu->current, cpu->current->link.priority);
    if (next) {
        switch_to(cpu, next);
    }
}

void sched_checkpoint(void) {
    if (kernel_cpu()->resched && kernel_cpu()->current != &kernel_cpu()->idle) {
        sched_yield();
    }
}

/* At the end of an interrupt, on its stack: what it has interrupted makes way. */
static void on_interrupt_return(interrupt_frame_t *frame) {
    interpreter_death_check(frame);
    kernel_cpu_t *cpu = kernel_cpu();
    thread_t *thread = cpu->current;
    if (!cpu->resched) {
        return;
    }
    cpu->resched = false;
    thread_t *next = thread == &cpu->idle ? NULL : make_way(cpu, thread, thread->link.priority);
    if (!next) {
        return;
    }
    thread->context.frame = *frame;
    thread->context.interrupted = 1;
    if (thread->fpu) {
        fpu_save(thread->fpu);
        thread->fpu_saved = true;
    }
    next = begin_next(cpu, next);
    __atomic_store_n(&thread->context.busy, 0, __ATOMIC_RELEASE);
    context_load(&next->context);
}

_Noreturn void sched_exit(void) {
    interrupts_disable();
    kernel_cpu_t *cpu = kernel_cpu();
    cpu->ended = cpu->current;
    switch_to(cpu, &cpu->idle);
    panic("a thread that has ended runs");
}

/* Waking CPUs. */

static void kick(kernel_cpu_t *cpu) {
    if (cpu != kernel_cpu()) {
        lapic_send_ipi(cpu->boot.apic_id, resched_vector);
    }
}

void sched_interrupt(thread_t *thread) {
    kernel_cpu_t *cpu = cpus_get(__atomic_load_n(&thread->cpu, __ATOMIC_RELAXED));
    if (__atomic_load_n(&cpu->current, __ATOMIC_RELAXED) == thread) {
        kick(cpu);
    }
}

/* Has an idle CPU look for threads, if there is one. */
static bool kick_an_idle_one(void) {
    // It looks at the queues after it has become idle, and we at who is idle after we have queued.
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    for (unsigned i = 0; __atomic_load_n(&idle_count, __ATOMIC_SEQ_CST) && i < cpus_count(); ++i) {
        kernel_cpu_t *cpu = cpus_get(i);
        if (!__atomic_load_n(&cpu->is_idle, __ATOMIC_RELAXED)) {
            continue;
        }
        spin_lock(&cpu->queue_lock);
        bool was_idle = cpu->is_idle;
        set_idle(cpu, false);
        spin_unlock(&cpu->queue_lock);
        if (was_idle) {
            kick(cpu);
            return true;
        }
    }
    return false;
}

static void on_slice(ktimer_t *timer);

/* How long the thread, which runs on this CPU or is about to, may go on before others have their turn. It counts
 * from when it began, not from when they came: who sleeps is up soon after its time. */
static uint64_t slice_left_ns(const kernel_cpu_t *cpu, const thread_t *thread) {
    if (thread != cpu->current) {
        return SCHED_SLICE_NS;
    }
    uint64_t hz = clock_tsc_hz();
    uint64_t ran = rdtsc() - cpu->switched_tsc;
    return ran < hz / (NS_PER_S / SCHED_SLICE_NS) ? SCHED_SLICE_NS - ran * NS_PER_S / hz : 0;
}

/* Sees to it that `thread`, which runs on this CPU or is about to, makes way in time for those in the queue. */
static void look_at_queue(kernel_cpu_t *cpu, const thread_t *thread) {
    spin_lock(&cpu->queue_lock);
    int highest = run_queue_highest(&cpu->queue);
    bool slice = highest >= 0 && thread != &cpu->idle;
    cpu->has_slice = slice;
    spin_unlock(&cpu->queue_lock);
    if (slice) {
        uint64_t left_ns = slice_left_ns(cpu, thread);
        cpu->resched |= highest > thread->link.priority || !left_ns;
        if (!cpu->slice.queued) {
            timer_start(&cpu->slice, clock_monotonic_ns() + (left_ns ? left_ns : SCHED_SLICE_NS), on_slice);
        }
    }
}

static void on_slice(ktimer_t *timer) {
    (void)timer;
    kernel_cpu_t *cpu = kernel_cpu();
    look_at_queue(cpu, cpu->current);
    if (cpu->has_slice) {
        // It may have missed the one that waits, which was out of the queue for a moment: make_way().
        kick_an_idle_one();
    }
}

static void on_resched(interrupt_frame_t *frame) {
    (void)frame;
    look_at_queue(kernel_cpu(), kernel_cpu()->current);
    lapic_eoi();
}

void sched_ready(thread_t *thread) {
    uint64_t flags = interrupts_save_disable();
    kernel_cpu_t *cpu = cpus_get(thread->cpu);
    spin_lock(&cpu->queue_lock);
    run_queue_push(&cpu->queue, &thread->link);
    bool was_idle = cpu->is_idle;
    set_idle(cpu, false);
    spin_unlock(&cpu->queue_lock);
    if (was_idle) {
        kick(cpu);
    } else {
        // That one may find other work first: so the thread's turn here is seen to as well.
        kick_an_idle_one();
        spin_lock(&cpu->queue_lock);
        bool higher = thread->link.priority > cpu->running_priority;
        bool tell = higher || !cpu->has_slice;
        cpu->has_slice = true;
        spin_unlock(&cpu->queue_lock);
        if (tell && cpu == kernel_cpu()) {
            look_at_queue(cpu, cpu->current);
        } else if (tell) {
            kick(cpu);
        }
    }
    interrupts_restore(flags);
}

/* An idle CPU. */

static void leave_idle(kernel_cpu_t *cpu) {
    spin_lock(&cpu->queue_lock);
    set_idle(cpu, false);
    spin_unlock(&cpu->queue_lock);
}

/* Returns true where there is nothing to do; whoever finds something from then on sends an interrupt. */
static bool become_idle(kernel_cpu_t *cpu) {
    spin_lock(&cpu->queue_lock);
    set_idle(cpu, true);
    spin_unlock(&cpu->queue_lock);
    if (!somebody_waits()) {
        return true;
    }
    leave_idle(cpu);
    return false;
}

static thread_t *find_work(kernel_cpu_t *cpu) {
    thread_t *next = cpu->handed_over;
    cpu->handed_over = NULL;
    next = next ? next : take_from(cpu);
    return next ? next : steal(cpu);
}

static void bury_ended(kernel_cpu_t *cpu) {
    thread_t *ended = cpu->ended;
    cpu->ended = NULL;
    if (ended) {
        thread_ended(ended);
    }
}

_Noreturn void sched_run(void) {
    kernel_cpu_t *cpu = kernel_cpu();
    for (;;) {
        interrupts_disable();
        bury_ended(cpu);
        thread_t *next = find_work(cpu);
        if (next) {
            leave_idle(cpu);
            look_at_queue(cpu, next);
            switch_to(cpu, next);
        } else if (become_idle(cpu)) {
            timer_before_halt();
            interrupts_enable_and_halt();
        }
    }
}

static void run_idle(void *arg) {
    (void)arg;
    sched_run();
}

void sched_init_cpu(thread_t *current, void *stack_top) {
    kernel_cpu_t *cpu = kernel_cpu();
    spin_init(&cpu->queue_lock, LOCK_RANK_RUN_QUEUE);
    cpu->idle.cpu = cpu->boot.index;
    strcpy(cpu->idle.name, "idle");
    if (current) {
        context_init(&cpu->idle.context, run_idle, NULL, stack_top, 0);
    }
    cpu->current = current ? current : &cpu->idle;
    cpu->current->context.busy = 1;
    cpu->current->context.cr3 = current ? read_cr3() : 0;
    cpu->boot.cr3 = cpu->boot.next_cr3 = read_cr3();
    cpu->running_priority = current ? current->link.priority : -1;
    cpu->switched_tsc = rdtsc();
}

void sched_init(void) {
    resched_vector = interrupt_allocate_vector("reschedule", on_resched);
    interrupt_on_return(on_interrupt_return);
}
