/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#define _GNU_SOURCE // memmem()

#include "boot/cpu_features.h"
#include "kernel/crc32c.h"
#include "kernel/romfs.h"
#include "tests/host/romfs_walk.h"

cpu_features_t cpu_features;

#define MARK "CRC32C"

/* Makes the checksum right where there is one, or nothing behind it would be looked at. */
static void repair_checksum(uint8_t *image, size_t size) {
    uint8_t *mark = memmem(image, size, MARK, strlen(MARK));
    size_t before = mark ? mark + strlen(MARK) + sizeof(uint32_t) - image : size + 1;
    if (before <= size) {
        uint32_t sum = crc32c(image + before, size - before);
        memcpy(mark + strlen(MARK), &sum, sizeof(sum));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (!size) {
        return 0;
    }
    // The first byte says whether to repair; the rest is the image, in a block of its own size.
    bool repair = data[0] & 1;
    size--;
    uint8_t *image = malloc(size ? size : 1);
    memcpy(image, data + 1, size);
    if (repair) {
        repair_checksum(image, size);
    }
    romfs_status_t status = romfs_check(image, size);
    CHECK(strlen(romfs_status_text(status)) > 1);
    if (status == ROMFS_OK) {
        walk_t walk = walk_image(image);
        size_t len = 0;
        const uint8_t *found = romfs_find(image, size, "main.py", &len);
        CHECK(!found || (walk.files && found >= image && found + len <= image + size));
    }
    free(image);
    return 0;
}
