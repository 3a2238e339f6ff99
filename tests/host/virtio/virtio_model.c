/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include "tests/host/check.h"
#include "tests/host/virtio/machine.h"
#include "tests/host/virtio/virtio_model.h"

#define NO_VECTOR 0xffff

/* Device status: 2.1. */
#define ACKNOWLEDGE 1
#define DRIVER 2
#define DRIVER_OK 4
#define FEATURES_OK 8
#define NEEDS_RESET 64

/* Where registers lie: of BAR 0; with QEMU of BAR 4, and the table of BAR 1. */
typedef struct _layout_t {
    unsigned bar, table_bar;
    uint32_t bar_size, table_bar_size, common, isr, config, notify, len, table;
} layout_t;

static const layout_t layouts[] = {
    [RULES_CLOUD_HYPERVISOR] = { 0, 0, 0x80000, 0x80000, 0x0000, 0x2000, 0x4000, 0x6000, 0x1000, 0x8000 },
    [RULES_QEMU] = { 4, 1, 0x4000, 0x1000, 0x0000, 0x1000, 0x2000, 0x3000, 0x1000, 0x0000 },
};
#define COMMON_LEN 56
#define NOTIFY_STEP 4
#define TABLE_BAR_PADDR 0xfebd1000u

virtio_model_t device;

/* A rule that only a device that lies could have led the driver to break. */
#define RULE(condition) CHECK((condition) || machine.lies)

/* Interrupts: PCI 3.0, 6.8.2 and 6.8.3.4. */

#define MASKED 1u

bool device_may_master(void) {
    return pci_model_get(&device.pci, 4, 2) & 4;
}

static void send_if_unmasked(virtio_vector_t *vector) {
    if (vector->pending && device.msix_on && device_may_master() && !(vector->word[3] & MASKED)) {
        vector->pending = false;
        ++device.interrupts;
        machine_message((uint64_t)vector->word[1] << 32 | vector->word[0], vector->word[2]);
    }
}

void device_interrupt(uint16_t vector) {
    if (vector < device.vector_count && !device.pci.gone) {
        device.vector[vector].pending = true;
        send_if_unmasked(&device.vector[vector]);
    }
}

void device_signal(unsigned queue) {
    virtio_queue_model_t *at = &device.queue[queue];
    if (ring_wants_interrupt(&at->ring)) {
        device_interrupt(at->vector);
    }
}

static uint64_t access_table(uint64_t offset, unsigned width, bool write, uint64_t value) {
    RULE(width == 4 || width == 8);
    RULE(offset / 16 < device.vector_count);
    if (offset / 16 >= device.vector_count || width < 4) {
        return ~0ull;
    }
    virtio_vector_t *vector = &device.vector[offset / 16];
    uint64_t read = 0;
    for (unsigned i = 0; i < width / 4; ++i) {
        uint32_t *word = &vector->word[offset % 16 / 4 + i];
        read |= (uint64_t)*word << 32 * i;
        if (write) {
            // No message may be sent that is half an old one.
            RULE(word == &vector->word[3] || vector->word[3] & MASKED || !device.msix_on);
            *word = value >> 32 * i;
        }
    }
    send_if_unmasked(vector);
    return read;
}

static void config_written(uint8_t offset, unsigned width, uint32_t value) {
    RULE(offset == device.msix_capability + 2 && width == 2);
    if (offset == device.msix_capability + 2 && width == 2) {
        device.msix_on = (value & 0xc000) == 0x8000;
        pci_model_set(&device.pci, offset, 2, (device.vector_count - 1) | (value & 0xc000));
        for (unsigned i = 0; i < device.vector_count; ++i) {
            send_if_unmasked(&device.vector[i]);
        }
    }
}

/* Common configuration: 4.1.4.3, with what a driver must do in what order: 3.1.1. */

static void reset_done(void) {
    for (unsigned i = 0; i < device.queue_count; ++i) {
        virtio_queue_model_t *queue = &device.queue[i];
        ring_stop(&queue->ring);
        queue->ring.size = queue->size_max;
        queue->ring.desc_paddr = queue->ring.avail_paddr = queue->ring.used_paddr = 0;
        queue->vector = NO_VECTOR;
        queue->enabled = false;
    }
    device.status = 0;
    device.live = false;
    device.features_read_back = false;
    device.config_vector = NO_VECTOR;
    device.device_select = device.driver_select = device.queue_select = 0;
    device.accepted = 0;
    ++device.resets;
}

