/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Virtio block devices, from the search for the function to the last interrupt. The input says what the device is, what
 * it does at each point where it can do something, what its users do, and whether it may lie.
 *
 * Whatever happens, each request is done once, and the driver keeps to its own memory. Where the device is honest,
 * nothing is lost: neither a request, nor a notification, nor an interrupt. */

#include "tests/host/check.h"
#include "tests/host/virtio/blk_liar.h"
#include "tests/host/virtio/blk_user.h"
#include "tests/host/virtio/machine.h"
#include "tests/host/virtio/points.h"
#include "tests/host/virtio/script.h"

#define SECTOR 512
#define SUBMITTED_MAX 64

static struct {
    bool is_running;      /* The driver's user has opened it, and not stopped it. */
    bool is_lost;         /* It did not reset: it is not to be used again. */
    uint64_t accesses, done, runs; /* Counted, of all runs. */
} fuzz;

/* The driver has got the request back, whatever the device thinks. */
static void forget_chain(const user_request_t *request) {
    ring_model_t *ring = &device.queue[request->queue].ring;
    if (!ring->live) {
        return;
    }
    bool before = points.is_elsewhere;
    points.is_elsewhere = true; // It is not the driver that looks at the ring.
    ring_observe(ring);
    for (uint16_t head = 0; head < ring->size; ++head) {
        const ring_chain_t *chain = &ring->chain[head];
        if (chain->pieces && chain->pieces[0].paddr == driver_address(request)) {
            ring_forget(ring, head);
        }
    }
    points.is_elsewhere = before;
}

/* Whether chance, or a liar, could have said so. */
static void on_done(user_request_t *request) {
    uint8_t result = request->blk.result;
    CHECK(result <= VIRTIO_BLK_GONE);
    if (machine.lies) {
        CHECK(result != VIRTIO_BLK_OK || request->blk.status == 0);
        forget_chain(request);
    } else if (result != VIRTIO_BLK_GONE) {
        CHECK(request->ended);
        CHECK_EQ(result == VIRTIO_BLK_OK, request->ended == 1);
    }
    ++fuzz.done;
}

static void on_ended(uint64_t header_paddr, uint8_t status) {
    for (unsigned i = 0; i < USER_REQUESTS; ++i) {
        if (user.request[i] && driver_address(user.request[i]) == header_paddr) {
            CHECK(user.request[i]->state == USER_SUBMITTED || machine.lies);
            user.request[i]->ended = 1 + status;
        }
    }
}

/* Users. */

static uint32_t at_most(uint32_t value, uint32_t limit) {
    return value < limit ? value : limit;
}

static void submit(void) {
    static const virtio_blk_type_t types[] = { VIRTIO_BLK_IN, VIRTIO_BLK_IN, VIRTIO_BLK_IN, VIRTIO_BLK_OUT,
        VIRTIO_BLK_OUT, VIRTIO_BLK_FLUSH, VIRTIO_BLK_GET_ID, VIRTIO_BLK_DISCARD };
    uint8_t kind = script_byte();
    virtio_blk_type_t type = types[kind & 7];
    unsigned queue = (kind >> 3) % user.blk.queue_count;
    uint64_t sector = script_byte();
    uint32_t len = 0, segments = 0, sectors = 0;
    if (type == VIRTIO_BLK_DISCARD) {
        type = sector & 1 ? VIRTIO_BLK_DISCARD : VIRTIO_BLK_WRITE_ZEROES;
        sectors = at_most(1 + script_byte(), sector & 1 ? user.blk.discard_max : user.blk.zeroes_max);
        if (!sectors) {
            return;
        }
    } else if (type == VIRTIO_BLK_GET_ID) {
        len = VIRTIO_BLK_ID_SIZE;
        segments = 1;
    } else if (type != VIRTIO_BLK_FLUSH) {
        uint8_t shape = script_byte();
        len = SECTOR * (1 + shape % 8);
        segments = at_most(1 + shape / 8, user.blk.segments_max);
        if (len / segments >= user.blk.segment_size_max) {
            return;
        }
    }
    virtio_blk_submit_t why;
    user_submit(queue, type, sector, NULL, len, segments, sectors, &why);
    CHECK(why != VIRTIO_BLK_SUBMITTED || fuzz.is_running || points.is_elsewhere);
}

static void stop(void) {
    fuzz.is_running = false;
    bool ok = virtio_blk_stop(&user.blk);
    fuzz.is_lost = fuzz.is_lost || !ok;
    CHECK_EQ(user.submitted, 0);
    CHECK(ok || machine.lies);
}

static void close_disk(void) {
    fuzz.is_running = false;
    bool ok = user_close();
    fuzz.is_lost = fuzz.is_lost || !ok;
    CHECK(ok || machine.lies);
}

static pci_visit_t look_at(const pci_function_t *function, void *count) {
    (void)function;
    return ++*(unsigned *)count == 40 ? PCI_STOP : script_byte() & 1 ? PCI_STOP_AT_GAP : PCI_GO_ON;
}

static void scan(void) {
    unsigned count = 0;
    pci_scan(&pci_model_acpi, look_at, &count);
}

