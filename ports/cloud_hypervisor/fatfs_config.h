/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* The configuration of oofatfs: upstream's, but for names. */
#ifndef MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_FATFS_CONFIG_H
#define MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_FATFS_CONFIG_H

#include "lib/oofatfs/ffconf.h"

// Names are UTF-8, as MicroPython's strings are. Upstream takes their bytes for characters of the code page, and no other
// system finds such a name.
#undef FF_LFN_UNICODE
#define FF_LFN_UNICODE 2
#undef FF_LFN_BUF
#define FF_LFN_BUF (255 * 3)
#undef FF_SFN_BUF
#define FF_SFN_BUF (12 * 3)

#endif // MICROPY_INCLUDED_PORTS_CLOUD_HYPERVISOR_FATFS_CONFIG_H
