/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* A guest on the project's kernel that tries its threads on all CPUs, and says of each trial `NAME: ok`, or
 * what was wrong. The setting `trial=NAME` has it do one alone, `seconds=N` makes the long ones longer; for `madt=`
 * see alter_madt(). */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "boot/cpu.h"
#include "boot/idt.h"
#include "boot/paging.h"
#include "boot/percpu.h"
#include "kernel/clock.h"
#include "kernel/condition.h"
#include "kernel/console.h"
#include "kernel/cpus.h"
#include "kernel/interpreter.h"
#include "kernel/machine.h"
#include "kernel/page_alloc.h"
#include "kernel/semaphore.h"
#include "kernel/system.h"
#include "kernel/thread.h"
#include "kernel/tlb.h"

#define MOST_THREADS 160
#define NS_PER_MS 1000000ull
#define SECOND (1000 * NS_PER_MS)

static void say(const char *text) {
    console_write(text, strlen(text));
}

static void say_number(uint64_t value) {
    char text[24], *at = text + sizeof(text);
    *--at = '\0';
    do {
        *--at = '0' + value % 10;
    } while (value /= 10);
    say(at);
}

static const char *failure; // Of this trial: the first one.
static uint64_t failure_value;

static void check(bool holds, const char *what, uint64_t value) {
    const char *none = NULL;
    if (!holds && __atomic_compare_exchange_n(&failure, &none, what, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
        failure_value = value;
    }
}

static uint64_t after(uint64_t ns) {
    return clock_monotonic_ns() + ns;
}

static bool is_over(uint64_t deadline_ns) {
    return clock_monotonic_ns() >= deadline_ns;
}

static uint64_t random_state = 88172645463325252;

static uint64_t random_number(void) {
    uint64_t x = __atomic_fetch_add(&random_state, 0x9e3779b97f4a7c15, __ATOMIC_RELAXED);
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
    x = (x ^ x >> 27) * 0x94d049bb133111eb;
    return x ^ x >> 31;
}

static thread_t *spawn(void (*fn)(void *), size_t arg) {
    thread_options_t options = { .name = "trial", .priority = RUN_PRIORITY_NORMAL };
    thread_t *thread = thread_create(&options, fn, (void *)arg);
    check(thread, "a thread is not made", arg);
    return thread;
}

static thread_t *threads[MOST_THREADS];

static void spawn_all(void (*fn)(void *), size_t count) {
    for (size_t i = 0; i < count; ++i) {
        threads[i] = spawn(fn, i);
    }
}

static void join_all(size_t count) {
    for (size_t i = 0; i < count; ++i) {
        check(thread_join(threads[i], WAIT_FOREVER), "join", i);
    }
}

static void run_all(void (*fn)(void *), size_t count) {
    spawn_all(fn, count);
    join_all(count);
}

// Each CPU takes one of as many threads that do not sleep.

static uint32_t cpus_seen;
static uint8_t cpu_seen[256];

static void look_where_it_runs(void *arg) {
    (void)arg;
    uint64_t limit = after(20 * SECOND);
    while (__atomic_load_n(&cpus_seen, __ATOMIC_SEQ_CST) < cpus_count() && !is_over(limit)) {
        if (!__atomic_exchange_n(&cpu_seen[cpu_current()->index], 1, __ATOMIC_SEQ_CST)) {
            __atomic_fetch_add(&cpus_seen, 1, __ATOMIC_SEQ_CST);
        }
        cpu_relax();
    }
}

static void try_cpus(void) {
    say("cpus: ");
    say_number(cpus_count());
    say("\r\n");
    run_all(look_where_it_runs, cpus_count());
    check(cpus_count() == system_cpu_count(), "CPUs that run", cpus_count());
    check(cpus_seen == cpus_count(), "CPUs that were used", cpus_seen);
}

// Tables of CPUs that are not as they should be: before the others are started.

#define MADT_ENTRIES 44
#define LAPIC_ENTRY_SIZE 8
#define ABSENT 40
#define FIRST_ABSENT 200

/* 40 CPUs more than there are. */
static void list_absent_cpus(uint8_t *madt) {
    for (unsigned i = 0; i < ABSENT; ++i) {
        const uint8_t entry[LAPIC_ENTRY_SIZE] = { 0, LAPIC_ENTRY_SIZE, FIRST_ABSENT + i, FIRST_ABSENT + i, 1 };
        memcpy(madt + machine.acpi.madt_len, entry, sizeof(entry));
        machine.acpi.madt_len += sizeof(entry);
    }
}

/* All but the one that boots. */
static void unlist_boot_cpu(uint8_t *madt) {
    for (uint32_t at = MADT_ENTRIES; at < machine.acpi.madt_len; at += madt[at + 1]) {
        if (!madt[at] && madt[at + 3] == cpus_get(0)->boot.apic_id) {
            madt[at + 4] = 0; // Neither enabled nor to be.
        }
    }
}

static void alter_madt(const char *how) {
    uint8_t *madt = phys_to_virt(page_alloc(0));
    memcpy(madt, machine.acpi.madt_view, machine.acpi.madt_len);
    machine.acpi.madt_view = madt;
    (strcmp(how, "absent") ? unlist_boot_cpu : list_absent_cpus)(madt);
}

// A mutex guards a counter that is not atomic.

#define INCREMENTS 3000

static mutex_t mutex;
static volatile uint64_t counter;

static void increment(void *arg) {
    (void)arg;
    for (unsigned i = 0; i < INCREMENTS; ++i) {
        mutex_lock(&mutex);
        uint64_t value = counter;
        if (i % 64 == 0) {
            thread_yield();
        }
        counter = value + 1;
        mutex_unlock(&mutex);
    }
}

static void try_mutex(void) {
    counter = 0;
    run_all(increment, 8);
    check(counter == 8 * INCREMENTS, "increments", counter);
    check(mutex_try_lock(&mutex), "the mutex is not free", 0);
    check(!mutex_try_lock(&mutex), "the mutex is locked twice", 0);
    check(!mutex_lock_until(&mutex, after(5 * NS_PER_MS)), "the mutex is locked twice", 1);
    mutex_unlock(&mutex);
}

// Half of the threads put numbers into a ring, the others take them out.

#define RING 4
#define ITEMS 2000

static uint64_t ring[RING], put_count, taken_count, taken_sum;
static condition_t not_full, not_empty;

static void produce(void) {
    for (unsigned i = 1; i <= ITEMS; ++i) {
        mutex_lock(&mutex);
        while (put_count - taken_count == RING) {
            condition_wait(&not_full, &mutex, WAIT_FOREVER);
        }
        ring[put_count++ % RING] = i;
        mutex_unlock(&mutex);
        condition_signal(&not_empty);
    }
}

static void consume(void) {
    for (unsigned i = 0; i < ITEMS; ++i) {
        mutex_lock(&mutex);
        while (put_count == taken_count) {
            condition_wait(&not_empty, &mutex, WAIT_FOREVER);
        }
        taken_sum += ring[taken_count++ % RING];
        mutex_unlock(&mutex);
        condition_signal(&not_full);
    }
}

static void produce_or_consume(void *arg) {
    ((size_t)arg % 2 ? produce : consume)();
}

static void try_condition(void) {
    run_all(produce_or_consume, 6);
    check(put_count == 3 * ITEMS && taken_count == put_count, "items taken", taken_count);
    check(taken_sum == 3ull * ITEMS * (ITEMS + 1) / 2, "sum of the items", taken_sum);
}

// Pairs of threads wake each other in turn: a wake-up that is lost stops them for good.

#define ROUNDS 3000

static semaphore_t ping[2], pong[2];

static void play(void *arg) {
    size_t pair = (size_t)arg / 2;
    bool first = (size_t)arg % 2;
    for (unsigned i = 0; i < ROUNDS; ++i) {
        uint64_t limit = after(20 * SECOND);
        check(semaphore_take_until(first ? &ping[pair] : &pong[pair], limit), "a wake-up is lost in round", i);
        semaphore_give(first ? &pong[pair] : &ping[pair]);
    }
}

static void try_semaphore(void) {
    semaphore_give(&ping[0]);
    semaphore_give(&ping[1]);
    run_all(play, 4);
    check(ping[0].count == 1 && ping[1].count == 1, "count left", ping[0].count);
    check(semaphore_try_take(&ping[0]) && !semaphore_try_take(&ping[0]), "count of one", 0);
}

// Every wait ends at its deadline, not before.

static void sleep_until(uint64_t deadline_ns) {
    static uint32_t never;
    check(wait_on(&never, 0, deadline_ns) == WAIT_TIMEOUT, "a wait that nobody ends", 0);
}

static void wait_in_five_ways(void *arg) {
    static mutex_t locked = { 1 }, own[8];
    static condition_t silent;
    static semaphore_t empty;
    size_t self = (size_t)arg;
    for (unsigned i = 0; i < 40; ++i) {
        uint64_t deadline = after((1 + random_number() % 8) * NS_PER_MS);
        switch (i % 4) {
            case 0:
                sleep_until(deadline);
                break;
            case 1:
                check(!mutex_lock_until(&locked, deadline), "a mutex that is locked", i);
                break;
            case 2:
                check(!semaphore_take_until(&empty, deadline), "a semaphore of 0", i);
                break;
            default:
                mutex_lock(&own[self]);
                check(!condition_wait(&silent, &own[self], deadline), "a silent condition", i);
                mutex_unlock(&own[self]);
        }
        check(is_over(deadline), "a wait ended early", i);
    }
}

static void try_deadlines(void) {
    spawn_all(wait_in_five_ways, 8);
    check(!thread_join(threads[0], after(NS_PER_MS)), "a thread ended early", 0);
    join_all(8);
}

// More busy threads than CPUs: each has its turns.

static uint64_t turns[MOST_THREADS], stop_ns;

static void be_busy(void *arg) {
    while (!is_over(stop_ns)) {
        ++turns[(size_t)arg];
    }
}

static void try_fairness(void) {
    size_t count = 2 * cpus_count() + 1;
    count = count < 40 ? count : 40;
    memset(turns, 0, sizeof(turns));
    stop_ns = after(600 * NS_PER_MS);
    run_all(be_busy, count);
    for (size_t i = 0; i < count; ++i) {
        check(turns[i], "a thread that had no turn", i);
    }
}

// Vector registers and flags of a thread that is interrupted are its own.

static void keep_registers(void *arg) {
    uint64_t pattern[4], seen[4];
    for (unsigned i = 0; i < 4; ++i) {
        pattern[i] = random_number() | 1;
    }
    double x87 = (size_t)arg + 0.5, x87_seen = 0;
    while (!is_over(stop_ns)) {
        __asm__ volatile (
            "movups (%1), %%xmm0\n\t"
            "movups 16(%1), %%xmm15\n\t"
            "fldl (%3)\n\t"
            "movl $200000, %%ecx\n"
            "1: subl $1, %%ecx\n\t"
            "jnz 1b\n\t"
            "movups %%xmm0, (%2)\n\t"
            "movups %%xmm15, 16(%2)\n\t"
            "fstpl (%4)"
            : "+m" (seen) : "r" (pattern), "r" (seen), "r" (&x87), "r" (&x87_seen)
            : "ecx", "xmm0", "xmm15", "memory", "cc");
        check(!memcmp(pattern, seen, sizeof(seen)), "vector registers changed", (size_t)arg);
        check(x87 == x87_seen, "an x87 register changed", (size_t)arg);
    }
}

static void try_registers(void) {
    stop_ns = after(400 * NS_PER_MS);
    run_all(keep_registers, 2 * cpus_count() + 2 < 40 ? 2 * cpus_count() + 2 : 40);
}

// A thread of high priority runs at once, though all CPUs are busy.

static semaphore_t alarm_bell;
static uint64_t rung_ns, worst_ns;

static void answer(void *arg) {
    (void)arg;
    for (unsigned i = 0; i < 20; ++i) {
        semaphore_take_until(&alarm_bell, WAIT_FOREVER);
        uint64_t late = clock_monotonic_ns() - rung_ns;
        worst_ns = late > worst_ns ? late : worst_ns;
    }
}

static void try_priority(void) {
    thread_options_t options = { .name = "answer", .priority = RUN_PRIORITY_HIGH };
    thread_t *high = thread_create(&options, answer, NULL);
    stop_ns = after(300 * NS_PER_MS);
    spawn_all(be_busy, cpus_count());
    uint64_t order = 0;
    for (unsigned i = 0; i < 20; ++i) {
        sleep_until(after(3 * NS_PER_MS));
        rung_ns = clock_monotonic_ns();
        semaphore_give(&alarm_bell);
        order += alarm_bell.count; // With one CPU it has run before this line.
    }
    join_all(cpus_count());
    check(thread_join(high, WAIT_FOREVER), "join", 0);
    check(cpus_count() > 1 || order == 0, "times that the lower one went on", order);
}

// A thread that waits behind another, while a CPU sleeps that was not told, is found when the slice is over.

static uint32_t has_run;

static void run_once(void *arg) {
    (void)arg;
    __atomic_store_n(&has_run, 1, __ATOMIC_SEQ_CST);
}

/* Has the CPUs that sleep seem busy, or seem what they are again. */
static void hide_idle_cpus(bool *idle, bool hide) {
    for (unsigned i = 0; i < cpus_count(); ++i) {
        kernel_cpu_t *cpu = cpus_get(i);
        spin_lock(&cpu->queue_lock);
        idle[i] = hide ? cpu->is_idle : idle[i];
        cpu->is_idle = hide ? false : idle[i];
        spin_unlock(&cpu->queue_lock);
    }
}

static void try_overlooked(void) {
    static bool idle[256];
    sleep_until(after(50 * NS_PER_MS)); // The others go to sleep.
    thread_options_t options = { .name = "low", .priority = RUN_PRIORITY_LOW };
    uint64_t flags = interrupts_save_disable();
    hide_idle_cpus(idle, true);
    thread_t *thread = thread_create(&options, run_once, NULL);
    hide_idle_cpus(idle, false);
    interrupts_restore(flags);
    uint64_t limit = after(2 * SECOND);
    while (cpus_count() > 1 && !__atomic_load_n(&has_run, __ATOMIC_SEQ_CST) && !is_over(limit)) {
        cpu_relax();
    }
    check(cpus_count() == 1 || has_run, "a thread waits while a CPU sleeps", 0);
    check(thread_join(thread, WAIT_FOREVER), "join", 0);
}

// What threads take is given back.

static void do_nothing(void *arg) {
    (void)arg;
}

static void try_creation(void) {
    run_all(do_nothing, MOST_THREADS); // Kernel stacks are kept for ever.
    size_t before = page_free_count();
    for (unsigned i = 0; i < 125; ++i) {
        run_all(do_nothing, 16);
    }
    check(page_free_count() == before, "pages free", page_free_count());
    for (unsigned i = 0; i < MOST_THREADS; ++i) {
        thread_detach(spawn(do_nothing, i));
    }
    for (uint64_t limit = after(20 * SECOND); page_free_count() != before && !is_over(limit);) {
        sleep_until(after(NS_PER_MS));
    }
    check(page_free_count() == before, "pages free after detached threads", page_free_count());
}

// When nothing is to be done, no timer interrupt comes.

static uint64_t interrupts(void) {
    uint64_t sum = 0;
    for (unsigned vector = VECTOR_FIRST_DEVICE; vector < 255; ++vector) {
        sum += interrupt_count(vector);
    }
    return sum;
}

static void try_idleness(void) {
    sleep_until(after(50 * NS_PER_MS)); // What the trial before has left.
    uint64_t before = interrupts();
    sleep_until(after(SECOND));
    uint64_t came = interrupts() - before;
    check(came <= 2, "interrupts in an idle second", came); // The end of the sleep, twice if early.
}

// Memory that is given back, and comes again with other pages, is seen as it is now on every CPU.

static uint64_t *volatile shared_page;
static uint32_t round_asked, round_done;

static void look_each_round(void *arg) {
    (void)arg;
    for (uint32_t round = 1; round <= 50; ++round) {
        while (__atomic_load_n(&round_asked, __ATOMIC_ACQUIRE) < round) {
            cpu_relax(); // Without a sleep, which would change the page tables.
        }
        check(*shared_page == round, "an old page is seen in round", round);
        __atomic_fetch_add(&round_done, 1, __ATOMIC_RELEASE);
    }
}

static void try_shootdown(void) {
    uint64_t taken[2 * 50];
    size_t lookers = cpus_count() - 1, count = 0;
    spawn_all(look_each_round, lookers);
    for (uint32_t round = 1; round <= 50; ++round) {
        shared_page = interpreter_heap_extend(PAGE_SIZE);
        *shared_page = round;
        round_done = 0;
        __atomic_store_n(&round_asked, round, __ATOMIC_RELEASE);
        while (__atomic_load_n(&round_done, __ATOMIC_ACQUIRE) < lookers) {
            cpu_relax();
        }
        interpreter_heap_release(shared_page);
        taken[count++] = page_alloc(0); // So that the page does not come again.
        taken[count++] = page_alloc(0);
    }
    join_all(lookers);
    while (count) {
        page_free(taken[--count], 0);
    }
}

// Page tables that are given up are in use on no CPU, idle ones included; and those are not woken for nothing.

static uint64_t *other_root;
static uint32_t arrived;

static void live_elsewhere(void *arg) {
    (void)arg;
    thread_current()->context.cr3 = paging_cr3(other_root); // From its next turn on.
    sleep_until(after(5 * NS_PER_MS));
    check(paging_cr3(paging_current_root()) == paging_cr3(other_root), "a thread is in another space", 0);
    __atomic_fetch_add(&arrived, 1, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(&arrived, __ATOMIC_SEQ_CST) < cpus_count()) {
        cpu_relax();
    }
}

static unsigned cpus_in(const uint64_t *root) {
    unsigned found = 0;
    for (unsigned i = 0; i < cpus_count(); ++i) {
        found += __atomic_load_n(&cpus_get(i)->boot.cr3, __ATOMIC_SEQ_CST) == paging_cr3(root);
    }
    return found;
}

static uint64_t shootdowns(void) {
    uint8_t vector = VECTOR_FIRST_DEVICE;
    while (strcmp(interrupt_name(vector), "TLB shootdown")) {
        ++vector;
    }
    return interrupt_count(vector);
}

static void try_retirement(void) {
    uint64_t page = page_alloc(0);
    other_root = phys_to_virt(page);
    memcpy(other_root, paging_boot_root(), PAGE_SIZE);
    unsigned seen = 0;
    for (unsigned round = 0; round < 10; ++round) {
        arrived = 0;
        run_all(live_elsewhere, cpus_count());
        seen += cpus_in(other_root);
        tlb_retire(paging_cr3(other_root));
        check(!cpus_in(other_root), "CPUs in a space that is gone", cpus_in(other_root));
    }
    check(seen || cpus_count() == 1, "no CPU stayed in the space that it ran last", 0);
    tlb_flush(paging_cr3(paging_boot_root()));
    uint64_t before = shootdowns();
    tlb_flush(paging_cr3(other_root));
    tlb_flush(paging_cr3(paging_boot_root()));
    check(shootdowns() == before, "CPUs that were asked for nothing", shootdowns() - before);
    page_free(page, 0);
}

// All at once, at random.

static mutex_t some_mutex[3];
static semaphore_t some_semaphore[3];
static uint64_t guarded[3], guarded_sum;
static uint64_t done;

static void do_anything(void *arg) {
    (void)arg;
    while (!is_over(stop_ns)) {
        uint64_t number = random_number();
        size_t which = number % 3;
        uint64_t deadline = after(number % 3000000);
        switch (number >> 32 & 7) {
            case 0:
                sleep_until(deadline);
                break;
            case 1:
                thread_yield();
                break;
            case 2:
                semaphore_give(&some_semaphore[which]);
                break;
            case 3:
                semaphore_take_until(&some_semaphore[which], deadline);
                break;
            case 4:
                check(thread_join(spawn(do_nothing, 0), WAIT_FOREVER), "join", 0);
                break;
            case 5:
                for (uint64_t end = after(number % 500000); !is_over(end);) {
                    cpu_relax();
                }
                break;
            default:
                if (mutex_lock_until(&some_mutex[which], deadline)) {
                    uint64_t value = guarded[which] + 1;
                    if (number >> 40 & 1) {
                        thread_yield();
                    }
                    guarded[which] = value;
                    __atomic_fetch_add(&guarded_sum, 1, __ATOMIC_RELAXED);
                    mutex_unlock(&some_mutex[which]);
                }
        }
        __atomic_fetch_add(&done, 1, __ATOMIC_RELAXED);
    }
}

static void try_anything(void) {
    uint64_t seconds = 1;
    const char *setting = system_setting("seconds");
    if (setting && !cmdline_parse_size(setting, &seconds)) {
        check(false, "seconds= is no number", 0);
    }
    stop_ns = after(seconds * SECOND);
    run_all(do_anything, 3 * cpus_count() < 24 ? 3 * cpus_count() + 4 : 24);
    check(guarded[0] + guarded[1] + guarded[2] == guarded_sum, "increments", guarded_sum);
    check(done, "nothing was done", 0);
}

// A crash on one CPU stops the others, and tells where they were. Not part of all trials.

static void spin_in_a_known_place(void *arg) {
    (void)arg;
    __atomic_fetch_add(&arrived, 1, __ATOMIC_SEQ_CST);
    for (;;) {
        ++*(volatile uint64_t *)&counter;
    }
}

static void crash(void *arg) {
    (void)arg;
    while (__atomic_load_n(&arrived, __ATOMIC_SEQ_CST) < cpus_count() - 1) {
        cpu_relax();
    }
    __asm__ volatile ("ud2");
}

static void try_crash(void) {
    arrived = 0;
    spawn_all(spin_in_a_known_place, cpus_count() - 1);
    threads[0] = spawn(crash, 0);
    join_all(1);
}

// What a kernel must not do, and a debug build finds. Each ends in a crash; not part of all trials.

static spinlock_t outer = SPINLOCK_INIT(LOCK_RANK_WAIT), inner = SPINLOCK_INIT(LOCK_RANK_TIMER), unranked;

static void take_out_of_order(void) {
    uint64_t flags = spin_lock_irqsave(&inner);
    spin_lock(&outer);
    spin_unlock(&outer);
    spin_unlock_irqrestore(&inner, flags);
}

static void take_twice(void) {
    spin_lock_irqsave(&outer);
    spin_lock_irqsave(&outer);
}

static void take_with_interrupts_on(void) {
    spin_lock(&outer);
    spin_unlock(&outer);
}

static void take_unranked(void) {
    spin_lock_irqsave(&unranked);
}

static void give_back_twice(void) {
    uint64_t flags = spin_lock_irqsave(&outer);
    spin_unlock(&outer);
    spin_unlock_irqrestore(&outer, flags);
}

static void wait_with_interrupts_off(void) {
    static uint32_t word;
    interrupts_disable();
    wait_on(&word, 0, after(NS_PER_MS));
}

static void unlock_mutex_twice(void) {
    mutex_lock(&mutex);
    mutex_unlock(&mutex);
    mutex_unlock(&mutex);
}

static const struct {
    const char *name;
    void (*fn)(void);
} trials[] = {
    { "cpus", try_cpus },
    { "mutex", try_mutex },
    { "condition", try_condition },
    { "semaphore", try_semaphore },
    { "deadlines", try_deadlines },
    { "fairness", try_fairness },
    { "registers", try_registers },
    { "priority", try_priority },
    { "overlooked", try_overlooked },
    { "creation", try_creation },
    { "idleness", try_idleness },
    { "shootdown", try_shootdown },
    { "retirement", try_retirement },
    { "anything", try_anything },
};

static const struct {
    const char *name;
    void (*fn)(void);
} crashes[] = {
    { "crash", try_crash },
    { "order", take_out_of_order },
    { "twice", take_twice },
    { "interrupts-on", take_with_interrupts_on },
    { "unranked", take_unranked },
    { "given-back", give_back_twice },
    { "wait", wait_with_interrupts_off },
    { "unlocked", unlock_mutex_twice },
};

void app_main(void) {
    const char *wanted = system_setting("trial");
    if (system_setting("madt")) {
        alter_madt(system_setting("madt"));
    }
    uint64_t limit = after(4 * SECOND);
    cpus_start();
    if (is_over(limit)) {
        say("cpus_start() takes long\r\n");
    }
    for (size_t i = 0; wanted && i < sizeof(crashes) / sizeof(crashes[0]); ++i) {
        if (!strcmp(wanted, crashes[i].name)) {
            crashes[i].fn();
        }
    }
    for (size_t i = 0; i < sizeof(trials) / sizeof(trials[0]); ++i) {
        if (wanted && strcmp(wanted, trials[i].name)) {
            continue;
        }
        failure = NULL;
        trials[i].fn();
        say(trials[i].name);
        say(": ");
        say(failure ? failure : "ok");
        if (failure) {
            say(" ");
            say_number(failure_value);
        }
        say("\r\n");
    }
    say("done\r\n");
}
