/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Timers on the hardware of two CPUs, by deadline and by count: each fires once and in time, whatever the hardware was
 * left at. Time goes from one interrupt to the next. */

#include "boot/cpu.h"
#include "boot/idt.h"
#include "drivers/kvmclock.h"
#include "drivers/lapic.h"
#include "kernel/clock.h"
#include "kernel/cpu_state.h"
#include "kernel/panic.h"

#include "tests/host/unit.h"

#define CPUS 2
#define TIMERS 12
#define OFF UINT64_MAX
#define MS 1000000ull
#define TSC_PER_NS 3
#define COUNT_NS 16 /* What lapic_timer_init() makes of: */
#define APIC_HZ 1000000000

static struct {
    kernel_cpu_t kernel;
    uint64_t fires_ns; /* OFF: it is not set. */
} cpus[CPUS];

static unsigned here;
static uint64_t now_ns;
static bool has_deadline;
static unsigned sets, interrupts; /* Counted. */
static interrupt_handler_t handler;

cpu_t *cpu_current(void) {
    return &cpus[here].kernel.boot;
}

uint64_t interrupts_save_disable(void) {
    return 0;
}

void interrupts_restore(uint64_t flags) {
    (void)flags;
}

void cpu_relax(void) {
    CHECK(!"nobody waits for another CPU here");
}

uint64_t clock_monotonic_ns(void) {
    return now_ns;
}

uint64_t clock_tsc_at(uint64_t ns) {
    return ns * TSC_PER_NS;
}

_Noreturn void panic(const char *message) {
    fprintf(stderr, "panic: %s\n", message);
    abort();
}

uint8_t interrupt_allocate_vector(const char *name, interrupt_handler_t fn) {
    (void)name;
    handler = fn;
    return VECTOR_FIRST_DEVICE;
}

uint64_t hypervisor_apic_hz(void) {
    return APIC_HZ;
}

void lapic_eoi(void) {
    ++interrupts;
}

void lapic_timer_init(uint8_t vector) {
    (void)vector;
}

bool lapic_timer_has_deadline(void) {
    return has_deadline;
}

void lapic_timer_set_deadline(uint64_t tsc) {
    CHECK(has_deadline);
    ++sets;
    cpus[here].fires_ns = tsc ? tsc / TSC_PER_NS : OFF;
}

void lapic_timer_set_count(uint32_t count) {
    CHECK(!has_deadline);
    ++sets;
    cpus[here].fires_ns = count ? now_ns + (uint64_t)count * COUNT_NS : OFF;
}

uint32_t lapic_timer_count(void) {
    CHECK(!"the hypervisor has told how fast it is");
    abort();
}

typedef struct _model_t {
    ktimer_t timer; /* First: it is found by that. */
    bool queued;
    unsigned cpu;
    uint64_t deadline_ns, fired;
} model_t;

static model_t timers[TIMERS];

static void start_machine(bool deadline) {
    memset(cpus, 0, sizeof(cpus));
    memset(timers, 0, sizeof(timers));
    now_ns = MS;
    has_deadline = deadline;
    for (here = 0; here < CPUS; ++here) {
        cpus[here].kernel.boot.index = here;
        cpus[here].fires_ns = OFF;
        here ? timer_init_cpu() : timer_init();
    }
    here = 0;
    sets = interrupts = 0;
}

static void on_timer(ktimer_t *timer) {
    model_t *model = (model_t *)timer;
    CHECK(model->queued && model->cpu == here);
    CHECK(model->deadline_ns <= now_ns);
    model->queued = false;
    ++model->fired;
}

static void start(model_t *model, uint64_t deadline_ns) {
    model->queued = true;
    model->cpu = here;
    model->deadline_ns = deadline_ns;
    timer_start(&model->timer, deadline_ns, on_timer);
}

static void stop(model_t *model) {
    CHECK_EQ(timer_stop(&model->timer), model->queued);
    model->queued = false;
}

static void take_interrupt(unsigned cpu) {
    here = cpu;
    cpus[cpu].fires_ns = OFF;
    handler(NULL);
}

/* Time passes, with interrupts on: they come when the hardware has them come. */
static void pass(uint64_t ns) {
    uint64_t end = now_ns + ns;
    for (;;) {
        unsigned next = cpus[1].fires_ns < cpus[0].fires_ns;
        if (cpus[next].fires_ns > end) {
            break;
        }
        now_ns = cpus[next].fires_ns > now_ns ? cpus[next].fires_ns : now_ns;
        take_interrupt(next);
    }
    now_ns = end;
    for (unsigned i = 0; i < TIMERS; ++i) {
        CHECK(!timers[i].queued || timers[i].deadline_ns + COUNT_NS > now_ns); // Else it is late.
    }
}

static bool has_timers(unsigned cpu) {
    bool some = false;
    for (unsigned i = 0; i < TIMERS; ++i) {
        some = some || (timers[i].queued && timers[i].cpu == cpu);
    }
    return some;
}

