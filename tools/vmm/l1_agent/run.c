/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
 *
 * The request "run": one VMM process, its output, its events, and its serial line.
 *
 * After the arguments the agent sends frames: a letter, the payload's size in 4 bytes (little
 * endian), the payload.
 *
 *   l  the TCP port of L1, in decimal, that is the guest's serial line (first frame)
 *   p  the process id of the VMM, in decimal
 *   o  what it wrote to standard output and standard error
 *   e  what it wrote to file descriptor 3: the event monitor
 *   x  its end: "exit CODE" or "signal NUMBER" (last frame)
 *
 * The VMM starts when the host has sent one byte, so that the host can open the serial line first.
 * When the host ends its side of the connection the VMM is killed: nothing outlives its owner. The
 * host may still read up to the last frame, to be sure that the VMM is gone.
 *
 * The VMM offers the serial line as the Unix socket SERIAL. Until the first client of the TCP port
 * comes, output is kept for it; later, output that comes while there is no client is dropped, as
 * QEMU does. With RESETS 0 the line ends with the first VM; else the agent follows the guest from
 * one reset to the next.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent.h"

#define EVENTS_FD 3

/* Bytes kept for a client that does not read. More are the guest's loss, as on a real line. */
#define KEEP_MAX (64u << 20)

/* Milliseconds between two attempts to reach the VMM's serial socket. */
#define CONNECT_INTERVAL 10

/* Milliseconds given to a client to take the last output. */
#define DRAIN_TIME 5000

typedef struct _buffer_t {
    char *data;
    size_t start;
    size_t end;
    size_t size;
} buffer_t;

typedef struct _machine_t {
    int host;
    int output;
    int events;
    int process;
    pid_t pid;
    int listener;
    int client;
    int serial;
    bool owner_left;
    bool had_client;
    bool had_serial;
    bool resets;
    const char *path;
    buffer_t to_client;
    buffer_t to_guest;
} machine_t;

static size_t buffer_used(const buffer_t *buffer) {
    return buffer->end - buffer->start;
}

/* Read what there is from the descriptor to the buffer's end; false at the end of the input. */
static bool buffer_fill(buffer_t *buffer, int fd) {
    const size_t room = 1 << 16;
    if (buffer->start == buffer->end) {
        buffer->start = buffer->end = 0;
    }
    if (buffer->size - buffer->end < room) {
        memmove(buffer->data, buffer->data + buffer->start, buffer_used(buffer));
        buffer->end -= buffer->start;
        buffer->start = 0;
        buffer->size = buffer->end * 2 + room;
        buffer->data = realloc(buffer->data, buffer->size);
        if (buffer->data == NULL) {
            exit(1);
        }
    }
    ssize_t count = read(fd, buffer->data + buffer->end, room);
    if (count > 0) {
        buffer->end += count;
    }
    return count > 0 || (count < 0 && errno == EAGAIN);
}

/* Write what the descriptor takes; false if the other end is gone. */
static bool buffer_drain(buffer_t *buffer, int fd) {
    ssize_t count = write(fd, buffer->data + buffer->start, buffer_used(buffer));
    if (count > 0) {
        buffer->start += count;
    }
    return count >= 0 || errno == EAGAIN;
}

static void send_frame(int host, char kind, const char *data, size_t size) {
    char head[5] = { kind, size, size >> 8, size >> 16, size >> 24 };
    if (!agent_send(host, head, sizeof(head)) || !agent_send(host, data, size)) {
        exit(1);
    }
}

static void send_text(int host, char kind, const char *format, int number) {
    char text[32];
    send_frame(host, kind, text, snprintf(text, sizeof(text), format, number));
}

/* Pass on what the VMM wrote; false at its end. */
static bool forward(int host, char kind, int fd) {
    static char data[1 << 16];
    ssize_t count = read(fd, data, sizeof(data));
    if (count > 0) {
        send_frame(host, kind, data, count);
    }
    return count > 0;
}

static void shut(int *fd) {
    if (*fd >= 0) {
        close(*fd);
        *fd = -1;
    }
}

static void set_nonblocking(int fd) {
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

static void start_vmm(machine_t *machine, char **arguments) {
    int output[2], events[2];
    if (pipe2(output, O_CLOEXEC) != 0 || pipe2(events, O_CLOEXEC) != 0) {
        agent_refuse(machine->host, "no pipe: %s", strerror(errno));
    }
    pid_t agent = getpid();
    pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        signal(SIGPIPE, SIG_DFL);
        int null = open("/dev/null", O_RDONLY);
        /* All of ours are closed on exec, but a copy is not. Low numbers may be in use: go high. */
        int from = fcntl(events[1], F_DUPFD, 16);
        dup2(null, 0);
        dup2(output[1], 1);
        dup2(output[1], 2);
        dup2(from, EVENTS_FD);
        closefrom(EVENTS_FD + 1);
        if (getppid() == agent) {
            execv(arguments[0], arguments);
            perror(arguments[0]);
        }
        _exit(127);
    }
    close(output[1]);
    close(events[1]);
    machine->output = output[0];
    machine->events = events[0];
    machine->pid = child;
    machine->process = syscall(SYS_pidfd_open, child, 0);
}

