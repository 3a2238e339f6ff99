# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors

# The kernel as a library: boot/, drivers/, kernel/ and its C library become
# $(BUILD)/libkernel.a. Included by whoever links an application on it (the MicroPython port,
# the guests of tests/); wants BUILD, and in MBEDTLS_DIR and LWIP_DIR source trees of Mbed TLS and lwIP. Gives
# KERNEL_LIB, KERNEL_LDFLAGS, KERNEL_CFLAGS.
#
# The linker script tells the kernel's writable data from the application's by the
# archive's name, so it stays an archive.
#
# KERNEL_BOOT_ORDER may name a file with a line `BOOT(FUNCTION)` for each function that runs at the
# boot: those are placed together. KERNEL_MUST_FINISH may name objects of the application (patterns
# for their paths) whose functions are never left halfway: interpreter_on_stack_overrun().
#
# DEBUG=1 has the kernel check the rules of its own locks.
#
# KERNEL_BOARD may name a header with macros of kernel/board.h, by an absolute path, and
# KERNEL_SRC_BOARD_C sources beside it that become part of the kernel.

KERNEL_TOP := $(abspath $(dir $(lastword $(MAKEFILE_LIST)))..)
LINK_ADDRESS ?= 0x100000
COPT ?= -O2
ifeq ($(DEBUG),1)
KERNEL_DEFINES = -DKERNEL_DEBUG
endif
STRIP ?= strip
OBJCOPY ?= objcopy

ifeq ($(wildcard $(MBEDTLS_DIR)/library/ctr_drbg.c),)
$(error MBEDTLS_DIR must name a source tree of Mbed TLS)
endif

ifeq ($(wildcard $(LWIP_DIR)/src/core/tcp.c),)
$(error LWIP_DIR must name a source tree of lwIP)
endif

