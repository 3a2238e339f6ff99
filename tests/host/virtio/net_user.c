/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include "tests/host/check.h"
#include "tests/host/virtio/machine.h"
#include "tests/host/virtio/net_model.h"
#include "tests/host/virtio/net_user.h"
#include "tests/host/virtio/pci_model.h"

#define SLOT 3
#define ETHERNET 14

user_t user;

static void on_change(virtio_net_t *net) {
    CHECK(net == &user.net && !machine.locks);
    ++user.changes;
}

static void on_receive(virtio_net_pair_t *pair) {
    CHECK(pair == user.net.pair && machine.in_interrupt && !machine.locks);
    user.receive_woken = true;
}

static void on_sent(virtio_net_pair_t *pair) {
    CHECK(pair == user.net.pair && machine.in_interrupt && !machine.locks);
    user.sent_woken = true;
}

static uint32_t apic_id_of(unsigned pair) {
    CHECK_EQ(pair, 0);
    return user.apic_id;
}

/* The receiver sleeps from the start on. */
static void begin(void) {
    user.receive_wakes = true;
    user.receive_woken = user.sent_wakes = user.sent_woken = false;
}

const char *user_open(bool large) {
    pci_function_t function;
    CHECK(!user.is_open);
    if (!pci_find(&pci_model_acpi, 0, SLOT, &function) || virtio_type(&function) != VIRTIO_NET) {
        return "it is not there";
    }
    begin();
    user.net = (virtio_net_t) { .on_change = on_change, .on_receive = on_receive, .on_sent = on_sent };
    const char *problem = virtio_net_open(&user.net, &function, "net0", large, apic_id_of);
    user.is_open = !problem;
    return problem;
}

void user_steer(uint32_t apic_id) {
    user.apic_id = apic_id;
    virtio_net_steer(&user.net, apic_id_of);
}

/* Pieces. */

static user_piece_t *new_piece(user_piece_t **pieces, uint32_t len) {
    unsigned slot = 0;
    while (pieces[slot]) {
        CHECK(++slot < USER_PIECES);
    }
    user_piece_t *piece = malloc(sizeof(*piece) + len);
    CHECK(piece);
    piece->slot = slot;
    piece->len = len;
    machine_share(piece->bytes, len);
    return pieces[slot] = piece;
}

static void forget(user_piece_t **pieces, user_piece_t *piece) {
    CHECK(pieces[piece->slot] == piece);
    pieces[piece->slot] = NULL;
    machine_unshare(piece->bytes);
    free(piece);
}

static user_piece_t *piece_of(user_piece_t **pieces, const uint8_t *bytes) {
    for (unsigned i = 0; i < USER_PIECES; ++i) {
        if (pieces[i] && pieces[i]->bytes == bytes) {
            return pieces[i];
        }
    }
    CHECK(!"what comes back was given");
    abort();
}

/* The first of at least `first` bytes, the others about the same. */
static void cut(const user_piece_t *piece, dma_segment_t *segments, unsigned count, uint32_t first) {
    uint32_t at = 0;
    for (unsigned i = 0; i < count; ++i) {
        uint32_t end = first + (uint64_t)(piece->len - first) * (i + 1) / count;
        segments[i] = dma_segment(driver_address(piece->bytes + at), end - at);
        at = end;
    }
}

static void take_back(user_piece_t *piece, unsigned queue) {
    if (user.on_back) {
        user.on_back(piece, queue);
    }
    user_piece_t **pieces = queue == NET_RX ? user.buffer : user.frame;
    forget(pieces, piece);
    --*(queue == NET_RX ? &user.buffers : &user.frames);
}

/* Receiving. */

void user_offer(unsigned count, unsigned segments) {
    virtio_net_pair_t *pair = user.net.pair;
    while (user.buffers < count) {
        user_piece_t *piece = new_piece(user.buffer, user.net.receive_len);
        memset(piece->bytes, 0xa5, NET_HEADER); // Nothing may be taken for granted.
        dma_segment_t pieces[USER_PIECES];
        cut(piece, pieces, segments, NET_HEADER);
        ++user.buffers;
        if (!virtio_net_rx_offer(pair, piece->bytes, pieces, segments)) {
            --user.buffers;
            forget(user.buffer, piece);
            return;
        }
    }
}

