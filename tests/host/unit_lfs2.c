/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* littlefs as the port compiles it, beside files that are only bytes. */
#include "ports/cloud_hypervisor/lfs2_pieces.h"
#include "ports/cloud_hypervisor/lfs2_seek.h"

#include "lib/littlefs/lfs2.c"

#include "tests/host/unit.h"

#define FILES 3
#define SIZE_MAX_OF_FILE 20000
#define DISK_SIZE (1 << 20)

typedef struct _world_t {
    struct lfs2_config config;
    lfs2_t fs;
    uint8_t disk[DISK_SIZE];
    unsigned bad; /* One of so many blocks is. 0: none. */
    struct {
        uint8_t bytes[SIZE_MAX_OF_FILE];
        size_t size;
    } files[FILES];
} world_t;

static uint8_t *at(const struct lfs2_config *config, lfs2_block_t block, lfs2_off_t offset, lfs2_size_t size) {
    CHECK(block < config->block_count && offset <= config->block_size && size <= config->block_size - offset);
    return ((world_t *)config->context)->disk + block * config->block_size + offset;
}

static int read_block(const struct lfs2_config *c, lfs2_block_t block, lfs2_off_t offset, void *buffer,
    lfs2_size_t size) {
    memcpy(buffer, at(c, block, offset, size), size);
    return 0;
}

static int prog(const struct lfs2_config *c, lfs2_block_t block, lfs2_off_t offset, const void *buffer,
    lfs2_size_t size) {
    memcpy(at(c, block, offset, size), buffer, size);
    unsigned bad = ((world_t *)c->context)->bad;
    return bad && block > 1 && block % bad == 0 ? LFS2_ERR_CORRUPT : 0;
}

static int erase(const struct lfs2_config *c, lfs2_block_t block) {
    memset(at(c, block, 0, 0), 0xee, c->block_size);
    return 0;
}

static int sync_it(const struct lfs2_config *c) {
    (void)c;
    return 0;
}

typedef struct _sizes_t {
    lfs2_size_t block, cache, read, prog;
} sizes_t;

static world_t *new_world(sizes_t sizes, unsigned bad) {
    world_t *world = calloc(1, sizeof(*world));
    world->bad = bad;
    world->config = (struct lfs2_config) {
        .context = world, .read = read_block, .prog = prog, .erase = erase, .sync = sync_it,
        .read_size = sizes.read, .prog_size = sizes.prog, .cache_size = sizes.cache, .lookahead_size = 32,
        .block_cycles = -1, .block_size = sizes.block, .block_count = DISK_SIZE / sizes.block,
    };
    CHECK_EQ(lfs2_format(&world->fs, &world->config), 0);
    CHECK_EQ(lfs2_mount(&world->fs, &world->config), 0);
    return world;
}

static void free_world(world_t *world) {
    CHECK_EQ(lfs2_unmount(&world->fs), 0);
    free(world);
}

static size_t any(size_t below) {
    return random() % below;
}

static void write_somewhere(world_t *world, lfs2_file_t *file, unsigned which) {
    size_t *size = &world->files[which].size;
    uint8_t *bytes = world->files[which].bytes;
    uint8_t piece[6000];
    size_t place = any(3) ? any(*size + 1) : *size, len = 1 + any(any(4) ? 200 : sizeof(piece));
    if (place + len > SIZE_MAX_OF_FILE || !any(20)) {
        place = any(SIZE_MAX_OF_FILE - len); // Zeros may come before it.
    }
    for (size_t i = 0; i < len; i++) {
        piece[i] = random();
    }
    CHECK_EQ(lfs2_file_seek(&world->fs, file, place, LFS2_SEEK_SET), (lfs2_soff_t)place);
    CHECK_EQ(lfs2_file_write(&world->fs, file, piece, len), (lfs2_ssize_t)len);
    CHECK_EQ(lfs2_file_tell(&world->fs, file), (lfs2_soff_t)(place + len));
    memcpy(bytes + place, piece, len);
    *size = place + len > *size ? place + len : *size;
}

static void read_somewhere(world_t *world, lfs2_file_t *file, unsigned which) {
    size_t size = world->files[which].size, place = any(size + 1), len = any(4000);
    size_t there = len < size - place ? len : size - place;
    uint8_t piece[4000];
    CHECK_EQ(lfs2_file_seek(&world->fs, file, place, LFS2_SEEK_SET), (lfs2_soff_t)place);
    CHECK_EQ(lfs2_file_read(&world->fs, file, piece, len), (lfs2_ssize_t)there);
    CHECK(!memcmp(piece, world->files[which].bytes + place, there));
}

static void cut(world_t *world, lfs2_file_t *file, unsigned which) {
    size_t *size = &world->files[which].size, less = any(*size + 1);
    CHECK_EQ(lfs2_file_truncate(&world->fs, file, less), 0);
    memset(world->files[which].bytes + less, 0, *size - less);
    *size = less;
}

