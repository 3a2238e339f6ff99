/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include <string.h>

#include "drivers/virtqueue.h"

/* Descriptors: virtio 1.2, 2.7.5. */
#define DESC_NEXT 1
#define DESC_WRITE 2
#define DESC_INDIRECT 4

_Static_assert(sizeof(dma_segment_t) == 16, "2.7.5");

/* Available ring, in units of 16 bits: 2.7.6. Behind the ring used_event: 2.7.7. */
#define AVAIL_FLAGS 0
#define AVAIL_INDEX 1
#define AVAIL_RING 2
#define AVAIL_NO_INTERRUPT 1

/* Used ring: 2.7.8. Behind it avail_event: 2.7.10. Its elements have two words of 32 bits, at a multiple of 4. */
#define USED_FLAGS 0
#define USED_INDEX 1
#define USED_RING 2
#define USED_ELEMENT 4
#define USED_NO_NOTIFY 1

#define USED_ALIGN 4

typedef struct _layout_t {
    size_t avail, used, slots, heads, size;
} layout_t;

/* All in one piece: the parts that the device sees, then ours. */
static layout_t layout_of(uint16_t size) {
    layout_t layout;
    layout.avail = size * sizeof(dma_segment_t);
    size_t used = layout.avail + 2 * (AVAIL_RING + size + 1);
    layout.used = (used + USED_ALIGN - 1) & ~(size_t)(USED_ALIGN - 1);
    size_t slots = layout.used + 2 * (USED_RING + USED_ELEMENT * size + 1);
    layout.slots = (slots + sizeof(void *) - 1) & ~(sizeof(void *) - 1);
    layout.heads = layout.slots + size * sizeof(virtqueue_slot_t);
    layout.size = layout.heads + size * sizeof(uint16_t);
    return layout;
}

bool virtqueue_alloc(virtqueue_t *queue, uint16_t size) {
    layout_t layout = layout_of(size);
    uint8_t *memory = driver_alloc(layout.size);
    if (!memory) {
        return false;
    }
    queue->desc = (dma_segment_t *)memory;
    queue->avail = (volatile uint16_t *)(memory + layout.avail);
    queue->used = (volatile uint16_t *)(memory + layout.used);
    queue->slots = (virtqueue_slot_t *)(memory + layout.slots);
    queue->heads = (uint16_t *)(memory + layout.heads);
    queue->size = size;
    virtqueue_reset(queue);
    return true;
}

void virtqueue_free(virtqueue_t *queue) {
    if (queue->size) {
        driver_free(queue->desc, layout_of(queue->size).size);
        queue->size = 0;
    }
}

void virtqueue_reset(virtqueue_t *queue) {
    queue->avail[AVAIL_FLAGS] = 0;
    queue->avail[AVAIL_INDEX] = 0;
    queue->avail[AVAIL_RING + queue->size] = 0;
    queue->used[USED_FLAGS] = 0;
    queue->used[USED_INDEX] = 0;
    queue->used[USED_RING + USED_ELEMENT * queue->size] = 0;
    for (uint16_t i = 0; i < queue->size; ++i) {
        queue->slots[i] = (virtqueue_slot_t) { .next = i + 1 };
    }
    queue->free = 0;
    queue->free_count = queue->size;
    queue->chains = 0;
    queue->avail_index = queue->told_index = queue->used_index = 0;
    queue->has_more = queue->quiet = false;
    queue->problem = NULL;
}

void virtqueue_addresses(const virtqueue_t *queue, uint64_t addresses[3]) {
    addresses[0] = driver_address(queue->desc);
    addresses[1] = driver_address((const void *)queue->avail);
    addresses[2] = driver_address((const void *)queue->used);
}

static uint16_t flags_of(unsigned i, unsigned out, unsigned count) {
    return (i + 1 == count ? 0 : DESC_NEXT) | (i < out ? 0 : DESC_WRITE);
}

/* These two take the first descriptors that are free. They return how much the device may write. */

static uint32_t add_chain(virtqueue_t *queue, const dma_segment_t *segments, unsigned out, unsigned count) {
    uint16_t at = queue->free;
    uint32_t writable = 0;
    for (unsigned i = 0; i < count; ++i) {
        uint16_t flags = flags_of(i, out, count), next = queue->slots[at].next;
        queue->desc[at] = (dma_segment_t) { segments[i].paddr, segments[i].len, flags, flags & DESC_NEXT ? next : 0 };
        writable += i < out ? 0 : segments[i].len;
        at = next;
    }
    queue->free = at;
    return writable;
}

/* 2.7.5.3 */
static uint32_t add_table(virtqueue_t *queue, dma_segment_t *segments, unsigned out, unsigned count) {
    uint32_t writable = 0;
    for (unsigned i = 0; i < count; ++i) {
        segments[i].flags = flags_of(i, out, count);
        segments[i].next = i + 1;
        writable += i < out ? 0 : segments[i].len;
    }
    uint32_t size = count * sizeof(*segments);
    queue->desc[queue->free] = (dma_segment_t) { driver_address(segments), size, DESC_INDIRECT, 0 };
    queue->free = queue->slots[queue->free].next;
    return writable;
}

