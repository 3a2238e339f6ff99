/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* The names of all settings, for C and for assembly: main.c checks by them what is on the command line,
 * and the host tools find them in the firmware's file (firmware_info.S). */
#ifndef MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_SETTINGS_H
#define MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_SETTINGS_H

#include "kernel/settings.h"

#if MICROPY_VFS_LFS2
#define SETTINGS_OF_FILES , "ramdisk"
#else
#define SETTINGS_OF_FILES
#endif

#if MICROPY_PY_MACHINE_DISK
#define SETTINGS_OF_DISKS , "disk-timeout", "mount", "pci"
#else
#define SETTINGS_OF_DISKS
#endif

#if MICROPY_PY_SOCKET
#define SETTINGS_OF_NETWORK , "hostname", "ip", "mdns"
#else
#define SETTINGS_OF_NETWORK
#endif

#define SETTINGS KERNEL_SETTINGS, "console", "exit-mark", "on-exit" SETTINGS_OF_FILES SETTINGS_OF_DISKS SETTINGS_OF_NETWORK

#endif // MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_SETTINGS_H
