/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include "drivers/smbios.h"
#include "tests/host/memory_image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    image_t image;
    if (image_open(&image, data, size)) {
        uint8_t uuid[SMBIOS_UUID_SIZE];
        image.keep_views = true;
        smbios_system_uuid(image_view, &image, uuid);
        image_drop_views(&image);
    }
    return 0;
}
