/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Strings that end with a NUL. They are short and rare here, so plain loops do. */

#include <stdint.h>
#include <string.h>

/* Its lowest set bit is in the lowest byte of `word` that is 0; 0 where none is. */
static uint64_t zero_byte(uint64_t word) {
    return (word - 0x0101010101010101) & ~word & 0x8080808080808080;
}

/* By aligned words: what of one lies outside of the string lies in the same page. */
size_t strlen(const char *s) {
    unsigned before = (uintptr_t)s % sizeof(uint64_t);
    const uint64_t *at = (const uint64_t *)(s - before);
    uint64_t zero = zero_byte(*at | ~(UINT64_MAX << 8 * before));
    while (!zero) {
        zero = zero_byte(*++at);
    }
    return (const char *)at + __builtin_ctzll(zero) / 8 - s;
}

size_t strnlen(const char *s, size_t max) {
    size_t len = 0;
    while (len < max && s[len]) {
        ++len;
    }
    return len;
}

int strcmp(const char *a, const char *b) {
    while (*a && *a == *b) {
        ++a;
        ++b;
    }
    return (uint8_t)*a - (uint8_t)*b;
}

int strncmp(const char *a, const char *b, size_t n) {
    for (; n; ++a, ++b, --n) {
        if (*a != *b) {
            return (uint8_t)*a - (uint8_t)*b;
        }
        if (!*a) {
            break;
        }
    }
    return 0;
}

char *strcpy(char *restrict dest, const char *restrict src) {
    memcpy(dest, src, strlen(src) + 1);
    return dest;
}

char *strncpy(char *restrict dest, const char *restrict src, size_t n) {
    size_t len = strnlen(src, n);
    memcpy(dest, src, len);
    memset(dest + len, 0, n - len);
    return dest;
}

char *strcat(char *restrict dest, const char *restrict src) {
    strcpy(dest + strlen(dest), src);
    return dest;
}

char *strchr(const char *s, int c) {
    for (;; ++s) {
        if (*s == (char)c) {
            return (char *)s;
        }
        if (!*s) {
            return NULL;
        }
    }
}

char *strrchr(const char *s, int c) {
    const char *found = NULL;
    do {
        if (*s == (char)c) {
            found = s;
        }
    } while (*s++);
    return (char *)found;
}

char *strstr(const char *haystack, const char *needle) {
    size_t len = strlen(needle);
    for (;; ++haystack) {
        if (!strncmp(haystack, needle, len)) {
            return (char *)haystack;
        }
        if (!*haystack) {
            return NULL;
        }
    }
}

size_t strspn(const char *s, const char *accept) {
    size_t len = 0;
    while (s[len] && strchr(accept, s[len])) {
        ++len;
    }
    return len;
}

size_t strcspn(const char *s, const char *reject) {
    size_t len = 0;
    while (s[len] && !strchr(reject, s[len])) {
        ++len;
    }
    return len;
}
