/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* start_info, memory map, modules, command line: whatever they hold, boot_info_t keeps its
 * promises. */
#include "kernel/boot_info.h"
#include "tests/host/memory_image.h"

#define LIMIT (1ull << 52)

/* The memory map read anew. Entries of RAM that wrap are nonsense, and left out. */
static struct {
    uint64_t start, end;
    bool is_ram;
} entry[BOOT_INFO_MEMMAP_MAX];
static uint32_t entries;

static void read_entries(image_t *image) {
    uint64_t memmap;
    uint32_t count;
    const uint8_t *start_info = image_view(image, image->entry, 56);
    memcpy(&memmap, start_info + 0x28, 8);
    memcpy(&count, start_info + 0x30, 4);
    CHECK(count <= BOOT_INFO_MEMMAP_MAX);
    entries = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t start, size;
        uint32_t type;
        const uint8_t *bytes = image_view(image, memmap + 24ull * i, 24);
        memcpy(&start, bytes, 8);
        memcpy(&size, bytes + 8, 8);
        memcpy(&type, bytes + 16, 4);
        bool wraps = size > UINT64_MAX - start;
        if (!wraps || type != 1) {
            entry[entries].start = start;
            entry[entries].end = wraps ? UINT64_MAX : start + size;
            entry[entries++].is_ram = type == 1;
        }
    }
}

/* Every byte of a range lies in RAM entries and in no other. */
static void check_range(const phys_range_t *range) {
    for (uint32_t i = 0; i < entries; i++) {
        CHECK(entry[i].is_ram || entry[i].start >= entry[i].end
            || entry[i].start >= range->end || entry[i].end <= range->start);
    }
    for (uint64_t covered = range->start; covered < range->end;) {
        uint64_t before = covered;
        for (uint32_t i = 0; i < entries; i++) {
            if (entry[i].is_ram && entry[i].start <= covered && entry[i].end > covered) {
                covered = entry[i].end;
            }
        }
        CHECK(covered > before);
    }
}

static void check_ram(const boot_info_t *info, image_t *image) {
    read_entries(image);
    CHECK(info->ram.count > 0 && info->ram.count <= PHYS_RANGES_MAX);
    for (uint32_t i = 0; i < info->ram.count; i++) {
        const phys_range_t *range = &info->ram.range[i];
        CHECK(range->start < range->end && range->end <= LIMIT);
        CHECK(range->start % 4096 == 0 && range->end % 4096 == 0);
        CHECK(i == 0 || info->ram.range[i - 1].end < range->start);
        check_range(range);
    }
}

static void check_cmdline(const boot_info_t *info, image_t *image) {
    CHECK(info->cmdline_len < BOOT_INFO_CMDLINE_MAX);
    const size_t sizes[] = { 1, info->cmdline_len / 2 + 1, info->cmdline_len + 1 };
    for (int i = 0; i < 3; i++) {
        char *copy = malloc(sizes[i]);
        size_t len = boot_info_copy_cmdline(info, image_view, image, copy, sizes[i]);
        CHECK(len < sizes[i]);
        CHECK_EQ(strlen(copy), len);
        free(copy);
    }
}

/* Of a map that was taken every entry can be read again, and not one more. */
static void check_map(boot_info_status_t status, image_t *image) {
    boot_memory_t memory;
    uint32_t count = 0;
    while (boot_info_memory(image->entry, image_view, image, count, &memory)) {
        count++;
    }
    CHECK(count <= BOOT_INFO_MEMMAP_MAX);
    if (status == BOOT_INFO_OK) {
        uint32_t expected;
        memcpy(&expected, (const uint8_t *)image_view(image, image->entry, 56) + 0x30, 4);
        CHECK_EQ(count, expected);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    image_t image;
    if (!image_open(&image, data, size)) {
        return 0;
    }
    boot_info_t info;
    memset(&info, 0x5a, sizeof(info));
    boot_info_status_t status = boot_info_parse(&info, image.entry, image_view, &image);
    if (status == BOOT_INFO_OK) {
        check_ram(&info, &image);
    } else {
        CHECK_EQ(info.ram.count, 0);
    }
    CHECK(info.module_count <= BOOT_INFO_MODULES_MAX);
    for (uint32_t i = 0; i < info.module_count; i++) {
        CHECK(info.module[i].size > 0 && info.module[i].size <= LIMIT);
        CHECK(info.module[i].paddr <= LIMIT - info.module[i].size);
    }
    CHECK_EQ(info.problems >> BOOT_INFO_PROBLEMS, 0);
    check_cmdline(&info, &image);
    check_map(status, &image);
    image_drop_views(&image);
    return 0;
}
