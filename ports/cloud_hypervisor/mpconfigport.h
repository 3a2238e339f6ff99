/* SPDX-License-Identifier: MIT
 * Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors */

/* What of MicroPython this machine gets: all of it, but for what has no hardware here, and for what its
 * board leaves out. Whatever stands in #ifndef is the board's to choose: docs/boards.md. */

// MicroPython includes this file before any of the C library.
#include <alloca.h>
#include <stddef.h>
#include <stdint.h>

#include "mpconfigboard.h"

#ifndef MICROPY_CONFIG_ROM_LEVEL
#define MICROPY_CONFIG_ROM_LEVEL (MICROPY_CONFIG_ROM_LEVEL_EVERYTHING)
#endif

// Names. Which VMM it is shows at run time only, see cloud_hypervisor.vmm().
#define MICROPY_PY_SYS_PLATFORM "cloud_hypervisor"
#define MICROPY_HW_MCU_NAME "x86-64"

// Objects and numbers.
typedef intptr_t mp_int_t;
typedef uintptr_t mp_uint_t;
typedef int64_t mp_off_t;
#ifndef MICROPY_LONGINT_IMPL
#define MICROPY_LONGINT_IMPL (MICROPY_LONGINT_IMPL_MPZ)
#endif
#define MPZ_DIG_SIZE (32) // Two digits in a machine word: mpy-tool.py is told the same.
#ifndef MICROPY_FLOAT_IMPL
#define MICROPY_FLOAT_IMPL (MICROPY_FLOAT_IMPL_DOUBLE)
#endif
#define MICROPY_FLOAT_USE_NATIVE_FLT16 (0) // gcc's _Float16 needs SSE helpers of a hosted libgcc.
#define MP_NEED_LOG2 (1)

// The virtual machine and the compilers.
#ifndef MICROPY_OPT_COMPUTED_GOTO
#define MICROPY_OPT_COMPUTED_GOTO (1)
#endif
#ifndef MICROPY_EMIT_X64
#define MICROPY_EMIT_X64 (1)
#endif
#define MICROPY_PERSISTENT_CODE_LOAD (1)
#define MICROPY_ENABLE_SOURCE_LINE (1)
#ifndef MICROPY_ERROR_REPORTING
#define MICROPY_ERROR_REPORTING (MICROPY_ERROR_REPORTING_DETAILED)
#endif
#ifndef MICROPY_WARNINGS
#define MICROPY_WARNINGS (1)
#endif
#define MICROPY_USE_INTERNAL_ERRNO (1)

// Machine code runs where nobody can write: it is made on the heap and copied.
void *native_code_commit(const void *code, size_t size, void *relocation);
#define MP_PLAT_COMMIT_EXEC(code, size, relocation) native_code_commit(code, size, relocation)

// The heap: one area of the common size, further ones as long as the machine has memory.
#define MICROPY_ENABLE_GC (1)
#define MICROPY_GC_ALLOC_THRESHOLD (1)
// Where the mark stack overflows the collector scans whole areas again. It is demand-zero.
#define MICROPY_ALLOC_GC_STACK_SIZE (8192)
#define MICROPY_GC_SPLIT_HEAP (1)
#define MICROPY_GC_SPLIT_HEAP_AUTO (1)
#define MICROPY_PY_GC_COLLECT_RETVAL (1)
#define MICROPY_MALLOC_USES_ALLOCATED_SIZE (1)
void *heap_extend(size_t size);
void heap_release(void *area);
#define MP_PLAT_ALLOC_HEAP(size) heap_extend(size)
#define MP_PLAT_FREE_HEAP(area) heap_release(area)

// What is left to say an exception with when the heap is full. main.c allocates it: a static
// one would take micropython.alloc_emergency_exception_buf() from programs.
#define MICROPY_ENABLE_EMERGENCY_EXCEPTION_BUF (1)
#define MICROPY_EMERGENCY_EXCEPTION_BUF_SIZE (0)
#define MICROPY_STACK_CHECK (1)
#define MICROPY_STACK_CHECK_MARGIN (16 * 1024)
void heap_after_exec(int *ret);
#define MICROPY_BOARD_AFTER_PYTHON_EXEC(input_kind, exec_flags, exception, ret) heap_after_exec(ret)

