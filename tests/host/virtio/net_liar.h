/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* tests/host/virtio/liar.h as a network device. */
#ifndef MICROPY_INCLUDED_TESTS_HOST_VIRTIO_NET_LIAR_H
#define MICROPY_INCLUDED_TESTS_HOST_VIRTIO_NET_LIAR_H

#include "tests/host/virtio/liar.h"
#include "tests/host/virtio/net_model.h"

#define LIAR_FRAME_MAX 66000

/* Called for each frame that an honest device has put into a buffer, before the driver can know. */
static void liar_received(const net_header_t *header, uint32_t len);

/* The same bytes each time: where they come from is what counts. */
static const uint8_t *liar_frame(void) {
    static uint8_t frame[LIAR_FRAME_MAX];
    for (unsigned i = 0; !frame[0] && i < LIAR_FRAME_MAX; ++i) {
        frame[i] = 1 + i % 251;
    }
    return frame;
}

/* 5.1.6.4.1, as far as it was negotiated. */
static net_header_t honest_header(uint8_t what, uint32_t *len) {
    net_header_t header = { .buffers = 1 };
    if (what & 1 && device.accepted & NET_F_GUEST_CSUM) {
        header.flags = what & 2 ? NET_DATA_VALID : NET_NEEDS_CSUM;
        header.csum_start = 34;
        header.csum_offset = what & 4 ? 16 : 6;
    }
    if (what & 8 && header.flags == NET_NEEDS_CSUM && device.accepted & NET_F_GUEST_TSO4) {
        header.gso = NET_TCPV4 | (device.accepted & NET_F_GUEST_ECN ? NET_ECN : 0);
        header.gso_size = 1460;
        *len += 3000;
    }
    return header;
}

static void liar_receive(void) {
    uint8_t what = script_byte();
    uint32_t len = 60 + what;
    net_header_t header;
    if (machine.lies) {
        len = liar_number() % LIAR_FRAME_MAX;
        header = (net_header_t) { script_byte(), script_byte(), liar_number(), liar_number(), liar_number(),
            liar_number(), liar_number() };
    } else {
        header = honest_header(what, &len);
    }
    if (device.queue[NET_RX].ring.live && net_receive(&header, liar_frame(), len)) {
        liar_received(&header, len);
    }
}

static void liar_send(void) {
    uint16_t head = script_number(2);
    if (net_find_taken(&head)) {
        net_end(head);
    }
}

static void liar_change(void) {
    if (liar.changes++ < CHANGES_MAX) {
        net_set_status(script_byte() & (NET_LINK_UP | NET_ANNOUNCE));
        device_config_change();
    }
}

static void liar_step_honestly(uint8_t what) {
    switch (what % 8) {
        case 0:
            net_take();
            break;
        case 1:
            liar_send();
            device_signal(NET_TX);
            break;
        case 2:
            liar_receive();
            break;
        case 3:
            liar_receive();
            device_signal(NET_RX);
            break;
        case 4:
            device_signal(liar_queue());
            break;
        case 5:
            for (unsigned i = 0; i < 8; ++i) {
                net_take();
                liar_send();
            }
            device_signal(NET_TX);
            break;
        case 6:
            for (unsigned i = script_byte() % 8; i; --i) {
                liar_receive();
            }
            device_signal(NET_RX);
            break;
        default:
            what & 0x10 ? (void)net_answer() : liar_change();
            device_signal(NET_CONTROL);
    }
}

/* Something of a header, or an answer. */
static void liar_write(unsigned queue) {
    ring_model_t *ring = &device.queue[queue].ring;
    if (!ring->live) {
        return;
    }
    uint16_t head = script_number(2) % ring->size;
    if (ring->chain[head].pieces) {
        uint8_t byte = script_byte();
        ring_copy(&ring->chain[head], true, script_byte() % (NET_HEADER + 2), &byte, 1);
    }
}

#endif // MICROPY_INCLUDED_TESTS_HOST_VIRTIO_NET_LIAR_H
