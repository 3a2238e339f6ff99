/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* Included before py/vm.c alone. With threads upstream's VM looks at two flags and counts down a third after
 * each jump. Here whoever wants its attention sets the first one (mp_thread_ask_attention), and the VM looks
 * no further: as it does without threads, so that those cost it nothing. */

#include "py/runtime.h"

#if MICROPY_PY_THREAD

#undef MICROPY_PY_THREAD
#define MICROPY_PY_THREAD (0)
#undef MICROPY_PY_THREAD_GIL
#define MICROPY_PY_THREAD_GIL (0)

#define mp_handle_pending(raise_exc) mp_thread_attention()

#endif // MICROPY_PY_THREAD
