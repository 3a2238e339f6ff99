/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Data that no honest end sends: beyond the window that it was told, or behind its own last byte. lwIP 2.2.1 cuts what is next,
 * but not all that comes out of order, and then finds more than its window can have: it has a check for that, which would end
 * the machine. */
#include "kernel/net/hooks.h"
#include "lwip/priv/tcp_priv.h"

static bool is_beyond_window(const struct tcp_pcb *pcb, uint32_t start, uint32_t end) {
    return TCP_SEQ_GT(start, pcb->rcv_nxt) && TCP_SEQ_GT(end, pcb->rcv_nxt + pcb->rcv_wnd);
}

/* Of what came out of order, only the last may have a FIN: its numbers are in the host's order. */
static bool is_behind_fin(const struct tcp_pcb *pcb, uint32_t end) {
    const struct tcp_seg *last = pcb->ooseq;
    while (last && last->next) {
        last = last->next;
    }
    return last && TCPH_FLAGS(last->tcphdr) & TCP_FIN && TCP_SEQ_GT(end, last->tcphdr->seqno + last->len);
}

/* RFC 9293, 3.10.7.4: what cannot be is answered by where we are. A reset and a SYN are lwIP's to judge. */
err_t net_tcp_fits(struct tcp_pcb *pcb, const struct tcp_hdr *segment, const struct pbuf *p) {
    uint8_t flags = TCPH_FLAGS(segment);
    uint32_t end = segment->seqno + p->tot_len;
    bool ends = flags & TCP_FIN;
    if (pcb->state == SYN_SENT || flags & (TCP_RST | TCP_SYN) || (!p->tot_len && !ends)) {
        return ERR_OK;
    }
    if (!is_beyond_window(pcb, segment->seqno, end + ends) && !is_behind_fin(pcb, end)) {
        return ERR_OK;
    }
    tcp_send_empty_ack(pcb);
    return ERR_VAL;
}