// The prompt. mpremote sends half of this buffer ahead; the kernel's ring holds 64 KiB.
#define MICROPY_HELPER_REPL (1)
#define MICROPY_KBD_EXCEPTION (1)
#define MICROPY_REPL_STDIN_BUFFER_MAX (8192)
#define MICROPY_READLINE_HISTORY_SIZE (50)
#define MICROPY_PY_BUILTINS_HELP_TEXT cloud_hypervisor_help_text

// Threads, on all CPUs, with one of them in the interpreter at a time.
#ifndef MICROPY_PY_THREAD
#define MICROPY_PY_THREAD (1)
#endif
#if MICROPY_PY_THREAD
// mpthreadport.c has mp_sched_exception().
#define MICROPY_WRAP_MP_SCHED_EXCEPTION(f) upstream_##f
void mp_thread_tell_callback(void);
#define MICROPY_INTERNAL_EVENT_HOOK mp_thread_tell_callback()
#endif

// Callbacks. Interrupt handlers schedule them; they run in the interpreter's own thread.
#define MICROPY_ENABLE_SCHEDULER (1)
#define MICROPY_SCHEDULER_DEPTH (64) // The host may stop a virtual machine for a while: all that was due then comes at once.
#define MICROPY_SCHEDULER_STATIC_NODES (1)
// The thread may be waiting.
#if MICROPY_PY_THREAD
void mp_thread_wake_main(void);
#define MICROPY_SCHED_HOOK_SCHEDULED mp_thread_wake_main()
#else
void mp_hal_signal_event(void);
#define MICROPY_SCHED_HOOK_SCHEDULED mp_hal_signal_event()
#endif
#define MICROPY_PY_PENDSV_ENTER
#define MICROPY_PY_PENDSV_EXIT

// Names of all that this port's filesystems and devices raise, and of what a program may want to.
#define MP_ENOTEMPTY (39) // py/mperrno.h lacks these.
#define MP_EMSGSIZE (90)
#define MP_ENOPROTOOPT (92)
#define MP_EADDRNOTAVAIL (99)
#define MP_ENETUNREACH (101)
#define MICROPY_PY_ERRNO_LIST \
    X(EPERM) X(ENOENT) X(ESRCH) X(EINTR) X(EIO) X(ENXIO) X(E2BIG) X(ENOEXEC) X(EBADF) X(ECHILD) \
    X(EAGAIN) X(ENOMEM) X(EACCES) X(EFAULT) X(ENOTBLK) X(EBUSY) X(EEXIST) X(EXDEV) X(ENODEV) \
    X(ENOTDIR) X(EISDIR) X(EINVAL) X(ENFILE) X(EMFILE) X(ENOTTY) X(ETXTBSY) X(EFBIG) X(ENOSPC) \
    X(ESPIPE) X(EROFS) X(EMLINK) X(EPIPE) X(EDOM) X(ERANGE) X(ENOTEMPTY) X(EOPNOTSUPP) \
    X(EMSGSIZE) X(ENOPROTOOPT) X(EAFNOSUPPORT) X(EADDRINUSE) X(EADDRNOTAVAIL) X(ENETUNREACH) X(ECONNABORTED) X(ECONNRESET) X(ENOBUFS) X(EISCONN) X(ENOTCONN) \
    X(ETIMEDOUT) X(ECONNREFUSED) X(EHOSTUNREACH) X(EALREADY) X(EINPROGRESS) X(ECANCELED)

