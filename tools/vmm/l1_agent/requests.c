/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
 *
 * The requests "put", "get", "flush" and "connect", and what all requests use.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent.h"

bool agent_send(int fd, const void *data, size_t size) {
    const char *rest = data;
    while (size > 0) {
        ssize_t count = write(fd, rest, size);
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count <= 0) {
            return false;
        }
        rest += count;
        size -= count;
    }
    return true;
}

void agent_refuse(int fd, const char *format, ...) {
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    dprintf(fd, "error %s\n", text);
    exit(1);
}

void agent_read_line(int fd, char *line, size_t size) {
    /* A byte at a time: what follows the line is not ours to take. */
    for (size_t length = 0; length < size; length++) {
        if (read(fd, line + length, 1) != 1) {
            exit(1);
        }
        if (line[length] == '\n') {
            line[length] = '\0';
            return;
        }
    }
    agent_refuse(fd, "a line of the request is too long");
}

int agent_connect(const char *path) {
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static void put(int connection, size_t size, const char *path) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
    if (fd < 0) {
        agent_refuse(connection, "cannot write %s: %s", path, strerror(errno));
    }
    static char buffer[1 << 16];
    while (size > 0) {
        size_t wanted = size < sizeof(buffer) ? size : sizeof(buffer);
        ssize_t count = read(connection, buffer, wanted);
        if (count <= 0) {
            exit(1);
        }
        if (!agent_send(fd, buffer, count)) {
            agent_refuse(connection, "cannot write %s: %s", path, strerror(errno));
        }
        size -= count;
    }
    close(fd);
    dprintf(connection, "ok 0\n");
}

/* The names in a directory, one a line. */
static void list(int connection, DIR *directory) {
    char *names = NULL;
    size_t size = 0;
    FILE *text = open_memstream(&names, &size);
    struct dirent *entry;
    while (text != NULL && (entry = readdir(directory)) != NULL) {
        fprintf(text, "%s\n", entry->d_name);
    }
    if (text == NULL || fclose(text) != 0) {
        agent_refuse(connection, "out of memory");
    }
    dprintf(connection, "ok %zu\n", size);
    agent_send(connection, names, size);
}

static void get(int connection, const char *path) {
    DIR *directory = opendir(path);
    if (directory != NULL) {
        list(connection, directory);
        return;
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    /* A file in /proc has no size until it has been read. */
    char *content = NULL;
    size_t size = 0;
    ssize_t count = -1;
    while (fd >= 0) {
        content = realloc(content, size + (1 << 16));
        if (content == NULL) {
            agent_refuse(connection, "%s is too large", path);
        }
        count = read(fd, content + size, 1 << 16);
        if (count <= 0) {
            break;
        }
        size += count;
    }
    if (count < 0) {
        agent_refuse(connection, "cannot read %s: %s", path, strerror(errno));
    }
    dprintf(connection, "ok %zu\n", size);
    agent_send(connection, content, size);
}

static void flush(int connection, const char *path) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) != 0) {
        agent_refuse(connection, "cannot flush %s: %s", path, strerror(errno));
    }
    close(fd);
    dprintf(connection, "ok 0\n");
}

/* Copy what has arrived at one end to the other; false at the end of the input. */
static bool copy(int from, int to) {
    static char buffer[1 << 16];
    ssize_t count = read(from, buffer, sizeof(buffer));
    return count > 0 && agent_send(to, buffer, count);
}

static void bridge(int connection, const char *path) {
    int socket = agent_connect(path);
    if (socket < 0) {
        agent_refuse(connection, "cannot connect to %s: %s", path, strerror(errno));
    }
    dprintf(connection, "ok 0\n");
    struct pollfd ends[] = { { connection, POLLIN, 0 }, { socket, POLLIN, 0 } };
    while (poll(ends, 2, -1) > 0) {
        if ((ends[0].revents && !copy(connection, socket))
            || (ends[1].revents && !copy(socket, connection))) {
            break;
        }
    }
}

void agent_serve(int connection) {
    static char line[AGENT_LINE_MAX];
    agent_read_line(connection, line, sizeof(line));
    size_t size;
    int count, resets, path;
    char name[IFNAMSIZ], interface[IFNAMSIZ];
    if (sscanf(line, "put %zu %n", &size, &path) == 1) {
        put(connection, size, line + path);
    } else if (strncmp(line, "get ", 4) == 0) {
        get(connection, line + 4);
    } else if (strncmp(line, "flush ", 6) == 0) {
        flush(connection, line + 6);
    } else if (strncmp(line, "connect ", 8) == 0) {
        bridge(connection, line + 8);
    } else if (sscanf(line, "tap %15s %15s", name, interface) == 2) {
        agent_make_tap(connection, name, interface);
    } else if (sscanf(line, "untap %15s", name) == 1) {
        agent_remove_tap(connection, name);
    } else if (sscanf(line, "run %d %d %n", &count, &resets, &path) == 2) {
        agent_run(connection, count, resets, line + path);
    } else {
        agent_refuse(connection, "unknown request");
    }
    exit(0);
}