static void check_received(const user_piece_t *buffer, const virtio_net_received_t *received) {
    const virtio_net_offload_t *offload = &received->offload;
    CHECK(received->len >= ETHERNET && received->len <= buffer->len - NET_HEADER);
    CHECK(offload->checksum <= VIRTIO_NET_CHECKSUM_VALID);
    CHECK(!offload->checksum || user.net.receives_checksum);
    if (offload->checksum == VIRTIO_NET_CHECKSUM_PARTIAL) {
        CHECK(offload->csum_start >= ETHERNET);
        CHECK((uint32_t)offload->csum_start + offload->csum_offset + 2 <= received->len);
    }
    CHECK(!offload->gso || user.net.receives_tso);
    if (offload->gso) {
        CHECK(offload->gso == VIRTIO_NET_GSO_TCPV4 || offload->gso == VIRTIO_NET_GSO_TCPV6);
        CHECK(offload->gso_size && offload->gso_size < received->len);
    }
}

void user_receive(unsigned budget, unsigned segments) {
    virtio_net_pair_t *pair = user.net.pair;
    user.receive_wakes = user.receive_woken = false;
    unsigned wanted = user.buffers;
    do {
        virtio_net_received_t received;
        uint8_t *bytes;
        while (budget && (bytes = virtio_net_rx_take(pair, &received))) {
            user_piece_t *buffer = piece_of(user.buffer, bytes);
            if (received.len) {
                check_received(buffer, &received);
                ++user.received;
                if (user.on_frame) {
                    user.on_frame(buffer, &received);
                }
            } else {
                ++user.bad;
            }
            take_back(buffer, NET_RX);
            --budget;
        }
        user_offer(wanted, segments);
        virtio_net_rx_flush(pair);
    } while (budget && !(user.receive_wakes = virtio_net_rx_wait(pair)));
}

/* Sending. */

virtio_net_add_t user_send(const uint8_t *frame, uint32_t len, unsigned segments, const virtio_net_offload_t *offload) {
    dma_segment_t pieces[USER_PIECES + 1];
    CHECK(segments <= USER_PIECES && segments <= len);
    if (user.frames == USER_PIECES) {
        return VIRTIO_NET_FULL;
    }
    user_piece_t *piece = new_piece(user.frame, len);
    memcpy(piece->bytes, frame, len);
    cut(piece, pieces + 1, segments, 0);
    ++user.frames;
    virtio_net_add_t result = virtio_net_tx_add(user.net.pair, pieces, segments, offload, piece->bytes);
    if (result != VIRTIO_NET_ADDED) {
        --user.frames;
        forget(user.frame, piece);
    }
    user.full += result == VIRTIO_NET_FULL;
    return result;
}

unsigned user_take_sent(unsigned count) {
    void *tokens[USER_PIECES];
    unsigned taken = virtio_net_tx_take(user.net.pair, tokens, count < USER_PIECES ? count : USER_PIECES);
    CHECK(taken <= count);
    for (unsigned i = 0; i < taken; ++i) {
        take_back(piece_of(user.frame, tokens[i]), NET_TX);
        ++user.sent;
    }
    if (taken) {
        user.sent_wakes = false; // Who waited has room.
    }
    return taken;
}

void user_wait_sent(void) {
    user.sent_woken = false;
    user.sent_wakes = true; // Before: who takes meanwhile makes room as well.
    if (!virtio_net_tx_wait(user.net.pair)) {
        user.sent_wakes = false;
    }
}

/* Ends. */

bool user_stop(void) {
    bool ok = virtio_net_stop(&user.net);
    void *token;
    while ((token = virtio_net_rx_take_unfinished(user.net.pair))) {
        take_back(piece_of(user.buffer, token), NET_RX);
    }
    while ((token = virtio_net_tx_take_unfinished(user.net.pair))) {
        take_back(piece_of(user.frame, token), NET_TX);
    }
    CHECK_EQ(user.buffers + user.frames, 0);
    return ok;
}

const char *user_restart(void) {
    begin();
    return virtio_net_restart(&user.net);
}

bool user_close(void) {
    bool ok = user_stop();
    virtio_net_disconnect(&user.net);
    virtio_net_free(&user.net);
    user.is_open = false;
    return ok;
}
