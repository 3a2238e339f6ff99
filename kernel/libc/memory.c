/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* The memory functions. An interpreter spends its life in small ones, so up to 32 bytes are
 * a few moves that overlap in the middle, all loads before the first store; longer ones are
 * a loop of 32 bytes. From LARGE on the processor's string instructions win, which move whole
 * cache lines (Intel optimization manual, 3.7.6); they are instructions C has no words for.
 * A vector register is never used: interrupt handlers call these functions. */

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "boot/layout.h"
#include "kernel/interpreter.h"

#define LARGE 2048

/* The smallest clearing that may concern whole pages nobody has touched yet. */
#define CLEAR_BY_PAGE (4 * PAGE_SIZE)

typedef uint64_t __attribute__((may_alias, aligned(1))) unaligned_u64_t;
typedef uint32_t __attribute__((may_alias, aligned(1))) unaligned_u32_t;
typedef uint16_t __attribute__((may_alias, aligned(1))) unaligned_u16_t;

#define U64(p, offset) (*(unaligned_u64_t *)((char *)(p) + (offset)))
#define U32(p, offset) (*(unaligned_u32_t *)((char *)(p) + (offset)))
#define U16(p, offset) (*(unaligned_u16_t *)((char *)(p) + (offset)))

/* Up to 32 bytes, in any overlap. */
static inline void copy_small(void *dest, const void *src, size_t n) {
    if (n > 16) {
        uint64_t a = U64(src, 0), b = U64(src, 8), c = U64(src, n - 16), d = U64(src, n - 8);
        U64(dest, 0) = a;
        U64(dest, 8) = b;
        U64(dest, n - 16) = c;
        U64(dest, n - 8) = d;
    } else if (n >= 8) {
        uint64_t a = U64(src, 0), b = U64(src, n - 8);
        U64(dest, 0) = a;
        U64(dest, n - 8) = b;
    } else if (n >= 4) {
        uint32_t a = U32(src, 0), b = U32(src, n - 4);
        U32(dest, 0) = a;
        U32(dest, n - 4) = b;
    } else if (n >= 2) {
        uint16_t a = U16(src, 0), b = U16(src, n - 2);
        U16(dest, 0) = a;
        U16(dest, n - 2) = b;
    } else if (n) {
        *(char *)dest = *(const char *)src;
    }
}

static inline void copy_32(char *dest, const char *src) {
    uint64_t a = U64(src, 0), b = U64(src, 8), c = U64(src, 16), d = U64(src, 24);
    U64(dest, 0) = a;
    U64(dest, 8) = b;
    U64(dest, 16) = c;
    U64(dest, 24) = d;
}

/* More than 32 bytes, from the lowest address up: right where `dest` does not lie inside the
 * source. The last 32 bytes are loaded first, before a store can overwrite them. */
static inline void copy_up(char *dest, const char *src, size_t n) {
    char *last = dest + n - 32;
    uint64_t a = U64(src, n - 32), b = U64(src, n - 24), c = U64(src, n - 16), d = U64(src, n - 8);
    if (n >= LARGE) {
        size_t words = (n - 32 + 7) / 8;
        __asm__ volatile ("rep movsq" : "+D" (dest), "+S" (src), "+c" (words) : : "memory");
    } else {
        do {
            copy_32(dest, src);
            dest += 32;
            src += 32;
        } while (dest < last);
    }
    U64(last, 0) = a;
    U64(last, 8) = b;
    U64(last, 16) = c;
    U64(last, 24) = d;
}

/* The same from the highest address down, for a `dest` inside the source. */
static void copy_down(char *dest, const char *src, size_t n) {
    uint64_t a = U64(src, 0), b = U64(src, 8), c = U64(src, 16), d = U64(src, 24);
    for (size_t i = n; i > 32; i -= 32) {
        copy_32(dest + i - 32, src + i - 32);
    }
    U64(dest, 0) = a;
    U64(dest, 8) = b;
    U64(dest, 16) = c;
    U64(dest, 24) = d;
}

void *memcpy(void *restrict dest, const void *restrict src, size_t n) {
    if (n <= 32) {
        copy_small(dest, src, n);
    } else {
        copy_up(dest, src, n);
    }
    return dest;
}

void *memmove(void *dest, const void *src, size_t n) {
    if (n <= 32) {
        copy_small(dest, src, n);
    } else if ((uintptr_t)dest - (uintptr_t)src >= n) {
        copy_up(dest, src, n);
    } else {
        copy_down(dest, src, n);
    }
    return dest;
}

/* More than 32 bytes. */
static inline void set_long(char *dest, uint64_t pattern, size_t n) {
    char *last = dest + n - 32;
    if (n >= LARGE) {
        size_t words = (n - 32 + 7) / 8;
        __asm__ volatile ("rep stosq" : "+D" (dest), "+c" (words) : "a" (pattern) : "memory");
    } else {
        do {
            U64(dest, 0) = pattern;
            U64(dest, 8) = pattern;
            U64(dest, 16) = pattern;
            U64(dest, 24) = pattern;
            dest += 32;
        } while (dest < last);
    }
    U64(last, 0) = pattern;
    U64(last, 8) = pattern;
    U64(last, 16) = pattern;
    U64(last, 24) = pattern;
}

/* A function of its own, so that memset() itself needs no frame. */
static __attribute__((noinline)) void *clear_by_page(void *dest, size_t n) {
    interpreter_zero(dest, n);
    return dest;
}

void *memset(void *dest, int c, size_t n) {
    uint64_t pattern = (uint8_t)c * 0x0101010101010101;
    if (n > 32) {
        if (n >= CLEAR_BY_PAGE && !pattern) {
            return clear_by_page(dest, n);
        }
        set_long(dest, pattern, n);
    } else if (n > 16) {
        U64(dest, 0) = pattern;
        U64(dest, 8) = pattern;
        U64(dest, n - 16) = pattern;
        U64(dest, n - 8) = pattern;
    } else if (n >= 8) {
        U64(dest, 0) = pattern;
        U64(dest, n - 8) = pattern;
    } else if (n >= 4) {
        U32(dest, 0) = pattern;
        U32(dest, n - 4) = pattern;
    } else if (n >= 2) {
        U16(dest, 0) = pattern;
        U16(dest, n - 2) = pattern;
    } else if (n) {
        *(char *)dest = c;
    }
    return dest;
}

int memcmp(const void *a, const void *b, size_t n) {
    const uint8_t *p = a, *q = b;
    for (; n >= 8; p += 8, q += 8, n -= 8) {
        uint64_t x = U64(p, 0), y = U64(q, 0);
        if (x != y) {
            // The first byte in memory is the lowest one: make it the highest.
            return __builtin_bswap64(x) < __builtin_bswap64(y) ? -1 : 1;
        }
    }
    for (; n; ++p, ++q, --n) {
        if (*p != *q) {
            return *p - *q;
        }
    }
    return 0;
}

void *memchr(const void *s, int c, size_t n) {
    for (const uint8_t *p = s; n; ++p, --n) {
        if (*p == (uint8_t)c) {
            return (void *)p;
        }
    }
    return NULL;
}
