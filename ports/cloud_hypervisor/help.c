/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include "py/builtin.h"

const char cloud_hypervisor_help_text[] =
    "Welcome to MicroPython on a virtual machine of its own!\n"
    "\n"
    "  help('modules')       the modules that are built in\n"
    "  import cloud_hypervisor; cloud_hypervisor.vmm()\n"
    "                        which virtual machine monitor this is\n"
    #if MICROPY_PY_GUEST
    "  import guest; guest.help()\n"
    "                        looking around: CPU, memory, ACPI tables, the stack ...\n"
    #endif
    #if MICROPY_PY_MACHINE
    "  import machine        Timer, RTC, UART, mem8/16/32, reset(), poweroff() ...\n"
    #endif
    #if MICROPY_VFS_LFS2
    "  open('x.txt', 'w')    files live on a RAM disk: they outlast a soft reset,\n"
    "                        not the machine; cloud_hypervisor.RAMDisk() is that disk\n"
    #endif
    "\n"
    "At the prompt:\n"
    "  CTRL-A  raw REPL, for programs      CTRL-C  interrupt what runs\n"
    "  CTRL-B  this REPL                   CTRL-D  soft reset\n"
    "  CTRL-E  paste mode                  TAB     complete a name\n"
    "\n"
    "help(obj) says more about an object.\n"
;
