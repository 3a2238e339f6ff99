/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include <string.h>

#include "boot/cpu.h"
#include "kernel/clock.h"
#include "kernel/cpu_random.h"
#include "kernel/net/core.h"
#include "kernel/net/hooks.h"
#include "kernel/net/net_random.h"
#include "kernel/random.h"
#include "kernel/siphash.h"

/* RFC 6528, 3: the clock of the sequence numbers ticks every 4 microseconds. */
#define ISN_TICK_NS 4096

static uint64_t key[2], counter; // With the network's lock.
static bool is_seeded;

void net_random_init(void) {
    if (!cpu_random_bytes(key, sizeof(key))) {
        key[0] = rdtsc();
    }
}

void net_random_seed(void) {
    uint64_t seed[2];
    if (!__atomic_load_n(&is_seeded, __ATOMIC_RELAXED) && random_bytes(seed, sizeof(seed))) {
        net_lock();
        key[0] ^= seed[0];
        key[1] ^= seed[1];
        net_unlock();
        __atomic_store_n(&is_seeded, true, __ATOMIC_RELAXED);
    }
}

uint32_t net_random(void) {
    const uint64_t words[] = { counter++, rdtsc() };
    return (uint32_t)siphash(key, words, 2);
}

static void put_address(uint64_t words[2], const ip_addr_t *address) {
    if (IP_IS_V4(address)) {
        words[0] = ip4_addr_get_u32(ip_2_ip4(address));
    } else {
        memcpy(words, ip_2_ip6(address)->addr, sizeof(ip_2_ip6(address)->addr));
    }
}

u32_t net_tcp_isn(const ip_addr_t *local_ip, u16_t local_port, const ip_addr_t *remote_ip, u16_t remote_port) {
    uint64_t words[5] = { 0 };
    put_address(words, local_ip);
    put_address(words + 2, remote_ip);
    // Not what net_random() hashes, by the number of words.
    words[4] = (uint64_t)local_port << 16 | remote_port;
    return (u32_t)(siphash(key, words, 5) + clock_monotonic_ns() / ISN_TICK_NS);
}
