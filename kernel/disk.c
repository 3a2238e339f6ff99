/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include <string.h>

#include "drivers/lapic.h"
#include "kernel/console.h"
#include "kernel/cpus.h"
#include "kernel/devices.h"
#include "kernel/disk_io.h"
#include "kernel/kalloc.h"
#include "kernel/message.h"

/* disk_t.events */
enum {
    EVENT_CHANGED = 1,   /* The device has something to say. */
    EVENT_GONE = 2,      /* It was taken out. Stays. */
};

static mutex_t list_lock; /* Of: */
static disk_t *disks;

static void say(const disk_t *disk, const char *what, const char *why) {
    console_report(disk->name, what, why);
}

/* Queue n is that of CPU n, once that runs. */
static uint32_t apic_id_of(unsigned queue) {
    uint64_t address;
    uint32_t id = cpus_get(queue < cpus_count() ? queue : 0)->boot.apic_id;
    return lapic_message_address(id, &address) ? id : cpus_get(0)->boot.apic_id;
}

static void on_change(virtio_blk_t *blk) {
    disk_t *disk = (disk_t *)((uint8_t *)blk - offsetof(disk_t, blk));
    __atomic_fetch_or(&disk->events, EVENT_CHANGED, __ATOMIC_SEQ_CST);
    devices_signal();
}

static bool is_gone(const disk_t *disk) {
    return __atomic_load_n(&disk->events, __ATOMIC_SEQ_CST) & EVENT_GONE;
}

bool disk_is_there(const disk_t *disk) {
    return !is_gone(disk) && !disk->problem;
}

/* The lock of recovery is held for these. */

static void stop_for_good(disk_t *disk, const char *why) {
    disk->problem = why;
    say(disk, "it is not used any more", why);
}

static void restart(disk_t *disk, int error) {
    disk->gone_error = error;
    const char *lie = virtio_blk_problem(&disk->blk);
    bool ok = virtio_blk_stop(&disk->blk);
    const char *problem = lie ? lie : ok ? virtio_blk_restart(&disk->blk) : "it does not reset";
    if (problem) {
        stop_for_good(disk, problem);
    }
}

static void see_to(disk_t *disk) {
    uint32_t events = __atomic_fetch_and(&disk->events, ~EVENT_CHANGED, __ATOMIC_SEQ_CST);
    if (disk->problem || !(events & EVENT_CHANGED) || events & EVENT_GONE) {
        return;
    }
    if (virtio_blk_problem(&disk->blk)) {
        restart(disk, DISK_EIO);
    } else if (virtio_needs_reset(&disk->blk.virtio)) {
        say(disk, "the device wants a reset, and gets it", NULL);
        restart(disk, DISK_EIO);
    } else if (!virtio_blk_read_capacity(&disk->blk)) {
        say(disk, "its new capacity cannot be read", NULL);
    }
}

void disks_check(void) {
    mutex_lock(&list_lock);
    for (disk_t *disk = disks; disk; disk = disk->next) {
        mutex_lock(&disk->recovery);
        see_to(disk);
        mutex_unlock(&disk->recovery);
    }
    mutex_unlock(&list_lock);
}

uint32_t disk_completions(const disk_t *disk) {
    uint32_t sum = 0;
    for (unsigned i = 0; i < disk->blk.queue_count; ++i) {
        sum += __atomic_load_n(&disk->blk.queues[i].completions, __ATOMIC_RELAXED);
    }
    return sum;
}

void disk_is_late(disk_t *disk, uint32_t completions) {
    mutex_lock(&disk->recovery);
    if (disk_is_there(disk) && disk_completions(disk) == completions) {
        say(disk, "the device does not answer, and is reset", NULL);
        restart(disk, DISK_ETIMEDOUT);
    }
    mutex_unlock(&disk->recovery);
}

void disk_has_lost(disk_t *disk, const uint32_t *pending, uint32_t seen) {
    mutex_lock(&disk->recovery);
    if (disk_is_there(disk) && __atomic_load_n(pending, __ATOMIC_ACQUIRE) == seen) {
        say(disk, "the device has lost a request, and is reset", NULL);
        restart(disk, DISK_ETIMEDOUT);
    }
    mutex_unlock(&disk->recovery);
}

int disk_await_recovery(disk_t *disk) {
    mutex_lock(&disk->recovery);
    see_to(disk);
    int error = is_gone(disk) ? DISK_ENODEV : disk->problem ? DISK_EIO : 0;
    mutex_unlock(&disk->recovery);
    return error;
}

