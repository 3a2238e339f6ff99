/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include "kernel/net/timer_needs.h"
#include "lwip/acd.h"
#include "lwip/dhcp.h"
#include "lwip/dns.h"
#include "lwip/etharp.h"
#include "lwip/igmp.h"
#include "lwip/ip4_frag.h"
#include "lwip/ip6_frag.h"
#include "lwip/mld6.h"
#include "lwip/nd6.h"
#include "lwip/netif.h"
#include "lwip/priv/nd6_priv.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/prot/acd.h"
#include "lwip/prot/dhcp.h"
#include "lwip/stats.h"

/* How long a question for an address goes on: etharp.c, ARP_MAXPENDING. */
#define ARP_PENDING_TICKS 5

/* More ticks change nothing more: of an address's age, of a table that waits for nothing, of all that lives no more than
 * a day without being heard of again. */
#define SHORT_TICKS_MAX 1000
#define DAY_TICKS (24 * 60 * 60)

uint32_t net_lookups;

static uint32_t least(uint32_t a, uint32_t b) {
    return a < b ? a : b;
}

static void repeat(void (*tick)(void), uint32_t count) {
    while (count--) {
        tick();
    }
}

/* What a module is about only its counters tell: it waits for at most so many ticks since one of them changed. */
typedef struct _watch_t {
    uint32_t seen, left;
} watch_t;

static uint32_t watch(watch_t *watch, uint32_t counter, uint32_t ticks) {
    if (watch->seen != counter) {
        *watch = (watch_t) { counter, ticks };
    }
    return watch->left ? 1 : TICKS_NEVER;
}

static void ticked(watch_t *watch, uint32_t count) {
    watch->left -= least(watch->left, count);
}

/* ARP. A question is asked again, then given up; answers that are known only grow old. */
static watch_t arp;

static uint32_t arp_left(void) {
    return watch(&arp, lwip_stats.etharp.xmit, ARP_PENDING_TICKS + 1);
}

static void arp_run(uint32_t count) {
    ticked(&arp, count);
    repeat(etharp_tmr, least(count, ARP_MAXAGE + 1));
}

/* Fragments that wait for others are given up. */
static watch_t fragments4, fragments6;

static uint32_t ip4_left(void) {
    return watch(&fragments4, lwip_stats.ip_frag.recv, IP_REASS_MAXAGE + 2);
}

static void ip4_run(uint32_t count) {
    ticked(&fragments4, count);
    repeat(ip_reass_tmr, least(count, IP_REASS_MAXAGE + 2));
}

static uint32_t ip6_left(void) {
    return watch(&fragments6, lwip_stats.ip6_frag.recv, IPV6_REASS_MAXAGE + 2);
}

static void ip6_run(uint32_t count) {
    ticked(&fragments6, count);
    repeat(ip6_reass_tmr, least(count, IPV6_REASS_MAXAGE + 2));
}

/* DHCP: an answer is awaited. */
static uint32_t dhcp_fine_left(void) {
    uint32_t left = TICKS_NEVER;
    struct netif *netif;
    NETIF_FOREACH(netif) {
        const struct dhcp *dhcp = netif_dhcp_data(netif);
        if (dhcp && dhcp->request_timeout) {
            left = least(left, dhcp->request_timeout);
        }
    }
    return left;
}

static void dhcp_fine_run(uint32_t count) {
    repeat(dhcp_fine_tmr, least(count, SHORT_TICKS_MAX));
}

/* The address is to be renewed. */
static uint32_t dhcp_coarse_left(void) {
    uint32_t left = TICKS_NEVER;
    struct netif *netif;
    NETIF_FOREACH(netif) {
        const struct dhcp *dhcp = netif_dhcp_data(netif);
        if (!dhcp || dhcp->state == DHCP_STATE_OFF) {
            continue;
        }
        if (dhcp->t0_timeout > dhcp->lease_used) {
            left = least(left, dhcp->t0_timeout - dhcp->lease_used);
        }
        if (dhcp->t1_renew_time) {
            left = least(left, dhcp->t1_renew_time);
        }
        if (dhcp->t2_rebind_time) {
            left = least(left, dhcp->t2_rebind_time);
        }
    }
    return left;
}

static void dhcp_coarse_run(uint32_t count) {
    repeat(dhcp_coarse_tmr, count); // A lease may be a year's.
}