/* One user's one thing. */
static void use(uint8_t what) {
    machine.looks = 0;
    if (!user.is_open) {
        if (what == 5) {
            scan();
        } else if (!fuzz.is_lost) {
            user.apic_id = 0;
            fuzz.is_running = !user_open(1 + (what >> 4));
            fuzz.is_lost = user.blk.is_lost;
            CHECK(fuzz.is_running || machine.lies);
        }
        return;
    }
    switch (what & 15) {
        case 0:
            stop();
            break;
        case 1:
            if (!fuzz.is_running && !fuzz.is_lost) {
                fuzz.is_running = !virtio_blk_restart(&user.blk);
                CHECK(fuzz.is_running || machine.lies);
            }
            break;
        case 2:
            if (what & 0x10) {
                close_disk();
            }
            break;
        case 3:
            user_steer(script_number(2) & 0x1ff);
            break;
        case 4:
            if (fuzz.is_running) {
                virtio_blk_read_capacity(&user.blk);
            }
            break;
        case 5:
            virtio_needs_reset(&user.blk.virtio);
            CHECK(!virtio_blk_problem(&user.blk) || machine.lies);
            break;
        default:
            if (user.submitted < SUBMITTED_MAX) {
                submit();
            }
    }
}

/* Another CPU's request. */
static bool use_elsewhere(void) {
    bool may_use = user.is_open && user.submitted < SUBMITTED_MAX;
    if (may_use) {
        submit();
    }
    return may_use;
}

/* The rest of a run. */

static void make_device(void) {
    static const uint16_t sizes[] = { 4, 8, 16, 64, 128, 256, 512, 1024 };
    static const uint64_t features[] = { BLK_F_SIZE_MAX, BLK_F_SEG_MAX, BLK_F_RO, BLK_F_BLK_SIZE, BLK_F_FLUSH,
        BLK_F_DISCARD | BLK_F_WRITE_ZEROES, BLK_F_MQ, MODEL_F_EVENT_IDX };
    blk_options_t options = blk_usual;
    uint8_t kind = script_byte(), chosen = script_byte(), shape = script_byte(), more = script_byte();
    machine.lies = kind & 1;
    options.rules = kind & 2 ? RULES_QEMU : RULES_CLOUD_HYPERVISOR;
    options.bar = kind & 8 ? 0x3fffff800000 : 0xe7f80000;
    options.queue_size = sizes[kind >> 5];
    options.features = MODEL_F_VERSION_1;
    for (unsigned i = 0; i < 8; ++i) {
        options.features |= chosen >> i & 1 ? features[i] : 0;
    }
    options.features |= more & 0x10 ? MODEL_F_INDIRECT_DESC : 0;
    options.queues = options.features & BLK_F_MQ ? 1 + (shape & 3) : 1;
    options.block_size = shape & 4 ? 4096 : 512;
    options.seg_max = shape >> 4;
    options.size_max = shape & 8 ? 8192 : 0;
    pci_model_start(kind & 4 ? 1 + (kind >> 4 & 1) : 0, !(kind & 2));
    blk_make(&options);
    blk_device.ended = on_ended;
    pci_model_plug(&device.pci);
    device.reset_looks = more & 15;
    if (machine.lies) {
        machine.lie = liar_read;
        machine.look_ns = LOOK_NS;
        machine.allocs_left = script_byte();
        machine.vectors_left = script_byte();
        for (unsigned count = script_byte() % 8; count; --count) {
            device.pci.config[script_byte()] = script_byte();
        }
        for (unsigned count = script_byte() % 8; count; --count) {
            device.config[script_byte() % 60] = script_byte();
        }
    }
}

/* No more happens than what has begun. */
static void settle(void) {
    points_end();
    machine.looks = 0;
    if (!machine.lies) {
        liar.silent = false;
        for (unsigned i = 0; i < device.queue_count; ++i) {
            device_signal(i);
        }
        blk_run();
        CHECK_EQ(user.submitted, 0);
        CHECK(!user.is_open || !virtio_blk_problem(&user.blk));
    }
    machine_take_interrupts();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    script.at = data;
    script.left = size;
    machine_start();
    user = (user_t) { .on_done = on_done, .forgets = true };
    fuzz.is_running = fuzz.is_lost = false;
    liar.lie_after = liar.changes = 0;
    liar.silent = false;
    make_device();
    points_start(use_elsewhere);
    while (script.left) {
        uint8_t what = script_byte();
        if (what & 0x80) {
            use(what & 0x7f);
        } else {
            points.is_elsewhere = true;
            liar_step();
            points.is_elsewhere = false;
            machine_take_interrupts();
        }
    }
    settle();
    if (user.is_open) {
        close_disk();
    }
    CHECK_EQ(user.submitted, 0);
    unsigned left = machine_end();
    CHECK(!left || fuzz.is_lost);
    device_end();
    fuzz.accesses += machine.looks_total;
    ++fuzz.runs;
    return 0;
}

__attribute__((destructor)) static void report(void) {
    fprintf(stderr, "stat::device_steps: %" PRIu64 "\n", liar.steps);
    fprintf(stderr, "stat::register_accesses: %" PRIu64 "\n", fuzz.accesses);
    fprintf(stderr, "stat::requests_done: %" PRIu64 "\n", fuzz.done);
}
