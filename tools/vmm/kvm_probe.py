# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Finds out whether this host's KVM runs ordinary code, by running some.

/dev/kvm alone proves nothing: there are hosts where it opens and makes virtual machines, and then
runs only guests that were written for it, or interprets instructions one by one. So a few
instructions of 64-bit code with SSE and a loop run in a machine of two pages; they must come to
their end with the right result, soon. As a program (`python -m tools.vmm.kvm_probe`) it prints the
reason why not and exits with 1; `why_unusable` runs that, since a bad KVM may hang whoever asks.
"""

import ctypes
import fcntl
import functools
import mmap
import os
import struct
import subprocess
import sys
from pathlib import Path

_DEVICE = "/dev/kvm"
_TIMEOUT = 10.0

# Numbers and structures of the KVM API (Linux: Documentation/virt/kvm/api.rst, linux/kvm.h).
_GET_API_VERSION = 0xAE00
_CREATE_VM = 0xAE01
_GET_VCPU_MMAP_SIZE = 0xAE04
_CREATE_VCPU = 0xAE41
_SET_USER_MEMORY_REGION = 0x4020AE46
_SET_TSS_ADDR = 0xAE47
_RUN = 0xAE80
_GET_REGS = 0x8090AE81
_SET_REGS = 0x4090AE82
_GET_SREGS = 0x8138AE83
_SET_SREGS = 0x4138AE84
_EXIT_HLT = 5

# One 2 MiB page holds everything; the page tables are at its start.
_MEMORY_SIZE = 2 << 20
_PML4, _PDPT, _PD, _CODE = 0x0000, 0x1000, 0x2000, 0x3000
_SEED = 0x0123456789ABCDEF
_LOOPS = 10_000_000
_PROGRAM = bytes.fromhex(
    "48b8 efcdab8967452301"  # mov $_SEED, %rax
    "66480f6ec0"  #             movq %rax, %xmm0
    "660fd4c0"  #               paddq %xmm0, %xmm0
    "66480f7ec0"  #             movq %xmm0, %rax
    "b9 80969800"  #            mov $_LOOPS, %ecx
    "48d1c0"  #             1:  rol $1, %rax
    "ffc9"  #                   dec %ecx
    "75f9"  #                   jnz 1b
    "f4"  #                     hlt
)


class _Segment(ctypes.Structure):
    _fields_ = (
        ("base", ctypes.c_uint64),
        ("limit", ctypes.c_uint32),
        ("selector", ctypes.c_uint16),
        ("type", ctypes.c_uint8),
        ("present", ctypes.c_uint8),
        ("dpl", ctypes.c_uint8),
        ("db", ctypes.c_uint8),
        ("s", ctypes.c_uint8),
        ("l", ctypes.c_uint8),
        ("g", ctypes.c_uint8),
        ("avl", ctypes.c_uint8),
        ("unusable", ctypes.c_uint8),
        ("padding", ctypes.c_uint8),
    )


class _SystemRegisters(ctypes.Structure):
    _fields_ = (
        *((name, _Segment) for name in ("cs", "ds", "es", "fs", "gs", "ss", "tr", "ldt")),
        ("gdt_and_idt", ctypes.c_uint64 * 4),
        *((name, ctypes.c_uint64) for name in ("cr0", "cr2", "cr3", "cr4", "cr8", "efer")),
        ("apic_base", ctypes.c_uint64),
        ("interrupts", ctypes.c_uint64 * 4),
    )


class _Registers(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_uint64) for name in ("rax", "rbx", "rcx", "rdx", "rsi", "rdi")),
        *((name, ctypes.c_uint64) for name in ("rsp", "rbp")),
        *((f"r{number}", ctypes.c_uint64) for number in range(8, 16)),
        *((name, ctypes.c_uint64) for name in ("rip", "rflags")),
    )


@functools.cache
def why_unusable() -> str | None:
    """None if Cloud Hypervisor can run guests with this host's KVM; else the reason, one line."""
    if not Path(_DEVICE).exists():
        return f"there is no {_DEVICE}"
    if not os.access(_DEVICE, os.R_OK | os.W_OK):
        return f"{_DEVICE} may not be opened by this user (is it in the group kvm?)"
    command = [sys.executable, "-m", __name__]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT,
            check=False,
            cwd=Path(__file__).parent.parent.parent,
        )
    except subprocess.TimeoutExpired:
        return f"{_DEVICE} does not run a simple program in {_TIMEOUT:.0f} s"
    if done.returncode == 0:
        return None
    return done.stdout.strip() or f"{_DEVICE} makes a small program fail ({done.returncode})"