/* Whether somebody else has the address is asked; who has made it sure waits for nothing. */
static uint32_t acd_left(void) {
    uint32_t left = TICKS_NEVER;
    struct netif *netif;
    NETIF_FOREACH(netif) {
        for (const struct acd *acd = netif->acd_list; acd; acd = acd->next) {
            if (acd->state != ACD_STATE_OFF && acd->state != ACD_STATE_ONGOING && acd->state != ACD_STATE_PASSIVE_ONGOING) {
                left = least(left, acd->ttw ? acd->ttw : 1);
            }
        }
    }
    return left;
}

static void acd_run(uint32_t count) {
    repeat(acd_tmr, least(count, SHORT_TICKS_MAX));
}

/* A router has asked which groups we are in. */
static uint32_t igmp_left(void) {
    uint32_t left = TICKS_NEVER;
    struct netif *netif;
    NETIF_FOREACH(netif) {
        for (const struct igmp_group *group = netif_igmp_data(netif); group; group = group->next) {
            left = group->timer ? least(left, group->timer) : left;
        }
    }
    return left;
}

static void igmp_run(uint32_t count) {
    repeat(igmp_tmr, least(count, SHORT_TICKS_MAX));
}

static uint32_t mld_left(void) {
    uint32_t left = TICKS_NEVER;
    struct netif *netif;
    NETIF_FOREACH(netif) {
        for (const struct mld_group *group = netif_mld6_data(netif); group; group = group->next) {
            left = group->timer ? least(left, group->timer) : left;
        }
    }
    return left;
}

static void mld_run(uint32_t count) {
    repeat(mld6_tmr, least(count, SHORT_TICKS_MAX));
}

/* Names: an answer is awaited; those that are known only grow old. */
static uint32_t dns_left(void) {
    return net_lookups ? 1 : TICKS_NEVER;
}

static void dns_run(uint32_t count) {
    repeat(dns_tmr, least(count, DNS_MAX_TTL + 1));
}

/* IPv6: a neighbour is asked, whether somebody else has our address, or for routers. How long they, their prefixes and
 * our addresses live matters to nobody before they are used. */
static bool asks_neighbor(void) {
    for (unsigned i = 0; i < LWIP_ND6_NUM_NEIGHBORS; ++i) {
        u8_t state = neighbor_cache[i].state;
        if (state == ND6_INCOMPLETE || state == ND6_DELAY || state == ND6_PROBE || (state == ND6_REACHABLE && neighbor_cache[i].q)) {
            return true;
        }
    }
    return false;
}

static bool asks_for_itself(const struct netif *netif) {
    if (!netif_is_up(netif) || !netif_is_link_up(netif)) {
        return false;
    }
    u8_t first = netif_ip6_addr_state(netif, 0);
    bool asks = netif->rs_count && !ip6_addr_isinvalid(first) && !ip6_addr_isduplicated(first);
    for (unsigned i = 0; i < LWIP_IPV6_NUM_ADDRESSES; ++i) {
        asks = asks || ip6_addr_istentative(netif_ip6_addr_state(netif, i));
    }
    return asks;
}

static uint32_t nd6_left(void) {
    bool asks = asks_neighbor();
    const struct netif *netif;
    NETIF_FOREACH(netif) {
        asks = asks || asks_for_itself(netif);
    }
    return asks ? 1 : TICKS_NEVER;
}

static void nd6_run(uint32_t count) {
    repeat(nd6_tmr, least(count, DAY_TICKS));
}

const timer_need_t timer_needs[TIMER_NEEDS] = {
    { TCP_TMR_INTERVAL, timer_tcp_left, timer_tcp_run },
    { IP_TMR_INTERVAL, ip4_left, ip4_run },
    { ARP_TMR_INTERVAL, arp_left, arp_run },
    { DHCP_COARSE_TIMER_MSECS, dhcp_coarse_left, dhcp_coarse_run },
    { DHCP_FINE_TIMER_MSECS, dhcp_fine_left, dhcp_fine_run },
    { ACD_TMR_INTERVAL, acd_left, acd_run },
    { IGMP_TMR_INTERVAL, igmp_left, igmp_run },
    { DNS_TMR_INTERVAL, dns_left, dns_run },
    { ND6_TMR_INTERVAL, nd6_left, nd6_run },
    { IP6_REASS_TMR_INTERVAL, ip6_left, ip6_run },
    { MLD6_TMR_INTERVAL, mld_left, mld_run },
};