KERNEL_SRC_S = boot/pvh.S boot/ap.S boot/application_note.S boot/vectors.S boot/msr.S boot/halt.S boot/thread_entry.S boot/context_switch.S
KERNEL_SRC_C = $(patsubst $(KERNEL_TOP)/%,%,$(wildcard $(addprefix $(KERNEL_TOP)/,boot/*.c drivers/*.c kernel/*.c kernel/libc/*.c kernel/net/*.c)))

# Freestanding code without red zone (interrupts come on any stack), position independence
# or protector; frame pointers for the crash report's backtrace. All of the image agrees on these.
# GCC would align each table to 32 bytes and each function to 16: 12 KB of nothing.
COMMON_CFLAGS = -std=gnu11 $(COPT) -g -ffreestanding -fbuiltin -fno-pic -fno-pie -mcmodel=small -mno-red-zone \
    -fno-stack-protector -fcf-protection=none -fno-asynchronous-unwind-tables -fno-unwind-tables -fno-common \
    -fno-omit-frame-pointer -ffunction-sections -fdata-sections -fno-strict-aliasing -malign-data=abi -falign-functions=4 \
    -ffile-prefix-map=$(KERNEL_TOP)=. -ffile-prefix-map=$(BUILD)=build \
    $(KERNEL_DEFINES) -nostdinc -isystem $(KERNEL_TOP)/kernel/libc/include -isystem $(shell $(CC) -print-file-name=include)

# memset() leaves alone the pages that were never touched (kernel/libc/memory.c): a compiler that saves
# space must not put an instruction in its place.
ifneq ($(filter -Os -Oz,$(COPT)),)
COMMON_CFLAGS += -fno-builtin-memset
endif

# The kernel leaves the vector registers to the interpreters, but for AES.
KERNEL_CFLAGS = $(COMMON_CFLAGS) -mgeneral-regs-only -Wall -Wextra -Werror -Wstrict-prototypes -Wmissing-prototypes \
    -Wframe-larger-than=1024 -I$(KERNEL_TOP) -DLINK_ADDRESS=$(LINK_ADDRESS) \
    $(if $(KERNEL_BOARD),-DKERNEL_BOARD='"$(KERNEL_BOARD)"' -ffile-prefix-map=$(dir $(KERNEL_BOARD))=board/)
KERNEL_LIBC_CFLAGS = -fno-builtin -fno-tree-loop-distribute-patterns

# kernel/drbg.c and what it uses of Mbed TLS become one object, which shows its own functions and AES only: an application
# may have an Mbed TLS too, with another configuration. It is a part of the kernel, as whoever runs it holds a lock that
# others want: an interpreter may end at any moment, but not in the kernel (kernel/interpreter_death.h).
KERNEL_DRBG_PARTS = $(BUILD)/kernel/kernel/drbg.o $(addprefix $(BUILD)/kernel/mbedtls/,aes.o aesni.o ctr_drbg.o platform_util.o)
KERNEL_DRBG = $(BUILD)/kernel/mbedtls/generator.o
KERNEL_MBEDTLS_CFLAGS = -Os -I$(MBEDTLS_DIR)/include -DMBEDTLS_CONFIG_FILE='"kernel/mbedtls_config.h"' -ffile-prefix-map=$(MBEDTLS_DIR)=mbedtls

include $(KERNEL_TOP)/kernel/net/lwip.mk
# The objects' names begin with lwip_: by that the linker script knows their data, and an archive has one member of a
# name.
KERNEL_LWIP_OBJ = $(foreach file,$(LWIP_FAST) $(LWIP_SMALL),$(BUILD)/kernel/lwip/$(dir $(file))lwip_$(notdir $(file)).o)
KERNEL_LWIP_CFLAGS = -I$(KERNEL_TOP)/kernel/net -I$(LWIP_DIR)/src/include -ffile-prefix-map=$(LWIP_DIR)=lwip

KERNEL_OBJ = $(KERNEL_LWIP_OBJ) $(filter-out $(BUILD)/kernel/kernel/drbg.o,$(addprefix $(BUILD)/kernel/,$(KERNEL_SRC_C:.c=.o) $(KERNEL_SRC_S:.S=.o) \
    $(addprefix board/,$(KERNEL_SRC_BOARD_C:.c=.o)))) $(KERNEL_DRBG)
KERNEL_LIB = $(BUILD)/libkernel.a
KERNEL_LDSCRIPT = $(BUILD)/kernel/link.ld
KERNEL_LDFLAGS = -n -nostdlib -static --gc-sections --build-id=sha1 -z noexecstack -T $(KERNEL_LDSCRIPT) \
    --whole-archive $(KERNEL_LIB) --no-whole-archive

$(BUILD)/kernel/kernel/libc/%.o: KERNEL_EXTRA_CFLAGS = $(KERNEL_LIBC_CFLAGS)
$(BUILD)/kernel/kernel/drbg.o: KERNEL_EXTRA_CFLAGS = $(KERNEL_MBEDTLS_CFLAGS)
$(BUILD)/kernel/kernel/net/%.o: KERNEL_EXTRA_CFLAGS = $(KERNEL_LWIP_CFLAGS)
$(foreach file,$(LWIP_SMALL),$(BUILD)/kernel/lwip/$(dir $(file))lwip_$(notdir $(file)).o): KERNEL_EXTRA_CFLAGS = -Oz
$(BUILD)/kernel/lwip/api/lwip_sockets.o: KERNEL_EXTRA_CFLAGS = -Os -Wno-unused-parameter
$(BUILD)/kernel/lwip/api/lwip_api_lib.o: KERNEL_EXTRA_CFLAGS = -Os -include kernel/net/lwip_delete.h
$(BUILD)/kernel/lwip/api/lwip_api_msg.o: KERNEL_EXTRA_CFLAGS = -Os -include kernel/net/lwip_bind.h -include kernel/net/lwip_drain.h
$(BUILD)/kernel/lwip/core/lwip_tcp.o: KERNEL_EXTRA_CFLAGS = -Oz -include kernel/net/lwip_time_wait.h
# It has names on the stack, of 256 bytes each.
$(BUILD)/kernel/lwip/apps/mdns/lwip_mdns.o: KERNEL_EXTRA_CFLAGS = -Oz -Wframe-larger-than=2048 -include kernel/net/lwip_mdns.h
# What runs once, or seldom, need not be fast.
ifeq ($(filter -Os -Oz,$(COPT)),)
KERNEL_SMALL = $(addprefix kernel/,application backtrace boot_info cmdline disk disk_part fs_fat fs_littlefs fs_probe hotplug interpreter_death \
    irq machine panic partitions partitions_gpt partitions_mbr rng romfs smbios system watchdog) \
    $(addprefix kernel/net/,addresses interface ip_setting net net_random resolve route tcp_syn tcp_window time_wait timer_needs) \
    $(addprefix drivers/,acpi acpi_dsdt acpi_fadt acpi_madt msix pci power smbios virtio virtio_rng)
$(addprefix $(BUILD)/kernel/,$(addsuffix .o,$(KERNEL_SMALL))): KERNEL_CFLAGS += -Os -fno-builtin-memset
endif
# It includes this where packets to oneself are another thread's matter only.
$(BUILD)/kernel/lwip/core/lwip_netif.o: KERNEL_EXTRA_CFLAGS = -Os -include lwip/tcpip.h
# The one that uses vector registers: kernel/drbg.h.
$(BUILD)/kernel/mbedtls/aesni.o: KERNEL_CFLAGS := $(filter-out -mgeneral-regs-only,$(KERNEL_CFLAGS))

$(BUILD)/kernel/%.o: $(KERNEL_TOP)/%.c
	$(Q)mkdir -p $(dir $@)
	$(Q)$(CC) $(KERNEL_CFLAGS) $(KERNEL_EXTRA_CFLAGS) -MD -MP -c -o $@ $<

$(BUILD)/kernel/board/%.o: $(dir $(KERNEL_BOARD))%.c
	$(Q)mkdir -p $(dir $@)
	$(Q)$(CC) $(KERNEL_CFLAGS) -MD -MP -c -o $@ $<

$(BUILD)/kernel/mbedtls/%.o: $(MBEDTLS_DIR)/library/%.c
	$(Q)mkdir -p $(dir $@)
	$(Q)$(CC) $(KERNEL_CFLAGS) $(KERNEL_MBEDTLS_CFLAGS) $(KERNEL_EXTRA_CFLAGS) -MD -MP -c -o $@ $<

define KERNEL_LWIP_RULE
$(BUILD)/kernel/lwip/$(1)/lwip_%.o: $(LWIP_DIR)/src/$(1)/%.c
	$$(Q)mkdir -p $$(dir $$@)
	$$(Q)$$(CC) $$(KERNEL_CFLAGS) $$(KERNEL_LWIP_CFLAGS) $$(KERNEL_EXTRA_CFLAGS) -MD -MP -c -o $$@ $$<

endef
$(foreach directory,$(LWIP_DIRECTORIES),$(eval $(call KERNEL_LWIP_RULE,$(directory))))

$(KERNEL_DRBG): $(KERNEL_DRBG_PARTS)
	$(Q)$(LD) -r -o $@ $^
	$(Q)$(OBJCOPY) --wildcard --keep-global-symbol='drbg_*' --keep-global-symbol='mbedtls_aes*' $@

$(BUILD)/kernel/%.o: $(KERNEL_TOP)/%.S
	$(Q)mkdir -p $(dir $@)
	$(Q)$(CC) $(KERNEL_CFLAGS) -MD -MP -c -o $@ $<

$(KERNEL_LDSCRIPT): $(KERNEL_TOP)/boot/link.ld.S $(KERNEL_TOP)/boot/layout.h $(KERNEL_BOOT_ORDER)
	$(Q)mkdir -p $(dir $@)
	$(Q)$(CC) -E -P -x assembler-with-cpp -I$(KERNEL_TOP) -DLINK_ADDRESS=$(LINK_ADDRESS) \
	    $(if $(KERNEL_BOOT_ORDER),-DBOOT_ORDER='"$(abspath $(KERNEL_BOOT_ORDER))"') \
	    '-DMUST_FINISH(...)=$(foreach object,$(KERNEL_MUST_FINISH),*$(object)(__VA_ARGS__))' -o $@ $<

$(KERNEL_LIB): $(KERNEL_OBJ)
	$(Q)rm -f $@
	$(Q)$(AR) rcsD $@ $^

-include $(KERNEL_OBJ:.o=.d) $(KERNEL_DRBG_PARTS:.o=.d)
