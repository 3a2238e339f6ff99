/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include "kernel/crc32.h"
#include "kernel/partitions.h"
#include "tests/host/disk_image.h"

#define ARRAY_MAX (512u << 10) /* Larger ones are refused before their checksum matters. */

/* Makes the checksums of a GPT's header and its entries right, or nothing in them would be looked at. */
static void repair_header(disk_image_t *image, uint8_t *header) {
    static uint8_t sectors[65536];
    uint32_t sector_size = image->view.sector_size, size = le32_at(header + 12), crc = CRC32_START;
    uint64_t left = (uint64_t)le32_at(header + 80) * le32_at(header + 84), start = le64_at(header + 72);
    if (memcmp(header, "EFI PART", 8) || size < 92 || size > sector_size || left > ARRAY_MAX) {
        return;
    }
    for (uint64_t sector = start; left && sector < image->view.sectors; sector++) {
        uint32_t part = left < sector_size ? left : sector_size;
        disk_image_read(image, sector, 1, sectors);
        image->reads--;
        crc = crc32_continue(crc, sectors, part);
        left -= part;
    }
    crc = ~crc;
    memcpy(header + 88, &crc, 4);
    memset(header + 16, 0, 4);
    crc = ~crc32_continue(CRC32_START, header, size);
    memcpy(header + 16, &crc, 4);
}

static bool read_repaired(void *ctx, uint64_t sector, uint32_t count, void *buffer) {
    disk_image_t *image = ctx;
    bool ok = disk_image_read(ctx, sector, count, buffer);
    for (uint32_t i = 0; ok && i < count; i++) {
        repair_header(image, (uint8_t *)buffer + (size_t)i * image->view.sector_size);
    }
    return ok;
}

static void check_utf8(const char *name) {
    CHECK(memchr(name, 0, PARTITION_NAME_SIZE) != NULL);
    for (const uint8_t *at = (const uint8_t *)name; *at;) {
        unsigned more = *at < 0x80 ? 0 : *at < 0xe0 ? 1 : *at < 0xf0 ? 2 : 3;
        CHECK((*at >= ' ' && *at < 0x7f) || (*at >= 0xc2 && *at < 0xf5));
        for (at++; more; more--, at++) {
            CHECK((*at & 0xc0) == 0x80);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    disk_image_t image;
    // The first byte says whether to repair.
    if (size < 1 || !disk_image_open(&image, data + 1, size - 1)) {
        return 0;
    }
    image.view.read = data[0] & 1 ? read_repaired : disk_image_read;
    partitions_t table;
    partitions_read(&image.view, &table);
    // Two tables of 512 KiB, or four chains of 64 links.
    CHECK(image.reads <= 4 * 64 + 16);
    CHECK(table.count <= PARTITIONS_MAX);
    CHECK(table.kind != PARTITIONS_BROKEN || (table.problem && !table.count));
    CHECK(table.kind != PARTITIONS_NONE || (!table.problem && !table.count));
    for (uint32_t i = 0; i < table.count; i++) {
        const partition_t *partition = &table.partition[i];
        uint64_t start = partition->range.start, count = partition->range.count;
        CHECK(start > 0 && count > 0 && start < image.view.sectors && count <= image.view.sectors - start);
        CHECK(partition->number > (i ? partition[-1].number : 0));
        CHECK((table.kind == PARTITIONS_MBR) == (partition->mbr_type != 0));
        check_utf8(partition->name);
        for (uint32_t j = 0; j < i; j++) {
            disk_range_t other = table.partition[j].range;
            CHECK(start >= other.start + other.count || other.start >= start + count);
        }
    }
    disk_image_close(&image);
    return 0;
}