static void halt(unsigned cpu) {
    here = cpu;
    timer_before_halt();
    CHECK(has_timers(cpu) || cpus[cpu].fires_ns == OFF);
}

static unsigned random_below(unsigned limit) {
    static uint64_t state = 1;
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (state >> 33) % limit;
}

/* Mostly soon, seldom beyond what a count reaches, or in the past. */
static uint64_t some_deadline(void) {
    unsigned kind = random_below(16);
    return kind == 0 ? random_below(1000) : now_ns + (kind < 12 ? random_below(10 * MS) : random_below(20000) * MS);
}

TEST(each_fires_once_and_in_time) {
    for (unsigned deadline = 0; deadline < 2; ++deadline) {
        start_machine(deadline);
        unsigned fired = 0;
        for (unsigned i = 0; i < 300000; ++i) {
            model_t *model = &timers[random_below(TIMERS)];
            here = random_below(CPUS);
            switch (random_below(8)) {
                case 0:
                case 1:
                case 2:
                    start(model, some_deadline());
                    break;
                case 3:
                case 4:
                    stop(model);
                    break;
                case 5:
                    halt(here);
                    break;
                default:
                    pass(random_below(8) ? random_below(5 * MS) : (uint64_t)random_below(8000) * MS);
            }
        }
        pass(30000 * MS);
        for (unsigned i = 0; i < TIMERS; ++i) {
            fired += timers[i].fired;
            CHECK(!timers[i].queued);
        }
        CHECK(fired > 10000);
        halt(0);
        halt(1);
        unsigned before = interrupts;
        pass(100000 * MS);
        CHECK_EQ(interrupts, before);
    }
}

/* As a wait with a deadline does that is met. */
TEST(timers_that_are_stopped_do_not_set_the_hardware_each_time) {
    for (unsigned deadline = 0; deadline < 2; ++deadline) {
        start_machine(deadline);
        for (unsigned i = 0; i < 1000; ++i) {
            start(&timers[0], now_ns + 1000 * MS);
            pass(MS / 10);
            stop(&timers[0]);
        }
        CHECK_EQ(sets, 1);
        CHECK_EQ(interrupts, 0);
        halt(0);
        CHECK_EQ(sets, 2);
        halt(0);
        CHECK_EQ(sets, 2);
    }
}

TEST(hardware_that_was_left_interrupts_once_and_is_set_for_what_is_there) {
    for (unsigned deadline = 0; deadline < 2; ++deadline) {
        start_machine(deadline);
        start(&timers[0], now_ns + 10 * MS);
        stop(&timers[0]);
        start(&timers[1], now_ns + 500 * MS);
        CHECK_EQ(sets, 1);
        halt(0);
        CHECK_EQ(sets, 1);
        pass(499 * MS);
        CHECK_EQ(interrupts, 1);
        CHECK_EQ(sets, 2);
        pass(2 * MS);
        CHECK_EQ(timers[1].fired, 1);
        CHECK_EQ(interrupts, 2);
        start(&timers[2], now_ns + 10 * MS);
        start(&timers[3], now_ns + 5 * MS); // An earlier one.
        CHECK_EQ(sets, 4);
        pass(11 * MS);
        CHECK_EQ(timers[2].fired + timers[3].fired, 2);
    }
}

/* Its interrupt is on its way: the hardware stands still, and nobody has noticed. */
TEST(what_starts_while_an_interrupt_is_pending_is_not_lost) {
    for (unsigned deadline = 0; deadline < 2; ++deadline) {
        for (unsigned halts = 0; halts < 2; ++halts) {
            start_machine(deadline);
            start(&timers[0], now_ns + 10 * MS);
            now_ns += 11 * MS;
            stop(&timers[0]);
            cpus[0].fires_ns = OFF; // It is the local APIC's now.
            if (halts) {
                halt(0);
            }
            start(&timers[1], now_ns + 5 * MS);
            uint64_t set = cpus[0].fires_ns;
            take_interrupt(0);
            CHECK(cpus[0].fires_ns != OFF && (set == OFF || set >= now_ns));
            pass(6 * MS);
            CHECK_EQ(timers[1].fired, 1);
        }
    }
}

TEST(one_that_another_cpu_stops_leaves_the_hardware_and_one_that_moves_is_there_once) {
    start_machine(true);
    start(&timers[0], now_ns + 10 * MS);
    here = 1;
    stop(&timers[0]);
    CHECK_EQ(sets, 1);
    start(&timers[0], now_ns + 20 * MS);
    here = 0;
    start(&timers[0], now_ns + 30 * MS); // From CPU 1 to CPU 0, which is set for an earlier one.
    CHECK_EQ(sets, 2);
    pass(40 * MS);
    CHECK_EQ(timers[0].fired, 1);
    CHECK_EQ(interrupts, 3);
}
