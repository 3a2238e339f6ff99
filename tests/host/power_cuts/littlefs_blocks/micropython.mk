# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors

# Of the unix port: the module littlefs_blocks, and littlefs in the port's order, by the port's pieces and sum.

SRC_USERMOD_C += $(USERMOD_DIR)/littlefs_blocks.c
SRC_USERMOD_LIB_C += $(addprefix $(USERMOD_DIR)/,lfs2_order.c lfs2_directory.c crc32.c)
CFLAGS_USERMOD += -I$(USERMOD_DIR)/../../../..

$(BUILD)/extmod/vfs_lfs.o: CFLAGS += -Dlfs2_mount=chosen_mount
$(BUILD)/lib/littlefs/lfs2.o: CFLAGS += -Dlfs2_crc=crc32_continue -include ports/cloud_hypervisor/lfs2_pieces.h
$(BUILD)/extmod/modos.o: CFLAGS += -DMICROPY_PY_OS_SYNC=1
