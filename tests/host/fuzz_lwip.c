/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* lwIP as the kernel has it, with our timers and hooks: a machine that has an address, or asks for one, that listens, answers,
 * looks up names and is known by its own. The input says what frames come, what a program does, and when time passes.
 *
 * Whatever comes, it keeps to its memory, and when the interface is gone and its connections are ended, nothing of them is
 * left. A program that has kept its socket is told when its connection is gone. Sums are not checked, as with a device that
 * has done so. */

#include "tests/host/check.h"

#include "kernel/application.h"
#include "kernel/clock.h"
#include "kernel/net/addresses.h"
#include "kernel/net/core.h"
#include "kernel/net/hooks.h"
#include "kernel/net/mdns.h"
#include "kernel/net/net_memory.h"
#include "kernel/net/net_random.h"
#include "kernel/net/timers.h"
#include "kernel/panic.h"
#include "kernel/system.h"
#include "kernel/thread.h"
#include "lwip/api.h"
#include "lwip/apps/mdns.h"
#include "lwip/dhcp.h"
#include "lwip/dns.h"
#include "lwip/ethip6.h"
#include "lwip/etharp.h"
#include "lwip/init.h"
#include "lwip/nd6.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/raw.h"
#include "lwip/sys.h"
#include "lwip/timeouts.h"
#include "lwip/udp.h"
#include "netif/ethernet.h"

#define NS_PER_MS 1000000ull
#define MEMORY_MAX (4u << 20)
#define ECHO_PORT 7
#define FRAME_MIN 60
#define FRAME_MAX 9014
#define END_S 700 // As long as anything of it may last: a closed connection, a fragment, a name that nobody knows.

static struct {
    size_t used;      // Bytes of memory.
    uint64_t now_ns;
    uint32_t random;
    struct netif netif;
    struct tcp_pcb *listener;
    struct udp_pcb *echo;
    uint64_t frames;  // That came, of all runs.
} fuzz;

// What the kernel has for it.

typedef struct _piece_t {
    _Alignas(16) size_t size;
} piece_t;

void *net_malloc(size_t size) {
    piece_t *piece = fuzz.used + size <= MEMORY_MAX ? malloc(sizeof(*piece) + size) : NULL;
    if (!piece) {
        return NULL;
    }
    piece->size = size;
    fuzz.used += size;
    return piece + 1;
}

void *net_calloc(size_t count, size_t size) {
    CHECK(!size || count <= SIZE_MAX / size);
    void *memory = net_malloc(count * size);
    return memory ? memset(memory, 0, count * size) : NULL;
}

void net_free(void *memory) {
    if (memory) {
        piece_t *piece = (piece_t *)memory - 1;
        fuzz.used -= piece->size;
        free(piece);
    }
}

uint32_t net_random(void) {
    fuzz.random = fuzz.random * 1664525 + 1013904223;
    return fuzz.random >> 8;
}

// The same for all: what the input says comes next in a connection.
u32_t net_tcp_isn(const ip_addr_t *local_ip, u16_t local_port, const ip_addr_t *remote_ip, u16_t remote_port) {
    (void)local_ip;
    (void)local_port;
    (void)remote_ip;
    (void)remote_port;
    return 0x1000;
}

uint64_t clock_monotonic_ns(void) {
    return fuzz.now_ns;
}

u32_t sys_now(void) {
    return (u32_t)(fuzz.now_ns / NS_PER_MS);
}

sys_prot_t sys_arch_protect(void) {
    return 0;
}

void sys_arch_unprotect(sys_prot_t level) {
    (void)level;
}

thread_t *thread_current(void) {
    return NULL;
}

void mailbox_nudge(struct _mailbox_t *mailbox) {
    (void)mailbox;
}

_Noreturn void panic(const char *message) {
    fprintf(stderr, "%s\n", message);
    abort();
}

void net_lock(void) {
}

void net_unlock(void) {
}

void sys_init(void) {
}