static message_t *disk_free(kobject_t *object) {
    disk_t *disk = (disk_t *)object;
    virtio_blk_free(&disk->blk);
    kfree(disk, sizeof(*disk));
    return NULL;
}

/* Takes the lowest index that is free, and the place in the list. */
static void enlist(disk_t *disk) {
    disk_t **at = &disks;
    while (*at && (*at)->index == disk->index) {
        ++disk->index;
        at = &(*at)->next;
    }
    disk->next = *at;
    *at = disk;
}

static void name(disk_t *disk) {
    char digits[sizeof(disk->name)];
    unsigned count = 0, rest = disk->index;
    do {
        digits[count++] = '0' + rest % 10;
        rest /= 10;
    } while (rest);
    char *at = disk->name + 4;
    memcpy(disk->name, "disk", 4);
    while (count) {
        *at++ = digits[--count];
    }
    *at = '\0';
}

static void delist(const disk_t *disk) {
    disk_t **at = &disks;
    while (*at != disk) {
        at = &(*at)->next;
    }
    *at = disk->next;
}

static bool is_attached(const pci_function_t *function) {
    mutex_lock(&list_lock);
    const disk_t *disk = disks;
    while (disk && !pci_is_same(&disk->blk.virtio.pci, function)) {
        disk = disk->next;
    }
    mutex_unlock(&list_lock);
    return disk;
}

void disk_attach(const pci_function_t *function) {
    if (is_attached(function)) {
        return;
    }
    disk_t *disk = kalloc(sizeof(*disk));
    if (!disk) {
        console_report("a disk", "it is left out", "no memory for it");
        return;
    }
    memset(disk, 0, sizeof(*disk));
    disk->object = (kobject_t) { 1, disk_free };
    disk->blk.on_change = on_change;
    disk->gone_error = DISK_EIO;
    spin_init(&disk->lock, LOCK_RANK_DISK);
    mutex_lock(&list_lock);
    enlist(disk);
    name(disk);
    const char *problem = virtio_blk_open(&disk->blk, function, disk->name, cpus_usable(), apic_id_of);
    if (problem) {
        say(disk, "the device cannot be used", problem);
        delist(disk);
        kfree(disk, sizeof(*disk));
    }
    mutex_unlock(&list_lock);
}

void disk_detach(uint16_t segment, uint8_t slot) {
    mutex_lock(&list_lock);
    for (disk_t *disk = disks, *next; disk; disk = next) {
        next = disk->next;
        if (disk->blk.virtio.pci.segment != segment || disk->blk.virtio.pci.slot != slot) {
            continue;
        }
        mutex_lock(&disk->recovery);
        __atomic_fetch_or(&disk->events, EVENT_GONE, __ATOMIC_SEQ_CST);
        disk->gone_error = DISK_ENODEV;
        virtio_blk_stop(&disk->blk);
        virtio_blk_disconnect(&disk->blk);
        mutex_unlock(&disk->recovery);
        delist(disk);
        disk_release(disk);
    }
    mutex_unlock(&list_lock);
}

disk_t *disk_find_from(unsigned index) {
    mutex_lock(&list_lock);
    disk_t *disk = disks;
    while (disk && disk->index < index) {
        disk = disk->next;
    }
    if (disk) {
        kobject_hold(&disk->object);
    }
    mutex_unlock(&list_lock);
    return disk;
}

void disk_release(disk_t *disk) {
    kobject_release(&disk->object);
}

void disks_steer(void) {
    mutex_lock(&list_lock);
    for (disk_t *disk = disks; disk; disk = disk->next) {
        virtio_blk_steer(&disk->blk, apic_id_of);
    }
    mutex_unlock(&list_lock);
}

void disks_flush(void) {
    mutex_lock(&list_lock);
    for (disk_t *disk = disks; disk; disk = disk->next) {
        disk_settle(disk);
        if (disk_is_there(disk) && disk->blk.can_flush && !disk->blk.readonly) {
            disk_command(disk, VIRTIO_BLK_FLUSH, 0, 0);
        }
    }
    mutex_unlock(&list_lock);
}

uint64_t disk_size(const disk_t *disk) {
    return __atomic_load_n(&disk->blk.sectors, __ATOMIC_RELAXED) * VIRTIO_BLK_SECTOR;
}