static void go_live(void) {
    device.live = true;
    // Cloud Hypervisor never forgets what was accepted once.
    uint64_t features = device.rules == RULES_QEMU ? device.accepted : device.ever_accepted;
    RULE(features == device.accepted);
    for (unsigned i = 0; i < device.queue_count; ++i) {
        virtio_queue_model_t *queue = &device.queue[i];
        if (queue->enabled) {
            queue->ring.event_idx = features & MODEL_F_EVENT_IDX;
            queue->ring.indirect = features & MODEL_F_INDIRECT_DESC;
            bool ok = ring_start(&queue->ring);
            RULE(ok);
        }
    }
}

static void write_status(uint8_t value) {
    if (!value) {
        device.resetting = device.status ? device.reset_looks : 0;
        if (!device.resetting) {
            reset_done();
        }
        return;
    }
    RULE(!device.resetting);
    RULE(!(device.status & ~value));
    RULE(value & ACKNOWLEDGE);
    if (value & FEATURES_OK && !(device.status & FEATURES_OK)) {
        RULE(value & DRIVER && !(value & DRIVER_OK));
        RULE(device.accepted & MODEL_F_VERSION_1);
        if (device.refuses_features) {
            value &= ~FEATURES_OK;
        }
    }
    bool starts = value & DRIVER_OK && !device.live;
    RULE(!starts || device.features_read_back);
    device.status = value;
    if (starts && (value & 0xf) == 0xf) {
        go_live();
    }
}

static uint8_t read_status(void) {
    if (device.resetting && !--device.resetting) {
        reset_done();
    }
    device.features_read_back = device.features_read_back || device.status & FEATURES_OK;
    return device.status;
}

static virtio_queue_model_t *selected(void) {
    return device.queue_select < device.queue_count ? &device.queue[device.queue_select] : NULL;
}

/* Queues are set up between FEATURES_OK and DRIVER_OK: 3.1.1. */
static void check_sets_up_queues(void) {
    RULE(device.features_read_back && !device.live && !device.resetting);
}

static void write_features(uint32_t value) {
    RULE(device.status & DRIVER && !(device.status & FEATURES_OK));
    if (device.driver_select < 2) {
        uint64_t bits = (uint64_t)value << 32 * device.driver_select;
        RULE(!(bits & ~device.offered));
        device.accepted |= bits & device.offered;
        device.ever_accepted |= device.accepted;
    }
}

static uint16_t checked_vector(uint16_t vector) {
    bool is_none = device.rules == RULES_QEMU && vector >= device.vector_count;
    return is_none || device.refuses_vectors ? NO_VECTOR : vector;
}

static uint64_t *queue_address(virtio_queue_model_t *queue, unsigned offset) {
    uint64_t *addresses[] = { &queue->ring.desc_paddr, &queue->ring.avail_paddr, &queue->ring.used_paddr };
    return addresses[(offset - 0x20) / 8];
}

static void write_queue(unsigned offset, unsigned width, uint64_t value) {
    check_sets_up_queues();
    virtio_queue_model_t *queue = selected();
    RULE(queue && !queue->enabled);
    // Of a liar, notifications may lead here.
    if (!queue || queue->enabled) {
        return;
    }
    if (offset >= 0x20) {
        uint64_t *address = queue_address(queue, offset);
        unsigned shift = offset & 4 ? 32 : 0;
        uint64_t mask = width == 8 ? ~0ull : 0xffffffffull << shift;
        *address = (*address & ~mask) | (value << shift & mask);
    } else if (offset == 0x18) {
        bool ok = value && !(value & (value - 1)) && value <= queue->size_max;
        RULE(ok);
        queue->ring.size = ok ? value : 0; // Of two sizes, no ring comes to be.
    } else if (offset == 0x1a) {
        RULE(value < device.vector_count);
        queue->vector = checked_vector(value);
    } else {
        RULE(offset == 0x1c && value == 1);
        RULE(queue->ring.desc_paddr && queue->ring.avail_paddr && queue->ring.used_paddr);
        queue->enabled = value;
    }
}

