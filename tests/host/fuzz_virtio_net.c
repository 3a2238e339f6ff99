/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Virtio network devices, from the search for the function to the last interrupt. The input says what the device is,
 * what it does at each point where it can do something, what its users do, and whether it may lie.
 *
 * Whatever happens, each buffer and frame comes back once, what is said of a frame lies within it, and the driver keeps
 * to its own memory. Where the device is honest, nothing is lost: no frame, no notification, no interrupt. */

#include "tests/host/check.h"
#include "tests/host/virtio/machine.h"
#include "tests/host/virtio/net_liar.h"
#include "tests/host/virtio/net_user.h"
#include "tests/host/virtio/points.h"
#include "tests/host/virtio/script.h"

#define BUFFERS_MAX 16
#define FRAMES_MAX 64
#define SEGMENTS_MAX 4
#define ETHERNET 14
#define FRAME_MIN 60
#define EXPECTED_MAX 1024

typedef struct _expected_t {
    net_header_t header;
    uint32_t len;
} expected_t;

static struct {
    bool is_running;      /* The driver's user has opened it, and not stopped it. */
    bool is_lost;         /* It did not reset: it is not to be used again. */
    bool is_large;        /* Receive buffers are, each time. */
    bool is_hidden;       /* There are frames that were not shown to the device. */
    expected_t expected[EXPECTED_MAX]; /* What an honest device has received, in order: */
    unsigned expected_first, expected_count; /* what of it the driver has not yet handed on. */
    uint64_t accesses, frames; /* Counted, of all runs. */
} fuzz;

static void forget_expected(void) {
    fuzz.expected_count = 0;
}

static void liar_received(const net_header_t *header, uint32_t len) {
    CHECK(machine.lies || fuzz.expected_count < EXPECTED_MAX);
    if (!machine.lies) {
        fuzz.expected[(fuzz.expected_first + fuzz.expected_count++) % EXPECTED_MAX] = (expected_t) { *header, len };
    }
}

static bool liar_was_shown_all(unsigned queue) {
    const virtqueue_t *rings[] = { &user.net.pair[0].rx.ring, &user.net.pair[0].tx.ring, &user.net.control.ring };
    return queue >= NET_QUEUES || rings[queue]->avail_index == rings[queue]->told_index;
}

static void on_frame(const user_piece_t *buffer, const virtio_net_received_t *received) {
    ++fuzz.frames;
    if (machine.lies) {
        return;
    }
    CHECK(fuzz.expected_count);
    expected_t expected = fuzz.expected[fuzz.expected_first++ % EXPECTED_MAX];
    --fuzz.expected_count;
    CHECK_EQ(received->len, expected.len);
    CHECK(!memcmp(buffer->bytes + NET_HEADER, liar_frame(), expected.len));
    const virtio_net_offload_t *offload = &received->offload;
    CHECK_EQ(offload->checksum == VIRTIO_NET_CHECKSUM_PARTIAL, expected.header.flags == NET_NEEDS_CSUM);
    CHECK_EQ(offload->checksum == VIRTIO_NET_CHECKSUM_VALID, expected.header.flags == NET_DATA_VALID);
    CHECK_EQ(offload->gso | (offload->ecn ? NET_ECN : 0), expected.header.gso);
    CHECK_EQ(offload->gso_size, expected.header.gso_size);
}

/* The driver has got it back, whatever the device thinks. */
static void on_back(const user_piece_t *piece, unsigned queue) {
    ring_model_t *ring = &device.queue[queue].ring;
    if (!ring->live || !machine.lies) {
        return;
    }
    bool before = points.is_elsewhere;
    points.is_elsewhere = true; // It is not the driver that looks at the ring.
    ring_observe(ring);
    for (uint16_t head = 0; head < ring->size; ++head) {
        const ring_chain_t *chain = &ring->chain[head];
        unsigned first = queue == NET_TX; // Before it there is the header.
        if (chain->pieces && chain->count > first && chain->pieces[first].paddr == driver_address(piece->bytes)) {
            ring_forget(ring, head);
        }
    }
    points.is_elsewhere = before;
}

/* The driver has told the device of all that it has shown. */
static void check_told(const ring_model_t *ring) {
    CHECK(!ring->live || ring->awake || ring->avail[1] == ring->taken);
}

/* Who sleeps has been woken, if the device has said that there is more. */
static void check_woken(const ring_model_t *ring, const virtqueue_t *queue, bool sleeps, bool woken) {
    bool is_quiet = !ring->live || ring->signalled != ring->used_index || machine_has_interrupts();
    CHECK(is_quiet || !sleeps || woken || queue->used_index == ring->used_index);
}