bool virtqueue_add(virtqueue_t *queue, dma_segment_t *segments, unsigned out, unsigned in, void *token) {
    unsigned count = out + in;
    bool is_table = queue->indirect && count > VIRTQUEUE_DIRECT_MAX;
    unsigned takes = is_table ? 1 : count;
    if (queue->problem || takes > queue->free_count) {
        return false;
    }
    uint16_t head = queue->free;
    virtqueue_slot_t *slot = &queue->slots[head];
    slot->writable = is_table ? add_table(queue, segments, out, count) : add_chain(queue, segments, out, count);
    slot->token = token;
    slot->count = takes;
    slot->shown = false;
    queue->free_count -= takes;
    ++queue->chains;
    uint16_t entry = queue->avail_index++ % queue->size;
    queue->avail[AVAIL_RING + entry] = queue->heads[entry] = head;
    return true;
}

/* Whether an index that went from `old` to `new` has passed `event`: 2.7.10.1 (vring_need_event). */
static bool has_passed(uint16_t event, uint16_t new, uint16_t old) {
    return (uint16_t)(new - event - 1) < (uint16_t)(new - old);
}

bool virtqueue_publish(virtqueue_t *queue) {
    uint16_t old = queue->told_index, new = queue->avail_index;
    if (old == new) {
        return false;
    }
    for (uint16_t i = old; i != new; ++i) {
        queue->slots[queue->heads[i % queue->size]].shown = true;
    }
    queue->told_index = new;
    __atomic_store_n(&queue->avail[AVAIL_INDEX], new, __ATOMIC_RELEASE);
    // The device must see the index before it is asked what it wants: 2.7.13.4.1.
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (queue->event_idx) {
        return has_passed(queue->used[USED_RING + USED_ELEMENT * queue->size], new, old);
    }
    return !(queue->used[USED_FLAGS] & USED_NO_NOTIFY);
}

void virtqueue_notify(const virtqueue_t *queue) {
    mmio_write16(queue->notify, queue->index);
}

static void *give_up(virtqueue_t *queue, const char *problem) {
    queue->problem = problem;
    return NULL;
}

static void *take_chain(virtqueue_t *queue, uint16_t head) {
    virtqueue_slot_t *slot = &queue->slots[head];
    void *token = slot->token;
    slot->token = NULL;
    uint16_t last = head;
    for (unsigned i = 1; i < slot->count; ++i) {
        last = queue->slots[last].next;
    }
    queue->slots[last].next = queue->free;
    queue->free = head;
    queue->free_count += slot->count;
    --queue->chains;
    return token;
}

void *virtqueue_take(virtqueue_t *queue, uint32_t *written) {
    if (queue->problem) {
        return NULL;
    }
    uint16_t waiting = __atomic_load_n(&queue->used[USED_INDEX], __ATOMIC_ACQUIRE) - queue->used_index;
    if (!waiting) {
        // Else a device that takes back what it has shown keeps the driver busy for ever.
        return queue->has_more ? give_up(queue, "its used ring went back") : NULL;
    }
    if (waiting > queue->chains) {
        return give_up(queue, "its used ring has more than it was given");
    }
    volatile uint32_t *element =
        (volatile uint32_t *)&queue->used[USED_RING + USED_ELEMENT * (queue->used_index % queue->size)];
    uint32_t id = element[0], len = element[1];
    // What it was not shown would be shown to it when it is somebody else's memory.
    if (id >= queue->size || !queue->slots[id].token || !queue->slots[id].shown) {
        return give_up(queue, "it returned a descriptor that it does not have");
    }
    if (len > queue->slots[id].writable) {
        if (!queue->any_length) {
            return give_up(queue, "it says that it wrote more than it could");
        }
        len = queue->slots[id].writable;
    }
    ++queue->used_index;
    queue->has_more = false;
    *written = len;
    return take_chain(queue, id);
}

bool virtqueue_wait(virtqueue_t *queue) {
    if (queue->event_idx) {
        queue->avail[AVAIL_RING + queue->size] = queue->used_index;
    } else {
        queue->avail[AVAIL_FLAGS] = 0;
    }
    queue->quiet = false;
    // It must see that before the ring is looked at once more: 2.7.7.1.
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    queue->has_more = __atomic_load_n(&queue->used[USED_INDEX], __ATOMIC_ACQUIRE) != queue->used_index;
    return queue->problem || !queue->has_more;
}

void virtqueue_quiet(virtqueue_t *queue) {
    if (queue->quiet) {
        return;
    }
    queue->quiet = true;
    if (queue->event_idx) {
        queue->avail[AVAIL_RING + queue->size] = queue->used_index - 1; // As far ahead as there is: 2.7.10.
    } else {
        queue->avail[AVAIL_FLAGS] = AVAIL_NO_INTERRUPT;
    }
}

void *virtqueue_take_unfinished(virtqueue_t *queue) {
    for (uint16_t i = 0; queue->chains && i < queue->size; ++i) {
        if (queue->slots[i].token) {
            return take_chain(queue, i);
        }
    }
    return NULL;
}
