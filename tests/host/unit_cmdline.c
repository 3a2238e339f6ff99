/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include "kernel/cmdline.h"

#include "tests/host/unit.h"

/* A copy in a heap block of its exact size, so that no byte past it can be read unseen. */
static char *text;
static cmdline_t cmdline;

static cmdline_status_t split(const char *line) {
    free(text);
    text = strdup(line);
    return cmdline_split(text, &cmdline);
}

/* Splits `line` and compares the words with a NULL-ended list. */
static void check_words(cmdline_status_t status, const char *line, const char *const *expected) {
    CHECK_EQ(split(line), status);
    const char *word = cmdline.words;
    size_t count = 0;
    for (; expected[count] != NULL; count++, word = cmdline_next(word)) {
        CHECK(count < cmdline.count);
        CHECK_TEXT(word, expected[count]);
    }
    CHECK_EQ(cmdline.count, count);
}
#define CHECK_WORDS(line, ...) check_words(CMDLINE_OK, line, (const char *const[]) { __VA_ARGS__, NULL })
#define CHECK_MALFORMED(status, line, ...) check_words(status, line, (const char *const[]) { __VA_ARGS__, NULL })

TEST(an_empty_line_has_no_words) {
    CHECK_EQ(split(""), CMDLINE_OK);
    CHECK_EQ(cmdline.count, 0);
    CHECK_EQ(split(" \t\n "), CMDLINE_OK);
    CHECK_EQ(cmdline.count, 0);
    CHECK(cmdline_setting(&cmdline, "heap") == NULL);
}

TEST(blanks_tabs_and_newlines_part_words) {
    CHECK_WORDS("one", "one");
    CHECK_WORDS("  one\ttwo \n three  ", "one", "two", "three");
}

TEST(single_quotes_keep_everything) {
    CHECK_WORDS("'a b' c", "a b", "c");
    CHECK_WORDS("'a\\' '\"$x\"'", "a\\", "\"$x\"");
    CHECK_WORDS("a'b'c", "abc");
}

TEST(double_quotes_keep_all_but_their_four_escapes) {
    CHECK_WORDS("\"a b\"", "a b");
    CHECK_WORDS("\"\\\" \\\\ \\$ \\`\"", "\" \\ $ `");
    CHECK_WORDS("\"\\a \\' '\"", "\\a \\' '");
}

TEST(a_backslash_keeps_the_next_character) {
    CHECK_WORDS("a\\ b \\' \\\" \\\\ \\x", "a b", "'", "\"", "\\", "x");
}

TEST(a_backslash_before_a_newline_vanishes_with_it) {
    CHECK_WORDS("a\\\nb \"c\\\nd\" \\\n e", "ab", "cd", "e");
    CHECK_WORDS("a \\\n", "a");
}

TEST(quoted_nothing_is_an_empty_word) {
    CHECK_WORDS("'' \"\" a''", "", "", "a");
}

TEST(malformed_quoting_is_reported_and_the_words_before_it_kept) {
    CHECK_MALFORMED(CMDLINE_OPEN_SINGLE_QUOTE, "a b'c d", "a");
    CHECK_MALFORMED(CMDLINE_OPEN_DOUBLE_QUOTE, "a b \"c\\\"", "a", "b");
    CHECK_MALFORMED(CMDLINE_TRAILING_BACKSLASH, "a b\\", "a");
    CHECK_MALFORMED(CMDLINE_OPEN_DOUBLE_QUOTE, "a \"\\", "a");
    for (unsigned status = CMDLINE_OK; status <= CMDLINE_TRAILING_BACKSLASH; status++) {
        CHECK(strlen(cmdline_status_text((cmdline_status_t)status)) > 10);
    }
}

TEST(bytes_beyond_ascii_pass_unchanged) {
    CHECK_WORDS("\xc3\xa4\xff '\x80 \xfe'", "\xc3\xa4\xff", "\x80 \xfe");
}

TEST(the_last_setting_of_a_name_counts) {
    split("heap=1M xheap=2 heap heap=64M heaper=5 'name=a b' empty=");
    CHECK_TEXT(cmdline_setting(&cmdline, "heap"), "64M");
    CHECK_TEXT(cmdline_setting(&cmdline, "name"), "a b");
    CHECK_TEXT(cmdline_setting(&cmdline, "empty"), "");
    CHECK(cmdline_setting(&cmdline, "hea") == NULL);
    CHECK(cmdline_setting(&cmdline, "oncrash") == NULL);
}

TEST(what_stands_in_a_malformed_word_is_no_setting) {
    CHECK_EQ(split("a 'b' 'heap=2M"), CMDLINE_OPEN_SINGLE_QUOTE);
    CHECK(cmdline_setting(&cmdline, "heap") == NULL);
    CHECK_EQ(split("heap=1M \"heap=2M"), CMDLINE_OPEN_DOUBLE_QUOTE);
    CHECK_TEXT(cmdline_setting(&cmdline, "heap"), "1M");
}

