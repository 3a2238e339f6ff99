/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include <string.h>

#include "kernel/crc32c.h"
#include "kernel/romfs.h"

/* Kinds of records: extmod/vfs_rom.c. Others are passed over there, so here. */
enum {
    UNUSED = 0, // Upstream's reader takes it for the end.
    PADDING = 1,
    DATA_VERBATIM = 2,
    DATA_POINTER = 3,
    DIRECTORY = 4,
    FILE_ = 5,
};

static const uint8_t magic[] = { 0xd2, 0xcd, 0x31 };
static const char checksum_mark[] = { 'C', 'R', 'C', '3', '2', 'C' };
#define CHECKSUM_SIZE (sizeof(checksum_mark) + sizeof(uint32_t))

typedef struct _span_t {
    const uint8_t *at, *end;
} span_t;

static size_t length(span_t span) {
    return span.end - span.at;
}

/* Takes a number off the beginning. */
static bool take_number(span_t *span, uint64_t *value) {
    *value = 0;
    while (span->at < span->end) {
        uint8_t byte = *span->at++;
        if (*value >> (64 - 7)) {
            return false;
        }
        *value = *value << 7 | (byte & 0x7f);
        if (!(byte & 0x80)) {
            return true;
        }
    }
    return false;
}

/* Takes `len` bytes off the beginning. */
static bool take_bytes(span_t *span, uint64_t len, span_t *bytes) {
    if (len > length(*span)) {
        return false;
    }
    *bytes = (span_t) { span->at, span->at + len };
    span->at += len;
    return true;
}

static bool take_record(span_t *span, uint64_t *kind, span_t *content) {
    uint64_t len;
    return take_number(span, kind) && *kind != UNUSED && take_number(span, &len) && take_bytes(span, len, content);
}

static bool take_name(span_t *span, span_t *name) {
    uint64_t len;
    return take_number(span, &len) && take_bytes(span, len, name);
}

/* How many bytes the UTF-8 sequence has that begins with `byte`: Unicode 15, table 3-7. */
static unsigned sequence_length(uint8_t byte) {
    if (byte < 0x80) {
        return 1;
    }
    return byte >= 0xc2 && byte < 0xe0 ? 2 : byte >= 0xe0 && byte < 0xf0 ? 3 : byte >= 0xf0 && byte < 0xf5 ? 4 : 0;
}

static bool is_name(span_t name) {
    bool ok = length(name) > 0;
    while (ok && name.at < name.end) {
        uint8_t byte = *name.at;
        unsigned len = sequence_length(byte);
        ok = len > 0 && len <= length(name) && byte >= ' ' && byte != 0x7f && byte != '/';
        for (unsigned i = 1; ok && i < len; ++i) {
            ok = (name.at[i] & 0xc0) == 0x80;
        }
        name.at += ok ? len : 0;
    }
    return ok;
}

/* What a file holds: the first of its records that is data. `filesystem` is all of them, to which
 * pointers are relative. */
static bool file_data(span_t file, span_t filesystem, span_t *data) {
    uint64_t kind, size, offset;
    while (take_record(&file, &kind, data)) {
        if (kind == DATA_VERBATIM) {
            return true;
        }
        if (kind == DATA_POINTER) {
            span_t whole = filesystem, skipped;
            return take_number(data, &size) && take_number(data, &offset)
                   && take_bytes(&whole, offset, &skipped) && take_bytes(&whole, size, data);
        }
    }
    return false;
}

static romfs_status_t open_image(const void *image, size_t size, span_t *filesystem) {
    span_t rest = { image, (const uint8_t *)image + size };
    if (size < sizeof(magic) + 1 || memcmp(image, magic, sizeof(magic))) {
        return ROMFS_NOT_ONE;
    }
    rest.at += sizeof(magic);
    uint64_t len;
    return take_number(&rest, &len) && take_bytes(&rest, len, filesystem) ? ROMFS_OK : ROMFS_TRUNCATED;
}

static bool checksum_holds(span_t filesystem) {
    uint64_t kind;
    span_t content;
    if (!take_record(&filesystem, &kind, &content) || kind != PADDING || length(content) != CHECKSUM_SIZE
        || memcmp(content.at, checksum_mark, sizeof(checksum_mark))) {
        return true;
    }
    uint32_t told;
    memcpy(&told, content.at + sizeof(checksum_mark), sizeof(told));
    return crc32c(filesystem.at, length(filesystem)) == told;
}

/* Follows directories without recursion: kernel stacks are small. */
static romfs_status_t check_records(span_t filesystem) {
    span_t parent[ROMFS_DEPTH_MAX];
    unsigned depth = 0;
    span_t here = filesystem;
    for (;;) {
        if (here.at == here.end) {
            if (!depth) {
                return ROMFS_OK;
            }
            here = parent[--depth];
            continue;
        }
        uint64_t kind;
        span_t content, name, data;
        if (!take_record(&here, &kind, &content)) {
            return ROMFS_BAD_RECORD;
        }
        if (kind != DIRECTORY && kind != FILE_) {
            continue;
        }
        if (!take_name(&content, &name) || !is_name(name)) {
            return ROMFS_BAD_NAME;
        }
        if (kind == FILE_) {
            if (!file_data(content, filesystem, &data)) {
                return ROMFS_BAD_FILE;
            }
        } else if (depth == ROMFS_DEPTH_MAX) {
            return ROMFS_TOO_DEEP;
        } else {
            parent[depth++] = here;
            here = content;
        }
    }
}

romfs_status_t romfs_check(const void *image, size_t size) {
    span_t filesystem;
    romfs_status_t status = open_image(image, size, &filesystem);
    if (status == ROMFS_OK && !checksum_holds(filesystem)) {
        return ROMFS_BAD_CHECKSUM;
    }
    return status == ROMFS_OK ? check_records(filesystem) : status;
}

const void *romfs_find(const void *image, size_t size, const char *wanted, size_t *len) {
    span_t filesystem, here, content, name, data;
    uint64_t kind;
    if (open_image(image, size, &filesystem) != ROMFS_OK) {
        return NULL;
    }
    here = filesystem;
    while (take_record(&here, &kind, &content)) {
        if (kind == FILE_ && take_name(&content, &name) && length(name) == strlen(wanted)
            && !memcmp(name.at, wanted, length(name)) && file_data(content, filesystem, &data)) {
            *len = length(data);
            return data.at;
        }
    }
    return NULL;
}

const char *romfs_status_text(romfs_status_t status) {
    switch (status) {
        case ROMFS_OK:
            return "it is well-formed";
        case ROMFS_NOT_ONE:
            return "it does not begin as a ROMFS";
        case ROMFS_TRUNCATED:
            return "it is cut short";
        case ROMFS_BAD_RECORD:
            return "a record in it passes the end of what it lies in";
        case ROMFS_BAD_NAME:
            return "a name in it is no file name";
        case ROMFS_BAD_FILE:
            return "a file in it has no content";
        case ROMFS_TOO_DEEP:
            return "its directories are nested too deep";
        case ROMFS_BAD_CHECKSUM:
            return "its checksum is wrong";
    }
    return "?";
}