/* While nobody is in the driver. */
static void check_nothing_is_lost(void) {
    const virtio_net_pair_t *pair = user.net.pair;
    points.is_elsewhere = true; // It is not the driver that looks at the rings.
    if (!machine.lies && fuzz.is_running) {
        check_told(&device.queue[NET_RX].ring);
        check_told(&device.queue[NET_TX].ring);
        check_woken(&device.queue[NET_RX].ring, &pair->rx.ring, user.receive_wakes, user.receive_woken);
        check_woken(&device.queue[NET_TX].ring, &pair->tx.ring, user.sent_wakes, user.sent_woken);
    }
    points.is_elsewhere = false;
}

/* Each frame counts up from its first byte on. */
static void on_sent(void) {
    for (uint32_t i = 0; !machine.lies && i < net_device.len; ++i) {
        CHECK_EQ(net_device.frame[i], (uint8_t)(net_device.frame[0] + i));
    }
}

/* Users. */

static uint32_t at_most(uint32_t value, uint32_t limit) {
    return value < limit ? value : limit;
}

static void send(void) {
    uint8_t what = script_byte(), frame[4000];
    uint32_t len = FRAME_MIN + 4 * what;
    virtio_net_offload_t offload = { 0 };
    if (what & 1 && user.net.sends_checksum) {
        offload.checksum = VIRTIO_NET_CHECKSUM_PARTIAL;
        offload.csum_start = 34;
        offload.csum_offset = 16;
        if (what & 2 && user.net.sends_tso4) {
            offload.gso = VIRTIO_NET_GSO_TCPV4;
            offload.gso_size = 536;
            offload.headers = 54;
            offload.ecn = what & 4 && user.net.sends_ecn;
            len += 2000;
        }
    }
    for (uint32_t i = 0; i < len; ++i) {
        frame[i] = what + i;
    }
    unsigned segments = at_most(1 + (what >> 3) % SEGMENTS_MAX, user.net.segments_max);
    virtio_net_add_t added = user_send(frame, len, segments, &offload);
    fuzz.is_hidden = fuzz.is_hidden || added == VIRTIO_NET_ADDED;
    CHECK(added != VIRTIO_NET_ADDED || fuzz.is_running || points.is_elsewhere);
    CHECK(added != VIRTIO_NET_STOPPED || !fuzz.is_running || machine.lies || points.is_elsewhere);
}

static void flush(void) {
    fuzz.is_hidden = false; // Before: who adds meanwhile shows it as well.
    virtio_net_tx_flush(user.net.pair);
}

static void receive(unsigned budget) {
    user_receive(budget, 1 + script_byte() % at_most(SEGMENTS_MAX, user.net.receive_max));
}

static void offer(void) {
    user_offer(1 + script_byte() % BUFFERS_MAX, 1);
    virtio_net_rx_flush(user.net.pair);
}

static void stop(void) {
    fuzz.is_running = false;
    bool ok = user_stop();
    forget_expected();
    fuzz.is_hidden = false;
    fuzz.is_lost = fuzz.is_lost || !ok;
    CHECK(ok || machine.lies);
}

static void close_net(void) {
    fuzz.is_running = false;
    bool ok = user_close();
    forget_expected();
    fuzz.is_hidden = false;
    fuzz.is_lost = fuzz.is_lost || !ok;
    CHECK(ok || machine.lies);
}

static void open_net(void) {
    if (fuzz.is_lost) {
        return;
    }
    user.apic_id = 0;
    fuzz.is_running = !user_open(fuzz.is_large);
    fuzz.is_lost = user.net.is_lost;
    CHECK(fuzz.is_running || machine.lies);
    if (fuzz.is_running) {
        offer();
    }
}

static void restart(void) {
    if (fuzz.is_running || fuzz.is_lost) {
        return;
    }
    fuzz.is_running = !user_restart();
    fuzz.is_lost = user.net.is_lost;
    CHECK(fuzz.is_running || machine.lies);
    offer();
}

/* One user's one thing. */
static void use(uint8_t what) {
    machine.looks = 0;
    if (!user.is_open) {
        open_net();
        return;
    }
    switch (what & 15) {
        case 0:
            what & 0x40 ? what & 0x10 ? close_net() : stop() : restart();
            break;
        case 1:
            user_steer(script_number(2) & 0x1ff);
            break;
        case 2:
            if (fuzz.is_running) {
                virtio_net_read_status(&user.net);
            }
            break;
        case 3:
            virtio_needs_reset(&user.net.virtio);
            CHECK(!virtio_net_problem(&user.net) || machine.lies);
            break;
        case 4:
            virtio_net_announced(&user.net);
            break;
        case 5:
            offer();
            break;
        case 6:
        case 7:
            receive(script_byte() % 16);
            break;
        case 8:
            if (user.receive_woken) {
                receive(-1u);
            }
            break;
        case 9:
            user_take_sent(script_byte() % 16);
            break;
        case 10:
            user_wait_sent();
            break;
        default:
            if (user.frames < FRAMES_MAX) {
                send();
            }
            if (what & 0x10) {
                flush();
            }
    }
}

