/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Who uses drivers/virtio_blk.c: requests with their data in as many pieces as wanted, shared with the device from submit
 * to done, which comes once. */
#ifndef MICROPY_INCLUDED_TESTS_HOST_VIRTIO_BLK_USER_H
#define MICROPY_INCLUDED_TESTS_HOST_VIRTIO_BLK_USER_H

#include "drivers/virtio_blk.h"

#define USER_REQUESTS 256

typedef enum _user_state_t {
    USER_FREE,
    USER_SUBMITTED,
    USER_DONE,
} user_state_t;

typedef struct _user_request_t {
    virtio_blk_request_t blk;      /* First: it is found by that. */
    user_state_t state;
    unsigned slot;                 /* Where it is kept. */
    uint8_t ended;                 /* The device has ended it, honestly: 1 + its status. */
    virtio_blk_type_t type;
    unsigned queue;
    uint64_t sector;
    uint32_t sectors;
    uint8_t *data;                 /* NULL: it has none. */
    uint32_t len;
    dma_segment_t *segments;       /* Of that, and the driver's. */
} user_request_t;

typedef struct _user_t {
    virtio_blk_t blk;
    bool is_open;
    user_request_t *request[USER_REQUESTS];
    unsigned submitted;            /* How many the driver has. */
    uint64_t done;                 /* Counted. */
    unsigned changes;              /* How often on_change came. */
    uint32_t apic_id;              /* Where interrupts go, that of queue 0; the others follow. */
    void (*on_done)(user_request_t *request); /* Called when one is, while it is still shared; NULL: nothing. */
    bool forgets;                  /* One that is done is freed at once: nobody may read it any more. */
} user_t;

extern user_t user;

/* Finds the function in slot 3 of segment 0, and opens it. What is wrong, or NULL. */
const char *user_open(uint16_t queues_max);

/* Has the device take interrupts elsewhere. */
void user_steer(uint32_t apic_id);

/* Submits a request, and keeps it. `data` is copied where it is written; `segments` pieces of about the same size;
 * `sectors` for a range. NULL: it was not taken, and `*why` says why; else it may be done, and forgotten, already. */
user_request_t *user_submit(unsigned queue, virtio_blk_type_t type, uint64_t sector, const uint8_t *data, uint32_t len,
    unsigned segments, uint32_t sectors, virtio_blk_submit_t *why);

/* Gives back one that is done. */
void user_forget(user_request_t *request);

/* Stops, disconnects and frees; all requests are done and forgotten. What stop() says. */
bool user_close(void);

#endif // MICROPY_INCLUDED_TESTS_HOST_VIRTIO_BLK_USER_H
