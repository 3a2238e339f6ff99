/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* probe_transfer SETUP EXPRESSION: runs the first, writes the encoding of the second to standard output. */

#include "tests/host/transfer_world.h"

int main(int argc, char **argv) {
    CHECK(argc == 3);
    check_quiet(send(argv[1], argv[2]));
    fwrite(sent, 1, sent_len, stdout);
    return 0;
}
