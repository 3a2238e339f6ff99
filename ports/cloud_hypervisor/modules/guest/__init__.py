# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Looking around in the machine, from the prompt or a program: guest.help()."""

import gc
import os
import platform
import sys
import time
from collections import namedtuple

import _guest
import cloud_hypervisor
import machine

from guest.show import Backtrace, Dump, Record, Table, printable


def help(what=None):
    from guest import texts

    texts.show(what)


def _number(value, bits):
    if not isinstance(value, int):
        raise TypeError("a number is wanted")
    if value < 0 or value >> bits:
        raise ValueError("a number of %d bits is wanted" % bits)
    return value


def _all(function):
    index = 0
    while (item := function(index)) is not None:
        yield item
        index += 1


# The machine.


def build():
    names = ("_thread", "network", "socket", "ssl", "asyncio", "vfs", "hashlib", "unittest")
    have = ["native code"] if sys.implementation._mpy >> 10 & 15 else []
    for name in names:
        try:
            __import__(name)
            have.append(name)
        except ImportError:
            pass
    build_id, address = _guest.build()
    system = os.uname()
    return Record(
        "firmware version board compiler build_id link_address:x python features",
        "MicroPython for Cloud Hypervisor",
        system.version,
        system.machine,
        platform.python_compiler(),
        build_id.hex(),
        address,
        sys.version.partition(";")[0],
        tuple(have),
    )


# CPUID leaf 1 ECX, EDX and leaf 7 EBX, from bit 0 on: Intel SDM volume 2, CPUID.
_FEATURES = (
    (
        1,
        2,
        "sse3 pclmulqdq - - - vmx - - - ssse3 - - fma cx16 - - - pcid - sse4_1 sse4_2 x2apic"
        " movbe popcnt tsc_deadline aes xsave - avx f16c rdrand hypervisor",
    ),
    (
        1,
        3,
        "fpu - pse tsc msr pae mce cx8 apic - sep mtrr pge mca cmov pat - - clflush - - - mmx"
        " fxsr sse sse2 - ht",
    ),
    (
        7,
        1,
        "fsgsbase - - bmi1 - avx2 - smep bmi2 erms invpcid - - - - - avx512f - rdseed adx smap"
        " - - clflushopt clwb - - - - sha",
    ),
)


def _features():
    for leaf, register, names in _FEATURES:
        if leaf <= _guest.cpuid(0, 0)[0]:
            bits = _guest.cpuid(leaf, 0)[register]
            for bit, name in enumerate(names.split()):
                if name != "-" and bits >> bit & 1:
                    yield name


def _text(*registers):
    data = b"".join(register.to_bytes(4, "little") for register in registers)
    return "".join(chr(byte) for byte in data if 32 <= byte < 127).strip()


def _vendor(leaf):
    _, ebx, ecx, edx = _guest.cpuid(leaf, 0)
    return _text(ebx, edx, ecx) if leaf == 0 else _text(ebx, ecx, edx)


def _brand():
    if _guest.cpuid(0x80000000, 0)[0] < 0x80000004:
        return None
    return _text(
        *[register for leaf in (2, 3, 4) for register in _guest.cpuid(0x80000000 + leaf, 0)]
    )


def info():
    features = tuple(_features())
    eax = _guest.cpuid(1, 0)[0]
    family, model = eax >> 8 & 15, eax >> 4 & 15
    if family in (6, 15):
        model += eax >> 12 & 0xF0
    if family == 15:
        family += eax >> 20 & 0xFF
    total, free = cloud_hypervisor.memory()
    return Record(
        "vmm hypervisor cpu vendor family model stepping features cpus hertz clock memory:s free:s"
        " firmware build_id cmdline uuid",
        cloud_hypervisor.vmm(),
        _vendor(0x40000000) if "hypervisor" in features else None,
        _brand(),
        _vendor(0),
        family,
        model,
        eax & 15,
        features,
        cloud_hypervisor.cpus(),
        machine.freq(),
        cloud_hypervisor.clock(),
        total,
        free,
        os.uname().version,
        _guest.build()[0].hex(),
        cloud_hypervisor.cmdline(),
        machine.unique_id().hex() or None,
    )


