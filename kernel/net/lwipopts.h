/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* What is chosen of lwIP: lwip/opt.h has the meaning of each, and the default of all others. */
#ifndef MICROPY_INCLUDED_KERNEL_NET_LWIPOPTS_H
#define MICROPY_INCLUDED_KERNEL_NET_LWIPOPTS_H

#include "kernel/board.h"

/* Threads. One lock for all of it, taken by whoever calls: kernel/net/core.c. */
#define NO_SYS 0
#define LWIP_TCPIP_CORE_LOCKING 1
#define LWIP_TCPIP_CORE_LOCKING_INPUT 1
#define LOCK_TCPIP_CORE() net_lock()
#define UNLOCK_TCPIP_CORE() net_unlock()
#define TCPIP_THREAD_NAME "network"
#define TCPIP_MBOX_SIZE 256
#define LWIP_NETCONN_SEM_PER_THREAD 1
#define LWIP_NETCONN_FULLDUPLEX 1

/* Only while something needs them: kernel/net/timers.c, which stands in the place of core/timeouts.c. */
#define LWIP_TIMERS_CUSTOM 1

/* Memory, as much as kernel/net/net_memory.c grants: there are no pools. The numbers of a pool's elements (MEMP_NUM_...)
 * that are not here limit nothing. */
#define MEM_ALIGNMENT 8
#define MEM_CUSTOM_ALLOCATOR 1
#define MEM_CUSTOM_MALLOC net_malloc
#define MEM_CUSTOM_CALLOC net_calloc
#define MEM_CUSTOM_FREE net_free
#define MEMP_MEM_MALLOC 1
#define LWIP_SUPPORT_CUSTOM_PBUF 1
#define MEMP_NUM_NETCONN BOARD_SOCKETS

/* Of a socket, what waits to be taken: messages, of which each has a packet at least. */
#define DEFAULT_TCP_RECVMBOX_SIZE 2048
#define DEFAULT_UDP_RECVMBOX_SIZE 256
#define DEFAULT_RAW_RECVMBOX_SIZE 64
#define DEFAULT_ACCEPTMBOX_SIZE 256
#define RECV_BUFSIZE_DEFAULT (256 * 1024)

/* Ethernet and IPv4. */
#define ETH_PAD_SIZE 0
#define ARP_TABLE_SIZE 64
#define ARP_QUEUEING 1
#define ETHARP_TRUST_IP_MAC 0
#define IP_REASS_MAX_PBUFS 64
#define IP_SOF_BROADCAST 1
#define IP_SOF_BROADCAST_RECV 1
#define IP_DEFAULT_TTL 64
#define LWIP_RAW 1
#define LWIP_DHCP 1
#define LWIP_DHCP_DOES_ACD_CHECK 0 // It takes 7 seconds; the server knows whose the address is.
#define LWIP_DHCP_MAX_DNS_SERVERS 2
#define DHCP_COARSE_TIMER_SECS 1 // By whole minutes a short lease ends when it should be renewed.
#define DHCP_TIMEOUT_SIZE_T u32_t
/* Of a lease, all that the server gives: by itself lwIP 2.2.1 takes 65535 ticks at most, and lets the address go then. Two of
 * these are as it has them. */
#define DHCP_DEFINE_CUSTOM_TIMEOUTS 1
#define DHCP_SECONDS(seconds) ((seconds) ? (seconds) : 1)
#define DHCP_SET_TIMEOUT_FROM_OFFERED_T0_LEASE(result, dhcp) ((result) = DHCP_SECONDS((dhcp)->offered_t0_lease))
#define DHCP_SET_TIMEOUT_FROM_OFFERED_T1_RENEW(result, dhcp) ((result) = DHCP_SECONDS((dhcp)->offered_t1_renew))
#define DHCP_SET_TIMEOUT_FROM_OFFERED_T2_REBIND(result, dhcp) ((result) = DHCP_SECONDS((dhcp)->offered_t2_rebind))
#define DHCP_NEXT_TIMEOUT_THRESHOLD 60
#define DHCP_REQUEST_BACKOFF_SEQUENCE(tries) ((u16_t)(((tries) < 6 ? 1 << (tries) : 60) * 1000))

#define LWIP_AUTOIP 1
#define LWIP_DHCP_AUTOIP_COOP 1
#define LWIP_DHCP_AUTOIP_COOP_TRIES 3 // That were in vain, for 14 seconds.
#define LWIP_IGMP 1

/* IPv6. A reassembled fragment's header has no room for a pointer of 64 bits: it is kept aside. */
#define LWIP_IPV6 1
#define IPV6_FRAG_COPYHEADER 1
#define LWIP_IPV6_NUM_ADDRESSES 6
#define LWIP_ND6_NUM_NEIGHBORS 32
#define LWIP_ND6_NUM_DESTINATIONS 32
#define LWIP_ND6_RDNSS_MAX_DNS_SERVERS 2

