/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Prints the system's UUID in the memory image on standard input, in hexadecimal, or "none". */
#include "drivers/smbios.h"
#include "tests/host/memory_image.h"

int main(void) {
    size_t size;
    uint8_t *file = read_file("/dev/stdin", &size);
    image_t image;
    CHECK(image_open(&image, file, size));
    image.keep_views = true;
    uint8_t uuid[SMBIOS_UUID_SIZE];
    if (smbios_system_uuid(image_view, &image, uuid)) {
        for (unsigned i = 0; i < SMBIOS_UUID_SIZE; i++) {
            printf("%02x", uuid[i]);
        }
    } else {
        printf("none");
    }
    image_drop_views(&image);
    free(file);
    return 0;
}
