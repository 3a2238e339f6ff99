/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Included ahead of lwIP's api_msg.c. Who binds a TCP socket twice has lwIP 2.2.1 put it into a list in which it is already,
 * which then has no end. Here it is an error. */

#include "lwip/tcp.h"

static inline err_t lwip_bind_once(struct tcp_pcb *pcb, const ip_addr_t *address, u16_t port) {
    return pcb->local_port ? ERR_VAL : tcp_bind(pcb, address, port);
}

#define tcp_bind(pcb, address, port) lwip_bind_once(pcb, address, port)
