/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#ifndef MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_MODINTERPRETERS_H
#define MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_MODINTERPRETERS_H

// Closes all interpreters but the main one, whatever they do, and waits for that. By the main one, with the GIL.
void interpreters_close_all(void);

#endif // MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_MODINTERPRETERS_H