static void use_file(world_t *world, unsigned which) {
    char name[] = { 'f', '0' + which, 0 };
    lfs2_file_t file;
    CHECK_EQ(lfs2_file_open(&world->fs, &file, name, LFS2_O_RDWR | LFS2_O_CREAT), 0);
    CHECK_EQ(lfs2_file_size(&world->fs, &file), (lfs2_soff_t)world->files[which].size);
    for (size_t times = any(8); times; times--) {
        switch (any(6)) {
            case 0:
                read_somewhere(world, &file, which);
                break;
            case 1:
                CHECK_EQ(lfs2_file_sync(&world->fs, &file), 0);
                break;
            case 2:
                if (!any(4)) {
                    cut(world, &file, which);
                }
                break;
            default:
                write_somewhere(world, &file, which);
        }
    }
    CHECK_EQ(lfs2_file_close(&world->fs, &file), 0);
}

static void use_files(sizes_t sizes) {
    world_t *world = new_world(sizes, 0);
    for (unsigned turn = 0; turn < 150; turn++) {
        use_file(world, any(FILES));
        if (!any(10)) {
            CHECK_EQ(lfs2_unmount(&world->fs), 0);
            CHECK_EQ(lfs2_mount(&world->fs, &world->config), 0);
        }
    }
    free_world(world);
}

static const sizes_t all_sizes[] = {
    { 4096, 4096, 2048, 512 }, { 4096, 1024, 512, 512 }, { 4096, 512, 512, 512 },
    { 1024, 1024, 1, 1 }, { 512, 64, 16, 16 }, { 512, 128, 1, 1 }, { 520, 520, 520, 520 }, { 2560, 2560, 640, 512 },
};

TEST(what_was_written_is_read) {
    for (size_t i = 0; i < sizeof(all_sizes) / sizeof(*all_sizes); i++) {
        use_files(all_sizes[i]);
    }
}

TEST(what_is_sought_where_a_block_was_read_to_its_end_is_read) {
    for (size_t i = 0; i < sizeof(all_sizes) / sizeof(*all_sizes); i++) {
        world_t *world = new_world(all_sizes[i], 0);
        uint8_t bytes[4 * 4096], found[4096];
        for (size_t k = 0; k < sizeof(bytes); k++) {
            bytes[k] = random();
        }
        lfs2_file_t file;
        CHECK_EQ(lfs2_file_open(&world->fs, &file, "file", LFS2_O_RDWR | LFS2_O_CREAT), 0);
        CHECK_EQ(lfs2_file_write(&world->fs, &file, bytes, sizeof(bytes)), sizeof(bytes));
        lfs2_size_t block = all_sizes[i].block;
        for (lfs2_off_t place = block; place < 3 * block; place++) {
            CHECK_EQ(lfs2_file_seek(&world->fs, &file, 0, LFS2_SEEK_SET), 0);
            CHECK_EQ(lfs2_file_read(&world->fs, &file, found, block), (lfs2_ssize_t)block);
            CHECK_EQ(lfs2_file_seek(&world->fs, &file, place, LFS2_SEEK_SET), (lfs2_soff_t)place);
            CHECK_EQ(lfs2_file_read(&world->fs, &file, found, 1), 1);
            CHECK_EQ(found[0], bytes[place]);
        }
        CHECK_EQ(lfs2_file_close(&world->fs, &file), 0);
        free_world(world);
    }
}

static void append(world_t *world, size_t len) {
    uint8_t *bytes = world->files[0].bytes + world->files[0].size;
    for (size_t i = 0; i < len; i++) {
        bytes[i] = random();
    }
    lfs2_file_t file;
    CHECK_EQ(lfs2_file_open(&world->fs, &file, "log", LFS2_O_WRONLY | LFS2_O_CREAT | LFS2_O_APPEND), 0);
    CHECK_EQ(lfs2_file_write(&world->fs, &file, bytes, len), (lfs2_ssize_t)len);
    CHECK_EQ(lfs2_file_close(&world->fs, &file), 0);
    world->files[0].size += len;
}

TEST(what_is_appended_leaves_out_blocks_that_cannot_be_written) {
    for (size_t i = 0; i < sizeof(all_sizes) / sizeof(*all_sizes); i++) {
        world_t *world = new_world(all_sizes[i], 5);
        while (world->files[0].size < SIZE_MAX_OF_FILE - 300) {
            append(world, any(300));
        }
        uint8_t all[SIZE_MAX_OF_FILE];
        lfs2_file_t file;
        CHECK_EQ(lfs2_file_open(&world->fs, &file, "log", LFS2_O_RDONLY), 0);
        CHECK_EQ(lfs2_file_read(&world->fs, &file, all, sizeof(all)), (lfs2_ssize_t)world->files[0].size);
        CHECK(!memcmp(all, world->files[0].bytes, world->files[0].size));
        CHECK_EQ(lfs2_file_close(&world->fs, &file), 0);
        free_world(world);
    }
}