// What lwIP's thread would need: there is none.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#define NOBODY_CALLS(result, name, ...) result name(__VA_ARGS__) { \
        panic(#name); \
}
NOBODY_CALLS(void, sys_mbox_post, sys_mbox_t *mailbox, void *message)
NOBODY_CALLS(err_t, sys_mbox_trypost, sys_mbox_t *mailbox, void *message)
NOBODY_CALLS(err_t, sys_mbox_trypost_fromisr, sys_mbox_t *mailbox, void *message)
NOBODY_CALLS(err_t, sys_mbox_new, sys_mbox_t *mailbox, int size)
NOBODY_CALLS(u32_t, sys_arch_mbox_fetch, sys_mbox_t *mailbox, void **message, u32_t timeout)
NOBODY_CALLS(err_t, sys_mutex_new, sys_mutex_t *mutex)
NOBODY_CALLS(sys_thread_t, sys_thread_new, const char *name, lwip_thread_fn fn, void *arg, int stack_size, int priority)
#pragma GCC diagnostic pop

static int error;

int *net_errno(void) {
    return &error;
}

// There are no settings.
const cmdline_t *system_words(void) {
    return NULL;
}

const cmdline_t *application_settings(void) {
    return NULL;
}

const char *system_setting(const char *name) {
    (void)name;
    return NULL;
}

// A locked section of the kernel's: kernel/net/core.c.
static void section_begins(void) {
    if (timers_are_due()) {
        timers_catch_up();
    }
}

static void section_ends(void) {
    struct netif *netif;
    NETIF_FOREACH(netif) {
        for (unsigned i = 0; netif->loop_first && i < 100; ++i) {
            netif_poll(netif);
        }
    }
    timers_look();
}

static void pass(uint32_t ms, uint32_t most) {
    while (ms) {
        uint32_t step = ms < most ? ms : most;
        fuzz.now_ns += step * NS_PER_MS;
        ms -= step;
        section_begins();
        sys_check_timeouts();
        section_ends();
    }
}

// The programs.

static err_t tcp_came(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err) {
    (void)arg;
    (void)err;
    if (!p) {
        return tcp_close(pcb) == ERR_OK ? ERR_OK : ERR_MEM;
    }
    tcp_recved(pcb, p->tot_len);
    for (struct pbuf *at = p; at; at = at->next) {
        (void)tcp_write(pcb, at->payload, at->len, TCP_WRITE_FLAG_COPY);
    }
    (void)tcp_output(pcb);
    pbuf_free(p);
    return ERR_OK;
}

// Sockets that their program has closed in one direction, and keeps: whose connection is gone has been told so.
static struct netconn kept[16];

static void kept_is_gone(void *arg, err_t err) {
    (void)err;
    ((struct netconn *)arg)->pcb.tcp = NULL;
}

static err_t kept_came(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err) {
    (void)arg;
    (void)err;
    if (p) {
        tcp_recved(pcb, p->tot_len);
        pbuf_free(p);
    }
    return ERR_OK;
}

static void keep(struct tcp_pcb *pcb) {
    for (unsigned i = 0; i < LWIP_ARRAYSIZE(kept); ++i) {
        if (!kept[i].pcb.tcp) {
            kept[i].pcb.tcp = pcb;
            tcp_arg(pcb, &kept[i]);
            tcp_err(pcb, kept_is_gone);
            tcp_recv(pcb, kept_came);
            return;
        }
    }
}

static void end_kept(void) {
    for (unsigned i = 0; i < LWIP_ARRAYSIZE(kept); ++i) {
        struct tcp_pcb *pcb = kept[i].pcb.tcp;
        if (pcb) {
            CHECK(pcb->callback_arg == &kept[i]);
            kept[i].pcb.tcp = NULL;
            tcp_arg(pcb, NULL);
            tcp_err(pcb, NULL);
            tcp_abort(pcb);
        }
    }
}

static err_t connection_came(void *arg, struct tcp_pcb *pcb, err_t err) {
    (void)arg;
    if (err == ERR_OK && pcb) {
        tcp_backlog_accepted(pcb);
        tcp_recv(pcb, tcp_came);
        if (pcb->remote_port & 1) {
            keep(pcb);
        }
    }
    return ERR_OK;
}

