/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include "kernel/net/core.h"
#include "kernel/net/net_memory.h"
#include "kernel/net/net_random.h"
#include "kernel/net/resolve.h"
#include "kernel/net/timer_needs.h"
#include "lwip/dns.h"

enum {
    WAITING,
    ANSWERED,
    ABANDONED, // By who has asked: the answer frees it.
};

/* With the network's lock; `state` is a word to wait on too. */
typedef struct _lookup_t {
    uint32_t state;
    bool found;
    ip_addr_t address;
} lookup_t;

static void on_answer(const char *name, const ip_addr_t *address, void *arg) {
    (void)name;
    lookup_t *lookup = arg;
    --net_lookups;
    if (lookup->state == ABANDONED) {
        net_free(lookup);
        return;
    }
    lookup->found = address;
    if (address) {
        lookup->address = *address;
    }
    __atomic_store_n(&lookup->state, ANSWERED, __ATOMIC_RELEASE);
    wait_wake(&lookup->state, WAKE_ALL);
}

/* Whether it is to be waited for. With the lock. */
static bool ask(const char *name, bool version6, lookup_t *lookup) {
    u8_t type = version6 ? LWIP_DNS_ADDRTYPE_IPV6 : LWIP_DNS_ADDRTYPE_IPV4;
    err_t error = dns_gethostbyname_addrtype(name, &lookup->address, on_answer, lookup, type);
    lookup->found = error == ERR_OK;
    net_lookups += error == ERR_INPROGRESS;
    return error == ERR_INPROGRESS;
}

static wait_result_t await(lookup_t *lookup, uint64_t deadline_ns) {
    wait_result_t result = WAIT_WOKEN;
    while (__atomic_load_n(&lookup->state, __ATOMIC_ACQUIRE) == WAITING && (result == WAIT_WOKEN || result == WAIT_CHANGED)) {
        result = wait_on_interruptible(&lookup->state, WAITING, deadline_ns);
    }
    return result;
}

resolve_t net_resolve(const char *name, bool version6, uint64_t deadline_ns, ip_addr_t *address) {
    lookup_t *lookup = net_start() ? net_calloc(1, sizeof(*lookup)) : NULL;
    if (!lookup) {
        return RESOLVE_NO_MEMORY;
    }
    net_random_seed();
    net_lock();
    bool waits = ask(name, version6, lookup);
    net_unlock();
    wait_result_t waited = waits ? await(lookup, deadline_ns) : WAIT_WOKEN;
    net_lock();
    bool pending = waits && lookup->state == WAITING;
    bool found = !pending && lookup->found;
    *address = lookup->address;
    if (pending) {
        lookup->state = ABANDONED;
    } else {
        net_free(lookup);
    }
    net_unlock();
    return found ? RESOLVE_FOUND
        : !pending ? RESOLVE_NOT_FOUND : waited == WAIT_INTERRUPTED ? RESOLVE_INTERRUPTED : RESOLVE_TIMEOUT;
}
