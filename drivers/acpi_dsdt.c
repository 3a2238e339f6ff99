/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include "drivers/acpi_dsdt.h"

#include <string.h>

#include "drivers/acpi_read.h"
#include "drivers/acpi_tables.h"

/* AML byte values: ACPI 6.5, 20.3. */
#define AML_ZERO 0x00
#define AML_ONE 0x01
#define AML_NAME 0x08
#define AML_BYTE 0x0a
#define AML_WORD 0x0b
#define AML_DWORD 0x0c
#define AML_QWORD 0x0e
#define AML_PACKAGE 0x12
#define AML_DUAL_NAME 0x2e
#define AML_MULTI_NAME 0x2f
#define AML_ROOT_CHAR 0x5c /* '\' */
#define AML_PARENT_CHAR 0x5e /* '^' */
#define AML_EXT 0x5b
#define AML_EXT_REGION 0x80
#define AML_EXT_DEVICE 0x82

#define REGION_SYSTEM_MEMORY 0
#define REGION_SYSTEM_IO 1

/* Extended interrupt descriptor: 6.4.3.6. */
#define RESOURCE_INTERRUPT 0x89

#define SLP_TYP_MAX 7 /* Three bits: 4.8.3.2.1. */

/* Where in the AML we are. Reading past the end sets `bad` and gives 0. */
typedef struct _reader_t {
    const uint8_t *at;
    const uint8_t *end;
    bool bad;
} reader_t;

static uint64_t read_bytes(reader_t *reader, unsigned n) {
    uint64_t value = 0;
    if ((size_t)(reader->end - reader->at) < n) {
        reader->bad = true;
        return 0;
    }
    for (unsigned i = 0; i < n; i++) {
        value |= (uint64_t)reader->at[i] << 8 * i;
    }
    reader->at += n;
    return value;
}

/* A constant integer: 20.2.3. Anything else that may stand here (a name, an operation) is
 * bad to us. */
static uint64_t read_integer(reader_t *reader) {
    switch (read_bytes(reader, 1)) {
        case AML_ZERO:
            return 0;
        case AML_ONE:
            return 1;
        case AML_BYTE:
            return read_bytes(reader, 1);
        case AML_WORD:
            return read_bytes(reader, 2);
        case AML_DWORD:
            return read_bytes(reader, 4);
        case AML_QWORD:
            return read_bytes(reader, 8);
    }
    reader->bad = true;
    return 0;
}

/* A package's length, which counts from where this begins: 20.2.4. The first byte says how many follow. */
static size_t read_package_length(reader_t *reader) {
    uint8_t lead = read_bytes(reader, 1);
    unsigned more = lead >> 6;
    return more ? read_bytes(reader, more) << 4 | (lead & 0xf) : lead;
}

/* How many segments a name has: 20.2.2. What is to be a name and is none has one, which then is not found. */
static unsigned read_segment_count(reader_t *reader) {
    uint8_t first = reader->at < reader->end ? *reader->at : 0;
    if (first != AML_DUAL_NAME && first != AML_MULTI_NAME) {
        return 1;
    }
    reader->at++;
    return first == AML_DUAL_NAME ? 2 : read_bytes(reader, 1);
}

/* Passes over the name where its last segment is `name`: 20.2.2. */
static bool accept_name(reader_t *reader, const char *name) {
    while (reader->at < reader->end && (*reader->at == AML_ROOT_CHAR || *reader->at == AML_PARENT_CHAR)) {
        reader->at++;
    }
    unsigned count = read_segment_count(reader);
    size_t len = 4 * (size_t)count;
    if (!count || (size_t)(reader->end - reader->at) < len || memcmp(reader->at + len - 4, name, 4) != 0) {
        return false;
    }
    reader->at += len;
    return true;
}

acpi_state_t acpi_dsdt_open(const acpi_info_t *info, acpi_dsdt_t *dsdt) {
    const uint8_t *view;
    uint32_t len;
    dsdt->aml = NULL;
    dsdt->len = 0;
    acpi_state_t state = acpi_open_table(info, info->dsdt_paddr, "DSDT", &view, &len);
    if (state == ACPI_OK) {
        dsdt->aml = view + ACPI_HEADER_SIZE;
        dsdt->len = len - ACPI_HEADER_SIZE;
    }
    return state;
}

