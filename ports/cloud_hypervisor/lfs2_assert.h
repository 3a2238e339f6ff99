/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Included ahead of littlefs. Its assertions, which upstream leaves out, are the only thing
 * that keeps a program from writing to a file it opened for reading. Those about a file's
 * mode raise OSError(EBADF) here, as any other filesystem does; they stand before anything
 * is changed. The rest stays out: some refuse block sizes that work. */

#include <stdbool.h>
#include <string.h>

#include "vfs_disk.h"

_Noreturn void lfs2_bad_mode(void);

/* One of them stands between writing a file's block and reading it back to compare, eight bytes at
 * a time: for flash that wears out, and five sixths of the instructions that writing takes. A disk
 * says when it fails. The variable is what that function calls its parameter; elsewhere it is this. */
static __attribute__((unused)) bool validate;

#define LFS2_ASSERT(test) \
    ((!__builtin_strstr(#test, "file->flags") || (test) ? (void)0 : lfs2_bad_mode()), \
    (void)(__builtin_strstr(#test, "err <= 0") ? validate = false : false))

/* Its locks, which upstream leaves out too, would be two more functions in the configuration, and nobody there fills them in:
 * so they come after its declaration. LFS2_LOCK(cfg) is `cfg->lock(cfg)`, an expression that is 0 where all is well. */
#if MICROPY_PY_MACHINE_DISK
#include "lib/littlefs/lfs2.h"
#define LFS2_THREADSAFE
#define lock(cfg) context && (vfs_disk_lock((cfg)->context), 0)
#define unlock(cfg) context ? vfs_disk_unlock((cfg)->context) : (void)0
#endif
