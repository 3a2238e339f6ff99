/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* What extmod/vfs_lfs.c calls in place of lfs2_dir_read(): see the Makefile. */
#ifndef MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_LFS2_LISTING_H
#define MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_LFS2_LISTING_H

#include "lib/littlefs/lfs2.h"

// As lfs2_dir_read(): 1, or 0 at the end. Raises OSError, which its caller does not.
int lfs2_dir_read_on(lfs2_t *lfs2, lfs2_dir_t *dir, struct lfs2_info *info);

#endif // MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_LFS2_LISTING_H
