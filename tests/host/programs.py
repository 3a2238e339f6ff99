"""Builds the host tests' C programs, with sanitizers, into build/host/, and runs them.

A program is tests/host/NAME.c and the parts of the kernel that it is about. Its kind is its
name's first word: `unit` has tests to be run by name, `probe` prints what a parser makes of a
memory image, `fuzz` is a libFuzzer target.
"""

import fcntl
import functools
import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from tests.host import core, lwip
from tools import sources

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ROOT / "tests" / "host"
BUILD = ROOT / "build" / "host"

BOOT_INFO = ("kernel/boot_info.c", "kernel/phys_ranges.c")
ACPI = ("drivers/acpi.c", "drivers/acpi_madt.c", "drivers/acpi_fadt.c", "drivers/acpi_dsdt.c")
SMBIOS = ("drivers/smbios.c",)
ROMFS = ("kernel/romfs.c", "kernel/crc32c.c")
DISK_VIEW = ("kernel/disk_view.c", "kernel/crc32.c")
FS_PROBE = ("kernel/fs_probe.c", "kernel/fs_fat.c", "kernel/fs_littlefs.c", *DISK_VIEW)
PARTITIONS = (
    *("kernel/partitions.c", "kernel/partitions_mbr.c", "kernel/partitions_gpt.c"),
    *FS_PROBE,
)
PAGE_ALLOC = ("kernel/page_alloc.c", "kernel/page_buddy.c", "kernel/phys_ranges.c")
WAIT = (
    *("kernel/wait.c", "kernel/mutex.c", "kernel/condition.c", "kernel/semaphore.c"),
    *("kernel/event.c", "kernel/timer.c"),
)
KALLOC = ("kernel/kalloc.c", *PAGE_ALLOC)
ADDRESS_SPACE = ("kernel/address_space.c", "boot/paging.c", *PAGE_ALLOC)
QUEUE = ("kernel/queue.c", "kernel/message.c", "kernel/wait.c", "kernel/timer.c", *KALLOC)
CALL = ("kernel/call.c", "kernel/message.c", "kernel/wait.c", "kernel/timer.c", *KALLOC)
TRANSFER = (
    *("ports/cloud_hypervisor/transfer_encode.c", "ports/cloud_hypervisor/transfer_decode.c"),
    *("ports/cloud_hypervisor/transfer_global.c", "ports/cloud_hypervisor/transfer_function.c"),
)
DRBG = "kernel/drbg.c"
"""What has this has what it uses of Mbed TLS too."""
MBEDTLS = ("aes.c", "aesni.c", "ctr_drbg.c", "platform_util.c")
RANDOM = ("kernel/random.c", "kernel/cpu_random.c", "kernel/crc32c.c", "kernel/mutex.c", DRBG)
VIRTQUEUE = (
    *("drivers/virtqueue.c", "tests/host/virtio/ring_model.c", "tests/host/virtio/machine.c"),
)
PCI = ("drivers/pci.c", "tests/host/virtio/pci_model.c", "tests/host/virtio/machine.c")
VIRTIO_BLK = (
    *("drivers/msix.c", "drivers/virtio.c", "drivers/virtqueue.c", "drivers/virtio_blk.c"),
    *("tests/host/virtio/virtio_model.c", "tests/host/virtio/ring_model.c"),
    *("tests/host/virtio/blk_model.c", "tests/host/virtio/blk_user.c", *PCI),
)
DISK_IO = (
    *("kernel/disk.c", "kernel/disk_io.c", "kernel/mutex.c", "kernel/cmdline.c"),
    *("kernel/message.c", *VIRTIO_BLK),
)
VIRTIO_NET = (
    *("drivers/msix.c", "drivers/virtio.c", "drivers/virtqueue.c", "drivers/virtio_net.c"),
    *("tests/host/virtio/virtio_model.c", "tests/host/virtio/ring_model.c"),
    *("tests/host/virtio/net_model.c", "tests/host/virtio/net_user.c", *PCI),
)
NET = (
    *("kernel/net/core.c", "kernel/net/sys_arch.c", "kernel/net/mailbox.c"),
    *("kernel/net/timers.c", "kernel/net/timer_needs.c", "kernel/net/timer_tcp.c"),
    *("kernel/net/net_memory.c", "kernel/net/net_random.c", "kernel/siphash.c"),
    *(
        "kernel/net/route.c",
        "kernel/net/tcp_syn.c",
        "kernel/net/tcp_window.c",
        "kernel/net/time_wait.c",
    ),
    *("kernel/net/socket.c", "kernel/net/resolve.c", "kernel/message.c", *WAIT, *KALLOC),
)
"""What has a part of this has lwIP too."""
FAT = ("oofatfs/ff.c",)
LITTLEFS_SUM = ("littlefs/lfs2_util.c",)
LITTLEFS = ("littlefs/lfs2.c", *LITTLEFS_SUM)
INTERPRETER = "tests/host/micropython/interpreter.c"
"""What has this has MicroPython's core too."""

