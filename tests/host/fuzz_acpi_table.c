/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* What stands in one table: the first byte chooses which, the rest is its body. Around it
 * everything is right: RSDP, XSDT, header, checksums. */
#include "tests/host/acpi_walk.h"
#include "tests/host/memory_image.h"

#define RSDP 0x1000
#define XSDT 0x2001
#define FADT 0x3003
#define TABLE 0x10007
#define HEADER_SIZE 36

static uint8_t file[1 << 20];
static size_t file_size;

static void put(const void *bytes, size_t size) {
    CHECK(file_size + size <= sizeof(file));
    memcpy(file + file_size, bytes, size);
    file_size += size;
}

static void put_piece(uint64_t paddr, const void *bytes, uint32_t size) {
    put(&paddr, 8);
    put(&size, 4);
    put(bytes, size);
}

static void put_table(uint64_t paddr, const char *signature, const void *body, uint32_t body_size) {
    static uint8_t table[1 << 19];
    uint32_t length = HEADER_SIZE + body_size;
    memset(table, 0, HEADER_SIZE);
    memcpy(table, signature, 4);
    memcpy(table + 4, &length, 4);
    if (body_size > 0) {
        memcpy(table + HEADER_SIZE, body, body_size);
    }
    put_piece(paddr, table, length);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const signatures[] = { "APIC", "FACP", "MCFG", "DSDT" };
    if (size < 1 || size > 1 << 16) {
        return 0;
    }
    const char *signature = signatures[data[0] % 4];

    uint64_t entry = RSDP;
    uint8_t rsdp[36] = "RSD PTR ";
    uint64_t xsdt = XSDT;
    uint32_t rsdp_size = sizeof(rsdp);
    rsdp[15] = 2;
    memcpy(rsdp + 20, &rsdp_size, 4);
    memcpy(rsdp + 24, &xsdt, 8);
    uint64_t entries[] = { TABLE, FADT };
    uint8_t fadt[208] = { 0 };
    uint64_t dsdt = TABLE;
    memcpy(fadt + 140 - HEADER_SIZE, &dsdt, 8);

    file_size = 0;
    put(&(uint8_t) { IMAGE_REPAIR_CHECKSUMS }, 1);
    put(&entry, 8);
    put_piece(RSDP, rsdp, sizeof(rsdp));
    put_table(XSDT, "XSDT", entries, sizeof(entries));
    put_table(FADT, "FACP", fadt, sizeof(fadt));
    put_table(TABLE, signature, data + 1, size - 1);

    image_t image;
    CHECK(image_open(&image, file, file_size));
    image.keep_views = true;
    acpi_info_t info;
    acpi_init(&info, image.entry, image_view, &image);
    CHECK_EQ(info.root, ACPI_OK);
    CHECK_EQ(info.fadt, ACPI_OK);
    walk_acpi(&info);
    image_drop_views(&image);
    return 0;
}
