/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include <string.h>

#include "kernel/clock.h"
#include "kernel/cpu_state.h"
#include "kernel/interpreter.h"
#include "kernel/interpreter_death.h"
#include "kernel/interpreters.h"
#include "kernel/kalloc.h"
#include "kernel/page_alloc.h"
#include "kernel/tlb.h"

#define NS_PER_MS 1000000ull

/* How long an interpreter that is told to end may take for that. */
#define PATIENCE_NS (2000 * NS_PER_MS)

/* Its threads may be in the kernel just now: then they end when they leave that. */
#define KILL_AGAIN_NS NS_PER_MS

static spinlock_t lock = SPINLOCK_INIT(LOCK_RANK_INTERPRETERS); // The list, and next_id.
static interpreter_t *first, **end; // By id.
static uint64_t next_id;

_Static_assert(sizeof(interpreter_t) <= PAGE_SIZE, "each has a page");

static void link(interpreter_t *self) {
    uint64_t flags = spin_lock_nofault(&lock);
    self->id = next_id++;
    *end = self;
    end = &self->next;
    spin_unlock_irqrestore(&lock, flags);
}

static void unlink(interpreter_t *self) {
    uint64_t flags = spin_lock_nofault(&lock);
    interpreter_t **at = &first;
    while (*at != self) {
        at = &(*at)->next;
    }
    *at = self->next;
    if (!*at) {
        end = at;
    }
    spin_unlock_irqrestore(&lock, flags);
}

static message_t *interpreter_free(kobject_t *object) {
    page_free(virt_to_phys(object), 0);
    return NULL;
}

void interpreters_init(interpreter_t *main) {
    end = &first;
    main->object = (kobject_t) { 1, interpreter_free };
    spin_init(&main->lock, LOCK_RANK_THREADS);
    link(main);
}

/* The first of what a new interpreter's main thread does. */
static void begin(void *arg) {
    (void)arg;
    interpreter_fill_data();
    interpreter_current()->fn();
}

/* For one that was found meanwhile it is as one that has died. */
static void give_up(interpreter_t *self) {
    call_close(&self->call, false);
    self->reaped = true;
    call_abandon(&self->call);
    unlink(self);
}

static bool start(interpreter_t *self, void (*fn)(void)) {
    thread_options_t options = {
        .name = "main",
        .priority = RUN_PRIORITY_NORMAL,
        .interpreter = self,
        .stack_top = (void *)WINDOW_STACK_END,
        .stack_bottom = WINDOW_STACK_END - self->stack_size,
    };
    self->fn = fn;
    link(self);
    self->main = thread_create(&options, begin, NULL);
    if (!self->main) {
        give_up(self);
    }
    return self->main;
}

interpreter_t *interpreter_new(void (*fn)(void)) {
    uint64_t page = page_alloc(0);
    if (!page) {
        return NULL;
    }
    interpreter_t *self = memset(phys_to_virt(page), 0, sizeof(*self));
    self->object = (kobject_t) { 1, interpreter_free };
    spin_init(&self->lock, LOCK_RANK_THREADS);
    bool has_space = address_space_init(&self->space);
    if (has_space && interpreter_make_memory(self)) {
        interpreter_hold(self); // For the caller; it itself is the other one.
        if (start(self, fn)) {
            return self;
        }
        interpreter_release(self);
    }
    if (has_space) {
        address_space_end(&self->space);
    }
    interpreter_release(self);
    return NULL;
}

void interpreter_hold(interpreter_t *self) {
    kobject_hold(&self->object);
}

void interpreter_release(interpreter_t *self) {
    kobject_release(&self->object);
}

interpreter_t *interpreter_find_from(uint64_t id) {
    uint64_t flags = spin_lock_nofault(&lock);
    interpreter_t *found = first;
    while (found && (found->id < id || !interpreter_is_alive(found))) {
        found = found->next;
    }
    if (found) {
        interpreter_hold(found);
    }
    spin_unlock_irqrestore(&lock, flags);
    return found;
}

interpreter_t *interpreter_find_any(void) {
    uint64_t flags = spin_lock_nofault(&lock);
    interpreter_t *found = first->next;
    while (found && __atomic_load_n(&found->reaped, __ATOMIC_ACQUIRE)) {
        found = found->next;
    }
    if (found) {
        interpreter_hold(found);
    }
    spin_unlock_irqrestore(&lock, flags);
    return found;
}

interpreter_t *interpreter_find(uint64_t id) {
    interpreter_t *found = interpreter_find_from(id);
    if (found && found->id != id) {
        interpreter_release(found);
        found = NULL;
    }
    return found;
}

/* What it keeps of others'. */

interpreter_t *interpreter_of(kobject_t *object) {
    return object->free == interpreter_free ? (interpreter_t *)object : NULL;
}

kept_t *interpreter_keep(kobject_t *object) {
    interpreter_t *self = interpreter_current();
    kept_t *kept = kalloc(sizeof(*kept));
    if (!kept) {
        return NULL;
    }
    if (interpreter_of(object)) {
        __atomic_fetch_add(&interpreter_of(object)->handles, 1, __ATOMIC_RELAXED);
    }
    uint64_t flags = spin_lock_nofault(&self->lock);
    *kept = (kept_t) { self->kept, &self->kept, object };
    if (kept->next) {
        kept->next->at = &kept->next;
    }
    self->kept = kept;
    spin_unlock_irqrestore(&self->lock, flags);
    return kept;
}

