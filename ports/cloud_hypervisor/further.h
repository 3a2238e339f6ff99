/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* What an interpreter that another one has made does: it waits to be asked for something, does that, and replies. */
#ifndef MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_FURTHER_H
#define MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_FURTHER_H

// The request is a tuple: one of these, and what it is done to.
enum {
    FURTHER_EXEC, // (text of a program,)
    FURTHER_CALL, // (callable, tuple of arguments, dict of keyword arguments)
    FURTHER_SET,  // (dict of what becomes a global of __main__,)
};

// So is the reply.
enum {
    FURTHER_DONE,       // (the result,)
    FURTHER_FAILED,     // (names of the exception's type and its module, its text, its traceback, itself or None)
    FURTHER_UNSHAREABLE, // (why the result does not cross,)
};

// Its main thread, from its begin to its end.
void further_main(void);

#endif // MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_FURTHER_H