// Modules.
#define MICROPY_EPOCH_IS_1970 (1)
#define MICROPY_TIME_SUPPORT_Y1969_AND_BEFORE (1) // Since v1.27 it would have to be asked for.
#define MICROPY_MODULE_ATTR_DELEGATION (1) // os.environ
#define MICROPY_PY_SYS_ATEXIT (1)
#define MICROPY_PY_SYS_STDFILES (1)
#ifndef MICROPY_PY_SYS_EXC_INFO
#define MICROPY_PY_SYS_EXC_INFO (1)
#endif
#if MICROPY_SSL_MBEDTLS
#define MICROPY_PY_HASHLIB_MD5 (1)
#define MICROPY_PY_HASHLIB_SHA1 (1)
#define MICROPY_PY_CRYPTOLIB (1)
#define MICROPY_PY_CRYPTOLIB_CTR (1)
#define MICROPY_PY_CRYPTOLIB_CONSTS (1)
#endif
#if MICROPY_PY_TLS
#define MICROPY_TRACKED_ALLOC (1) // What Mbed TLS has of the heap.
#endif
#define MICROPY_PY_WEBSOCKET (MICROPY_PY_SOCKET)
#define MICROPY_PY_OS_INCLUDEFILE "ports/cloud_hypervisor/modos.c"
#ifndef MICROPY_PY_OS_DUPTERM
#define MICROPY_PY_OS_DUPTERM (1)
#endif
#define MICROPY_PY_OS_GETENV_PUTENV_UNSETENV (1)
#define MICROPY_PY_DEVICES (MICROPY_PY_MACHINE_DISK || MICROPY_PY_SOCKET) // They are looked for at the boot.
#define MICROPY_PY_OS_SYNC (!MICROPY_PY_MACHINE_DISK) // disk_mount.c has it.
#define MICROPY_PY_OS_UNAME (1)
#ifndef MICROPY_PY_OS_URANDOM
#define MICROPY_PY_OS_URANDOM (1)
#endif
#define MICROPY_PY_RANDOM_SEED_INIT_FUNC (random_seed())
uint32_t random_seed(void);
#define MICROPY_PY_TIME_GMTIME_LOCALTIME_MKTIME (1)
#define MICROPY_PY_TIME_TIME_TIME_NS (1)
#define MICROPY_PY_TIME_CUSTOM_SLEEP (1)
#define MICROPY_PY_TIME_INCLUDEFILE "ports/cloud_hypervisor/modtime.c"

#ifndef MICROPY_PY_MACHINE
#define MICROPY_PY_MACHINE (1)
#endif
#define MICROPY_PY_MACHINE_INCLUDEFILE "ports/cloud_hypervisor/modmachine.c"
#define MICROPY_PY_MACHINE_RESET (1)
#define MICROPY_PY_MACHINE_BARE_METAL_FUNCS (1)
#define MICROPY_PY_MACHINE_SIGNAL (0)
#define MICROPY_PY_MACHINE_TIMER (MICROPY_PY_MACHINE)
#define MICROPY_PY_MACHINE_WDT (MICROPY_PY_MACHINE)
#define MICROPY_PY_MACHINE_WDT_INCLUDEFILE "ports/cloud_hypervisor/machine_wdt.c"
#define MICROPY_PY_MACHINE_UART (MICROPY_PY_MACHINE)
#define MICROPY_PY_MACHINE_UART_INCLUDEFILE "ports/cloud_hypervisor/machine_uart.c"

// Filesystems.
#define MICROPY_VFS (1)
#define MICROPY_READER_VFS (1)
#define MICROPY_VFS_ROM (1)
#define MICROPY_PY_BUILTINS_MEMORYVIEW (1) // What vfs.rom_ioctl() gives.
#define MICROPY_FATFS_ENABLE_LFN (2) // Names on the stack: no static buffer to share.
#define MICROPY_FATFS_LFN_CODE_PAGE 437
#define MICROPY_FATFS_RPATH (2)
#define MICROPY_FATFS_MAX_SS (4096)
#define MICROPY_FATFS_USE_LABEL (1)
#if MICROPY_PY_MACHINE_DISK
#define MICROPY_FATFS_REENTRANT (1)
#define MICROPY_FATFS_SYNC_T void *
#endif

#define MP_STATE_PORT MP_STATE_VM