static void write_common(unsigned offset, unsigned width, uint64_t value) {
    switch (offset) {
        case 0x00:
            device.device_select = value;
            break;
        case 0x08:
            device.driver_select = value;
            break;
        case 0x0c:
            write_features(value);
            break;
        case 0x10:
            RULE(value < device.vector_count);
            device.config_vector = checked_vector(value);
            break;
        case 0x14:
            write_status(value);
            break;
        case 0x16:
            device.queue_select = value;
            break;
        case 0x18:
        case 0x1a:
        case 0x1c:
        case 0x20 ... 0x37:
            write_queue(offset, width, value);
            break;
        default:
            RULE(!"a register that can be written");
    }
}

static uint64_t read_queue(unsigned offset) {
    const virtio_queue_model_t *queue = selected();
    if (!queue) {
        return offset == 0x1a ? NO_VECTOR : 0;
    }
    switch (offset) {
        case 0x18:
            return queue->ring.size;
        case 0x1a:
            return queue->vector;
        case 0x1c:
            return queue->enabled;
        default:
            return device.queue_select;
    }
}

static uint64_t read_common(unsigned offset) {
    switch (offset) {
        case 0x00:
            return device.device_select;
        case 0x04:
            RULE(device.status & DRIVER);
            return device.device_select < 2 ? (uint32_t)(device.offered >> 32 * device.device_select) : 0;
        case 0x08:
            return device.driver_select;
        case 0x10:
            return device.config_vector;
        case 0x12:
            return device.queue_count;
        case 0x14:
            return read_status();
        case 0x15:
            return device.generation;
        case 0x16:
            return device.queue_select;
        case 0x18 ... 0x1f:
            return read_queue(offset);
        default:
            RULE(!"a register that can be read"); // Write only: 0 with Cloud Hypervisor.
            return 0;
    }
}

static unsigned common_width(unsigned offset) {
    return offset < 0x10 ? 4 : offset < 0x14 ? 2 : offset < 0x16 ? 1 : offset < 0x20 ? 2 : 4;
}

static uint64_t access_common(unsigned offset, unsigned width, bool write, uint64_t value) {
    unsigned natural = common_width(offset);
    bool ok = width == natural || (offset >= 0x20 && width == 8 && offset % 8 == 0);
    RULE(ok && offset % natural == 0);
    if (!ok) {
        return 0;
    }
    if (write) {
        write_common(offset, width, value);
        return 0;
    }
    return read_common(offset);
}

static uint64_t access_config(unsigned offset, unsigned width, bool write) {
    RULE(!write && offset + width <= device.config_len);
    RULE(device.status & DRIVER);
    if (device.config_changed) {
        device.config_changed = false;
        device.generation += device.rules == RULES_CLOUD_HYPERVISOR; // Not sooner: see there.
    }
    uint64_t value = 0;
    if (!write && offset + width <= device.config_len) {
        memcpy(&value, device.config + offset, width);
    }
    return value;
}

/* 4.1.5.2; not before DRIVER_OK: 3.1.1. */
static void notified(uint64_t offset, unsigned width, uint64_t value) {
    uint64_t index = offset / NOTIFY_STEP;
    RULE(width == 2 && offset % NOTIFY_STEP == 0 && index == value);
    RULE(device.live && index < device.queue_count && device.queue[index].ring.live);
    if (index < device.queue_count && device.queue[index].ring.live) {
        ++device.notifications;
        ++device.queue[index].ring.notifications;
        device.queue[index].ring.awake = true;
    }
}

static uint64_t access_bar(unsigned bar, uint64_t offset, unsigned width, bool write, uint64_t value) {
    const layout_t *layout = &layouts[device.rules];
    RULE(pci_model_get(&device.pci, 4, 2) & 2);
    if (bar == layout->table_bar && offset >= layout->table && offset - layout->table < 16 * device.vector_count) {
        return access_table(offset - layout->table, width, write, value);
    }
    if (bar == layout->bar) {
        if (offset - layout->common < COMMON_LEN) {
            return access_common(offset - layout->common, width, write, value);
        }
        if (offset - layout->config < layout->len) {
            return access_config(offset - layout->config, width, write);
        }
        if (offset - layout->notify < layout->len && write) {
            notified(offset - layout->notify, width, value);
            return 0;
        }
    }
    RULE(!"registers");
    return 0;
}

/* Configuration space: 4.1.4, in the order of the two. */

typedef struct _capability_t {
    uint8_t at, len, type;
    uint32_t offset, size;
} capability_t;

