/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* The user's application: frozen into the firmware, or in the ROMFS that the VMM or the ELF file
 * brings (kernel/application.h). */
#ifndef MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_APPLICATION_H
#define MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_APPLICATION_H

#include <stdbool.h>

// Whether there is a main.py, or its compiled form.
bool application_exists(void);

// Makes an interpreter ready for the application's modules, if there is one: current directory, sys.path, sys.argv.
void application_prepare(void);

// Runs boot.py, then main.py, with the ROMFS as the current directory and sys.argv from the command
// line, then what sys.atexit() was given. Returns the exit status, 0 to 255. Once a session.
int application_run(void);

// As CPython does at the end of an interpreter: threads that are no daemons are waited for, then comes what sys.atexit()
// was given, once. Exceptions are printed.
void application_wait_for_threads(void);
void application_run_exit_function(void);

// Tells the exit status to the tool that started the machine, and does what the setting on-exit= says.
// Returns where the prompt is wanted.
void application_end(int status);

#endif // MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_APPLICATION_H
