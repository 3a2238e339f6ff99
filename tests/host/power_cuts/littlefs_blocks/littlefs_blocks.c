/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* The module littlefs_blocks of the power cut tests: what of a disk littlefs says it uses, and
 * whether it writes in the port's order. */

#include <string.h>

#include "py/mperrno.h"
#include "py/runtime.h"
#include "extmod/vfs.h"
#include "ports/cloud_hypervisor/lfs2_order.h"

#define UNIT 512
#define BLOCKS_MAX 65536

static bool in_order = true;

// What extmod/vfs_lfs.c calls here.
int chosen_mount(lfs2_t *lfs2, const struct lfs2_config *config);
int chosen_mount(lfs2_t *lfs2, const struct lfs2_config *config) {
    return in_order ? lfs2_mount_in_order(lfs2, config) : lfs2_mount(lfs2, config);
}

// as_upstream(yes): what is mounted from then on is written to as upstream does, or else as the port does.
static mp_obj_t blocks_as_upstream(mp_obj_t yes) {
    in_order = !mp_obj_is_true(yes);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(blocks_as_upstream_obj, blocks_as_upstream);

static int device_read(const struct lfs2_config *config, lfs2_block_t block, lfs2_off_t offset, void *buffer,
    lfs2_size_t size) {
    return mp_vfs_blockdev_read_ext(config->context, block, offset, size, buffer);
}

static int count_use(void *uses, lfs2_block_t block) {
    if (block >= BLOCKS_MAX) {
        return LFS2_ERR_CORRUPT;
    }
    ((uint8_t *)uses)[block] += 1;
    return 0;
}

// uses(device, block_size, blocks): how often each block is used, as bytes. A directory's pair is
// met twice: in the list of all pairs, and where the directory is named.
static mp_obj_t blocks_uses(mp_obj_t device, mp_obj_t block_size, mp_obj_t blocks) {
    mp_vfs_blockdev_t blockdev = { .block_size = mp_obj_get_int(block_size) };
    mp_vfs_blockdev_init(&blockdev, device);
    struct lfs2_config config = {
        .context = &blockdev,
        .read = device_read,
        .read_size = UNIT,
        .prog_size = UNIT,
        .cache_size = UNIT,
        .block_size = blockdev.block_size,
        .block_count = mp_obj_get_int(blocks),
        .block_cycles = -1,
        .lookahead_size = 8,
        .read_buffer = m_new(uint8_t, UNIT),
        .prog_buffer = m_new(uint8_t, UNIT),
        .lookahead_buffer = m_new(uint8_t, 8),
    };
    uint8_t *uses = m_new0(uint8_t, BLOCKS_MAX);
    lfs2_t lfs2;
    int error = lfs2_mount(&lfs2, &config);
    if (error == 0) {
        error = lfs2_fs_traverse(&lfs2, count_use, uses);
    }
    if (error != 0) {
        mp_raise_OSError(-error);
    }
    return mp_obj_new_bytes(uses, config.block_count);
}
static MP_DEFINE_CONST_FUN_OBJ_3(blocks_uses_obj, blocks_uses);

static const mp_rom_map_elem_t blocks_globals_table[] = {
    { MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR_littlefs_blocks) },
    { MP_ROM_QSTR(MP_QSTR_as_upstream), MP_ROM_PTR(&blocks_as_upstream_obj) },
    { MP_ROM_QSTR(MP_QSTR_uses), MP_ROM_PTR(&blocks_uses_obj) },
};
static MP_DEFINE_CONST_DICT(blocks_globals, blocks_globals_table);

const mp_obj_module_t blocks_module = {
    .base = { &mp_type_module },
    .globals = (mp_obj_dict_t *)&blocks_globals,
};

MP_REGISTER_MODULE(MP_QSTR_littlefs_blocks, blocks_module);