static void accept_client(machine_t *machine) {
    machine->client = accept4(machine->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    int yes = 1;
    setsockopt(machine->client, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
    machine->had_client |= machine->client >= 0;
}

static void lose_client(machine_t *machine) {
    shut(&machine->client);
    machine->to_client.start = machine->to_client.end = 0;
    machine->to_guest.start = machine->to_guest.end = 0;
}

static void reach_serial(machine_t *machine) {
    if (machine->serial < 0 && (machine->resets || !machine->had_serial)) {
        machine->serial = agent_connect(machine->path);
        if (machine->serial >= 0) {
            set_nonblocking(machine->serial);
            machine->had_serial = true;
        }
    }
}

static void move_serial_bytes(machine_t *machine, short serial, short client) {
    if (serial & (POLLIN | POLLHUP | POLLERR)) {
        if (!buffer_fill(&machine->to_client, machine->serial)) {
            shut(&machine->serial);
        }
        if (machine->client < 0 && machine->had_client) {
            machine->to_client.start = machine->to_client.end = 0;
        }
    }
    if (client & (POLLIN | POLLHUP | POLLERR)) {
        if (!buffer_fill(&machine->to_guest, machine->client)) {
            lose_client(machine);
        }
    }
    if (machine->client >= 0 && buffer_used(&machine->to_client) > 0
        && !buffer_drain(&machine->to_client, machine->client)) {
        lose_client(machine);
    }
    if (machine->serial >= 0 && buffer_used(&machine->to_guest) > 0
        && !buffer_drain(&machine->to_guest, machine->serial)) {
        shut(&machine->serial);
    }
}

/* One turn of the loop; false when the VMM has ended. */
static bool serve_events(machine_t *machine) {
    reach_serial(machine);
    bool wants_serial = buffer_used(&machine->to_guest) > 0;
    bool wants_client = buffer_used(&machine->to_client) > 0;
    bool keeps_more = buffer_used(&machine->to_client) < KEEP_MAX;
    struct pollfd fds[] = {
        { machine->owner_left ? -1 : machine->host, POLLIN, 0 },
        { machine->output, POLLIN, 0 },
        { machine->events, POLLIN, 0 },
        { machine->process, POLLIN, 0 },
        { machine->client < 0 ? machine->listener : -1, POLLIN, 0 },
        { machine->client, (wants_serial ? 0 : POLLIN) | (wants_client ? POLLOUT : 0), 0 },
        { machine->serial, (keeps_more ? POLLIN : 0) | (wants_serial ? POLLOUT : 0), 0 },
    };
    bool waits = machine->serial < 0 && (machine->resets || !machine->had_serial);
    poll(fds, sizeof(fds) / sizeof(fds[0]), waits ? CONNECT_INTERVAL : -1);
    char byte;
    if (fds[0].revents && read(machine->host, &byte, 1) <= 0) {
        kill(machine->pid, SIGKILL);
        machine->owner_left = true;
    }
    if (fds[1].revents && !forward(machine->host, 'o', machine->output)) {
        shut(&machine->output);
    }
    if (fds[2].revents && !forward(machine->host, 'e', machine->events)) {
        shut(&machine->events);
    }
    if (fds[4].revents) {
        accept_client(machine);
    }
    move_serial_bytes(machine, fds[6].revents, fds[5].revents);
    return fds[3].revents == 0;
}

/* The VMM has ended: pass on all it has left behind. */
static void finish(machine_t *machine) {
    while (machine->output >= 0 && forward(machine->host, 'o', machine->output)) {
    }
    while (machine->events >= 0 && forward(machine->host, 'e', machine->events)) {
    }
    while (machine->serial >= 0 && buffer_fill(&machine->to_client, machine->serial)) {
    }
    struct pollfd client = { machine->client, POLLOUT, 0 };
    while (!machine->owner_left && buffer_used(&machine->to_client) > 0
           && poll(&client, 1, DRAIN_TIME) > 0 && buffer_drain(&machine->to_client, machine->client)) {
    }
    shut(&machine->client);
}

void agent_run(int connection, int count, bool resets, const char *serial) {
    char **arguments = calloc(count + 1, sizeof(arguments[0]));
    static char line[AGENT_LINE_MAX];
    for (int i = 0; i < count; i++) {
        agent_read_line(connection, line, sizeof(line));
        arguments[i] = strdup(line);
    }
    machine_t machine = {
        .host = connection, .client = -1, .serial = -1, .resets = resets, .path = serial
    };
    int port = 0;
    machine.listener = agent_listen(&port);
    send_text(connection, 'l', "%d", port);
    char go;
    if (read(connection, &go, 1) != 1) {
        exit(0);
    }
    start_vmm(&machine, arguments);
    send_text(connection, 'p', "%d", machine.pid);
    while (serve_events(&machine)) {
    }
    finish(&machine);
    int status;
    waitpid(machine.pid, &status, 0);
    if (WIFSIGNALED(status)) {
        send_text(connection, 'x', "signal %d", WTERMSIG(status));
    } else {
        send_text(connection, 'x', "exit %d", WEXITSTATUS(status));
    }
    exit(0);
}
