/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include <string.h>

#include "drivers/smbios.h"

/* 5.2: the entry point lies in this range, at a multiple of 16. */
#define SEARCH_START 0xf0000
#define SEARCH_SIZE 0x10000
#define SEARCH_STEP 16

/* 5.2.2 and 5.2.1. */
#define ENTRY64_SIZE 0x18
#define ENTRY64_LENGTH 0x06
#define ENTRY64_TABLE_SIZE 0x0c
#define ENTRY64_TABLE 0x10
#define ENTRY32_SIZE 0x1f
#define ENTRY32_LENGTH 0x05
#define ENTRY32_TABLE_SIZE 0x16
#define ENTRY32_TABLE 0x18

#define TABLE_MAX 0x10000

/* 6.1.2 and 7.2. */
#define TYPE_SYSTEM 1
#define TYPE_END 127
#define HEADER_SIZE 4
#define SYSTEM_UUID 8

static uint64_t read_number(const uint8_t *at, unsigned bytes) {
    uint64_t value = 0;
    for (unsigned i = bytes; i--;) {
        value = value << 8 | at[i];
    }
    return value;
}

static bool sums_to_zero(const uint8_t *at, size_t len) {
    uint8_t sum = 0;
    while (len--) {
        sum += *at++;
    }
    return sum == 0;
}

/* Looks at one place for an entry point of either version. */
static bool entry_at(const uint8_t *at, size_t left, uint64_t *table, size_t *size) {
    if (left >= ENTRY64_SIZE && !memcmp(at, "_SM3_", 5)) {
        size_t len = at[ENTRY64_LENGTH];
        *table = read_number(at + ENTRY64_TABLE, 8);
        *size = read_number(at + ENTRY64_TABLE_SIZE, 4);
        return len >= ENTRY64_SIZE && len <= left && sums_to_zero(at, len);
    }
    if (left >= ENTRY32_SIZE && !memcmp(at, "_SM_", 4)) {
        size_t len = at[ENTRY32_LENGTH];
        *table = read_number(at + ENTRY32_TABLE, 4);
        *size = read_number(at + ENTRY32_TABLE_SIZE, 2);
        return len >= ENTRY32_SIZE && len <= left && sums_to_zero(at, len);
    }
    return false;
}

static bool find_table(smbios_map_t map, void *ctx, uint64_t *table, size_t *size) {
    const uint8_t *area = map(ctx, SEARCH_START, SEARCH_SIZE);
    for (size_t at = 0; area && at < SEARCH_SIZE; at += SEARCH_STEP) {
        if (entry_at(area + at, SEARCH_SIZE - at, table, size)) {
            return true;
        }
    }
    return false;
}

/* Past a structure's fields and the strings behind them, which end with two zeros: 6.1.3. */
static size_t next_structure(const uint8_t *table, size_t size, size_t at) {
    at += table[at + 1];
    while (at + 1 < size && (table[at] || table[at + 1])) {
        ++at;
    }
    return at + 2;
}

static bool is_meaningful(const uint8_t *uuid) {
    uint8_t all_and = 0xff, all_or = 0;
    for (unsigned i = 0; i < SMBIOS_UUID_SIZE; ++i) {
        all_and &= uuid[i];
        all_or |= uuid[i];
    }
    return all_and != 0xff && all_or != 0;
}

/* The table has a UUID's first three fields in little-endian order: 7.2.1. */
static void copy_uuid(uint8_t *to, const uint8_t *from) {
    static const uint8_t order[SMBIOS_UUID_SIZE] = { 3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15 };
    for (unsigned i = 0; i < SMBIOS_UUID_SIZE; ++i) {
        to[i] = from[order[i]];
    }
}

bool smbios_system_uuid(smbios_map_t map, void *ctx, uint8_t uuid[SMBIOS_UUID_SIZE]) {
    uint64_t paddr;
    size_t size;
    if (!find_table(map, ctx, &paddr, &size)) {
        return false;
    }
    size = size < TABLE_MAX ? size : TABLE_MAX;
    const uint8_t *table = map(ctx, paddr, size);
    size_t at = 0;
    while (table && at + HEADER_SIZE <= size && table[at] != TYPE_END) {
        size_t len = table[at + 1];
        if (len < HEADER_SIZE || len > size - at) {
            return false;
        }
        if (table[at] == TYPE_SYSTEM && len >= SYSTEM_UUID + SMBIOS_UUID_SIZE) {
            copy_uuid(uuid, table + at + SYSTEM_UUID);
            return is_meaningful(uuid);
        }
        at = next_structure(table, size, at);
    }
    return false;
}
