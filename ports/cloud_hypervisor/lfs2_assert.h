/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Included ahead of littlefs. Its assertions, which upstream leaves out, are the only thing
 * that keeps a program from writing to a file it opened for reading: here they raise
 * OSError(EBADF), as any other filesystem does. They stand before anything is changed. */

_Noreturn void lfs2_assert_failed(void);

#define LFS2_ASSERT(test) ((test) ? (void)0 : lfs2_assert_failed())
