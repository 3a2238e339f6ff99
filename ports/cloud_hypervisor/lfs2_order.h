/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* What extmod/vfs_lfs.c calls in place of lfs2_mount(): see the Makefile. */
#ifndef MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_LFS2_ORDER_H
#define MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_LFS2_ORDER_H

#include "lib/littlefs/lfs2.h"

// As lfs2_mount(): 0, or a negative error of littlefs. What is written to files from then on is on
// the disk before a directory says so; wear is not levelled; directories are short (lfs2_directory.h).
// The configuration's context is an mp_vfs_blockdev_t, and it may be changed.
int lfs2_mount_in_order(lfs2_t *lfs2, const struct lfs2_config *config);

#endif // MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_LFS2_ORDER_H
