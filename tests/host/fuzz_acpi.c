/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* A whole set of tables: RSDP, RSDT and XSDT, and what they lead to. */
#include "tests/host/acpi_walk.h"
#include "tests/host/memory_image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    image_t image;
    if (image_open(&image, data, size)) {
        image.keep_views = true;
        acpi_info_t info;
        acpi_init(&info, image.entry, image_view, &image);
        walk_acpi(&info);
        image_drop_views(&image);
    }
    return 0;
}
