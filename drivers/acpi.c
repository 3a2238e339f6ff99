/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* From the RSDP to the tables. What stands in them: acpi_madt.c and acpi_fadt.c. */
#include "drivers/acpi.h"

#include <string.h>

#include "drivers/acpi_read.h"
#include "drivers/acpi_tables.h"

/* RSDP: table 5.3. Revision 0 ends after the RSDT's address. */
#define RSDP_SIZE_V0 20
#define RSDP_SIZE_V2 36
#define RSDP_LENGTH_MAX 4096

#define TABLE_LENGTH 4 /* Offset in the header. */

/* Steps of checksum_holds() in whose four sums together, each step adding at most 2 * 255 to
 * each, 16 bits do not overflow. */
#define CHECKSUM_STEPS 32

/* True where the bytes add up to 0 modulo 256 (5.2.6). Eight bytes at a time, as four sums
 * of 16 bits, which the multiplication adds up in its highest 16 bits. */
static bool checksum_holds(const uint8_t *at, size_t len) {
    const uint64_t every_other = 0x00ff00ff00ff00ff;
    uint64_t sum = 0;
    while (len >= sizeof(uint64_t)) {
        size_t steps = len / sizeof(uint64_t);
        if (steps > CHECKSUM_STEPS) {
            steps = CHECKSUM_STEPS;
        }
        uint64_t sums = 0;
        len -= steps * sizeof(uint64_t);
        for (; steps > 0; steps--, at += sizeof(uint64_t)) {
            uint64_t eight = le64_at(at);
            sums += (eight & every_other) + (eight >> 8 & every_other);
        }
        sum += sums * 0x0001000100010001 >> 48;
    }
    for (; len > 0; len--) {
        sum += *at++;
    }
    return (sum & 0xff) == 0;
}

static const uint8_t *view_of(const acpi_info_t *info, uint64_t paddr, size_t len) {
    if (paddr > ACPI_PHYS_LIMIT - len) {
        return NULL;
    }
    return info->map(info->map_ctx, paddr, len);
}

void acpi_copy_text(char *to, const uint8_t *from, size_t len) {
    for (; len > 0 && *from != 0; len--, from++) {
        *to++ = *from >= ' ' && *from <= '~' ? *from : '?';
    }
    *to = '\0';
}

acpi_state_t acpi_open_table(const acpi_info_t *info, uint64_t paddr, const char *signature,
    const uint8_t **view, uint32_t *len) {
    if (paddr == 0) {
        return ACPI_ABSENT;
    }
    const uint8_t *header = view_of(info, paddr, ACPI_HEADER_SIZE);
    if (header == NULL || (signature != NULL && memcmp(header, signature, 4) != 0)) {
        return ACPI_BROKEN;
    }
    uint32_t length = le32_at(header + TABLE_LENGTH);
    if (length < ACPI_HEADER_SIZE || length > ACPI_TABLE_MAX) {
        return ACPI_BROKEN;
    }
    const uint8_t *table = view_of(info, paddr, length);
    if (table == NULL || !checksum_holds(table, length)) {
        return ACPI_BROKEN;
    }
    *view = table;
    *len = length;
    return ACPI_OK;
}

static acpi_state_t open_root(acpi_info_t *info, uint64_t paddr, const char *signature, uint32_t entry_size) {
    acpi_state_t state = acpi_open_table(info, paddr, signature, &info->root_view, &info->root_len);
    if (state == ACPI_OK) {
        info->root_paddr = paddr;
        info->root_entry_size = entry_size;
    }
    return state;
}

