# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors

# The files of lwIP that the network is made of, below its src/ and without their .c. In the place of core/timeouts.c
# stands kernel/net/timers.c.

# What every packet passes is compiled to be fast,
LWIP_FAST = netif/ethernet $(addprefix core/,inet_chksum pbuf tcp_in tcp_out udp) \
    core/ipv4/etharp core/ipv4/ip4 core/ipv6/ethip6 core/ipv6/ip6

# the rest to be small.
LWIP_SMALL = $(addprefix api/,api_lib api_msg err netbuf netifapi sockets tcpip) $(addprefix apps/mdns/,mdns mdns_domain mdns_out) \
    $(addprefix core/,def dns init ip mem memp netif raw stats sys tcp) \
    $(addprefix core/ipv4/,acd autoip dhcp icmp igmp ip4_addr ip4_frag) \
    $(addprefix core/ipv6/,icmp6 inet6 ip6_addr ip6_frag mld6 nd6)

LWIP_DIRECTORIES = api apps/mdns netif core core/ipv4 core/ipv6
