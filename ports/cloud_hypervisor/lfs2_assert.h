/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Included ahead of littlefs. Its assertions, which upstream leaves out, are the only thing
 * that keeps a program from writing to a file it opened for reading. Those about a file's
 * mode raise OSError(EBADF) here, as any other filesystem does; they stand before anything
 * is changed. The rest stays out: some refuse block sizes that work. */

#include <string.h>

_Noreturn void lfs2_bad_mode(void);

#define LFS2_ASSERT(test) (!__builtin_strstr(#test, "file->flags") || (test) ? (void)0 : lfs2_bad_mode())
