/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* How much of its blocks a directory uses. */
#ifndef MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_LFS2_DIRECTORY_H
#define MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_LFS2_DIRECTORY_H

#include "lib/littlefs/lfs2.h"

// The configuration's metadata_max.
lfs2_size_t lfs2_directory_max(const struct lfs2_config *config);

// What extmod/vfs_lfs.c calls in place of lfs2_remove(), see the Makefile: 0, or a negative error of littlefs.
int lfs2_remove_anyway(lfs2_t *lfs2, const char *path);

#endif // MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_LFS2_DIRECTORY_H