/* Another CPU's frame, or room for one. */
static bool use_elsewhere(void) {
    if (!user.is_open || user.frames >= FRAMES_MAX) {
        return false;
    }
    if (script_byte() & 1) {
        user_take_sent(4);
    } else {
        send();
        flush();
    }
    return true;
}

/* The rest of a run. */

static void make_device(void) {
    static const uint16_t sizes[] = { 2, 4, 8, 16, 64, 128, 256, 1024 };
    static const uint64_t features[] = { NET_F_CSUM, NET_F_GUEST_CSUM,
        NET_F_GUEST_TSO4 | NET_F_GUEST_TSO6 | NET_F_GUEST_ECN, NET_F_HOST_TSO4 | NET_F_HOST_TSO6 | NET_F_HOST_ECN,
        NET_F_STATUS, NET_F_CTRL_VQ | NET_F_GUEST_ANNOUNCE, NET_F_MTU | NET_F_MAC, MODEL_F_EVENT_IDX };
    net_options_t options = net_usual;
    uint8_t kind = script_byte(), chosen = script_byte();
    machine.lies = kind & 1;
    options.rules = kind & 2 ? RULES_QEMU : RULES_CLOUD_HYPERVISOR;
    options.queue_size = sizes[kind >> 5];
    fuzz.is_large = kind & 8;
    options.features = MODEL_F_VERSION_1 | NET_F_MRG_RXBUF;
    for (unsigned i = 0; i < 8; ++i) {
        options.features |= chosen >> i & 1 ? features[i] : 0;
    }
    pci_model_start(kind & 4 ? 1 + (kind >> 4 & 1) : 0, !(kind & 2));
    net_make(&options);
    net_device.on_sent = on_sent;
    pci_model_plug(&device.pci);
    device.reset_looks = script_byte() & 15;
    if (machine.lies) {
        machine.lie = liar_read;
        machine.look_ns = LOOK_NS;
        machine.allocs_left = script_byte();
        machine.vectors_left = script_byte();
        for (unsigned count = script_byte() % 8; count; --count) {
            device.pci.config[script_byte()] = script_byte();
        }
        for (unsigned count = script_byte() % 8; count; --count) {
            device.config[script_byte() % device.config_len] = script_byte();
        }
    }
}

/* The receiver and the device, until nothing happens any more. */
static void run_all(void) {
    do {
        net_run();
        if (user.receive_woken || !user.receive_wakes) {
            user_receive(-1u, 1);
        }
    } while (user.receive_woken || machine_has_interrupts());
}

/* Nothing was lost, if nobody lied. */
static void check_all_came(void) {
    if (fuzz.is_hidden) {
        flush();
    }
    for (unsigned i = 0; i < device.queue_count; ++i) {
        device_signal(i);
    }
    run_all();
    CHECK_EQ(fuzz.expected_count, 0);
    CHECK_EQ(user.bad, 0);
    CHECK(!user.sent_wakes || user.sent_woken || !user.frames);
    user_take_sent(-1u);
    CHECK_EQ(user.frames, 0);
    CHECK(!virtio_net_problem(&user.net));
    // The device knows of the buffers, and the receiver hears of the next frame.
    if (user.buffers) {
        uint64_t received = user.received;
        net_header_t header = { .buffers = 1 };
        CHECK(net_receive(&header, liar_frame(), FRAME_MIN));
        liar_received(&header, FRAME_MIN);
        device_signal(NET_RX);
        run_all();
        CHECK_EQ(user.received, received + 1);
    }
}

/* No more happens than what has begun. */
static void settle(void) {
    points_end();
    machine.looks = 0;
    if (!machine.lies && fuzz.is_running) {
        liar.silent = false;
        check_all_came();
    }
    machine_take_interrupts();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    script.at = data;
    script.left = size;
    machine_start();
    user = (user_t) { .on_frame = on_frame, .on_back = on_back };
    fuzz.is_running = fuzz.is_lost = fuzz.is_hidden = false;
    forget_expected();
    liar.lie_after = liar.changes = 0;
    liar.silent = false;
    make_device();
    points_start(use_elsewhere);
    while (script.left) {
        check_nothing_is_lost();
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
        close_net();
    }
    unsigned left = machine_end();
    CHECK(!left || fuzz.is_lost);
    device_end();
    fuzz.accesses += machine.looks_total;
    return 0;
}

__attribute__((destructor)) static void report(void) {
    fprintf(stderr, "stat::device_steps: %" PRIu64 "\n", liar.steps);
    fprintf(stderr, "stat::register_accesses: %" PRIu64 "\n", fuzz.accesses);
    fprintf(stderr, "stat::frames_received: %" PRIu64 "\n", fuzz.frames);
}
