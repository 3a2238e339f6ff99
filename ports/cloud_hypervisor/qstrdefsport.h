/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

// Names of things that are not C identifiers, for the interned strings.
// *FORMAT-OFF*
Q(/lib)
Q(.frozen/lib)
