/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Where filesystems of disks are wanted: the settings mount=SERIAL:/NAME, of the command line and of the application. */
#ifndef MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_MOUNT_SETTINGS_H
#define MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_MOUNT_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>

typedef struct _mount_setting_t {
    const char *text;   // All of the value.
    size_t serial_len;  // Of the disk's serial, which it begins with; 1 or more.
    const char *point;  // "/", or "/NAME".
} mount_setting_t;

// The setting of that number, from 0 on; those of the command line come first. Returns false where there are not so many.
// Panics where it is malformed.
bool mount_setting(unsigned number, mount_setting_t *setting);

// Where the disk of that serial is wanted, or NULL.
const char *mount_setting_of(const char *serial);

// Whether a disk is wanted at "/".
bool mount_setting_has_root(void);

#endif // MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_MOUNT_SETTINGS_H