/* Package (n) { SLP_TYPa, SLP_TYPb, ... }: 7.4.2. One element alone is seen in the field. */
static bool parse_sleep_package(reader_t *reader, uint8_t *slp_typa, uint8_t *slp_typb) {
    if (read_bytes(reader, 1) != AML_PACKAGE) {
        return false;
    }
    (void)read_package_length(reader);
    uint64_t elements = read_bytes(reader, 1);
    uint64_t a = elements >= 1 ? read_integer(reader) : SLP_TYP_MAX + 1;
    uint64_t b = elements >= 2 ? read_integer(reader) : a;
    if (reader->bad || a > SLP_TYP_MAX || b > SLP_TYP_MAX) {
        return false;
    }
    *slp_typa = a;
    *slp_typb = b;
    return true;
}

bool acpi_dsdt_sleep_type(const acpi_dsdt_t *dsdt, unsigned n, uint8_t *slp_typa, uint8_t *slp_typb) {
    char name[5] = "_S0_";
    name[2] += n;
    for (uint32_t i = 0; i < dsdt->len; i++) {
        if (dsdt->aml[i] == AML_NAME) {
            reader_t reader = { dsdt->aml + i + 1, dsdt->aml + dsdt->len, false };
            if (accept_name(&reader, name) && parse_sleep_package(&reader, slp_typa, slp_typb)) {
                return true;
            }
        }
    }
    return false;
}

/* Space, address, length: 20.2.5.2. */
static bool parse_region(reader_t *reader, acpi_region_t *region) {
    uint64_t space = read_bytes(reader, 1);
    uint64_t address = read_integer(reader);
    uint64_t length = read_integer(reader);
    uint64_t limit = space == REGION_SYSTEM_IO ? 0x10000 : ACPI_PHYS_LIMIT;
    if (reader->bad || (space != REGION_SYSTEM_IO && space != REGION_SYSTEM_MEMORY)
        || length == 0 || length > limit || address > limit - length) {
        return false;
    }
    region->address = address;
    region->length = length;
    region->space = space == REGION_SYSTEM_IO ? ACPI_SPACE_IO : ACPI_SPACE_MEMORY;
    return true;
}

bool acpi_dsdt_region(const acpi_dsdt_t *dsdt, const char *name, acpi_region_t *region) {
    for (uint32_t i = 1; i < dsdt->len; i++) {
        if (dsdt->aml[i - 1] == AML_EXT && dsdt->aml[i] == AML_EXT_REGION) {
            reader_t reader = { dsdt->aml + i + 1, dsdt->aml + dsdt->len, false };
            if (accept_name(&reader, name) && parse_region(&reader, region)) {
                return true;
            }
        }
    }
    return false;
}

/* Tag, length 6 or more, flags, how many, the first: 6.4.3.6. */
static bool parse_interrupt(reader_t *reader, uint32_t *gsi) {
    bool is_one = read_bytes(reader, 1) == RESOURCE_INTERRUPT && read_bytes(reader, 2) >= 6;
    read_bytes(reader, 1);
    uint64_t count = read_bytes(reader, 1);
    *gsi = read_bytes(reader, 4);
    return is_one && count && !reader->bad;
}

bool acpi_dsdt_interrupt(const acpi_dsdt_t *dsdt, const char *name, uint32_t *gsi) {
    for (uint32_t i = 1; i < dsdt->len; i++) {
        if (dsdt->aml[i - 1] != AML_EXT || dsdt->aml[i] != AML_EXT_DEVICE) {
            continue;
        }
        reader_t reader = { dsdt->aml + i + 1, dsdt->aml + dsdt->len, false };
        size_t length = read_package_length(&reader);
        if (!accept_name(&reader, name) || length > dsdt->len - i - 1) {
            continue;
        }
        const uint8_t *end = dsdt->aml + i + 1 + length;
        for (const uint8_t *at = reader.at; at < end; at++) {
            reader_t descriptor = { at, end, false };
            if (parse_interrupt(&descriptor, gsi)) {
                return true;
            }
        }
    }
    return false;
}
