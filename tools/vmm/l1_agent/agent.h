/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
 *
 * The agent is the only program of the Linux guest ("L1") in which the nested back end runs Cloud
 * Hypervisor. It is process 1: it sets L1 up, then serves requests from the host over TCP, each
 * connection in a process of its own. tools/vmm/nested_linux.py is the other end.
 *
 * A request is one line, then data as the request says. The answer is "ok SIZE\n" and SIZE bytes,
 * or "error TEXT\n". The requests:
 *
 *   put SIZE PATH      SIZE bytes follow; they become the file PATH.
 *   get PATH           The content of the file PATH, also of files in /proc and /sys; of a
 *                      directory the names in it, one a line.
 *   flush PATH         What was written to the file or block device PATH is on its medium.
 *   tap NAME INTERFACE The tap interface NAME is made, for others to open, and one with INTERFACE: what comes to the one goes
 *                      to the other.
 *   untap NAME         It is removed, if it is there. See tap.c.
 *   connect PATH       "ok 0\n"; from then on the connection is one to the Unix socket PATH.
 *   run COUNT RESETS SERIAL
 *                      COUNT lines follow, each an argument of the program to run. See run.c.
 */
#ifndef MICROPY_INCLUDED_TOOLS_VMM_L1_AGENT_AGENT_H
#define MICROPY_INCLUDED_TOOLS_VMM_L1_AGENT_AGENT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Where the host's requests come in. The host forwards a port of its own to it. */
#define AGENT_PORT 1

/* The longest line of a request, its newline included. */
#define AGENT_LINE_MAX 65536

/* Print to L1's console and end the process; of process 1 that is a kernel panic, which ends L1. */
__attribute__((noreturn, format(printf, 1, 2))) void agent_die(const char *format, ...);

/* Write all of the data; false if the other end is gone. */
bool agent_send(int fd, const void *data, size_t size);

/* Answer a request with an error and end the process. */
__attribute__((noreturn, format(printf, 2, 3))) void agent_refuse(int fd, const char *format, ...);

/* Read one line without its newline into the buffer; ends the process at the end of the input. */
void agent_read_line(int fd, char *line, size_t size);

/* A listening TCP socket; *port is the port, 0 asks for any that is free and is replaced by it. */
int agent_listen(int *port);

/* A connection to a Unix socket, -1 if there is nobody. */
int agent_connect(const char *path);

/* Have an interface work; an errno, or 0. */
int agent_bring_up(const char *name);

/* The requests "tap" and "untap". */
void agent_make_tap(int connection, const char *name, const char *interface);
void agent_remove_tap(int connection, const char *name);

/* Serve the one request of a connection. Runs in a process of its own, and ends it. */
__attribute__((noreturn)) void agent_serve(int connection);

/* The request "run", after its first line. Ends the process. */
__attribute__((noreturn)) void agent_run(int connection, int count, bool resets, const char *serial);

#endif /* MICROPY_INCLUDED_TOOLS_VMM_L1_AGENT_AGENT_H */
