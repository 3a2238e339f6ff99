/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Included ahead of lwIP's api_msg.c. Where a listener is closed, the connections that nobody has accepted go too; lwIP 2.2.1
 * checks first that they are marked as closed, and marks them not. A macro has that one call go to ours; the others, and the
 * function itself, stay. */

#include "lwip/api.h"

static inline struct netconn *lwip_marked(struct netconn *conn) {
    conn->flags |= NETCONN_FLAG_MBOXINVALID;
    return conn;
}

#define netconn_drain(conn) LWIP_DRAIN_##conn)
#define LWIP_DRAIN_struct netconn_drain(struct
#define LWIP_DRAIN_conn netconn_drain(conn
#define LWIP_DRAIN_msg netconn_drain(msg
#define LWIP_DRAIN_newconn netconn_drain(lwip_marked(newconn)