TEST(words_behind_two_dashes_are_no_settings) {
    split("heap=1M -- heap=2M oncrash=reset");
    CHECK_TEXT(cmdline_setting(&cmdline, "heap"), "1M");
    CHECK(cmdline_setting(&cmdline, "oncrash") == NULL);
}

static void check_kind(cmdline_kind_t kind, const char *line, const char *expected) {
    char found[100] = "";
    split(line);
    cmdline_walk_t walk = cmdline_begin(&cmdline);
    for (const char *word; (word = cmdline_walk(&walk, kind)) != NULL;) {
        strcat(strcat(found, word), "|");
    }
    CHECK_TEXT(found, expected);
}

static void check_arguments(const char *line, const char *expected) {
    check_kind(CMDLINE_ARGUMENT, line, expected);
}

TEST(words_that_are_no_settings_are_arguments) {
    check_arguments("", "");
    check_arguments("heap=1M", "");
    check_arguments("a heap=1M 'b c' on-exit=reset ''", "a|b c||");
    check_arguments("--port=80 x_2=3 NAME=4 =5 2=6 a.b=7 'a b=8'", "--port=80|=5|2=6|a.b=7|a b=8|");
}

TEST(names_with_a_capital_are_the_environments) {
    check_kind(CMDLINE_VARIABLE, "HOME=/ Path=x _y1='a b' name=1 1X=2 A-B=3 EMPTY= X -- Z=1", "HOME=/|Path=x|_y1=a b|EMPTY=|");
    check_kind(CMDLINE_SETTING, "HOME=/ on-exit=reset x_1= -y=2 -- z=1", "on-exit=reset|x_1=|");
}

TEST(all_words_behind_two_dashes_are_arguments) {
    check_arguments("--", "");
    check_arguments("heap=1M a -- b=c -- d", "a|b=c|--|d|");
}

TEST(a_setting_that_is_not_known_is_found) {
    static const char *const known[] = { "heap", "on-exit" };
    split("heap=1M on-exit=reset a --x=1 NAME=1 -- heaps=1");
    CHECK(cmdline_unknown(&cmdline, known, 2) == NULL);
    split("heap=1M hea=2 heaps=3");
    CHECK_TEXT(cmdline_unknown(&cmdline, known, 2), "hea=2");
    split("on_exit=1");
    CHECK_TEXT(cmdline_unknown(&cmdline, known, 2), "on_exit=1");
    split("");
    CHECK(cmdline_unknown(&cmdline, known, 2) == NULL);
}

static void check_size(const char *line, uint64_t expected) {
    uint64_t value = 99;
    CHECK(cmdline_parse_size(line, &value));
    CHECK_EQ(value, expected);
}

TEST(sizes_have_units_of_1024) {
    check_size("0", 0);
    check_size("4096", 4096);
    check_size("0x1F", 31);
    check_size("1k", 1 << 10);
    check_size("64M", 64 << 20);
    check_size("3g", 3ull << 30);
    check_size("2T", 2ull << 40);
    check_size("0x10K", 16 << 10);
    check_size("18446744073709551615", UINT64_MAX);
    check_size("0xffffffffffffffff", UINT64_MAX);
    check_size("18014398509481983K", UINT64_MAX - 1023);
}

TEST(a_size_that_is_none_or_too_large_is_refused) {
    static const char *const bad[] = {
        "", " ", "K", "-1", "+1", "1 ", " 1", "1KB", "1KK", "1X", "0x", "0xg", "12a", "1.5M", "0b1",
        "18446744073709551616", "0x10000000000000000", "18014398509481984K", "16777216T", "99999999999999999999",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        uint64_t value = 99;
        CHECK(!cmdline_parse_size(bad[i], &value));
        CHECK_EQ(value, 99);
    }
}

static void check_int(const char *line, int64_t expected) {
    int64_t value = 99;
    CHECK(cmdline_parse_int(line, &value));
    CHECK_EQ(value, expected);
}

TEST(integers_span_exactly_64_bits) {
    check_int("0", 0);
    check_int("-0", 0);
    check_int("+7", 7);
    check_int("-0x10", -16);
    check_int("9223372036854775807", INT64_MAX);
    check_int("-9223372036854775808", INT64_MIN);
    static const char *const bad[] = {
        "", "-", "+", "--1", "+-1", "1K", " 1", "1 ", "9223372036854775808", "-9223372036854775809", "0x",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        int64_t value = 99;
        CHECK(!cmdline_parse_int(bad[i], &value));
        CHECK_EQ(value, 99);
    }
}
