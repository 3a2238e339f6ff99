/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include "kernel/cmdline.h"

#include <string.h>

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\n';
}

/* Inside of double quotes a backslash quotes these only: XCU 2.2.3. */
static bool is_quotable(char c) {
    return c == '$' || c == '`' || c == '"' || c == '\\';
}

/* Reading and writing share the text: a word never grows by unquoting. */
typedef struct _splitter_t {
    const char *from;
    char *to;
} splitter_t;

/* A backslash and what it quotes; with a newline it vanishes (XCU 2.2.1). */
static cmdline_status_t unquote_backslash(splitter_t *s) {
    s->from++;
    if (*s->from == '\0') {
        return CMDLINE_TRAILING_BACKSLASH;
    }
    if (*s->from != '\n') {
        *s->to++ = *s->from;
    }
    s->from++;
    return CMDLINE_OK;
}

static cmdline_status_t unquote_single(splitter_t *s) {
    for (s->from++; *s->from != '\''; s->from++) {
        if (*s->from == '\0') {
            return CMDLINE_OPEN_SINGLE_QUOTE;
        }
        *s->to++ = *s->from;
    }
    s->from++;
    return CMDLINE_OK;
}

static cmdline_status_t unquote_double(splitter_t *s) {
    s->from++;
    while (*s->from != '"') {
        if (*s->from == '\0') {
            return CMDLINE_OPEN_DOUBLE_QUOTE;
        }
        if (*s->from == '\\' && s->from[1] == '\n') {
            s->from += 2;
            continue;
        }
        if (*s->from == '\\' && is_quotable(s->from[1])) {
            s->from++;
        }
        *s->to++ = *s->from++;
    }
    s->from++;
    return CMDLINE_OK;
}

static cmdline_status_t unquote_word(splitter_t *s) {
    cmdline_status_t status = CMDLINE_OK;
    while (status == CMDLINE_OK && *s->from != '\0' && !is_blank(*s->from)) {
        switch (*s->from) {
            case '\'':
                status = unquote_single(s);
                break;
            case '"':
                status = unquote_double(s);
                break;
            case '\\':
                status = unquote_backslash(s);
                break;
            default:
                *s->to++ = *s->from++;
        }
    }
    return status;
}

/* Blanks between words, and line continuations there. */
static void skip_blanks(splitter_t *s) {
    for (;;) {
        if (is_blank(*s->from)) {
            s->from++;
        } else if (s->from[0] == '\\' && s->from[1] == '\n') {
            s->from += 2;
        } else {
            return;
        }
    }
}

cmdline_status_t cmdline_split(char *text, cmdline_t *cmdline) {
    splitter_t s = { text, text };
    cmdline->words = text;
    cmdline->count = 0;
    for (skip_blanks(&s); *s.from != '\0'; skip_blanks(&s)) {
        cmdline_status_t status = unquote_word(&s);
        if (status != CMDLINE_OK) {
            return status;
        }
        /* The blank makes room for the NUL; at the end of the text stands one already. */
        bool at_end = *s.from == '\0';
        *s.to++ = '\0';
        cmdline->count++;
        if (at_end) {
            break;
        }
        s.from++;
    }
    return CMDLINE_OK;
}

const char *cmdline_next(const char *word) {
    return word + strlen(word) + 1;
}

const char *cmdline_setting(const cmdline_t *cmdline, const char *name) {
    const char *value = NULL;
    size_t len = strlen(name);
    const char *word = cmdline->words;
    for (size_t i = 0; i < cmdline->count && strcmp(word, "--") != 0; i++, word = cmdline_next(word)) {
        if (strlen(word) > len && memcmp(word, name, len) == 0 && word[len] == '=') {
            value = word + len + 1;
        }
    }
    return value;
}

#define DIGITS "0123456789"
#define SMALL "abcdefghijklmnopqrstuvwxyz"
#define CAPITAL "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

