/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* What fs_probe() says of what MicroPython's own lib/littlefs writes, at every moment. */
#include "lib/littlefs/lfs2.h"
#include "tests/host/disk_world.h"
#include "tests/host/unit.h"

typedef struct _world_t {
    disk_world_t disk;
    struct lfs2_config config;
    lfs2_t fs;
    bool watched; /* Each moment of a write is one at which the power may go. */
    unsigned torn; /* Moments at which block 0 did not begin as a superblock. */
} world_t;

static void check_found(world_t *world);
static void check_moment(world_t *world);

static uint8_t *at(const struct lfs2_config *config, lfs2_block_t block, lfs2_off_t offset) {
    world_t *world = config->context;
    return world->disk.bytes + (uint64_t)block * config->block_size + offset;
}

static int read_block(const struct lfs2_config *c, lfs2_block_t block, lfs2_off_t offset, void *buffer,
    lfs2_size_t size) {
    memcpy(buffer, at(c, block, offset), size);
    return 0;
}

static int prog(const struct lfs2_config *c, lfs2_block_t block, lfs2_off_t offset, const void *buffer,
    lfs2_size_t size) {
    for (lfs2_size_t half = 0; half < 2; half++) {
        lfs2_size_t begin = half * size / 2;
        memcpy(at(c, block, offset + begin), (const uint8_t *)buffer + begin, size / 2);
        check_moment(c->context);
    }
    return 0;
}

/* As on a disk that is told that the block is not needed, which makes it zeros. */
static int erase(const struct lfs2_config *c, lfs2_block_t block) {
    memset(at(c, block, 0), 0, c->block_size);
    check_moment(c->context);
    return 0;
}

static int sync_it(const struct lfs2_config *c) {
    (void)c;
    return 0;
}

/* With the sizes of MicroPython's extmod/vfs_lfsx.c. */
static world_t *new_world(uint32_t block_size, uint32_t block_count) {
    world_t *world = calloc(1, sizeof(*world));
    world->disk.size = (uint64_t)block_size * block_count;
    world->disk.bytes = calloc(1, world->disk.size);
    world->config = (struct lfs2_config) {
        .context = world, .read = read_block, .prog = prog, .erase = erase, .sync = sync_it,
        .read_size = 32, .prog_size = 32, .cache_size = 128, .lookahead_size = 32, .block_cycles = 100,
        .block_size = block_size, .block_count = block_count,
    };
    CHECK_EQ(lfs2_format(&world->fs, &world->config), 0);
    return world;
}

static void end_world(world_t *world) {
    free(world->disk.bytes);
    free(world);
}

static void check_found(world_t *world) {
    fs_probe_t found = disk_world_probe(&world->disk);
    CHECK_EQ(found.kind, FS_KIND_LITTLEFS);
    CHECK(found.problem == NULL);
    CHECK_EQ(found.block_size, world->config.block_size);
    CHECK_EQ(found.block_count, world->config.block_count);
}

static bool mounts(world_t *world) {
    lfs2_t fs;
    bool does = lfs2_mount(&fs, &world->config) == 0;
    if (does) {
        lfs2_unmount(&fs);
    }
    return does;
}

/* What a machine finds that starts now. */
static void check_moment(world_t *world) {
    if (world->watched) {
        world->torn += memcmp(world->disk.bytes + 8, "littlefs", 8) != 0;
        check_found(world);
        world_t after = { .disk = world->disk, .config = world->config };
        after.config.context = &after;
        CHECK(mounts(&after));
    }
}

/* Writes a file, or removes it, so that the root's blocks are filled and written anew. */
static void change_something(world_t *world, unsigned round) {
    char name[32];
    snprintf(name, sizeof(name), "file-%u", round % 7);
    lfs2_file_t file;
    if (round % 3 == 2) {
        int done = lfs2_remove(&world->fs, name);
        CHECK(done == 0 || done == LFS2_ERR_NOENT);
        return;
    }
    CHECK_EQ(lfs2_file_open(&world->fs, &file, name, LFS2_O_WRONLY | LFS2_O_CREAT | LFS2_O_TRUNC), 0);
    CHECK(lfs2_file_write(&world->fs, &file, name, strlen(name)) >= 0);
    CHECK_EQ(lfs2_file_close(&world->fs, &file), 0);
}

TEST(what_littlefs_makes_is_found) {
    for (uint32_t block_size = 128; block_size <= 1 << 20; block_size *= 2) {
        world_t *world = new_world(block_size, 64);
        check_found(world);
        end_world(world);
    }
}

TEST(it_is_found_whenever_the_power_goes) {
    static const uint32_t sizes[] = { 256, 512, 4096, 16384 };
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        world_t *world = new_world(sizes[i], 64);
        CHECK_EQ(lfs2_mount(&world->fs, &world->config), 0);
        world->watched = true;
        for (unsigned round = 0; round < 1000; round++) {
            change_something(world, round);
        }
        lfs2_unmount(&world->fs);
        CHECK(world->torn > 0);
        end_world(world);
    }
}

TEST(one_that_grew_has_its_new_size) {
    world_t *world = new_world(4096, 64);
    world->config.block_count = 32;
    CHECK_EQ(lfs2_format(&world->fs, &world->config), 0);
    check_found(world);
    CHECK_EQ(lfs2_mount(&world->fs, &world->config), 0);
    CHECK_EQ(lfs2_fs_grow(&world->fs, 64), 0);
    lfs2_unmount(&world->fs);
    world->config.block_count = 64;
    check_found(world);
    CHECK(mounts(world));
    end_world(world);
}

/* As a changed byte may be one of a commit that littlefs does not need, both say so. */
TEST(every_changed_byte_of_its_first_commits_is_judged_as_by_littlefs) {
    world_t *world = new_world(4096, 64);
    unsigned none = 0;
    for (unsigned block = 0; block < 2; block++) {
        // Without the other one.
        memset(at(&world->config, !block, 0), 0, 4096);
        CHECK_EQ(lfs2_format(&world->fs, &world->config), 0);
        memset(at(&world->config, !block, 0), 0, 4096);
        CHECK(mounts(world));
        for (unsigned offset = 0; offset < 128; offset++) {
            for (unsigned bit = 0; bit < 8; bit++) {
                *at(&world->config, block, offset) ^= 1 << bit;
                fs_probe_t found = disk_world_probe(&world->disk);
                CHECK_EQ(found.kind == FS_KIND_LITTLEFS && !found.problem, mounts(world));
                none += found.kind != FS_KIND_LITTLEFS;
                *at(&world->config, block, offset) ^= 1 << bit;
            }
        }
    }
    CHECK(none > 500);
    end_world(world);
}
