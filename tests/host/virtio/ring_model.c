/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include "tests/host/check.h"
#include "tests/host/virtio/machine.h"
#include "tests/host/virtio/ring_model.h"

/* A descriptor: 2.7.5. */
#define DESC_SIZE 16
#define DESC_LEN 8
#define DESC_FLAGS 12
#define DESC_NEXT 14
#define FLAG_NEXT 1
#define FLAG_WRITE 2
#define FLAG_INDIRECT 4

/* Both rings, in units of 16 bits: 2.7.6 and 2.7.8. */
#define FLAGS 0
#define INDEX 1
#define RING 2
#define NO_INTERRUPT 1
#define NO_NOTIFY 1

static uint64_t avail_bytes(uint16_t size) {
    return 6 + 2 * size;
}

static uint64_t used_bytes(uint16_t size) {
    return 6 + 8 * size;
}

static bool overlap(uint64_t a, uint64_t a_len, uint64_t b, uint64_t b_len) {
    return a < b + b_len && b < a + a_len;
}

static void *aligned_memory(uint64_t paddr, uint64_t len, unsigned align) {
    return paddr % align ? NULL : machine_memory(paddr, len);
}

/* 2.7 */
static uint8_t *desc_memory(const ring_model_t *ring) {
    return aligned_memory(ring->desc_paddr, ring->size * DESC_SIZE, 16);
}

static uint16_t *avail_memory(const ring_model_t *ring) {
    return aligned_memory(ring->avail_paddr, avail_bytes(ring->size), 2);
}

static uint16_t *used_memory(const ring_model_t *ring) {
    return aligned_memory(ring->used_paddr, used_bytes(ring->size), 4);
}

bool ring_is_sound(const ring_model_t *ring) {
    uint64_t desc_len = ring->size * DESC_SIZE, avail_len = avail_bytes(ring->size), used_len = used_bytes(ring->size);
    return ring->size && desc_memory(ring) && avail_memory(ring) && used_memory(ring)
        && !overlap(ring->desc_paddr, desc_len, ring->avail_paddr, avail_len)
        && !overlap(ring->avail_paddr, avail_len, ring->used_paddr, used_len)
        && !overlap(ring->used_paddr, used_len, ring->desc_paddr, desc_len);
}

bool ring_start(ring_model_t *ring) {
    if (!ring_is_sound(ring)) {
        return false;
    }
    ring->desc = desc_memory(ring);
    ring->avail = avail_memory(ring);
    ring->used = used_memory(ring);
    ring->live = true;
    ring->awake = false;
    ring->seen = ring->taken = ring->used_index = ring->signalled = 0;
    ring->offered = 0;
    ring->chain = calloc(ring->size, sizeof(*ring->chain));
    ring->head_of = calloc(ring->size, sizeof(*ring->head_of));
    CHECK(ring->chain && ring->head_of);
    // The driver has zeroed it, and offers nothing before the device is live.
    CHECK(ring->used[INDEX] == 0 || machine.lies);
    CHECK_EQ(ring->avail[INDEX], 0);
    return true;
}

void ring_stop(ring_model_t *ring) {
    for (unsigned i = 0; ring->live && i < ring->size; ++i) {
        free(ring->chain[i].pieces);
    }
    free(ring->chain);
    free(ring->head_of);
    ring->chain = NULL;
    ring->head_of = NULL;
    ring->live = ring->awake = false;
}

bool ring_knows(const ring_model_t *ring, uint64_t paddr, uint64_t len) {
    return ring->used_paddr && (overlap(ring->desc_paddr, ring->size * DESC_SIZE, paddr, len)
        || overlap(ring->avail_paddr, avail_bytes(ring->size), paddr, len)
        || overlap(ring->used_paddr, used_bytes(ring->size), paddr, len));
}

typedef struct _descriptor_t {
    ring_piece_t piece;
    uint16_t flags, next;
} descriptor_t;

