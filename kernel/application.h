/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* The application's files, a ROMFS (kernel/romfs.h): what --initramfs gives, else what the ELF
 * file carries. And its settings: the file `settings` in it, words as on the command line. */
#ifndef MICROPY_INCLUDED_KERNEL_APPLICATION_H
#define MICROPY_INCLUDED_KERNEL_APPLICATION_H

#include <stddef.h>
#include <stdint.h>

#include "kernel/cmdline.h"

#define APPLICATION_SETTINGS "settings"

/* Where in memory the ELF file's application was loaded; size 0 for none. A note of the file, which
 * a host tool fills in (name "MicroPython", type 1), so that no compiler is needed for that. */
typedef struct _application_place_t {
    uint64_t paddr; /* Page-aligned, behind the image. */
    uint64_t size;  /* In bytes. */
} application_place_t;

const application_place_t *application_place(void);

/* Checks the application and reads its settings. Once, after machine_init_memory(). One that is
 * not right is left alone as if there was none: application_problem(). */
void application_init(void);

/* The ROMFS, in memory that nobody writes, or NULL where there is none. */
const void *application_romfs(size_t *size);

/* Its settings; none where there is no application. */
const cmdline_t *application_settings(void);

/* What is wrong with an application that is there, for people; NULL: nothing. */
const char *application_problem(void);

#endif // MICROPY_INCLUDED_KERNEL_APPLICATION_H
