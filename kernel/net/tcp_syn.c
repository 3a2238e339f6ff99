/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* A SYN that lwIP would let wait, as something of the past is in its way. */
#include "kernel/net/hooks.h"
#include "kernel/net/time_wait.h"
#include "lwip/ip.h"
#include "lwip/priv/tcp_priv.h"

static struct tcp_pcb_listen *listener_of(const struct tcp_pcb *pcb) {
    struct tcp_pcb_listen *any = NULL, *listener;
    for (listener = tcp_listen_pcbs.listen_pcbs; listener; listener = listener->next) {
        bool hears = listener->netif_idx == NETIF_NO_INDEX || listener->netif_idx == netif_get_index(ip_current_input_netif());
        if (listener->local_port != pcb->local_port || !hears) {
            continue;
        }
        if (ip_addr_eq(&listener->local_ip, &pcb->local_ip)) {
            return listener;
        }
        bool is_family = IP_IS_ANY_TYPE_VAL(listener->local_ip) || IP_ADDR_PCB_VERSION_MATCH_EXACT(listener, &pcb->local_ip);
        if (!any && is_family && ip_addr_isany(&listener->local_ip)) {
            any = listener;
        }
    }
    return any;
}

/* A client that has used all its ports comes back with one that it had a moment ago, of whose connection this end is still
 * in TIME-WAIT. RFC 1122, 4.2.2.13: where the new one begins behind the old one's last number, the old one gives way. lwIP
 * refuses it, or lets the client ask until TIME-WAIT ends, a minute later. */
static err_t reopen(struct tcp_pcb *pcb, const struct tcp_hdr *syn, net_tcp_listen_t listen) {
    struct tcp_pcb_listen *listener = TCP_SEQ_GT(syn->seqno, pcb->rcv_nxt) ? listener_of(pcb) : NULL;
    if (!listener) {
        return ERR_OK;
    }
    tcp_abort(time_wait_disown(pcb));
    listen(listener);
    return ERR_ABRT; // It is done with.
}

/* Of connections that have only begun, the oldest gives way to a new one where there are as many as may wait: who means it
 * answers at once, and those of a flood never. RFC 4987, 3.4. */
static void make_room(const struct tcp_pcb_listen *listener) {
    struct tcp_pcb *oldest = NULL;
    for (struct tcp_pcb *pcb = tcp_active_pcbs; pcb; pcb = pcb->next) {
        if (pcb->state == SYN_RCVD && pcb->listener == listener) {
            oldest = pcb; // Each goes to the list's beginning.
        }
    }
    if (oldest) {
        tcp_abandon(oldest, 0);
    }
}

err_t net_tcp_syn(struct tcp_pcb *pcb, const struct tcp_hdr *segment, net_tcp_listen_t listen) {
    if ((TCPH_FLAGS(segment) & (TCP_SYN | TCP_ACK | TCP_RST | TCP_FIN)) != TCP_SYN) {
        return ERR_OK;
    }
    if (pcb->state == TIME_WAIT) {
        return reopen(pcb, segment, listen);
    }
    const struct tcp_pcb_listen *listener = (const struct tcp_pcb_listen *)pcb;
    if (listener->accepts_pending >= listener->backlog) {
        make_room(listener);
    }
    return ERR_OK;
}
