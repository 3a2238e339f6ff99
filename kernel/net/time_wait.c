/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

#include "kernel/net/time_wait.h"
#include "lwip/priv/tcp_priv.h"

/* The oldest are given up where there are more. A client that makes a new one for each request would fill memory with them,
 * and all are looked through for a packet that belongs to no other. */
#define TIME_WAITS_MAX 512
#define TIME_WAITS_KEPT 256

struct tcp_pcb *time_wait_disown(struct tcp_pcb *pcb) {
    void *owner = pcb->callback_arg;
    if (owner) {
        pcb->callback_arg = NULL;
        TCP_EVENT_ERR(pcb->state, pcb->errf, owner, ERR_CLSD);
    }
    // The socket had no room for it.
    if (pcb->refused_data) {
        pbuf_free(pcb->refused_data);
        pcb->refused_data = NULL;
    }
    return pcb;
}

void time_wait_limit(void) {
    unsigned count = 0;
    struct tcp_pcb *last_kept = NULL;
    for (struct tcp_pcb *pcb = tcp_tw_pcbs; pcb; pcb = pcb->next) {
        last_kept = ++count == TIME_WAITS_KEPT ? pcb : last_kept;
    }
    while (count > TIME_WAITS_MAX && last_kept->next) {
        tcp_abort(time_wait_disown(last_kept->next));
    }
}

void time_wait_tick(void) {
    for (struct tcp_pcb *pcb = tcp_tw_pcbs; pcb; pcb = pcb->next) {
        if (tcp_ticks + 1 - pcb->tmr > 2 * TCP_MSL / TCP_SLOW_INTERVAL) {
            time_wait_disown(pcb);
        }
    }
}