def _run_program() -> str | None:
    with open(_DEVICE, "r+b", buffering=0) as kvm:  # noqa: PTH123
        vm = fcntl.ioctl(kvm, _CREATE_VM, 0)
        # Intel CPUs want three pages of their own that the guest does not use.
        fcntl.ioctl(vm, _SET_TSS_ADDR, 0x1000_0000)
        memory = mmap.mmap(-1, 2 * _MEMORY_SIZE)
        address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
        aligned = -(-address // _MEMORY_SIZE) * _MEMORY_SIZE
        _fill_memory(memory, aligned - address)
        region = struct.pack("<IIQQQ", 0, 0, 0, _MEMORY_SIZE, aligned)
        fcntl.ioctl(vm, _SET_USER_MEMORY_REGION, region)
        vcpu = fcntl.ioctl(vm, _CREATE_VCPU, 0)
        state = mmap.mmap(vcpu, fcntl.ioctl(kvm, _GET_VCPU_MMAP_SIZE, 0))
        _enter_long_mode(vcpu)
        fcntl.ioctl(vcpu, _RUN, 0)
        (reason,) = struct.unpack_from("<I", state, 8)
        if reason != _EXIT_HLT:
            return f"{_DEVICE} does not run ordinary 64-bit code (exit reason {reason})"
        registers = _Registers()
        fcntl.ioctl(vcpu, _GET_REGS, registers)
        expected = 2 * _SEED
        turns = _LOOPS % 64
        expected = (expected << turns | expected >> (64 - turns)) & 0xFFFF_FFFF_FFFF_FFFF
        if registers.rax != expected:
            return f"{_DEVICE} computes wrongly"
        return None


def _fill_memory(memory: mmap.mmap, start: int) -> None:
    """The program, and page tables that map the first 2 MiB (Intel SDM vol. 3, 4.5)."""
    present_writable, large = 0x03, 0x80
    struct.pack_into("<Q", memory, start + _PML4, _PDPT | present_writable)
    struct.pack_into("<Q", memory, start + _PDPT, _PD | present_writable)
    struct.pack_into("<Q", memory, start + _PD, present_writable | large)
    memory[start + _CODE : start + _CODE + len(_PROGRAM)] = _PROGRAM


def _enter_long_mode(vcpu: int) -> None:
    system = _SystemRegisters()
    fcntl.ioctl(vcpu, _GET_SREGS, system)
    code = {"selector": 8, "type": 11, "l": 1}
    data = {"selector": 16, "type": 3, "db": 1}
    for names, values in ((("cs",), code), (("ds", "es", "fs", "gs", "ss"), data)):
        for name in names:
            segment = _Segment(base=0, limit=0xFFFF_FFFF, present=1, s=1, g=1, **values)
            setattr(system, name, segment)
    system.cr0 = 0x8000_0033  # PG, NE, ET, MP, PE
    system.cr3 = _PML4
    system.cr4 = 0x620  # OSXMMEXCPT, OSFXSR, PAE
    system.efer = 0x500  # LMA, LME
    fcntl.ioctl(vcpu, _SET_SREGS, system)
    fcntl.ioctl(vcpu, _SET_REGS, _Registers(rip=_CODE, rflags=2))


def main() -> int:
    try:
        reason = _run_program()
    except OSError as error:
        reason = f"{_DEVICE} refuses to make a small machine: {error.strerror}"
    if reason is not None:
        print(reason)
    return 0 if reason is None else 1


if __name__ == "__main__":
    sys.exit(main())
