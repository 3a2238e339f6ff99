/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include "tests/host/check.h"
#include "tests/host/virtio/blk_user.h"
#include "tests/host/virtio/machine.h"
#include "tests/host/virtio/pci_model.h"

#define SLOT 3
#define REQUEST_ALIGN 16

user_t user;

static void on_change(virtio_blk_t *blk) {
    CHECK(blk == &user.blk && !machine.locks && !machine.freeing);
    ++user.changes;
}

static uint32_t apic_id_of(unsigned queue) {
    return user.apic_id + queue;
}

const char *user_open(uint16_t queues_max) {
    pci_function_t function;
    CHECK(!user.is_open);
    if (!pci_find(&pci_model_acpi, 0, SLOT, &function) || virtio_type(&function) != VIRTIO_BLK) {
        return "it is not there";
    }
    user.blk = (virtio_blk_t) { .on_change = on_change };
    const char *problem = virtio_blk_open(&user.blk, &function, "disk0", queues_max, apic_id_of);
    user.is_open = !problem;
    return problem;
}

void user_steer(uint32_t apic_id) {
    user.apic_id = apic_id;
    virtio_blk_steer(&user.blk, apic_id_of);
}

static void take_back(user_request_t *request) {
    machine_unshare(request);
    machine_unshare(request->segments);
    if (request->data) {
        machine_unshare(request->data);
    }
}

static void on_done(virtio_blk_request_t *blk) {
    user_request_t *request = (user_request_t *)blk;
    CHECK(request->state == USER_SUBMITTED);
    CHECK(machine.locks);
    request->state = USER_DONE;
    if (user.on_done) {
        user.on_done(request);
    }
    take_back(request);
    --user.submitted;
    ++user.done;
    if (user.forgets) {
        user_forget(request);
    }
}

/* Nothing in it may be taken for granted. */
static void *new_memory(size_t size) {
    void *memory;
    CHECK(posix_memalign(&memory, REQUEST_ALIGN, size) == 0);
    return memset(memory, 0xa5, size);
}

static user_request_t *new_request(const uint8_t *data, uint32_t len, unsigned segments) {
    user_request_t *request = new_memory(sizeof(user_request_t));
    size_t size = (segments + 3) * sizeof(*request->segments); // That of a range too.
    request->segments = new_memory(size);
    machine_share(request->segments, size);
    request->blk.done = on_done;
    request->len = len;
    request->data = len ? malloc(len) : NULL;
    // The device reaches what is its business, and that only.
    machine_share(request, offsetof(virtio_blk_request_t, status) + 1);
    if (len) {
        CHECK(request->data);
        machine_share(request->data, len);
        data ? memcpy(request->data, data, len) : memset(request->data, 0xa5, len);
    }
    return request;
}

static void cut(const user_request_t *request, unsigned count) {
    uint32_t at = 0;
    for (unsigned i = 0; i < count; ++i) {
        uint32_t end = (uint64_t)request->len * (i + 1) / count;
        request->segments[1 + i] = dma_segment(driver_address(request->data + at), end - at);
        at = end;
    }
}

user_request_t *user_submit(unsigned queue, virtio_blk_type_t type, uint64_t sector, const uint8_t *data, uint32_t len,
    unsigned segments, uint32_t sectors, virtio_blk_submit_t *why) {
    unsigned slot = 0;
    while (user.request[slot]) {
        CHECK(++slot < USER_REQUESTS);
    }
    user_request_t *request = new_request(data, len, segments);
    user.request[slot] = request;
    request->type = type;
    request->queue = queue;
    request->sector = sector;
    request->sectors = sectors;
    request->state = USER_SUBMITTED;
    request->slot = slot;
    request->ended = 0;
    ++user.submitted;
    CHECK(segments <= len);
    cut(request, segments);
    uint32_t completions;
    virtio_blk_submit_t result = virtio_blk_submit(&user.blk.queues[queue], &request->blk, type, sector, sectors,
        request->segments, segments, &completions);
    if (why) {
        *why = result;
    } else {
        CHECK_EQ(result, VIRTIO_BLK_SUBMITTED);
    }
    if (result == VIRTIO_BLK_SUBMITTED) {
        return request;
    }
    CHECK(request->state == USER_SUBMITTED);
    take_back(request);
    --user.submitted;
    request->state = USER_DONE;
    user_forget(request);
    return NULL;
}

void user_forget(user_request_t *request) {
    CHECK(request->state == USER_DONE);
    CHECK(user.request[request->slot] == request);
    user.request[request->slot] = NULL;
    free(request->data);
    free(request->segments);
    free(request);
}

bool user_close(void) {
    bool ok = virtio_blk_stop(&user.blk);
    for (unsigned i = 0; i < USER_REQUESTS; ++i) {
        if (user.request[i]) {
            user_forget(user.request[i]);
        }
    }
    CHECK_EQ(user.submitted, 0);
    virtio_blk_disconnect(&user.blk);
    virtio_blk_free(&user.blk);
    user.is_open = false;
    return ok;
}
