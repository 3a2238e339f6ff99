/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* When TCP's timer has something to do: lwip's tcp_fasttmr() and tcp_slowtmr() say what that may be. All connections are
 * netconns'. */
#include "kernel/net/time_wait.h"
#include "kernel/net/timer_needs.h"
#include "lwip/api.h"
#include "lwip/priv/tcp_priv.h"

/* tcp_ticks counts every other tick. */
#define TICKS_EACH 2

/* A thread that was late makes up for so many ticks one by one; beyond that they are one. */
#define RUNS_MAX 4

/* Connections whose socket is closed while the other end takes nothing more: how long each may wait for that, and how many. */
#define ORPHAN_MS 60000
#define ORPHANS_MAX 256

#define WORKS (TF_ACK_DELAY | TF_ACK_NOW | TF_CLOSEPEND | TF_NAGLEMEMERR | TF_RTO)

/* Ticks until `limit` units of tcp_ticks have gone by since `since`. */
static uint32_t ticks_until(uint32_t since, uint32_t limit) {
    uint32_t gone = tcp_ticks - since;
    return gone < limit ? (limit - gone) * TICKS_EACH : 1;
}

/* Whether it is open at this end, or was closed in one direction only: it may stay so for ever. */
static bool may_last(const struct tcp_pcb *pcb) {
    return pcb->state == ESTABLISHED || pcb->state == CLOSE_WAIT || (pcb->state == FIN_WAIT_2 && !(pcb->flags & TF_RXCLOSED));
}

/* Whether a thread wants something of it that could not be done at once. */
static bool is_wanted(const struct netconn *conn) {
    return conn && (conn->state != NETCONN_NONE || conn->flags & NETCONN_FLAG_CHECK_WRITESPACE);
}

static uint32_t left_of(const struct tcp_pcb *pcb) {
    if (!may_last(pcb) || pcb->flags & WORKS || pcb->unsent || pcb->unacked || pcb->refused_data || pcb->ooseq
        || pcb->persist_backoff || is_wanted(pcb->callback_arg)) {
        return 1;
    }
    if (ip_get_option(pcb, SOF_KEEPALIVE) && pcb->state != FIN_WAIT_2) {
        uint32_t silence = pcb->keep_idle + pcb->keep_cnt_sent * pcb->keep_intvl;
        return ticks_until(pcb->tmr, silence / TCP_SLOW_INTERVAL + 1);
    }
    return TICKS_NEVER;
}

uint32_t timer_tcp_left(void) {
    uint32_t left = TICKS_NEVER;
    for (const struct tcp_pcb *pcb = tcp_active_pcbs; pcb && left > 1; pcb = pcb->next) {
        uint32_t mine = left_of(pcb);
        left = mine < left ? mine : left;
    }
    if (tcp_tw_pcbs) {
        // The first is the newest: they are freed together.
        uint32_t newest = ticks_until(tcp_tw_pcbs->tmr, 2 * TCP_MSL / TCP_SLOW_INTERVAL + 1);
        left = newest < left ? newest : left;
    }
    return left;
}

/* What was sent to try a closed window may have been all there was: lwIP 2.2.1 goes on to try with nothing, and has a check
 * that there is something, which would end the machine. */
static void end_vain_probes(void) {
    for (struct tcp_pcb *pcb = tcp_active_pcbs; pcb; pcb = pcb->next) {
        if (!pcb->unsent) {
            pcb->persist_backoff = 0;
        }
    }
}

/* Its socket is closed, and it has more to send. */
static bool is_orphan(const struct tcp_pcb *pcb) {
    return !pcb->callback_arg && (pcb->state == FIN_WAIT_1 || pcb->state == CLOSING);
}

/* lwIP 2.2.1 keeps one for ever whose other end answers that its window is closed. Their `tmr` stands still since they were
 * closed: here it is when the window was last open. */
static void limit_orphans(void) {
    unsigned count = 0;
    for (struct tcp_pcb *pcb = tcp_active_pcbs; pcb; pcb = pcb->next) {
        count += is_orphan(pcb);
    }
    uint32_t patience = count > ORPHANS_MAX ? 0 : ORPHAN_MS / TCP_SLOW_INTERVAL;
    for (struct tcp_pcb *pcb = tcp_active_pcbs, *next; pcb; pcb = next) {
        next = pcb->next;
        if (is_orphan(pcb) && !pcb->persist_backoff) {
            pcb->tmr = tcp_ticks;
        } else if (is_orphan(pcb) && tcp_ticks - pcb->tmr > patience) {
            tcp_abort(pcb);
        }
    }
}

/* Those in which nothing was to do are counted only. */
void timer_tcp_run(uint32_t count) {
    static uint32_t uncounted; // Ticks that were not in tcp_ticks yet.
    uint32_t left = timer_tcp_left();
    uint32_t runs = count >= left ? count - left + 1 : 0;
    runs = runs < RUNS_MAX ? runs : RUNS_MAX;
    uncounted += count - runs;
    tcp_ticks += uncounted / TICKS_EACH;
    uncounted %= TICKS_EACH;
    while (runs--) {
        end_vain_probes();
        limit_orphans();
        time_wait_tick();
        tcp_tmr();
    }
    time_wait_limit();
}
