/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include "kernel/cmdline.h"
#include "tests/host/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = malloc(size + 1);
    memcpy(text, data, size);
    text[size] = '\0';
    size_t len = strlen(text);
    cmdline_t cmdline;
    cmdline_status_t status = cmdline_split(text, &cmdline);
    CHECK(strlen(cmdline_status_text(status)) > 1);

    const char *word = cmdline.words;
    for (size_t i = 0; i < cmdline.count; i++, word = cmdline_next(word)) {
        uint64_t bytes;
        int64_t number;
        CHECK(!cmdline_parse_size(word, &bytes) || (word[0] >= '0' && word[0] <= '9'));
        if (cmdline_parse_int(word, &number) && cmdline_parse_size(word, &bytes)) {
            CHECK_EQ((uint64_t)number, bytes);
        }
    }
    CHECK(cmdline.count == 0 || word <= text + len + 1);
    static const char *const names[] = { "heap", "oncrash", "" };
    for (int i = 0; i < 3; i++) {
        const char *value = cmdline_setting(&cmdline, names[i]);
        CHECK(value == NULL || (value > text && value <= text + len && value[-1] == '='));
    }
    const char *unknown = cmdline_unknown(&cmdline, names, 2);
    CHECK(unknown == NULL || (unknown >= text && unknown < text + len && strchr(unknown, '=') != NULL));
    size_t found = 0;
    for (cmdline_kind_t kind = CMDLINE_SETTING; kind <= CMDLINE_ARGUMENT; kind++) {
        cmdline_walk_t walk = cmdline_begin(&cmdline);
        for (const char *at; (at = cmdline_walk(&walk, kind)) != NULL; found++) {
            CHECK(at >= text && at <= text + len);
        }
    }
    CHECK(found <= cmdline.count && found + 1 >= cmdline.count); // A lone -- is of no kind.
    free(text);
    return 0;
}