# What each program is about.
PROGRAMS = {
    "unit_phys_ranges": ("kernel/phys_ranges.c",),
    "unit_cmdline": ("kernel/cmdline.c",),
    "unit_cpu_random": ("kernel/cpu_random.c",),
    "unit_drbg": (DRBG,),
    "unit_random": RANDOM,
    "unit_virtio_rng": ("drivers/virtio_rng.c", "drivers/virtqueue.c"),
    "unit_random_threads": (*RANDOM, "kernel/wait.c", "kernel/timer.c"),
    "unit_crc32": ("kernel/crc32.c",),
    "unit_fs_fat": FS_PROBE,
    "unit_fs_littlefs": FS_PROBE,
    "unit_lfs2": ("kernel/crc32.c",),
    "unit_crc32c": ("kernel/crc32c.c",),
    "unit_sha_blocks": ("ports/cloud_hypervisor/sha_blocks.c",),
    "unit_run_queue": ("kernel/run_queue.c",),
    "unit_page_alloc": PAGE_ALLOC,
    "unit_page_alloc_threads": PAGE_ALLOC,
    "unit_paging": ("boot/paging.c",),
    "unit_address_space": ADDRESS_SPACE,
    "unit_kalloc": KALLOC,
    "unit_kalloc_threads": KALLOC,
    "unit_disk_cache": ("kernel/disk_cache.c", *KALLOC),
    "unit_message": ("kernel/message.c", *KALLOC),
    "unit_queue_threads": QUEUE,
    "unit_call": CALL,
    "unit_call_threads": CALL,
    "unit_wait_threads": WAIT,
    "unit_timer": ("kernel/timer.c",),
    "unit_tlb_threads": ("kernel/tlb.c",),
    "unit_siphash": ("kernel/siphash.c",),
    "unit_net_tso": ("kernel/net/net_tso.c",),
    "unit_ip_setting": ("kernel/net/ip_setting.c", *NET),
    "unit_net_loopback_threads": NET,
    "unit_net_timers_threads": NET,
    "unit_net_sockets_threads": NET,
    "unit_pci": PCI,
    "unit_virtqueue": VIRTQUEUE,
    "unit_virtio": VIRTIO_BLK,
    "unit_virtio_blk": VIRTIO_BLK,
    "unit_virtio_blk_life": VIRTIO_BLK,
    "unit_disk_io": DISK_IO,
    "unit_virtio_net": VIRTIO_NET,
    "unit_virtio_net_life": VIRTIO_NET,
    "unit_transfer": (*TRANSFER, INTERPRETER),
    "unit_transfer_bytes": (*TRANSFER, INTERPRETER),
    "unit_transfer_functions": (*TRANSFER, INTERPRETER),
    "probe_boot_info": BOOT_INFO,
    "probe_acpi": ACPI,
    "probe_cmdline": ("kernel/cmdline.c",),
    "probe_smbios": SMBIOS,
    "probe_romfs": ROMFS,
    "probe_disk": PARTITIONS,
    "probe_transfer": (*TRANSFER, INTERPRETER),
    "fuzz_boot_info": BOOT_INFO,
    "fuzz_acpi": ACPI,
    "fuzz_acpi_table": ACPI,
    "fuzz_cmdline": ("kernel/cmdline.c",),
    "fuzz_page_alloc": PAGE_ALLOC,
    "fuzz_smbios": SMBIOS,
    "fuzz_romfs": ROMFS,
    "fuzz_partitions": PARTITIONS,
    "fuzz_fs_probe": FS_PROBE,
    "fuzz_virtio_blk": VIRTIO_BLK,
    "fuzz_virtio_net": VIRTIO_NET,
    "fuzz_lwip": (
        *("kernel/net/timers.c", "kernel/net/timer_needs.c", "kernel/net/timer_tcp.c"),
        *(
            "kernel/net/route.c",
            "kernel/net/tcp_syn.c",
            "kernel/net/tcp_window.c",
            "kernel/net/time_wait.c",
            "kernel/net/addresses.c",
        ),
        *("kernel/net/ip_setting.c", "kernel/net/mdns.c", "kernel/cmdline.c"),
    ),
    "fuzz_transfer": (*TRANSFER, INTERPRETER),
}