static err_t tcp_is_connected(void *arg, struct tcp_pcb *pcb, err_t err) {
    (void)arg;
    (void)err;
    return tcp_write(pcb, "hello", 5, 0);
}

static void udp_came(void *arg, struct udp_pcb *pcb, struct pbuf *p, const ip_addr_t *from, u16_t port) {
    (void)arg;
    (void)udp_sendto(pcb, p, from, port);
    pbuf_free(p);
}

static void name_found(const char *name, const ip_addr_t *ip, void *arg) {
    (void)name;
    (void)ip;
    (void)arg;
}

static void act(const uint8_t *data, size_t len) {
    ip_addr_t peer;
    IP_ADDR4(&peer, 10, 0, 0, 1);
    switch (len ? data[0] % 6 : 0) {
        case 0: {
            struct tcp_pcb *pcb = tcp_new();
            if (pcb) {
                tcp_recv(pcb, tcp_came);
                if (tcp_connect(pcb, &peer, 80, tcp_is_connected) != ERR_OK) {
                    tcp_abort(pcb);
                }
            }
            break;
        }
        case 1: {
            ip_addr_t ip;
            (void)dns_gethostbyname_addrtype(len > 1 && data[1] & 1 ? "peer.local" : "peer.example", &ip, name_found, NULL,
                len > 1 && data[1] & 2 ? LWIP_DNS_ADDRTYPE_IPV6_IPV4 : LWIP_DNS_ADDRTYPE_IPV4_IPV6);
            break;
        }
        case 2:
            netif_set_link_down(&fuzz.netif);
            netif_set_link_up(&fuzz.netif);
            break;
        case 3:
            if (tcp_active_pcbs && tcp_active_pcbs->callback_arg) {
                (void)tcp_shutdown(tcp_active_pcbs, 0, 1);
            } else if (tcp_active_pcbs) {
                (void)tcp_close(tcp_active_pcbs);
            }
            break;
        case 4:
            mdns_resp_rename_netif(&fuzz.netif, "other");
            break;
        default:
            if (dhcp_supplied_address(&fuzz.netif)) {
                dhcp_renew(&fuzz.netif);
            }
    }
}

// The machine.

static err_t send_frame(struct netif *netif, struct pbuf *p) {
    (void)netif;
    static uint8_t frame[UINT16_MAX];
    CHECK(pbuf_copy_partial(p, frame, p->tot_len, 0) == p->tot_len); // It lies in memory.
    return ERR_OK;
}

static err_t init_netif(struct netif *netif) {
    static const uint8_t mac[] = { 2, 0, 0, 0, 0, 5 };
    netif->name[0] = 'e';
    netif->name[1] = 't';
    netif->output = etharp_output;
    netif->output_ip6 = ethip6_output;
    netif->linkoutput = send_frame;
    netif->mtu = netif->mtu6 = 1500;
    netif->hwaddr_len = sizeof(mac);
    memcpy(netif->hwaddr, mac, sizeof(mac));
    netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET | NETIF_FLAG_IGMP | NETIF_FLAG_MLD6;
    NETIF_SET_CHECKSUM_CTRL(netif, NETIF_CHECKSUM_DISABLE_ALL);
    return ERR_OK;
}

// As kernel/net/addresses.c has it.
static void address_changed(struct netif *netif, netif_nsc_reason_t reason, const netif_ext_callback_args_t *args) {
    (void)args;
    if (reason & (LWIP_NSC_IPV4_ADDRESS_CHANGED | LWIP_NSC_IPV4_ADDR_VALID)) {
        if (ip4_addr_isany(netif_ip4_addr(netif))) {
            mdns_end(netif);
        } else {
            mdns_begin(netif);
        }
    }
}

