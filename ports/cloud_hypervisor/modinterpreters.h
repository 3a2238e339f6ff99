/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#ifndef MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_MODINTERPRETERS_H
#define MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_MODINTERPRETERS_H

// Of the main interpreter: closes all others, whatever they do, and waits for that. With the GIL.
void interpreters_close_all(void);

#endif // MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_MODINTERPRETERS_H