COMMON_FLAGS = [
    *("-std=gnu11", "-g", "-O1", "-fno-omit-frame-pointer", "-pthread"),
    *("-Wall", "-Wextra", "-Werror"),
]
# These stand before the root: there the kernel's own headers are overlaid.
SHIM = "tests/host/shim"
SHIM_CPUS = "tests/host/shim_cpus"
SHIM_VIRTIO = "tests/host/shim_virtio"
ON_CPUS = (
    *("unit_kalloc", "unit_kalloc_threads", "unit_message", "unit_queue_threads"),
    *("unit_call", "unit_call_threads", "unit_wait_threads", "unit_tlb_threads", "unit_paging"),
    *("unit_address_space", "unit_random_threads", "unit_disk_cache", "unit_timer"),
    *("unit_net_loopback_threads", "unit_net_timers_threads", "unit_net_sockets_threads"),
    *("unit_net_tso", "unit_ip_setting", "fuzz_lwip"),
)
"""The programs that make CPUs of threads of the host, and what else wants a machine's parts."""
WITH_DEVICES = (
    *("unit_pci", "unit_virtqueue", "unit_virtio"),
    *("unit_virtio_blk", "unit_virtio_blk_life", "unit_disk_io", "fuzz_virtio_blk"),
    *("unit_virtio_net", "unit_virtio_net_life", "fuzz_virtio_net"),
)
"""Those whose machine has the devices of tests/host/virtio."""
ON_THREADS = (
    *("unit_queue_threads", "unit_call_threads", "unit_wait_threads", "unit_random_threads"),
    *("unit_net_loopback_threads", "unit_net_timers_threads", "unit_net_sockets_threads"),
)
"""Those whose host threads are the kernel's: tests/host/thread_world.h."""
WRAPPED = [
    f"-Wl,--wrap=__tsan_atomic32_{name}" for name in ("compare_exchange_strong", "fetch_add")
]
UPSTREAM = {
    "unit_crc32": LITTLEFS_SUM,
    "unit_fs_fat": FAT,
    "unit_fs_littlefs": LITTLEFS,
    "unit_lfs2": LITTLEFS_SUM,
    "fuzz_fs_probe": FAT,
}
"""What programs have of lib/ of MicroPython's tree, without its core."""
UPSTREAM_FLAGS = [
    # As the port has them, but for long names.
    *('-DFFCONF_H="lib/oofatfs/ffconf.h"', "-DMICROPY_FATFS_ENABLE_LFN=0"),
    *("-DMICROPY_FATFS_MAX_SS=4096", "-DMICROPY_FATFS_USE_LABEL=1"),
    *("-DLFS2_NO_DEBUG", "-DLFS2_NO_WARN", "-DLFS2_NO_ERROR"),
    # As these sources are compiled elsewhere.
    *("-Wno-unused-parameter", "-Wno-sign-compare", "-Wno-unused-function"),
]
WITHOUT_AES = ["-Wl,--wrap=mbedtls_aesni_has_support"]
COMPILE_TIMEOUT_S = 120
RUN_TIMEOUT_S = 60


def has_core(name: str) -> bool:
    return INTERPRETER in PROGRAMS[name]


def has_lwip(name: str) -> bool:
    return any(file.startswith("kernel/net/") for file in PROGRAMS[name])


def flags_of(name: str) -> list[str]:
    """The compiler and its flags."""
    kind = name.split("_")[0]
    if has_core(name):
        # As upstream's headers are compiled elsewhere.
        relaxed = ["-Wno-unused-parameter", "-Wno-sign-compare"]
        fuzzer = ["-fsanitize=fuzzer"] if kind == "fuzz" else []
        includes = the_core().includes
        return [compiler("clang"), *core.SANITIZERS, *fuzzer, *COMMON_FLAGS, *relaxed, *includes]
    if kind == "fuzz":
        # What is shared with a device may change between any two loads.
        loads = ["-fsanitize-coverage=trace-loads"] if name in WITH_DEVICES else []
        return [compiler("clang"), "-fsanitize=fuzzer,address,undefined", *loads, *fatal_flags()]
    if name.endswith("_threads"):
        wrapped = WRAPPED if name in ON_THREADS else []
        return [compiler("gcc"), "-fsanitize=thread", *wrapped, *COMMON_FLAGS]
    return [compiler("gcc"), "-fsanitize=address,undefined", *fatal_flags()]


def mbedtls_of(name: str) -> list[str]:
    """As kernel/kernel.mk compiles it."""
    if DRBG not in PROGRAMS[name]:
        return []
    tree = sources.mbedtls()
    flags = [f"-I{tree}/include", '-DMBEDTLS_CONFIG_FILE="kernel/mbedtls_config.h"']
    flags += ["-Wl,--defsym=mbedtls_free=abort"]  # In the kernel it is left out.
    flags += WITHOUT_AES if name == "unit_drbg" else []
    return [*flags, *(f"{tree}/library/{file}" for file in MBEDTLS)]


