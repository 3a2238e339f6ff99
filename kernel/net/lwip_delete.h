/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Included ahead of lwIP's api_lib.c. Where threads share connections, lwIP 2.2.1 frees what a closed one has left without the
 * lock: of a listener also the connections that nobody has accepted, which it aborts. Here it has the lock. */

#include "lwip/priv/api_msg.h"
#include "lwip/tcpip.h"

static inline void lwip_free_locked(struct netconn *conn) {
    LOCK_TCPIP_CORE();
    netconn_free(conn);
    UNLOCK_TCPIP_CORE();
}

#define netconn_free lwip_free_locked