#define LWIP_DNS 1
#define DNS_MAX_SERVERS 4
#define DNS_TABLE_SIZE 8
#define DNS_MAX_TTL 3600 // Seconds: how long kernel/net/timers.c goes back.
#define LWIP_DNS_SUPPORT_MDNS_QUERIES 1

/* The machine's own name, and nothing besides: kernel/net/mdns.c. */
#define LWIP_MDNS_RESPONDER 1
#define LWIP_NUM_NETIF_CLIENT_DATA 1
#define MDNS_MAX_SERVICES 1
#define LWIP_MDNS_SEARCH 0

/* TCP. A window of 512 KiB; a shift by 4 lets it be told. */
#define TCP_MSS 1460
#define LWIP_WND_SCALE 1
#define TCP_RCV_SCALE 4
#define TCP_WND (512 * 1024)
#define TCP_SND_BUF (512 * 1024)
#define TCP_SNDLOWAT 32768
#define TCP_SND_QUEUELEN 1024
#define TCP_MSL 30000 // Milliseconds; TIME-WAIT is twice that.
#define TCP_TMR_INTERVAL 50 // Milliseconds: how long an acknowledgement waits; a retransmission waits for 6 at least.
#define LWIP_TCP_RTO_TIME 1000 // RFC 6298, 2.1.
#define TCP_SYNMAXRTX 12 // As many seconds, and it may not be more.
#define LWIP_TCP_SACK_OUT 1
#define TCP_OOSEQ_MAX_PBUFS 1024 // Of what comes out of order; a window of whole segments is 359.
#define TCP_LISTEN_BACKLOG 1
#define LWIP_TCP_KEEPALIVE 1

/* Interfaces, and the one to oneself, whose packets are received when the lock is given back: kernel/net/core.c. */
#define LWIP_NETIF_LOOPBACK 1
#define LWIP_NETIF_LOOPBACK_MULTITHREADING 0
#define LWIP_LOOPBACK_MAX_PBUFS 4096
#define LWIP_LOOPIF_MULTICAST 1
#define LWIP_NETIF_HOSTNAME 1
#define LWIP_NETIF_EXT_STATUS_CALLBACK 1
#define LWIP_NETIF_API 1
#define LWIP_CHECKSUM_CTRL_PER_NETIF 1

/* Sockets, by the names with lwip_. lwip_poll() is not used, but what it looks at is: kernel/net/socket.c. */
#define LWIP_COMPAT_SOCKETS 0
#define LWIP_POSIX_SOCKETS_IO_NAMES 0
#define LWIP_SOCKET_SELECT 0
#define LWIP_SOCKET_POLL 1
#define LWIP_SOCKET_MAX_MEMBERSHIPS 16
#define LWIP_SO_SNDTIMEO 1
#define LWIP_SO_RCVTIMEO 1
#define LWIP_SO_SNDRCVTIMEO_NONSTANDARD 1
#define LWIP_SO_RCVBUF 1
#define LWIP_SO_LINGER 1
#define LWIP_FIONREAD_LINUXMODE 1
#define LWIP_NETBUF_RECVINFO 1
#define SO_REUSE 1
#define SO_REUSE_RXTOALL 1

/* Counted is what kernel/net/timers.c looks at. */
#define LWIP_STATS 1
#define LINK_STATS 0
#define ETHARP_STATS 1
#define IP_STATS 0
#define IPFRAG_STATS 1
#define ICMP_STATS 0
#define IGMP_STATS 0
#define UDP_STATS 0
#define TCP_STATS 0
#define MEM_STATS 0
#define MEMP_STATS 0
#define SYS_STATS 0
#define IP6_STATS 0
#define ICMP6_STATS 0
#define IP6_FRAG_STATS 1
#define MLD6_STATS 0
#define ND6_STATS 0

/* RFC 6528. */
#define LWIP_HOOK_TCP_ISN net_tcp_isn

/* In tcp_in.c, with a function of its own: a segment, before it goes to a connection or who listens. */
#define LWIP_HOOK_TCP_INPACKET_PCB(pcb, segment, optlen, opt1len, opt2, p) \
    ((pcb)->state == TIME_WAIT || (pcb)->state == LISTEN ? net_tcp_syn(pcb, segment, tcp_listen_input) \
        : net_tcp_fits(pcb, segment, p))
#define LWIP_HOOK_IP4_ROUTE_SRC net_route
#define LWIP_HOOK_FILENAME "kernel/net/hooks.h"

#if defined(KERNEL_DEBUG) || defined(__SANITIZE_THREAD__)
#define LWIP_ASSERT_CORE_LOCKED() net_check_locked()
#endif

#endif // MICROPY_INCLUDED_KERNEL_NET_LWIPOPTS_H
