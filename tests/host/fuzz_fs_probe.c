/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#define _GNU_SOURCE // memmem()

#include "kernel/crc32.h"
#include "kernel/fs_parts.h"
#include "tests/host/disk_image.h"
#include "tests/host/fat_world.h"

/* Makes the checksums of a littlefs's commits right, or nothing behind them would be looked at. */
static void repair_littlefs(uint8_t *block, size_t size) {
    uint32_t crc = crc32_continue(CRC32_START, block, 4), previous = UINT32_MAX;
    for (size_t at = 4; size - at >= 8;) {
        uint32_t tag;
        memcpy(&tag, block + at, 4);
        crc = crc32_continue(crc, &tag, 4);
        tag = __builtin_bswap32(tag) ^ previous;
        at += 4;
        uint32_t len = (tag & 0x3ff) == 0x3ff ? 0 : tag & 0x3ff;
        if (len > size - at) {
            return;
        }
        if ((tag >> 20 & 0x780) == 0x500) {
            memcpy(block + at, &crc, 4);
            crc = CRC32_START;
            tag ^= (tag >> 20 & 1) << 31;
        } else {
            crc = crc32_continue(crc, block + at, len);
        }
        previous = tag;
        at += len;
    }
}

static bool read_repaired(void *ctx, uint64_t sector, uint32_t count, void *buffer) {
    disk_image_t *image = ctx;
    bool ok = disk_image_read(ctx, sector, count, buffer);
    if (ok && !memcmp((uint8_t *)buffer + LITTLEFS_MAGIC_AT, LITTLEFS_MAGIC, sizeof(LITTLEFS_MAGIC) - 1)) {
        repair_littlefs(buffer, (size_t)count * image->view.sector_size);
    }
    return ok;
}

/* oofatfs mounts what is said to be a FAT, and nothing else. It reckons in 32 bits, so what overflows them it takes for
 * something else. */
static void check_fat(disk_view_t *view, disk_range_t range, const fs_probe_t *found) {
    static uint8_t bytes[4096];
    memset(bytes, 0, sizeof(bytes));
    if (found->kind == FS_KIND_LITTLEFS || !disk_view_copy(view, range, 0, bytes, 512) || !fs_says_fat(bytes)
        || le32_at(bytes + 36) >> 30) {
        return;
    }
    fat_world_t fat = { { bytes, sizeof(bytes) }, found->block_size ? found->block_size : 512 };
    CHECK_EQ(found->kind, fat_world_mounted(&fat));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    disk_image_t image;
    // The first byte says whether to repair, the second one where the range begins.
    if (size < 2 || !disk_image_open(&image, data + 2, size - 2)) {
        return 0;
    }
    image.view.read = data[0] & 1 ? read_repaired : disk_image_read;
    disk_range_t range = { data[1], image.view.sectors };
    fs_probe_t found;
    fs_probe(&image.view, range, &found);
    // A block that begins as one of a littlefs may be followed for 4 MiB, at each of the places where it may lie.
    bool littlefs = memmem(data, size, LITTLEFS_MAGIC, sizeof(LITTLEFS_MAGIC) - 1) != NULL;
    CHECK(image.reads <= (littlefs ? 20000 : 12));
    CHECK(found.kind < FS_KINDS && strlen(fs_kind_text(found.kind)) > 1);
    bool mountable = found.kind >= FS_KIND_FAT12 && found.kind <= FS_KIND_ROMFS;
    CHECK(!mountable || found.problem || disk_range_holds(&image.view, range, found.block_count, found.block_size));
    CHECK(mountable || found.kind == FS_KIND_FAT_BROKEN || !found.problem);
    CHECK(memchr(found.label, 0, sizeof(found.label)) != NULL);
    for (const char *at = found.label; *at; at++) {
        CHECK(*at >= ' ' && *at < 0x7f);
    }
    check_fat(&image.view, range, &found);
    disk_image_close(&image);
    return 0;
}