static descriptor_t read_descriptor(const uint8_t *at) {
    descriptor_t desc;
    memcpy(&desc.piece.paddr, at, sizeof(desc.piece.paddr));
    memcpy(&desc.piece.len, at + DESC_LEN, sizeof(desc.piece.len));
    memcpy(&desc.flags, at + DESC_FLAGS, sizeof(desc.flags));
    memcpy(&desc.next, at + DESC_NEXT, sizeof(desc.next));
    desc.piece.writable = desc.flags & FLAG_WRITE;
    return desc;
}

static void add_piece(ring_chain_t *chain, const descriptor_t *desc) {
    const ring_piece_t *piece = &desc->piece;
    CHECK(!(desc->flags & ~(FLAG_NEXT | FLAG_WRITE)));
    CHECK(piece->len);
    CHECK(machine_memory(piece->paddr, piece->len)); // Else it is not the driver's to give.
    // Else one to read is behind one to write.
    CHECK(!chain->count || piece->writable || !chain->pieces[chain->count - 1].writable);
    chain->pieces[chain->count++] = *piece;
}

/* The table that a descriptor names is no longer than the queue, and in the order in which it lies: 2.7.5.3. */
static void read_table(const ring_model_t *ring, ring_chain_t *chain, const descriptor_t *named) {
    CHECK(ring->indirect || machine.lies); // It may have said that it knows them.
    CHECK_EQ(named->flags, FLAG_INDIRECT);
    CHECK(!chain->count);
    unsigned count = named->piece.len / DESC_SIZE;
    CHECK(count && count <= ring->size && named->piece.len % DESC_SIZE == 0);
    chain->table = named->piece;
    chain->table_memory = aligned_memory(named->piece.paddr, named->piece.len, 16);
    CHECK(chain->table_memory);
    for (unsigned at = 0; at < count; ++at) {
        descriptor_t desc = read_descriptor(chain->table_memory + at * DESC_SIZE);
        CHECK_EQ(desc.flags & FLAG_NEXT ? desc.next : count, at + 1);
        add_piece(chain, &desc);
    }
}

/* The device may look there as long as it has the chain. */
static void check_table(const ring_chain_t *chain) {
    if (!chain->table_memory) {
        return;
    }
    CHECK(machine_memory(chain->table.paddr, chain->table.len) == chain->table_memory);
    for (unsigned i = 0; i < chain->count; ++i) {
        descriptor_t desc = read_descriptor(chain->table_memory + i * DESC_SIZE);
        CHECK(desc.piece.paddr == chain->pieces[i].paddr && desc.piece.len == chain->pieces[i].len);
    }
}

/* A chain that the driver offers: 2.7.5, 2.7.5.1 and 2.7.13. */
static void keep_chain(ring_model_t *ring, uint16_t head) {
    CHECK(head < ring->size);
    if (ring->forgets && machine.lies && ring->chain[head].pieces) {
        ring_forget(ring, head);
    }
    ring_chain_t *chain = &ring->chain[head];
    CHECK(!chain->pieces);
    *chain = (ring_chain_t) { .pieces = malloc(ring->size * sizeof(*chain->pieces)) };
    CHECK(chain->pieces);
    descriptor_t desc = { .next = head };
    do {
        uint16_t at = desc.next;
        CHECK(at < ring->size);
        CHECK(!ring->head_of[at]); // Else it is in use, or twice in one chain.
        ring->head_of[at] = 1 + head;
        desc = read_descriptor(ring->desc + at * DESC_SIZE);
        if (desc.flags & FLAG_INDIRECT) {
            read_table(ring, chain, &desc);
        } else {
            add_piece(chain, &desc);
        }
    } while (desc.flags & FLAG_NEXT);
    ++ring->offered;
}

void ring_observe(ring_model_t *ring) {
    uint16_t index = ring->avail[INDEX];
    uint16_t more = index - ring->seen;
    bool leaps = more + ring->offered > ring->size;
    CHECK(!leaps || machine.lies);
    if (leaps) {
        ring->seen = ring->taken = index; // The driver has begun anew: it was told of a reset that was none.
    }
    while (ring->seen != index) {
        keep_chain(ring, ring->avail[RING + ring->seen++ % ring->size]);
    }
}

