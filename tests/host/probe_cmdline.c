/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Splits each line of standard input (lines are ended by NULs) and writes its words, each
 * ended by a NUL, then 0x01 for a malformed line or 0x02 for a good one. */
#include "kernel/cmdline.h"
#include "tests/host/check.h"

int main(void) {
    char *line = NULL;
    size_t capacity = 0;
    ssize_t len;
    while ((len = getdelim(&line, &capacity, '\0', stdin)) > 0) {
        char *text = strdup(line);
        cmdline_t cmdline;
        cmdline_status_t status = cmdline_split(text, &cmdline);
        const char *word = cmdline.words;
        for (size_t i = 0; i < cmdline.count; i++, word = cmdline_next(word)) {
            fwrite(word, 1, strlen(word) + 1, stdout);
        }
        putchar(status == CMDLINE_OK ? 2 : 1);
        free(text);
    }
    free(line);
    return 0;
}
