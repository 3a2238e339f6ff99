/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
 *
 * Process 1 of L1: mounts, kernel modules, network, then one process for each request.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent.h"

/* The names of the modules' files, one a line, in the order in which they need each other. */
#define MODULE_LIST "/modules/list"

/* The address that QEMU's user network gives its first guest. */
#define ADDRESS "10.0.2.15"
#define NETMASK "255.255.255.0"

static const struct {
    const char *what;
    const char *where;
} mounts[] = {
    { "devtmpfs", "/dev" },
    { "devpts", "/dev/pts" },
    { "proc", "/proc" },
    { "sysfs", "/sys" },
    { "debugfs", "/sys/kernel/debug" },
    { "tmpfs", "/run" },
};

void agent_die(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fputs("agent: ", stdout);
    vprintf(format, arguments);
    puts("");
    fflush(stdout);
    va_end(arguments);
    _exit(1);
}

static void mount_all(void) {
    for (size_t i = 0; i < sizeof(mounts) / sizeof(mounts[0]); i++) {
        mkdir(mounts[i].where, 0755);
        if (mount(mounts[i].what, mounts[i].where, mounts[i].what, 0, NULL) != 0) {
            agent_die("cannot mount %s: %s", mounts[i].where, strerror(errno));
        }
    }
}

/* Cloud Hypervisor sends a guest's serial output byte by byte, and what its socket does not take it keeps until the guest
 * sends more: since v53, whose socket does not block. Linux counts most of a KiB for each byte, so that by default some
 * hundreds of them fill the socket. */
#define SOCKET_BUFFER "67108864"

static void enlarge_socket_buffers(void) {
    int fd = open("/proc/sys/net/core/wmem_default", O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, SOCKET_BUFFER, strlen(SOCKET_BUFFER)) < 0) {
        agent_die("cannot enlarge the buffers of sockets: %s", strerror(errno));
    }
    close(fd);
}

static void load_modules(void) {
    FILE *list = fopen(MODULE_LIST, "r");
    if (list == NULL) {
        agent_die("no " MODULE_LIST);
    }
    char name[256];
    while (fgets(name, sizeof(name), list) != NULL) {
        name[strcspn(name, "\n")] = '\0';
        int fd = open(name, O_RDONLY | O_CLOEXEC);
        if (fd < 0 || (syscall(SYS_finit_module, fd, "", 0) != 0 && errno != EEXIST)) {
            agent_die("cannot load %s: %s", name, strerror(errno));
        }
        close(fd);
    }
    fclose(list);
}

static void set_address(int fd, struct ifreq *request, unsigned long what, const char *address) {
    struct sockaddr_in *field = (struct sockaddr_in *)&request->ifr_addr;
    field->sin_family = AF_INET;
    inet_pton(AF_INET, address, &field->sin_addr);
    if (ioctl(fd, what, request) != 0) {
        agent_die("cannot set the address of %s: %s", request->ifr_name, strerror(errno));
    }
}

int agent_bring_up(const char *name) {
    struct ifreq request = { .ifr_flags = IFF_UP | IFF_RUNNING };
    strncpy(request.ifr_name, name, IFNAMSIZ - 1);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int error = ioctl(fd, SIOCSIFFLAGS, &request) == 0 ? 0 : errno;
    close(fd);
    return error;
}

static void configure(const char *name, const char *address, const char *netmask) {
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct ifreq request = { 0 };
    strncpy(request.ifr_name, name, IFNAMSIZ - 1);
    set_address(fd, &request, SIOCSIFADDR, address);
    set_address(fd, &request, SIOCSIFNETMASK, netmask);
    close(fd);
    int error = agent_bring_up(name);
    if (error) {
        agent_die("cannot start %s: %s", name, strerror(error));
    }
}

int agent_listen(int *port) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int yes = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(*port) };
    socklen_t size = sizeof(address);
    if (bind(fd, (struct sockaddr *)&address, size) != 0 || listen(fd, 16) != 0
        || getsockname(fd, (struct sockaddr *)&address, &size) != 0) {
        agent_die("cannot listen on port %d: %s", *port, strerror(errno));
    }
    *port = ntohs(address.sin_port);
    return fd;
}

int main(void) {
    mount_all();
    load_modules();
    enlarge_socket_buffers();
    configure("lo", "127.0.0.1", "255.0.0.0");
    configure("eth0", ADDRESS, NETMASK);

    int port = AGENT_PORT;
    int listener = agent_listen(&port);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGCHLD, SIG_IGN);
    printf("agent: ready\n");
    fflush(stdout);
    for (;;) {
        int connection = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (connection < 0) {
            continue;
        }
        pid_t child = fork();
        if (child == 0) {
            close(listener);
            signal(SIGCHLD, SIG_DFL);
            int yes = 1;
            setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
            agent_serve(connection);
        }
        close(connection);
    }
}