static uint8_t add_vendor(uint8_t at, uint8_t next, uint8_t len, uint8_t type, uint32_t offset, uint32_t size) {
    pci_model_set(&device.pci, at, 4, 0x09 | next << 8 | len << 16 | (uint32_t)type << 24);
    pci_model_set(&device.pci, at + 4, 1, type == 5 ? 0 : layouts[device.rules].bar);
    pci_model_set(&device.pci, at + 8, 4, offset);
    pci_model_set(&device.pci, at + 12, 4, size);
    if (type == 2) {
        pci_model_set(&device.pci, at + 16, 4, NOTIFY_STEP);
    }
    return at;
}

static void add_capabilities(void) {
    const layout_t *layout = &layouts[device.rules];
    bool is_qemu = device.rules == RULES_QEMU;
    uint8_t msix = 0x98, access = 0x84, notify = 0x70, config = 0x60, isr = 0x50, common = 0x40;
    pci_model_set(&device.pci, 0x06, 2, 0x10);
    pci_model_set(&device.pci, 0x34, 1, is_qemu ? msix : common);
    add_vendor(common, is_qemu ? 0 : isr, 16, 1, layout->common, is_qemu ? layout->len : COMMON_LEN);
    add_vendor(isr, is_qemu ? common : config, 16, 3, layout->isr, 1);
    add_vendor(config, is_qemu ? isr : notify, 16, 4, layout->config, layout->len);
    add_vendor(notify, is_qemu ? config : access, 20, 2, layout->notify, layout->len);
    add_vendor(access, is_qemu ? notify : msix, 20, 5, 0, 0);
    device.msix_capability = msix;
    // Cloud Hypervisor says that it is on before it is.
    uint32_t control = (device.vector_count - 1) | (is_qemu ? 0 : 0x8000);
    pci_model_set(&device.pci, msix, 4, 0x11 | (is_qemu ? access : 0) << 8 | control << 16);
    pci_model_set(&device.pci, msix + 4, 4, layout->table | layout->table_bar);
    pci_model_set(&device.pci, msix + 8, 4, (is_qemu ? 0x800 : 0x48000) | layout->table_bar);
}

static void on_freed(uint64_t paddr, uint64_t len) {
    for (unsigned i = 0; i < device.queue_count; ++i) {
        bool knows = ring_knows(&device.queue[i].ring, paddr, len);
        RULE(!knows);
        if (knows) {
            ring_stop(&device.queue[i].ring);
            device.queue[i].ring.used_paddr = 0; // It is not written to any more, whatever the device thinks.
        }
    }
}

void device_make(virtio_rules_t rules, unsigned type, uint64_t features, unsigned queues, uint16_t size_max, uint64_t bar) {
    device = (virtio_model_t) { .rules = rules, .offered = features, .queue_count = queues, .vector_count = queues + 1 };
    device.pci = (pci_model_t) { .slot = 3, .access = access_bar, .config_written = config_written };
    pci_model_set(&device.pci, 0x00, 4, 0x1af4 | (0x1040 + type) << 16);
    const layout_t *layout = &layouts[rules];
    pci_model_set_bar(&device.pci, layout->bar, bar, layout->bar_size);
    if (layout->table_bar != layout->bar) {
        pci_model_set_bar(&device.pci, layout->table_bar, TABLE_BAR_PADDR, layout->table_bar_size);
    }
    for (unsigned i = 0; i <= queues; ++i) {
        device.vector[i].word[3] = MASKED;
    }
    for (unsigned i = 0; i < queues; ++i) {
        device.queue[i].size_max = size_max;
        device.queue[i].ring.quiet = device.queue[i].ring.heeds_no_interrupt = rules == RULES_QEMU;
    }
    add_capabilities();
    reset_done();
    // As firmware may have left it.
    device.status = ACKNOWLEDGE | DRIVER;
    machine.freed = on_freed;
}

void device_config_change(void) {
    device.config_changed = true;
    device.generation += device.rules == RULES_QEMU;
    device_interrupt(device.config_vector);
}

void device_needs_reset(void) {
    device.status |= NEEDS_RESET;
    if (device.status & DRIVER_OK) {
        device_interrupt(device.config_vector);
    }
}

void device_take_out(void) {
    device.pci.gone = true;
    for (unsigned i = 0; i < device.queue_count; ++i) {
        ring_stop(&device.queue[i].ring);
    }
}

void device_end(void) {
    for (unsigned i = 0; i < device.queue_count; ++i) {
        ring_stop(&device.queue[i].ring);
    }
}
