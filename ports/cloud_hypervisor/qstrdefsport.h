/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

// Names of things that are not C identifiers, for the interned strings.
// *FORMAT-OFF*
Q(/lib)
Q(.frozen/lib)

// And of one that stands in a header only, where the build does not look.
Q(_wakes_poll)
