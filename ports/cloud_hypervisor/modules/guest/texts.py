# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""What guest.help() says: of each function how it is called and a line, then all the rest."""

from guest.show import Table

TEXTS = """\
build()  what this firmware is made of
Symbols of the same build have the same build id.

info()  CPU, memory, VMM, firmware
A record: info()["cpu"] and info().cpu are the same. free: neither used nor
promised. hertz: of the time stamp counter; clock: where that was learned.
hypervisor: the signature by CPUID.

uptime()  the time since the boot

date(new=None)  the time of day, UTC
date("2026-11-24 21:00:00") sets it, in this machine, until it stops.

cpuid(leaf, subleaf=0)  the answer of the CPUID instruction
A record of eax, ebx, ecx and edx; ascii shows them as text.

msr(number[, value])  reads or writes a model-specific register
Returns what was read, an int: hex(guest.msr(0x277)). OSError (ENXIO) where
the CPU has no such register, or it does not take the value. DANGER: with a
value it WRITES. A wrong one can end the machine at once, without a report.

interrupts()  how often each device has interrupted

acpi(signature=None, index=0)  the ACPI tables, or the bytes of one
whole: length and checksum hold. acpi("APIC") is the content, acpi("SSDT", 1)
that of the second SSDT; of a table that is not whole the header only.

lspci(address=None)  the PCI devices, or all about one
guest.lspci("00:01.0") has its BARs, its capabilities and where those lie, and
its interrupts: the entries of its MSI-X table. driver: who has interrupts of
it; a device that nobody has used yet has none.

interfaces()  the network devices
Their state, address, and what went through them. A device that is stopped
says why in its state.

connections()  TCP connections, listeners and UDP sockets
Of all interpreters. unacknowledged: sent, and not yet known to have come.

ping(host, count=4, size=56, timeout=1.0)  asks a host whether it is there
By echo requests of ICMP, of so many bytes. problem: empty where it answered.

dns(name=None)  the addresses of a name, or the server that is asked

ntp(server=None, set=False)  the time of an NTP server
Without a server it is ntptime.host. ahead: of this machine's clock, which
set=True sets.

memory()  the physical memory map
ranges: as the VMM gave it. uses: what the firmware keeps for good. pages: the
rest; promised to areas that are not touched yet; touched at least once since
the boot; in use by the network.

mappings()  the virtual memory map
Neighbours with the same rights are one row. cache: by the PAT, MTRRs left
aside. physical: where it begins, if the pages are in order there too.

heap()  the areas of the heap
largest: the largest free piece. growth: what further areas could add. Garbage
counts as used, until gc.collect().

top(seconds=1.0)  what CPUs, threads and interpreters do
For so long it looks, itself asleep. busy: the part of the time, in per cent;
of CPUs those that run: the others start with the first thread. memory: what
an interpreter has touched of its own.

peek(address, size=8)  reads physical memory
One access of 1, 2, 4 or 8 bytes, at a multiple of that; returns an int.
guest.physical() gives the address behind a virtual one. OSError (EFAULT): the
CPU has fewer address bits. Where nothing answers, what comes is the VMM's
choice. A device may change its state when it is read.

poke(address, value, size=8)  writes physical memory
As peek(). DANGER: nothing is protected from it. A wrong write can destroy
this machine and what is on its disks, at once or later.

dump(address, length=256)  shows physical memory
Bytes, by accesses as wide as the address allows. For a device use peek().

physical(address)  the physical address behind a virtual one
None where nothing is mapped: memory gets its page when it is first touched.

random(count=16)  random bytes of the CPU
As os.urandom().

backtrace()  the functions that run
(file, line, function) of Python's bytecode, the innermost last; callers: the
return addresses in C, which addr2line -e build/firmware.debug.elf explains.

halt()  powers the machine off
At once, as machine.poweroff().

reboot()  resets the machine
At once, as machine.reset()."""


def show(what):
    texts = TEXTS.split("\n\n")
    if what is None:
        print(Table("guest. what", [text.split("\n")[0].split("  ") for text in texts]))
        print("\nguest.help(guest.cpuid) says more of one.")
        return
    name = what if isinstance(what, str) else getattr(what, "__name__", "")
    for text in texts:
        if text.partition("(")[0] == name:
            print("guest." + text)
            return
    raise ValueError("guest has no such function")