def upstream_of(name: str) -> list[str]:
    if name not in UPSTREAM:
        return []
    tree = sources.micropython().path
    flags = [*UPSTREAM_FLAGS, f"-I{core.CONFIGURATION.relative_to(ROOT)}", f"-I{tree}"]
    return [*flags, *(f"{tree}/lib/{file}" for file in UPSTREAM[name])]


def shim_of(name: str) -> str:
    """The folder of headers that are overlaid."""
    if name in WITH_DEVICES:
        return SHIM_VIRTIO
    return SHIM_CPUS if name in ON_CPUS else SHIM


def lwip_of(name: str) -> lwip.Lwip:
    return lwip.build_lwip((*flags_of(name), f"-I{shim_of(name)}", "-I."))


def the_core() -> core.Core:
    return core.build_core(compiler("clang"), TRANSFER)


def fatal_flags() -> list[str]:
    return ["-fno-sanitize-recover=all", *COMMON_FLAGS]


def compiler(name: str) -> str:
    path = shutil.which(name)
    assert path is not None, f"{name} is missing: install Debian's packages {name} libclang-rt-dev"
    return path


@functools.cache
def headers_hash() -> str:
    """Of every header that a program can include."""
    folders = ["boot", "drivers", "kernel", "kernel/net", "kernel/net/arch"]
    folders += ["ports/cloud_hypervisor"]
    folders += ["tests/host", "tests/host/micropython", "tests/host/virtio"]
    folders += [f"{shim}/boot" for shim in (SHIM, SHIM_CPUS, SHIM_VIRTIO)]
    folders += [f"{SHIM_VIRTIO}/drivers"]
    headers = sorted(path for folder in folders for path in (ROOT / folder).glob("*.h"))
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in headers)).hexdigest()


@functools.cache
def build(name: str) -> Path:
    """The program, compiled where it is older than what it is made of."""
    files = [f"tests/host/{name}.c", *PROGRAMS[name]]
    libraries = [str(the_core().library), "-lm"] if has_core(name) else []
    includes = [f"-I{shim_of(name)}", "-I."]
    if has_lwip(name):
        built = lwip_of(name)
        includes += built.includes
        libraries.append(str(built.library))
    command = [*flags_of(name), *includes, *files, *mbedtls_of(name), *upstream_of(name)]
    command += libraries
    digest = hashlib.sha256(headers_hash().encode())
    digest.update(b"\0".join((ROOT / file).read_bytes() for file in files))
    digest.update(" ".join(command).encode())
    for library in libraries:
        if Path(library).is_file():
            digest.update(Path(library).read_bytes())
    program = BUILD / name
    stamp = BUILD / f"{name}.stamp"
    BUILD.mkdir(parents=True, exist_ok=True)
    with (BUILD / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if program.exists() and stamp.exists() and stamp.read_text() == digest.hexdigest():
            return program
        stamp.unlink(missing_ok=True)
        done = subprocess.run(
            [*command, "-o", str(program)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=COMPILE_TIMEOUT_S,
            check=False,
        )
        assert done.returncode == 0, f"{name} does not compile:\n{done.stderr}"
        stamp.write_text(digest.hexdigest())
    return program


@functools.cache
def fixed_addresses() -> tuple[str, ...]:
    """How to start a program without address randomisation, where that is allowed: the
    sanitizers of these compilers do not know the layouts that newer kernels choose."""
    setarch = shutil.which("setarch")
    if setarch is None:
        return ()
    command = (setarch, os.uname().machine, "-R")
    tried = subprocess.run([*command, "true"], capture_output=True, timeout=10, check=False)
    return command if tried.returncode == 0 else ()


def run(
    name: str, *arguments: str, stdin: bytes = b"", timeout: float = RUN_TIMEOUT_S
) -> subprocess.CompletedProcess[bytes]:
    """Builds and runs the program. Fails with its own words where it fails, or a sanitizer."""
    command = [*fixed_addresses(), str(build(name)), *arguments]
    try:
        done = subprocess.run(
            command, input=stdin, capture_output=True, timeout=timeout, cwd=ROOT, check=False
        )
    except subprocess.TimeoutExpired as late:
        raise AssertionError(f"{name} {arguments} still ran after {timeout} s") from late
    assert done.returncode == 0, (
        f"{name} {' '.join(arguments)} ended with {done.returncode}:\n"
        + done.stderr.decode(errors="replace")
    )
    return done
