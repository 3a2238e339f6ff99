/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* No include guard: NDEBUG decides anew at each inclusion, C11 7.2. */
#undef assert

#ifdef NDEBUG
#define assert(expression) ((void)0)
#else
#define assert(expression) ((expression) ? (void)0 : __assert_func(__FILE__, __LINE__, __func__, #expression))
#endif

#ifndef static_assert
#define static_assert _Static_assert
#endif

/* Stops the machine with the expression and the place in the crash report. */
_Noreturn void __assert_func(const char *file, int line, const char *function, const char *expression);
