/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Prints what boot_info_parse() makes of a memory image, as JSON. */
#include "kernel/boot_info.h"
#include "tests/host/memory_image.h"

int main(int argc, char **argv) {
    CHECK(argc == 2);
    size_t size;
    uint8_t *file = read_file(argv[1], &size);
    image_t image;
    CHECK(image_open(&image, file, size));
    static boot_info_t info;
    memset(&info, 0x5a, sizeof(info)); /* Needs no initialisation, says the header. */
    boot_info_status_t status = boot_info_parse(&info, image.entry, image_view, &image);

    printf("{\"status\": \"%s\", \"rsdp\": %" PRIu64 ", \"problems\": [", boot_info_status_text(status), info.rsdp_paddr);
    const char *separator = "";
    for (unsigned bit = 0; bit < BOOT_INFO_PROBLEMS; bit++) {
        CHECK(strlen(boot_info_problem_text(bit)) > 1);
        if (info.problems & 1u << bit) {
            printf("%s\"%s\"", separator, boot_info_problem_text(bit));
            separator = ", ";
        }
    }
    printf("], \"ram\": [");
    for (uint32_t i = 0; i < info.ram.count; i++) {
        printf("%s[%" PRIu64 ", %" PRIu64 "]", i > 0 ? ", " : "", info.ram.range[i].start, info.ram.range[i].end);
    }
    printf("], \"modules\": [");
    for (uint32_t i = 0; i < info.module_count; i++) {
        printf("%s[%" PRIu64 ", %" PRIu64 "]", i > 0 ? ", " : "", info.module[i].paddr, info.module[i].size);
    }
    printf("], \"map\": [");
    boot_memory_t entry;
    for (uint32_t i = 0; boot_info_memory(image.entry, image_view, &image, i, &entry); i++) {
        printf("%s[%" PRIu64 ", %" PRIu64 ", %" PRIu32 "]", i > 0 ? ", " : "", entry.start, entry.size, entry.type);
    }
    char *cmdline = malloc(info.cmdline_len + 1);
    boot_info_copy_cmdline(&info, image_view, &image, cmdline, info.cmdline_len + 1);
    printf("], \"cmdline\": \"");
    for (const char *c = cmdline; *c != '\0'; c++) {
        printf("%02x", (uint8_t)*c);
    }
    printf("\"}\n");
    free(cmdline);
    image_drop_views(&image);
    free(file);
    return 0;
}
