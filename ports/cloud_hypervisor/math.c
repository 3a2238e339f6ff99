/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* The mathematical functions that lib/libm_dbl leaves to the machine. gcc's builtins are
 * single instructions here (the file is compiled with -fno-math-errno), or a few. */

#include <math.h>

// SQRTSD, which rounds correctly: Intel SDM volume 2.
double sqrt(double x) {
    return __builtin_sqrt(x);
}

// lib/libm_dbl has one in debug builds only.
#ifdef NDEBUG
double copysign(double magnitude, double sign) {
    return __builtin_copysign(magnitude, sign);
}
#endif

// gcc makes it of a sine and a cosine of the same number; not here: -fno-builtin-sin.
void sincos(double x, double *sine, double *cosine) {
    *sine = sin(x);
    *cosine = cos(x);
}