static bool let_go(interpreter_t *self, kept_t *kept) {
    uint64_t flags = spin_lock_nofault(&self->lock);
    *kept->at = kept->next;
    if (kept->next) {
        kept->next->at = kept->at;
    }
    spin_unlock_irqrestore(&self->lock, flags);
    interpreter_t *other = interpreter_of(kept->object);
    bool was_last = other && !__atomic_sub_fetch(&other->handles, 1, __ATOMIC_ACQ_REL);
    kobject_release(kept->object);
    kfree(kept, sizeof(*kept));
    return was_last;
}

bool interpreter_let_go(kept_t *kept) {
    return let_go(interpreter_current(), kept);
}

/* Its end. */

/* Until none runs. They have as long as they need to end by themselves; or PATIENCE_NS, where they were told to. */
static void wait_for_threads(interpreter_t *self, bool is_told, bool (*is_enough)(void)) {
    uint64_t deadline_ns = is_told ? clock_monotonic_ns() + PATIENCE_NS : WAIT_FOREVER;
    uint32_t running;
    while ((running = __atomic_load_n(&self->running, __ATOMIC_ACQUIRE))) {
        uint64_t until_ns = interpreter_is_dead(self) ? clock_monotonic_ns() + KILL_AGAIN_NS : deadline_ns;
        wait_result_t result = wait_on_interruptible(&self->running, running, until_ns);
        if (result == WAIT_TIMEOUT || (result == WAIT_INTERRUPTED && is_enough())) {
            interpreter_kill(self);
        }
    }
}

/* Nobody interrupts it any more. */
static void stop_timers(interpreter_t *self) {
    uint64_t flags = spin_lock_nofault(&self->lock);
    self->on_interrupt = NULL;
    spin_unlock_irqrestore(&self->lock, flags);
    timer_stop(&self->alarm);
    timer_stop(&self->interrupt);
}

static void free_memory(interpreter_t *self) {
    stop_timers(self);
    call_abandon(&self->call);
    thread_free_ended(self);
    while (self->kept) {
        let_go(self, self->kept);
    }
    unlink(self);
    address_space_end(&self->space);
    interpreter_release(self);
}

/* Should the thread end in here, the next one may close it: call_thread_ends(). */
bool interpreter_close(interpreter_t *self, bool if_idle, bool (*is_enough)(void)) {
    bool is_first = !interpreter_is_main(self) && call_close(&self->call, if_idle);
    bool may_free = is_first || interpreter_is_dead(self) || (!if_idle && !interpreter_is_main(self));
    if (!may_free || __atomic_exchange_n(&self->reaped, true, __ATOMIC_ACQ_REL)) {
        return false;
    }
    thread_current()->closing = self;
    if (!if_idle) {
        __atomic_store_n(&self->closing, true, __ATOMIC_SEQ_CST);
        interpreter_interrupt(self);
    }
    wait_for_threads(self, !if_idle, is_enough);
    thread_current()->closing = NULL;
    free_memory(self);
    return true;
}

void interpreter_run_in(interpreter_t *self, void (*fn)(void)) {
    tlb_visit(self->space.cr3);
    kernel_cpu()->visited = self;
    fn();
    kernel_cpu()->visited = NULL;
    tlb_end_visit();
}

static void on_alarm(ktimer_t *timer) {
    interpreter_t *self = (interpreter_t *)((uint8_t *)timer - offsetof(interpreter_t, alarm));
    interpreter_run_in(self, self->on_alarm);
}

void interpreter_set_alarm(uint64_t deadline_ns, void (*fn)(void)) {
    interpreter_t *self = interpreter_current();
    self->on_alarm = fn;
    timer_start(&self->alarm, deadline_ns, on_alarm);
}

void interpreter_on_interrupt(void (*fn)(void)) {
    interpreter_t *self = interpreter_current();
    uint64_t flags = spin_lock_nofault(&self->lock);
    self->on_interrupt = fn;
    spin_unlock_irqrestore(&self->lock, flags);
}

static void on_interrupt(ktimer_t *timer) {
    interpreter_t *self = (interpreter_t *)((uint8_t *)timer - offsetof(interpreter_t, interrupt));
    void (*fn)(void) = __atomic_load_n(&self->on_interrupt, __ATOMIC_RELAXED);
    if (fn) {
        interpreter_run_in(self, fn);
    }
}

/* A thread's stack may lie in its own interpreter's memory, so an interrupt does it: that of a timer. */
void interpreter_interrupt(interpreter_t *self) {
    uint64_t flags = spin_lock_nofault(&self->lock);
    if (self->on_interrupt) {
        timer_start(&self->interrupt, 0, on_interrupt);
    }
    spin_unlock_irqrestore(&self->lock, flags);
}

/* Who closes it says so first, then interrupts it: seen here, or the timer is started after this. */
void interpreter_forget_interrupt(void) {
    interpreter_t *self = interpreter_current();
    uint64_t flags = spin_lock_nofault(&self->lock);
    timer_stop(&self->interrupt);
    spin_unlock_irqrestore(&self->lock, flags);
    if (__atomic_load_n(&self->closing, __ATOMIC_SEQ_CST)) {
        interpreter_interrupt(self);
    }
}

void interpreters_signal_all(void) {
    uint64_t flags = spin_lock_irqsave(&lock);
    for (interpreter_t *interpreter = first; interpreter; interpreter = interpreter->next) {
        event_signal(&interpreter->event);
    }
    spin_unlock_irqrestore(&lock, flags);
}