/* The XSDT where there is a sound one, else the RSDT (5.2.5.3, 5.2.8). */
static acpi_state_t find_root(acpi_info_t *info, uint64_t rsdp_paddr) {
    if (rsdp_paddr == 0) {
        return ACPI_ABSENT;
    }
    const uint8_t *rsdp = view_of(info, rsdp_paddr, RSDP_SIZE_V0);
    if (rsdp == NULL || memcmp(rsdp, "RSD PTR ", 8) != 0 || !checksum_holds(rsdp, RSDP_SIZE_V0)) {
        return ACPI_BROKEN;
    }
    acpi_copy_text(info->oem_id, rsdp + 9, 6);
    uint8_t revision = rsdp[15];
    uint32_t rsdt_paddr = le32_at(rsdp + 16);
    acpi_state_t state = ACPI_BROKEN;
    if (revision >= 2) {
        rsdp = view_of(info, rsdp_paddr, RSDP_SIZE_V2);
        uint32_t length = rsdp != NULL ? le32_at(rsdp + 20) : 0;
        if (length >= RSDP_SIZE_V2 && length <= RSDP_LENGTH_MAX) {
            rsdp = view_of(info, rsdp_paddr, length);
            if (rsdp != NULL && checksum_holds(rsdp, length)) {
                state = open_root(info, le64_at(rsdp + 24), "XSDT", 8);
            }
        }
    }
    if (state != ACPI_OK) {
        state = open_root(info, rsdt_paddr, "RSDT", 4);
    }
    return state == ACPI_OK ? ACPI_OK : ACPI_BROKEN;
}

static uint32_t root_entry_count(const acpi_info_t *info) {
    if (info->root != ACPI_OK) {
        return 0;
    }
    uint32_t count = (info->root_len - ACPI_HEADER_SIZE) / info->root_entry_size;
    return count < ACPI_ROOT_ENTRIES_MAX ? count : ACPI_ROOT_ENTRIES_MAX;
}

/* Address of table `index`. The XSDT's entries are as unaligned as the XSDT is. */
static uint64_t root_entry(const acpi_info_t *info, uint32_t index) {
    const uint8_t *entry = info->root_view + ACPI_HEADER_SIZE + index * info->root_entry_size;
    return info->root_entry_size == 8 ? le64_at(entry) : le32_at(entry);
}

/* Of several tables of one kind the first sound one counts. */
static void load_table(acpi_info_t *info, uint64_t paddr) {
    const uint8_t *header = paddr != 0 ? view_of(info, paddr, ACPI_HEADER_SIZE) : NULL;
    if (header == NULL) {
        return;
    }
    if (memcmp(header, "APIC", 4) == 0 && info->madt != ACPI_OK) {
        info->madt = acpi_load_madt(info, paddr);
    } else if (memcmp(header, "FACP", 4) == 0 && info->fadt != ACPI_OK) {
        info->fadt = acpi_load_fadt(info, paddr);
    } else if (memcmp(header, "MCFG", 4) == 0 && info->mcfg != ACPI_OK) {
        info->mcfg = acpi_load_mcfg(info, paddr);
    }
}

void acpi_init(acpi_info_t *info, uint64_t rsdp_paddr, acpi_map_t map, void *map_ctx) {
    memset(info, 0, sizeof(*info));
    info->map = map;
    info->map_ctx = map_ctx;
    info->root = find_root(info, rsdp_paddr);
    uint32_t count = root_entry_count(info);
    for (uint32_t i = 0; i < count; i++) {
        load_table(info, root_entry(info, i));
    }
}

const char *acpi_state_text(acpi_state_t state) {
    return state == ACPI_OK ? "ok" : state == ACPI_BROKEN ? "broken" : "absent";
}

bool acpi_next_table(const acpi_info_t *info, acpi_cursor_t *cursor, acpi_table_t *table) {
    uint32_t count = root_entry_count(info);
    while (info->root == ACPI_OK && cursor->offset < count + 2) {
        uint32_t index = cursor->offset++;
        uint64_t paddr = index == 0 ? info->root_paddr
            : index <= count ? root_entry(info, index - 1)
            : info->dsdt_paddr;
        const uint8_t *header = paddr != 0 ? view_of(info, paddr, ACPI_HEADER_SIZE) : NULL;
        if (header == NULL) {
            continue;
        }
        table->paddr = paddr;
        table->length = le32_at(header + TABLE_LENGTH);
        acpi_copy_text(table->signature, header, 4);
        const uint8_t *view;
        uint32_t len;
        table->state = acpi_open_table(info, paddr, NULL, &view, &len);
        return true;
    }
    return false;
}
