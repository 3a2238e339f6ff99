/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Sections cited are those of UEFI 2.10. */

#include "kernel/crc32.h"
#include "kernel/partitions_parts.h"

/* The header: table 5.5. */
enum {
    REVISION = 8,
    HEADER_SIZE = 12,
    HEADER_CRC = 16,
    MY_LBA = 24,
    ALTERNATE_LBA = 32,
    FIRST_USABLE = 40,
    LAST_USABLE = 48,
    ENTRIES_LBA = 72,
    ENTRIES = 80,
    ENTRY_SIZE = 84,
    ENTRIES_CRC = 88,
    HEADER_SIZE_MIN = 92,
};

#define REVISION_MAJOR 1
#define FIRST_USABLE_MIN 2 /* Behind the MBR and the header. */
#define ENTRY_SIZE_MIN 128
#define ENTRY_SIZE_MAX 4096
#define ARRAY_SIZE_MAX (512u << 10) /* 4096 of the usual entries; there are 128 everywhere. */

/* An entry: table 5.6. */
#define NAME_UNITS 36
typedef struct _entry_t {
    uint8_t type[PARTITION_GUID_SIZE];
    uint8_t unique[PARTITION_GUID_SIZE];
    uint64_t first, last, attributes;
    uint16_t name[NAME_UNITS];
} entry_t;
_Static_assert(sizeof(entry_t) == ENTRY_SIZE_MIN, "what follows is reserved");

typedef struct _header_t {
    disk_range_t usable, array;
    uint32_t entries, entry_size, entries_crc;
} header_t;

static char *put_utf8(char *at, uint32_t code) {
    if (code < 0x80) {
        *at++ = code;
        return at;
    }
    unsigned more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    static const uint8_t lead[] = { 0, 0xc0, 0xe0, 0xf0 };
    *at++ = lead[more] | code >> 6 * more;
    while (more--) {
        *at++ = 0x80 | (code >> 6 * more & 0x3f);
    }
    return at;
}

/* Half a surrogate pair becomes the replacement character, a control character a question mark. */
static void put_name(char *name, const uint16_t *units) {
    for (unsigned i = 0; i < NAME_UNITS && units[i]; ++i) {
        uint32_t code = units[i];
        if (code >= 0xd800 && code < 0xe000) {
            bool pair = code < 0xdc00 && i + 1 < NAME_UNITS && units[i + 1] >= 0xdc00 && units[i + 1] < 0xe000;
            code = pair ? 0x10000 + ((code & 0x3ff) << 10) + (units[++i] & 0x3ff) : 0xfffd;
        }
        bool control = code < ' ' || (code >= 0x7f && code < 0xa0);
        name = put_utf8(name, control ? '?' : code);
    }
    *name = 0;
}

static uint32_t header_crc(const uint8_t *at, uint32_t size) {
    static const uint8_t zero[4];
    uint32_t crc = crc32_continue(CRC32_START, at, HEADER_CRC);
    crc = crc32_continue(crc, zero, sizeof(zero));
    return ~crc32_continue(crc, at + HEADER_CRC + 4, size - HEADER_CRC - 4);
}

/* 5.3.2 */
static const char *read_header(disk_view_t *view, uint64_t sector, header_t *header, uint64_t *alternate) {
    const uint8_t *at;
    if (!disk_view(view, (disk_range_t) { sector, 1 }, 0, &at)) {
        return "GPT: the header cannot be read";
    }
    if (memcmp(at, "EFI PART", 8)) {
        return "GPT: there is no header";
    }
    uint32_t size = le32_at(at + HEADER_SIZE);
    if (le16_at(at + REVISION + 2) != REVISION_MAJOR || size < HEADER_SIZE_MIN || size > view->sector_size) {
        return "GPT: the header is of a version that is not known here";
    }
    if (header_crc(at, size) != le32_at(at + HEADER_CRC)) {
        return "GPT: the header's checksum is wrong";
    }
    if (le64_at(at + MY_LBA) != sector) {
        return "GPT: the header is that of another place";
    }
    *alternate = le64_at(at + ALTERNATE_LBA);
    uint64_t first = le64_at(at + FIRST_USABLE), last = le64_at(at + LAST_USABLE);
    header->entries = le32_at(at + ENTRIES);
    header->entry_size = le32_at(at + ENTRY_SIZE);
    header->entries_crc = le32_at(at + ENTRIES_CRC);
    uint64_t array_size = (uint64_t)header->entries * header->entry_size;
    if (last >= view->sectors) {
        return "GPT: the disk is smaller than when the table was made";
    }
    if (first < FIRST_USABLE_MIN || first > last || header->entry_size < ENTRY_SIZE_MIN
        || header->entry_size > ENTRY_SIZE_MAX || header->entry_size % 8 || !array_size
        || array_size > ARRAY_SIZE_MAX) {
        return "GPT: the header makes no sense";
    }
    header->usable = (disk_range_t) { first, last - first + 1 };
    header->array = (disk_range_t) {
        le64_at(at + ENTRIES_LBA), (array_size + view->sector_size - 1) / view->sector_size,
    };
    if (header->array.start < FIRST_USABLE_MIN || ranges_overlap(header->array, header->usable)
        || ranges_overlap((disk_range_t) { sector, 1 }, header->usable)) {
        return "GPT: the header makes no sense";
    }
    return NULL;
}

static const char *add(const header_t *header, const entry_t *entry, uint32_t number, partitions_t *table) {
    static const uint8_t unused[PARTITION_GUID_SIZE];
    partition_t *partition;
    if (!memcmp(entry->type, unused, sizeof(unused))) {
        return NULL;
    }
    if (entry->first < header->usable.start || entry->last < entry->first
        || entry->last - header->usable.start >= header->usable.count) {
        table->problem_number = number;
        return "it lies outside of where partitions may lie";
    }
    disk_range_t range = { entry->first, entry->last - entry->first + 1 };
    const char *problem = partitions_add(table, range, number, &partition);
    if (!problem && partition) {
        memcpy(partition->type_guid, entry->type, sizeof(partition->type_guid));
        put_name(partition->name, entry->name);
    }
    return problem;
}

/* Each byte is read once, in order. So what a partition says is looked at before the checksum says whether it is true:
 * what is wrong with the checksum comes first. */
const char *partitions_read_gpt(disk_view_t *view, uint64_t sector, partitions_t *table, uint64_t *alternate) {
    header_t header;
    entry_t entry;
    const char *problem = read_header(view, sector, &header, alternate);
    if (problem) {
        return problem;
    }
    uint32_t crc = CRC32_START;
    for (uint32_t i = 0; i < header.entries; ++i) {
        uint64_t at = (uint64_t)i * header.entry_size;
        if (!disk_view_copy(view, header.array, at, &entry, sizeof(entry))) {
            return "GPT: the entries cannot be read";
        }
        crc = crc32_continue(crc, &entry, sizeof(entry));
        if (!disk_view_crc32(view, header.array, at + sizeof(entry), header.entry_size - sizeof(entry), &crc)) {
            return "GPT: the entries cannot be read";
        }
        problem = problem ? problem : add(&header, &entry, i + 1, table);
    }
    if (~crc != header.entries_crc) {
        table->problem_number = 0;
        return "GPT: the entries' checksum is wrong";
    }
    return problem;
}