bool ring_take(ring_model_t *ring, uint16_t *head) {
    ring_observe(ring);
    if (ring->taken == ring->seen) {
        return false;
    }
    if (ring->quiet && !ring->event_idx) {
        ring->used[FLAGS] = NO_NOTIFY;
    }
    *head = ring->avail[RING + ring->taken % ring->size];
    if (*head >= ring->size || !ring->chain[*head].pieces || ring->chain[*head].taken) {
        CHECK(machine.lies); // The device itself wrote that.
        *head = 0;
        while (*head < ring->size && (!ring->chain[*head].pieces || ring->chain[*head].taken)) {
            ++*head;
        }
    }
    ++ring->taken;
    if (*head == ring->size) {
        return false; // The driver has got it back, as the device lied.
    }
    ring->chain[*head].taken = true;
    check_table(&ring->chain[*head]);
    return true;
}

/* 2.7.10: no notification is lost as the ring is looked at once more. */
void ring_sleep(ring_model_t *ring) {
    if (ring->event_idx) {
        ring->used[RING + 4 * ring->size] = ring->taken;
    } else {
        ring->used[FLAGS] = 0;
    }
    ring_observe(ring);
    ring->awake = ring->taken != ring->seen;
    ring->sleeps += !ring->awake;
}

void ring_forget(ring_model_t *ring, uint16_t head) {
    CHECK(ring->chain[head].pieces);
    free(ring->chain[head].pieces);
    ring->chain[head].pieces = NULL;
    --ring->offered;
    for (unsigned i = 0; i < ring->size; ++i) {
        if (ring->head_of[i] == 1 + head) {
            ring->head_of[i] = 0;
        }
    }
}

void ring_push(ring_model_t *ring, uint32_t id, uint32_t len) {
    volatile uint16_t *element = &ring->used[RING + 4 * (ring->used_index % ring->size)];
    element[0] = id;
    element[1] = id >> 16;
    element[2] = len;
    element[3] = len >> 16;
    __atomic_store_n(&ring->used[INDEX], ++ring->used_index, __ATOMIC_RELEASE);
}

void ring_return(ring_model_t *ring, uint16_t head, uint32_t len) {
    ring_forget(ring, head);
    ring_push(ring, head, len);
}

bool ring_wants_interrupt(ring_model_t *ring) {
    uint16_t old = ring->signalled, new = ring->used_index;
    if (!ring->live || old == new) {
        return false;
    }
    ring->signalled = new;
    if (ring->event_idx) {
        // Whether used_event is among those that were returned: 2.7.8.2.
        uint16_t event = ring->avail[RING + ring->size];
        return (uint16_t)(event - old) < (uint16_t)(new - old);
    }
    return !(ring->heeds_no_interrupt && ring->avail[FLAGS] & NO_INTERRUPT);
}

uint32_t ring_len(const ring_chain_t *chain, bool writable) {
    uint32_t len = 0;
    for (unsigned i = 0; i < chain->count; ++i) {
        len += chain->pieces[i].writable == writable ? chain->pieces[i].len : 0;
    }
    return len;
}

uint32_t ring_copy(const ring_chain_t *chain, bool writable, uint32_t offset, uint8_t *bytes, uint32_t len) {
    uint32_t done = 0;
    check_table(chain);
    for (unsigned i = 0; i < chain->count && done < len; ++i) {
        const ring_piece_t *piece = &chain->pieces[i];
        if (piece->writable != writable) {
            continue;
        }
        if (offset >= piece->len) {
            offset -= piece->len;
            continue;
        }
        uint32_t part = piece->len - offset < len - done ? piece->len - offset : len - done;
        uint8_t *memory = machine_memory(piece->paddr + offset, part);
        CHECK(memory); // Else it was given back while the device has it.
        memcpy(writable ? memory : bytes + done, writable ? bytes + done : memory, part);
        done += part;
        offset = 0;
    }
    return done;
}
