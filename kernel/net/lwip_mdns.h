/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Included ahead of lwIP's mdns.c. Of a question that says that it goes on, lwIP 2.2.1 keeps the packet for half a second, and
 * then looks for the interface that it came by, which may be gone. It is answered at once: who asks hears more than it must. */

#include "lwip/prot/dns.h"

#undef DNS_FLAG1_TRUNC
#define DNS_FLAG1_TRUNC 0
