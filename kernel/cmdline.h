/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* The command line as words, and settings among them. Pure; any context. */
#ifndef MICROPY_INCLUDED_KERNEL_CMDLINE_H
#define MICROPY_INCLUDED_KERNEL_CMDLINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum _cmdline_status_t {
    CMDLINE_OK,
    CMDLINE_OPEN_SINGLE_QUOTE,
    CMDLINE_OPEN_DOUBLE_QUOTE,
    CMDLINE_TRAILING_BACKSLASH,
} cmdline_status_t;

/* Words, each ended by a NUL, one right after the other. */
typedef struct _cmdline_t {
    const char *words; /* The first one; the next: cmdline_next(). */
    size_t count;
} cmdline_t;

/* Splits `text` (ended by a NUL) into words, in place: words are parted by blanks, tabs and
 * newlines; ', " and \ quote as in a POSIX shell (XCU 2.2); nothing is expanded. Where the
 * quoting of a word is malformed, the words before it are kept, it and the rest are left
 * out, and the status says why. */
cmdline_status_t cmdline_split(char *text, cmdline_t *cmdline);

/* The word after `word`. Only count - 1 times. */
const char *cmdline_next(const char *word);

/* The value of the last word `name=value`, or NULL. The value may be empty. Words from a
 * lone `--` on are the application's and not looked at. */
const char *cmdline_setting(const cmdline_t *cmdline, const char *name);

/* What a word is. */
typedef enum _cmdline_kind_t {
    CMDLINE_SETTING,  /* name=value, the name of small letters, digits, - and _, a letter first. */
    CMDLINE_VARIABLE, /* NAME=value of the environment: letters, digits and _, a capital or _ first. */
    CMDLINE_ARGUMENT, /* Every other word, and all words behind a lone `--`, which is none itself. */
} cmdline_kind_t;

/* A walk over the words. Made by cmdline_begin(). */
typedef struct _cmdline_walk_t {
    const char *at;
    size_t left;
    bool behind_dashes;
} cmdline_walk_t;

cmdline_walk_t cmdline_begin(const cmdline_t *cmdline);

/* The next word of this kind, or NULL. */
const char *cmdline_walk(cmdline_walk_t *walk, cmdline_kind_t kind);

/* The first setting whose name is not among the `count` known ones, as it stands there, or NULL. */
const char *cmdline_unknown(const cmdline_t *cmdline, const char *const *known, size_t count);

/* Parses a number of bytes: decimal or 0x digits, then K, M, G or T (either case, powers of
 * 1024) or nothing. Returns false, and stores nothing, where anything else stands in `text`
 * or the value passes 2^64 - 1. */
bool cmdline_parse_size(const char *text, uint64_t *value);

/* Parses a decimal or 0x integer with an optional sign. Returns false, and stores nothing,
 * where anything else stands in `text` or the value does not fit. */
bool cmdline_parse_int(const char *text, int64_t *value);

/* One line for people. */
const char *cmdline_status_text(cmdline_status_t status);

#endif // MICROPY_INCLUDED_KERNEL_CMDLINE_H