static void machine_begins(bool asks) {
    struct netif *netif = &fuzz.netif;
    memset(netif, 0, sizeof(*netif));
    netif_add(netif, NULL, NULL, NULL, NULL, init_netif, ethernet_input);
    netif_set_default(netif);
    netif_set_up(netif);
    netif_set_link_up(netif);
    netif_create_ip6_linklocal_address(netif, 1);
    netif_ip6_addr_set_state(netif, 0, IP6_ADDR_PREFERRED);
    netif->ip6_autoconfig_enabled = 1;
    if (asks) {
        dhcp_start(netif);
    } else {
        ip4_addr_t address, netmask, gateway;
        IP4_ADDR(&address, 10, 0, 0, 5);
        IP4_ADDR(&netmask, 255, 255, 255, 0);
        IP4_ADDR(&gateway, 10, 0, 0, 1);
        netif_set_addr(netif, &address, &netmask, &gateway);
    }
}

static void end_connections(struct tcp_pcb **list) {
    while (*list) {
        tcp_abort(*list);
    }
}

static void machine_ends(void) {
    struct netif *netif = &fuzz.netif;
    end_kept();
    end_connections(&tcp_active_pcbs);
    end_connections(&tcp_tw_pcbs);
    dhcp_stop(netif);
    mdns_end(netif);
    netif_remove(netif);
    addresses_end(netif);
    if (netif->loop_first) {
        pbuf_free(netif->loop_first);
    }
    pass(END_S * 1000, 20000); // Fragments, names.
}

// As kernel/net/net_rx.c copies it.
static void frame_comes(const uint8_t *data, size_t len) {
    struct pbuf *p = len <= FRAME_MAX ? pbuf_alloc(PBUF_RAW, (u16_t)(len < FRAME_MIN ? FRAME_MIN : len), PBUF_RAM) : NULL;
    if (p) {
        memset(p->payload, 0, p->len);
        memcpy(p->payload, data, len);
        ++fuzz.frames;
        if (fuzz.netif.input(p, &fuzz.netif) != ERR_OK) {
            pbuf_free(p);
        }
    }
}

// A record: what it is, how long it is or how much time passes, and bytes.
static void run(const uint8_t *data, size_t size) {
    while (size >= 3) {
        unsigned kind = data[0] % 4, value = data[1] | data[2] << 8;
        data += 3;
        size -= 3;
        size_t len = kind == 2 ? 0 : value < size ? value : size;
        section_begins();
        if (kind < 2) {
            frame_comes(data, len);
        } else if (kind == 3) {
            act(data, len);
        }
        section_ends();
        if (kind == 2) {
            pass(value, 100);
        }
        data += len;
        size -= len;
    }
}

static void init(void) {
    fuzz.now_ns = 1000 * NS_PER_MS;
    lwip_init();
    sys_timeouts_init();
    static netif_ext_callback_t callback;
    netif_add_ext_callback(&callback, address_changed);
    ip_addr_t server;
    IP_ADDR4(&server, 10, 0, 0, 1);
    dns_setserver(0, &server);
    struct tcp_pcb *pcb = tcp_new_ip_type(IPADDR_TYPE_ANY);
    CHECK(pcb && tcp_bind(pcb, IP_ANY_TYPE, ECHO_PORT) == ERR_OK);
    fuzz.listener = tcp_listen(pcb);
    CHECK(fuzz.listener);
    tcp_accept(fuzz.listener, connection_came);
    fuzz.echo = udp_new_ip_type(IPADDR_TYPE_ANY);
    CHECK(fuzz.echo && udp_bind(fuzz.echo, IP_ANY_TYPE, ECHO_PORT) == ERR_OK);
    udp_recv(fuzz.echo, udp_came, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static bool is_ready;
    if (!is_ready) {
        init();
        is_ready = true;
        machine_begins(false); // What stays, as the table of an interface's data, is there from now on.
        machine_ends();
    }
    size_t before = fuzz.used;
    fuzz.random = 1;
    machine_begins(size && data[0] & 1);
    if (size) {
        run(data + 1, size - 1);
    }
    machine_ends();
    CHECK(fuzz.used == before);
    return 0;
}
