/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Included ahead of lwIP's tcp.c. Where memory for a new connection is missing, lwIP 2.2.1 frees the oldest one in TIME-WAIT: here
 * its socket is told. A macro has the calls of that one's name go to ours; the function itself and its other call stay. */

#include "kernel/net/time_wait.h"
#include "lwip/tcp.h"

static inline struct tcp_pcb *lwip_disowned(struct tcp_pcb *pcb) {
    return pcb->state == TIME_WAIT ? time_wait_disown(pcb) : pcb;
}

#define tcp_abort(pcb) LWIP_ABORT_##pcb)
#define LWIP_ABORT_struct tcp_abort(struct
#define LWIP_ABORT_pcb tcp_abort(pcb
#define LWIP_ABORT_inactive tcp_abort(lwip_disowned(inactive)
