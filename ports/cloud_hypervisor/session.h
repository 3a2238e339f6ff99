/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* MicroPython from its begin to its end, in any interpreter. By its main thread. */
#ifndef MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_SESSION_H
#define MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_SESSION_H

// What comes before all else, once.
void session_init(void);

// From an untouched heap to a Python that runs programs; no filesystem but /rom.
void session_begin(void);

// Other threads end, and other interpreters where this is the main one.
void session_end_others(void);

// All files are closed, and what they have written is on the disks: the machine is about to stop.
void session_before_stop(void);

// As session_end_others(), then the reverse of the begin: finalisers run.
void session_end(void);

#endif // MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_SESSION_H