def uptime():
    seconds = _guest.uptime() // 1_000_000_000
    minutes, hours = seconds // 60, seconds // 3600
    text = "%d d %02d:%02d:%02d" % (hours // 24, hours % 24, minutes % 60, seconds % 60)
    return Record("uptime seconds", text, _guest.uptime() / 1_000_000_000)


def date(new=None):
    if new is not None:
        try:
            day, clock = new.strip("Z").replace("T", " ").split(" ")
            fields = [int(part) for part in day.split("-") + clock.split(":")]
            year, month, day, hour, minute, second = fields
        except (AttributeError, ValueError):
            raise ValueError("a date is 2026-11-24 21:00:00") from None
        machine.RTC().datetime((year, month, day, 0, hour, minute, second, 0))
    now = time.time_ns()
    text = "%04d-%02d-%02d %02d:%02d:%02d" % time.gmtime(now // 1_000_000_000)[:6]
    return Record("utc seconds", text, now / 1_000_000_000)


def cpuid(leaf, subleaf=0):
    registers = _guest.cpuid(_number(leaf, 32), _number(subleaf, 32))
    data = b"".join(register.to_bytes(4, "little") for register in registers)
    return Record("eax:x ebx:x ecx:x edx:x ascii", *registers, printable(data))


def msr(number, *value):
    return _guest.msr(_number(number, 32), *[_number(each, 64) for each in value])


def interrupts():
    return Table("name count:d", sorted(cloud_hypervisor.interrupts().items()))


_tables = None


def acpi(signature=None, index=0):
    global _tables
    # They stay as they are, and each look at one may map it anew.
    _tables = _tables or _guest.acpi()
    if signature is None:
        line = "table index:d address:x length:d revision:d oem oem_table oem_revision:x whole"
        return Table(line, _headers(_tables))
    if not isinstance(signature, str):
        raise TypeError("a signature is a text of four letters")
    found = [table for table in _tables if bytes(table[2][:4]) == signature.encode()]
    if not 0 <= index < len(found):
        raise ValueError("there is no such table")
    return Dump(found[index][2])


def _headers(tables):
    # ACPI 6.5, table 5.4.
    seen = {}
    for address, whole, content in tables:
        head = bytes(content[:36]) + bytes(36 - min(36, len(content)))
        name = printable(head[:4])
        index = seen[name] = seen.get(name, -1) + 1
        length, revision = (
            int.from_bytes(head[4:8], "little"),
            int.from_bytes(head[24:28], "little"),
        )
        oem, oem_table = _text_of(head[10:16]), _text_of(head[16:24])
        yield name, index, address, length, head[8], oem, oem_table, revision, whole


def _text_of(data):
    return printable(data.rstrip(b"\0")).rstrip()


# PCI.


def lspci(address=None):
    from guest import pci

    return pci.lspci(address)


# The network.


def interfaces():
    from guest import net

    return net.interfaces()


def connections():
    from guest import net

    return net.connections()


def ping(host, count=4, size=56, timeout=1.0):
    from guest import net

    return net.ping(host, count, size, timeout)


def dns(name=None):
    from guest import net

    return net.dns(name)


def ntp(server=None, set=False):
    from guest import net

    return net.ntp(server, set)


# Memory.

_KINDS = {1: "RAM", 2: "reserved", 3: "ACPI tables", 4: "ACPI NVS", 5: "broken", 7: "persistent"}


def memory():
    ranges = [
        (start, start + size, size, _KINDS.get(kind) or "type %d" % kind)
        for start, size, kind in _all(_guest.range)
    ]
    uses = [(start, end, end - start, what) for start, end, what in _all(_guest.use)]
    return Record(
        "ranges uses pages",
        Table("start:x end:x size:s kind", ranges),
        Table("start:x end:x size:s use", uses),
        Record("all:s free:s promised:s touched:s network:s", *_guest.pages()),
    )


# By the type of its PAT entry: Intel SDM volume 3, table 12-10.
_CACHE = {
    0: "uncached",
    1: "write-combining",
    4: "write-through",
    5: "write-protected",
    6: "write-back",
    7: "uncached-",
}
_MSR_PAT = 0x277


def mappings():
    pat = _guest.msr(_MSR_PAT)
    rows = []
    at = 0
    while (item := _guest.mapping(at)) is not None:
        start, at, entry, in_order, what = item
        rights = "r" + ("w" if entry & 2 else "-") + ("-" if entry >> 63 else "x")
        cache = pat >> 8 * (entry >> 3 & 3) & 7
        physical = entry & 0xFFFFFFFFFF000 if in_order else None
        rows.append((start, at, at - start, rights, _CACHE.get(cache), physical, what))
    return Table("start:x end:x size:s rights cache physical:x what", rows)


def heap():
    rows = [
        (start, end, end - start, used, end - start - used, largest)
        for start, end, used, largest in _guest.heap()
    ]
    free = sum(row[4] for row in rows)
    return Record(
        "areas used:s free:s growth:s",
        Table("start:x end:x size:s used:s free:s largest:s", rows),
        sum(row[3] for row in rows),
        free,
        max(0, gc.mem_free() - free),
    )


# What the CPUs do.


def _interpreters():
    at = 0
    while (item := _guest.interpreter(at)) is not None:
        yield item
        at = item[0] + 1


def _threads(id):
    return list(_all(lambda index: _guest.thread(id, index)))


def _activity():
    """When, idle times of the CPUs, and run times of the threads by their identity."""
    ran = {}
    for interpreter in _interpreters():
        for thread in _threads(interpreter[0]):
            ran[thread[0]] = thread[4]
    return _guest.uptime() // 1000, [cpu[1] for cpu in _all(_guest.cpu)], ran


def top(seconds=1.0):
    begin, idle_before, ran_before = _activity()
    time.sleep_ms(int(seconds * 1000))
    end, idle, ran = _activity()
    passed = max(1, end - begin)

    def share(ticks):
        return max(0, min(100, round(100 * ticks / passed)))

    cpus = [
        (index, share(passed - (idle[index] - before))) for index, before in enumerate(idle_before)
    ]
    threads, interpreters = [], []
    for id, running, used in _interpreters():
        items = _threads(id)
        interpreters.append((id, bool(running or not id), len(items), used))
        for thread, name, cpu, state, _ in items:
            busy = share(ran.get(thread, 0) - ran_before.get(thread, 0))
            threads.append((id, name, cpu, busy, state))
    threads.sort(key=lambda row: -row[3])
    return Record(
        "cpus interpreters threads memory",
        Table("cpu:d busy:d", cpus),
        Table("id:d running threads:d memory:s", interpreters),
        Table("interpreter:d name cpu:d busy:d state", threads),
        Record("all:s free:s promised:s touched:s network:s", *_guest.pages()),
    )


def _place(address, size):
    if size not in (1, 2, 4, 8):
        raise ValueError("a size is 1, 2, 4 or 8")
    if _number(address, 64) % size:
        raise ValueError("the address is no multiple of the size")
    return address


def peek(address, size=8):
    return _guest.peek(_place(address, size), size)


def poke(address, value, size=8):
    _guest.poke(_place(address, size), _number(value, 8 * size), size)


def dump(address, length=256):
    end = _number(address, 64) + _number(length, 24)
    data = bytearray()
    while (at := address + len(data)) < end:
        size = 8
        while at % size or at + size > end:
            size //= 2
        data.extend(_guest.peek(at, size).to_bytes(size, "little"))
    found = Dump(data)
    found.address = address
    return found


def physical(address):
    return _guest.physical(_number(address, 64))


# And more.


def random(count=16):
    return Dump(os.urandom(_number(count, 24)))


_Frame = namedtuple("Frame", ("file", "line", "function"))


def backtrace():
    found = Backtrace([_Frame(*frame) for frame in reversed(_guest.frames(backtrace)[1:])])
    found.callers = _guest.callers()
    return found


def halt():
    machine.poweroff()


def reboot():
    machine.reset()
