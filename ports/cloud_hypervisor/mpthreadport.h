/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Threads of one interpreter: threads of the kernel that hold its GIL in turn. */
#ifndef MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_MPTHREADPORT_H
#define MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_MPTHREADPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel/event.h"
#include "kernel/mutex.h"

typedef mutex_t mp_thread_mutex_t;

// A constant, since each `try` and each call needs it: the state of the thread that has the GIL always lies here,
// as it does without threads. Whoever takes the GIL puts its own there.
extern struct _mp_state_ctx_t mp_state_ctx;
static inline struct _mp_state_thread_t *mp_thread_get_state(void) {
    return (struct _mp_state_thread_t *)&mp_state_ctx;
}

// Makes the calling thread the interpreter's main one. Before all else.
void mp_thread_init(void);

// Ends all other threads, and waits for that. Main thread, with the GIL.
void mp_thread_deinit(void);

// What mp_thread_get_id() gives in the main thread.
mp_uint_t mp_thread_get_main_id(void);

// Makes the module _thread as at power-on.
void mp_thread_module_reset(void);

// Marks what the other threads hold, and gives back the stacks of those that have ended. In a collection.
void mp_thread_gc_others(void);

// What the VM does between two jumps instead of mp_handle_pending(true): it also gives the GIL to a thread
// that has waited for it for the switch interval. So the VM looks at one flag only: vm_attention.h.
void mp_thread_attention(void);

// Has the main thread run the callbacks that were scheduled, where it waits for a lock too, and has those look
// again who wait for an event. Any context.
void mp_thread_wake_main(void);

// Before mp_handle_pending(true): raises in a callback, where its own code waits, what is pending for the thread.
// That stays so, since all that a callback raises ends there.
void mp_thread_tell_callback(void);

// Has the thread that runs Python call mp_thread_attention(). Any context.
void mp_thread_ask_attention(void);

// Waits for the mutex, which is not the GIL, until the monotonic clock reaches `deadline_ns`, without the GIL.
// False where the time is up. Raises what is pending, such as KeyboardInterrupt.
bool mp_thread_mutex_lock_until(mp_thread_mutex_t *mutex, uint64_t deadline_ns);

// When a wait of so many seconds from now on ends; None: never; 0: it is none. Raises ValueError, OverflowError.
uint64_t mp_thread_deadline(void *timeout);

// Ends the interpreter, whatever it does, as soon as its main thread has the GIL. In interrupt context, in its address
// space.
void mp_thread_cancel_main(void);

// Whether this thread is to raise something that came from outside, or to end. With the GIL or without.
bool mp_thread_is_interrupted(void);

// What this thread has seen of events: two, when it waits, and when a callback in such a wait waits.
event_waiter_t *mp_thread_waiters(void);

// Whether this thread's next wait for an event is to be a short one.
bool *mp_thread_looks_again(void);

#endif // MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_MPTHREADPORT_H
