/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Says what is on the disk image on standard input: with the argument "partitions" its table, with
 * "filesystem" what lies in all of it, with "filesystem START COUNT" in some of its sectors. The last line is how
 * often it was read. */
#include "kernel/fs_probe.h"
#include "kernel/partitions.h"
#include "tests/host/disk_image.h"
#include "tests/host/memory_image.h"

static void print_partitions(disk_view_t *view) {
    static const char *const kinds[] = { "none", "MBR", "GPT", "broken" };
    partitions_t table;
    partitions_read(view, &table);
    printf("%s%s\n", kinds[table.kind], table.more ? ", and more" : "");
    if (table.problem) {
        printf("problem: %u: %s\n", table.problem_number, table.problem);
    }
    if (table.copy_problem) {
        printf("copy: %s\n", table.copy_problem);
    }
    for (uint32_t i = 0; i < table.count; i++) {
        const partition_t *partition = &table.partition[i];
        printf("%u: %" PRIu64 " %" PRIu64 " ", partition->number, partition->range.start, partition->range.count);
        if (table.kind == PARTITIONS_MBR) {
            printf("%02x\n", partition->mbr_type);
        } else {
            for (unsigned byte = 0; byte < PARTITION_GUID_SIZE; byte++) {
                printf("%02x", partition->type_guid[byte]);
            }
            printf(" '%s'\n", partition->name);
        }
    }
}

static void print_filesystem(disk_view_t *view, disk_range_t range) {
    fs_probe_t found;
    fs_probe(view, range, &found);
    printf("%s %" PRIu64 "x%u '%s'\n", fs_kind_text(found.kind), found.block_count, found.block_size, found.label);
    if (found.problem) {
        printf("problem: %s\n", found.problem);
    }
}

int main(int argc, char **argv) {
    size_t size;
    uint8_t *file = read_file("/dev/stdin", &size);
    disk_image_t image;
    CHECK(argc == 2 || argc == 4);
    CHECK(disk_image_open(&image, file, size));
    if (strcmp(argv[1], "partitions") == 0) {
        print_partitions(&image.view);
    } else {
        disk_range_t range = { 0, image.view.sectors };
        if (argc == 4) {
            range = (disk_range_t) { strtoull(argv[2], NULL, 0), strtoull(argv[3], NULL, 0) };
        }
        print_filesystem(&image.view, range);
    }
    printf("%u reads\n", image.reads);
    disk_image_close(&image);
    free(file);
    return 0;
}
