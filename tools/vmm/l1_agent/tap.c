/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
 *
 * The requests "tap" and "untap". A bridge with two ports, which is called as the tap interface is, makes two interfaces one.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent.h"

#define BRIDGE_PREFIX "br-"

typedef struct _bridge_name_t {
    char text[IFNAMSIZ];
} bridge_name_t;

static bridge_name_t bridge_of(const char *tap) {
    bridge_name_t name;
    snprintf(name.text, sizeof(name.text), BRIDGE_PREFIX "%s", tap);
    return name;
}

static int any_socket(void) {
    return socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
}

/* An interface that is there also when nobody has it open. */
static void keep_tap(int connection, const char *name, unsigned long keep) {
    struct ifreq request = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
    strncpy(request.ifr_name, name, IFNAMSIZ - 1);
    int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
    if (fd < 0 || ioctl(fd, TUNSETIFF, &request) != 0 || ioctl(fd, TUNSETPERSIST, keep) != 0) {
        agent_refuse(connection, "cannot make or remove %s: %s", name, strerror(errno));
    }
    close(fd);
}

/* IPv6 belongs to the guest: Linux would ask for addresses of its own. Groups go to everybody. */
static void quieten(const char *interface, const char *path) {
    char file[128];
    snprintf(file, sizeof(file), path, interface);
    int fd = open(file, O_WRONLY | O_CLOEXEC);
    if (fd >= 0) {
        (void)!write(fd, strstr(path, "ipv6") ? "1" : "0", 1);
        close(fd);
    }
}

static void add_port(int connection, int fd, const char *bridge, const char *interface) {
    struct ifreq request = { .ifr_ifindex = if_nametoindex(interface) };
    strncpy(request.ifr_name, bridge, IFNAMSIZ - 1);
    quieten(interface, "/proc/sys/net/ipv6/conf/%s/disable_ipv6");
    if (ioctl(fd, SIOCBRADDIF, &request) != 0 || (errno = agent_bring_up(interface)) != 0) {
        agent_refuse(connection, "cannot have %s in a bridge: %s", interface, strerror(errno));
    }
}

void agent_make_tap(int connection, const char *name, const char *interface) {
    bridge_name_t bridge = bridge_of(name);
    keep_tap(connection, name, 1);
    int fd = any_socket();
    if (ioctl(fd, SIOCBRADDBR, bridge.text) != 0) {
        agent_refuse(connection, "cannot make a bridge: %s", strerror(errno));
    }
    quieten(bridge.text, "/proc/sys/net/ipv6/conf/%s/disable_ipv6");
    quieten(bridge.text, "/sys/class/net/%s/bridge/multicast_snooping");
    add_port(connection, fd, bridge.text, name);
    add_port(connection, fd, bridge.text, interface);
    if ((errno = agent_bring_up(bridge.text)) != 0) {
        agent_refuse(connection, "cannot start a bridge: %s", strerror(errno));
    }
    close(fd);
    dprintf(connection, "ok 0\n");
}

void agent_remove_tap(int connection, const char *name) {
    bridge_name_t bridge = bridge_of(name);
    struct ifreq request = { .ifr_flags = 0 };
    memcpy(request.ifr_name, bridge.text, IFNAMSIZ);
    int fd = any_socket();
    if (if_nametoindex(bridge.text) != 0
        && (ioctl(fd, SIOCSIFFLAGS, &request) != 0 || ioctl(fd, SIOCBRDELBR, bridge.text) != 0)) {
        agent_refuse(connection, "cannot remove a bridge: %s", strerror(errno));
    }
    close(fd);
    if (if_nametoindex(name) != 0) {
        keep_tap(connection, name, 0);
    }
    dprintf(connection, "ok 0\n");
}
