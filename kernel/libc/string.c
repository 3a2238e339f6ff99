/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Strings that end with a NUL. They are short and rare here, so plain loops do. */

#include <stdint.h>
#include <string.h>

size_t strlen(const char *s) {
    const char *end = s;
    while (*end) {
        ++end;
    }
    return end - s;
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
