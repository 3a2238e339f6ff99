/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include <string.h>

#include "kernel/net/core.h"
#include "kernel/net/timers.h"
#include "kernel/page_alloc.h"
#include "kernel/panic.h"
#include "lwip/netif.h"
#include "lwip/sys.h"
#include "lwip/tcpip.h"

/* So many pages must be free: where lwIP's start finds no memory, it cannot go on. */
#define START_PAGES 16

#define CHECKS (NETIF_CHECKSUM_CHECK_IP | NETIF_CHECKSUM_CHECK_UDP | NETIF_CHECKSUM_CHECK_TCP | NETIF_CHECKSUM_CHECK_ICMP \
    | NETIF_CHECKSUM_CHECK_ICMP6)

/* What lwIP keeps in variables: boot/link.ld.S. */
extern uint8_t network_bss_start[], network_bss_end[];

static mutex_t starting;
static bool is_started;
static thread_t *holder; // Who has the lock.
static net_outlet_t *outlets; // With the lock.

bool net_is_started(void) {
    return __atomic_load_n(&is_started, __ATOMIC_ACQUIRE);
}

/* lo, the only one so far: nobody looks at the checksums of what is sent there, and it has no routers. */
static void prepare_lo(void) {
    struct netif *netif;
    NETIF_FOREACH(netif) {
        NETIF_SET_CHECKSUM_CTRL(netif, NETIF_CHECKSUM_DISABLE_ALL);
        netif->rs_count = 0;
    }
}

bool net_start(void) {
    mutex_lock(&starting);
    if (!is_started && page_available_count() >= START_PAGES) {
        memset(network_bss_start, 0, (uintptr_t)network_bss_end - (uintptr_t)network_bss_start);
        net_random_init();
        __atomic_store_n(&holder, thread_current(), __ATOMIC_RELAXED); // Nobody else knows of it yet.
        tcpip_init(NULL, NULL);
        net_lock();
        prepare_lo();
        net_unlock();
        __atomic_store_n(&is_started, true, __ATOMIC_RELEASE);
    }
    bool started = is_started;
    mutex_unlock(&starting);
    return started;
}

void net_add_outlet(net_outlet_t *outlet) {
    outlet->next = outlets;
    outlets = outlet;
}

void net_remove_outlet(net_outlet_t *outlet) {
    net_outlet_t **at = &outlets;
    while (*at != outlet) {
        at = &(*at)->next;
    }
    *at = outlet->next;
}

/* A segment that a device still holds is not sent again (lwip's tcp_out.c), so they are asked for before. */
static void have_timers_run(void) {
    for (net_outlet_t *outlet = outlets; outlet; outlet = outlet->next) {
        outlet->reclaim(outlet);
    }
    timers_catch_up();
}

void net_lock(void) {
    mutex_lock(&lock_tcpip_core);
    __atomic_store_n(&holder, thread_current(), __ATOMIC_RELAXED);
    if (timers_are_due()) {
        have_timers_run();
    }
}

/* Whether there was something. It was never on a wire: its checksums may be left to a device, and nobody looks at them. */
static bool receive_own(struct netif *netif) {
    if (!netif->loop_first) {
        return false;
    }
    u16_t checks = netif->chksum_flags;
    NETIF_SET_CHECKSUM_CTRL(netif, checks & ~CHECKS);
    netif_poll(netif);
    NETIF_SET_CHECKSUM_CTRL(netif, checks);
    return true;
}

static void receive_all_own(void) {
    bool more = true;
    while (more) {
        more = false;
        struct netif *netif;
        NETIF_FOREACH(netif) {
            more |= receive_own(netif);
        }
    }
}

void net_unlock(void) {
    receive_all_own();
    for (net_outlet_t *outlet = outlets; outlet; outlet = outlet->next) {
        outlet->flush(outlet);
    }
    timers_look();
    __atomic_store_n(&holder, NULL, __ATOMIC_RELAXED);
    mutex_unlock(&lock_tcpip_core);
}

void net_check_locked(void) {
    if (__atomic_load_n(&holder, __ATOMIC_RELAXED) != thread_current()) {
        panic("lwIP is called without its lock");
    }
}

int *net_errno(void) {
    return &thread_current()->net_error;
}