static cmdline_kind_t kind_of(const char *word) {
    if (*word != '\0' && strchr(SMALL, *word) && word[strspn(word, SMALL DIGITS "-_")] == '=') {
        return CMDLINE_SETTING;
    }
    if (*word != '\0' && strchr(CAPITAL "_", *word) && word[strspn(word, SMALL CAPITAL DIGITS "_")] == '=') {
        return CMDLINE_VARIABLE;
    }
    return CMDLINE_ARGUMENT;
}

cmdline_walk_t cmdline_begin(const cmdline_t *cmdline) {
    return (cmdline_walk_t) { cmdline->words, cmdline->count, false };
}

const char *cmdline_walk(cmdline_walk_t *walk, cmdline_kind_t kind) {
    while (walk->left > 0) {
        const char *word = walk->at;
        walk->left--;
        walk->at = cmdline_next(word);
        if (!walk->behind_dashes && strcmp(word, "--") == 0) {
            walk->behind_dashes = true;
        } else if ((walk->behind_dashes ? CMDLINE_ARGUMENT : kind_of(word)) == kind) {
            return word;
        }
    }
    return NULL;
}

static bool is_among(const char *const *names, size_t count, const char *name, size_t len) {
    for (size_t i = 0; i < count; i++) {
        if (strlen(names[i]) == len && memcmp(names[i], name, len) == 0) {
            return true;
        }
    }
    return false;
}

const char *cmdline_unknown(const cmdline_t *cmdline, const char *const *known, size_t count) {
    cmdline_walk_t walk = cmdline_begin(cmdline);
    const char *word;
    do {
        word = cmdline_walk(&walk, CMDLINE_SETTING);
    } while (word != NULL && is_among(known, count, word, strcspn(word, "=")));
    return word;
}

static int digit_value(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c |= 0x20; /* To lower case. */
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : 16;
}

/* Digits, 0x before hexadecimal ones. Moves *text behind them. */
static bool parse_digits(const char **text, uint64_t *value) {
    const char *at = *text;
    int base = 10;
    if (at[0] == '0' && (at[1] | 0x20) == 'x') {
        base = 16;
        at += 2;
    }
    if (digit_value(*at) >= base) {
        return false;
    }
    *value = 0;
    for (; digit_value(*at) < base; at++) {
        if (__builtin_mul_overflow(*value, (uint64_t)base, value)
            || __builtin_add_overflow(*value, (uint64_t)digit_value(*at), value)) {
            return false;
        }
    }
    *text = at;
    return true;
}

bool cmdline_parse_size(const char *text, uint64_t *value) {
    static const char units[] = "kmgt";
    uint64_t size;
    if (!parse_digits(&text, &size)) {
        return false;
    }
    if (*text != '\0') {
        unsigned unit = 0;
        while (units[unit] != '\0' && units[unit] != (*text | 0x20)) {
            unit++;
        }
        unsigned shift = 10 * (unit + 1);
        if (units[unit] == '\0' || text[1] != '\0' || size > UINT64_MAX >> shift) {
            return false;
        }
        size <<= shift;
    }
    *value = size;
    return true;
}

bool cmdline_parse_int(const char *text, int64_t *value) {
    bool negative = *text == '-';
    if (*text == '-' || *text == '+') {
        text++;
    }
    uint64_t magnitude;
    if (!parse_digits(&text, &magnitude) || *text != '\0' || magnitude > (uint64_t)INT64_MAX + negative) {
        return false;
    }
    *value = (int64_t)(negative ? -magnitude : magnitude);
    return true;
}

const char *cmdline_status_text(cmdline_status_t status) {
    switch (status) {
        case CMDLINE_OK:
            return "the command line is well-formed";
        case CMDLINE_OPEN_SINGLE_QUOTE:
            return "the command line has a ' without its end: close it or write \\'";
        case CMDLINE_OPEN_DOUBLE_QUOTE:
            return "the command line has a \" without its end: close it or write \\\"";
        case CMDLINE_TRAILING_BACKSLASH:
            return "the command line ends in a backslash: write \\\\";
    }
    return "?";
}
