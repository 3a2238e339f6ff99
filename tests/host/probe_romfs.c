/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Says what is wrong with the ROMFS on standard input, or counts what is in it; with a name as its
 * argument, prints that file of the topmost directory. */
#include "boot/cpu_features.h"
#include "kernel/romfs.h"
#include "tests/host/memory_image.h"
#include "tests/host/romfs_walk.h"

cpu_features_t cpu_features;

int main(int argc, char **argv) {
    size_t size;
    uint8_t *image = read_file("/dev/stdin", &size);
    romfs_status_t status = romfs_check(image, size);
    if (status != ROMFS_OK) {
        printf("%s", romfs_status_text(status));
    } else if (argc > 1) {
        size_t len;
        const void *found = romfs_find(image, size, argv[1], &len);
        if (found) {
            fwrite(found, 1, len, stdout);
        } else {
            printf("none");
        }
    } else {
        walk_t walk = walk_image(image);
        printf("%u files, %u directories", walk.files, walk.directories);
    }
    free(image);
    return 0;
}
