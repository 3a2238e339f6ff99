/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* The image: text, read-only data, the kernel's data, each in pages of its own, at the link
 * address. What an application (every object outside libkernel.a) writes runs in the
 * interpreter window; its initial values are kept before the read-only data. */

#include "boot/layout.h"

OUTPUT_FORMAT("elf64-x86-64")
ENTRY(pvh_start)

PHDRS
{
    text PT_LOAD FLAGS(5);
    window PT_LOAD FLAGS(4);
    rodata PT_LOAD FLAGS(4);
    data PT_LOAD FLAGS(6);
    application PT_NULL; /* Room for a host tool to add one: boot/application_note.S. */
    note PT_NOTE FLAGS(4);
}

SECTIONS
{
    . = LINK_ADDRESS;
    image_start = .;
    .text :
    {
        *(.text.boot)
        libc_start = .;
        *libkernel.a:memory.o(.text .text.*)
        *libkernel.a:string.o(.text .text.*)
        libc_end = .;
        /* First the kernel and what of the application must not be left halfway (kernel/interpreter.h). In both
         * parts, and in the read-only data, what is used before the prompt is in as few pages as can be: the first
         * touch of each is an exit to the host. */
#ifdef BOOT_ORDER
#define BOOT_DATA(object)
#define BOOT(function) *libkernel.a:*(.text.function)
#include BOOT_ORDER
#undef BOOT
        kernel_boot_end = .;
#define BOOT(function) MUST_FINISH(.text.function)
#include BOOT_ORDER
#undef BOOT
#else
        kernel_boot_end = .;
#endif
        kernel_rest_start = .;
        /* AES, as the C library, does what its caller is: the kernel's generator, or an application's Mbed TLS. */
        cipher_start = .;
        *libkernel.a:*(.text.mbedtls_aes* .text.mbedtls_internal_aes* .text.mbedtls_platform_zeroize)
        cipher_end = .;
        *libkernel.a:*(.text .text.*)
        kernel_rest_end = .;
        MUST_FINISH(.text .text.*)
        . = ALIGN(PAGE_SIZE);
        must_finish_end = .;
#ifdef BOOT_ORDER
#define BOOT(function) *(.text.function)
#include BOOT_ORDER
#undef BOOT
#undef BOOT_DATA
#endif
        *(.text .text.*)
    } :text

    . = ALIGN(PAGE_SIZE);
    rodata_start = .;
    window_template = .;
    .window_data WINDOW_DATA : AT(window_template)
    {
        window_data_start = .;
        EXCLUDE_FILE(*libkernel.a:*) *(.data .data.*)
        . = ALIGN(16);
        window_data_end = .;
    } :window
    . = window_template + SIZEOF(.window_data);
    /* One note only: Cloud Hypervisor takes the last PT_NOTE it finds. */
    .note : { KEEP(*(.note.Xen)) KEEP(*(.note.application)) build_id_note = .; KEEP(*(.note.gnu.build-id)) } :rodata :note
    .rodata :
    {
#ifdef BOOT_ORDER
#define BOOT(function)
#define BOOT_DATA(object) *(.rodata.object)
#include BOOT_ORDER
#endif
        *(.rodata .rodata.*)
    } :rodata

    .window_bss (WINDOW_DATA + SIZEOF(.window_data)) (NOLOAD) :
    {
        EXCLUDE_FILE(*libkernel.a:*) *(.bss .bss.* COMMON)
        . = ALIGN(8);
        window_bss_end = .;
    } :NONE

    . = ALIGN(ADDR(.rodata) + SIZEOF(.rodata), PAGE_SIZE);
    data_start = .;
    .data : AT(ADDR(.data)) { *libkernel.a:*(.data .data.*) . = ALIGN(8); } :data
    .bss (NOLOAD) :
    {
        bss_start = .;
        EXCLUDE_FILE(*libkernel.a:lwip_*.o) *libkernel.a:*(.bss .bss.* COMMON)
        . = ALIGN(8);
        bss_end = .;
    } :data
    /* Written in full before they are used, so not cleared. */
    .uncleared (NOLOAD) : { *(.uncleared) . = ALIGN(PAGE_SIZE); } :data
    /* The network's: cleared when it is first used (kernel/net/core.c), in pages of its own, not touched before. */
    .network_bss (NOLOAD) :
    {
        network_bss_start = .;
        *libkernel.a:lwip_*.o(.bss .bss.* COMMON)
        . = ALIGN(PAGE_SIZE);
        network_bss_end = .;
    } :data
    image_end = .;

    /* For host tools; never loaded. */
    .firmware_info 0 : { KEEP(*(.firmware_info)) }

    /DISCARD/ : { *(.comment) *(.eh_frame*) *(.note.gnu.property) *(.note.GNU-stack) }
}

ASSERT(image_end <= IMAGE_LIMIT, "the image must lie in the first GiB: lower LINK_ADDRESS")
ASSERT(LINK_ADDRESS >= 0x100000, "LINK_ADDRESS must be at least 1 MiB")
ASSERT(LINK_ADDRESS % PAGE_SIZE == 0, "LINK_ADDRESS must be a multiple of 4 KiB")
ASSERT(window_bss_end >= WINDOW_DATA, "the application's .bss lies outside the interpreter window")
ASSERT(window_bss_end <= WINDOW_DATA_END, "too much application data for the interpreter window")
