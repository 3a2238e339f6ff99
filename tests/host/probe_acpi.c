/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Prints what drivers/acpi.h makes of a memory image, as JSON. Operation regions, and devices'
 * interrupts, are looked up by the names that follow the image's. */
#include "tests/host/acpi_walk.h"
#include "tests/host/memory_image.h"

static void print_register(const char *name, const acpi_register_t *reg) {
    static const char *const spaces[] = { "none", "memory", "io" };
    printf("\"%s\": [\"%s\", %" PRIu64 ", %u],\n", name, spaces[reg->space], reg->address, reg->bit_width);
}

static void print_info(const acpi_info_t *info) {
    printf("\"root\": \"%s\", \"madt\": \"%s\", \"fadt\": \"%s\", \"mcfg\": \"%s\",\n", acpi_state_text(info->root),
        acpi_state_text(info->madt), acpi_state_text(info->fadt), acpi_state_text(info->mcfg));
    printf("\"oem_id\": \"%s\", \"hypervisor\": \"%s\",\n", info->oem_id, info->hypervisor);
    printf("\"lapic\": %" PRIu64 ", \"cpu_enabled\": %u, \"cpu_possible\": %u,\n",
        info->lapic_paddr, info->cpu_enabled_count, info->cpu_possible_count);
    printf("\"fadt_flags\": %u, \"reset_value\": %u, \"pm_timer_bits\": %u, \"rtc_century\": %u, \"dsdt\": %" PRIu64 ",\n",
        info->fadt_flags, info->reset_value, info->pm_timer_bits, info->rtc_century, info->dsdt_paddr);
    print_register("reset", &info->reset);
    print_register("sleep_control", &info->sleep_control);
    print_register("sleep_status", &info->sleep_status);
    print_register("pm1a_control", &info->pm1a_control);
    print_register("pm1b_control", &info->pm1b_control);
    print_register("pm_timer", &info->pm_timer);
}

static void print_madt(const acpi_info_t *info) {
    const char *separator = "";
    acpi_cursor_t cursor = { 0 };
    acpi_cpu_t cpu;
    printf("\"cpus\": [");
    for (; acpi_madt_next_cpu(info, &cursor, &cpu); separator = ", ") {
        printf("%s[%u, %u, %s]", separator, cpu.apic_id, cpu.uid, cpu.enabled ? "true" : "false");
    }
    printf("],\n\"ioapics\": [");
    separator = "";
    cursor = (acpi_cursor_t) { 0 };
    acpi_ioapic_t ioapic;
    for (; acpi_madt_next_ioapic(info, &cursor, &ioapic); separator = ", ") {
        printf("%s[%u, %u, %u]", separator, ioapic.id, ioapic.paddr, ioapic.gsi_base);
    }
    printf("],\n\"irqs\": [");
    for (unsigned irq = 0; irq < 16; irq++) {
        uint16_t flags;
        uint32_t gsi = acpi_isa_irq_to_gsi(info, irq, &flags);
        printf("%s[%u, \"%s %s\"]", irq > 0 ? ", " : "", gsi,
            ACPI_INTI_LEVEL(flags) ? "level" : "edge", ACPI_INTI_ACTIVE_LOW(flags) ? "low" : "high");
    }
}

static void print_segments(const acpi_info_t *info) {
    const char *separator = "";
    acpi_cursor_t cursor = { 0 };
    acpi_pci_segment_t segment;
    printf("],\n\"segments\": [");
    for (; acpi_mcfg_next_segment(info, &cursor, &segment); separator = ", ") {
        printf("%s[%" PRIu64 ", %u, %u, %u]", separator,
            segment.ecam_paddr, segment.segment, segment.start_bus, segment.end_bus);
    }
}

static void print_tables(const acpi_info_t *info) {
    const char *separator = "";
    acpi_cursor_t cursor = { 0 };
    acpi_table_t table;
    printf("],\n\"tables\": [");
    for (; acpi_next_table(info, &cursor, &table); separator = ", ") {
        printf("%s[\"%s\", %" PRIu64 ", %u, \"%s\"]", separator,
            table.signature, table.paddr, table.length, acpi_state_text(table.state));
    }
}

static void print_dsdt(const acpi_info_t *info, char **names, int count) {
    acpi_dsdt_t dsdt;
    const char *separator = "";
    printf("],\n\"dsdt_state\": \"%s\", \"sleep_types\": {", acpi_state_text(acpi_dsdt_open(info, &dsdt)));
    for (unsigned n = 0; n <= 5; n++) {
        uint8_t a, b;
        if (acpi_dsdt_sleep_type(&dsdt, n, &a, &b)) {
            printf("%s\"%u\": [%u, %u]", separator, n, a, b);
            separator = ", ";
        }
    }
    printf("},\n\"regions\": {");
    separator = "";
    for (int i = 0; i < count; i++) {
        acpi_region_t region;
        if (acpi_dsdt_region(&dsdt, names[i], &region)) {
            printf("%s\"%s\": [\"%s\", %" PRIu64 ", %" PRIu64 "]", separator, names[i],
                region.space == ACPI_SPACE_IO ? "io" : "memory", region.address, region.length);
            separator = ", ";
        }
    }
    printf("},\n\"interrupts\": {");
    separator = "";
    for (int i = 0; i < count; i++) {
        uint32_t gsi;
        if (acpi_dsdt_interrupt(&dsdt, names[i], &gsi)) {
            printf("%s\"%s\": %u", separator, names[i], gsi);
            separator = ", ";
        }
    }
    printf("}");
}

int main(int argc, char **argv) {
    CHECK(argc >= 2);
    size_t size;
    uint8_t *file = read_file(argv[1], &size);
    image_t image;
    CHECK(image_open(&image, file, size));
    image.keep_views = true;
    static acpi_info_t info;
    memset(&info, 0x5a, sizeof(info));
    acpi_init(&info, image.entry, image_view, &image);
    printf("{");
    print_info(&info);
    print_madt(&info);
    print_segments(&info);
    print_tables(&info);
    print_dsdt(&info, argv + 2, argc - 2);
    printf("}\n");
    walk_acpi(&info);
    image_drop_views(&image);
    free(file);
    return 0;
}
