/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

// A module of MicroPython has its sources in its own directory.
#include "ports/cloud_hypervisor/lfs2_directory.c"
