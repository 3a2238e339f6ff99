# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""What guest.lspci() tells: the PCI functions, by their configuration spaces and MSI-X tables."""

import _guest

from guest.show import Record, Table

# Virtio 1.2, 5. What people call a device is left as it is there.
_VIRTIO = {
    1: "network card",
    2: "block device",
    3: "console",
    4: "entropy source",
    5: "balloon",
    8: "SCSI host",
    17: "clock",
    19: "socket",
    23: "IOMMU",
    24: "memory",
    26: "filesystem",
    27: "persistent memory",
    35: "watchdog",
}

_NAMES = {
    (0x8086, 0x0D57): "host bridge of Cloud Hypervisor",
    (0x8086, 0x29C0): "host bridge of a q35",
    (0x1B36, 0x0011): "panic device",
}

# PCI Code and ID Assignment 1.11, 1.
_CLASSES = {
    0x0106: "SATA controller",
    0x0180: "storage controller",
    0x0200: "network card",
    0x0300: "graphics card",
    0x0600: "host bridge",
    0x0601: "ISA bridge",
    0x0604: "PCI bridge",
    0x0C03: "USB controller",
    0x0C05: "SMBus",
}

# PCI 3.0, H; the others are PCI Express's and virtio's.
_CAPABILITIES = {0x01: "power", 0x05: "MSI", 0x09: "vendor", 0x10: "PCI Express", 0x11: "MSI-X"}
_STRUCTURES = {1: "common", 2: "notify", 3: "ISR", 4: "device", 5: "PCI access", 8: "shared memory"}

_VIRTIO_VENDOR = 0x1AF4
_MSIX = 0x11


class _Function:
    """PCI Local Bus 3.0, 6: `config` is its configuration space."""

    def __init__(self, item):
        segment, bus, slot, function, self.config = item
        self.address = "%02x:%02x.%d" % (bus, slot, function)
        if segment:
            self.address = "%04x:%s" % (segment, self.address)

    def read(self, offset, size):
        return int.from_bytes(self.config[offset : offset + size], "little")

    def virtio_type(self):
        vendor, device = self.read(0, 2), self.read(2, 2)
        if vendor != _VIRTIO_VENDOR or not 0x1000 <= device < 0x1080:
            return None
        # 4.1.2: the old ones say it as their subsystem.
        return device - 0x1040 if device > 0x1040 else self.read(0x2E, 2)

    def what(self):
        type = self.virtio_type()
        if type is not None:
            return "virtio " + _VIRTIO.get(type, "device of type %d" % type)
        code = self.read(10, 2)
        name = _NAMES.get((self.read(0, 2), self.read(2, 2)))
        return name or _CLASSES.get(code, "class %04x" % code)

    def bars(self):
        """Index, address, bits, prefetchable: 6.2.5.1. Ports have 0 bits."""
        index, last = 0, 6 if self.config[14] & 0x7F == 0 else 2
        while index < last:
            low = self.read(0x10 + 4 * index, 4)
            at, bits = index, 32
            index += 1
            if low & 1:
                yield at, low & ~3, 0, False
                continue
            address = low & ~15
            if low >> 1 & 3 == 2 and index < last:
                address |= self.read(0x10 + 4 * index, 4) << 32
                bits = 64
                index += 1
            if address:
                yield at, address, bits, bool(low & 8)

    def capabilities(self):
        """Offset and id: 6.7."""
        at = self.config[0x34] & 0xFC if self.read(6, 2) >> 4 & 1 else 0
        seen = set()
        while at >= 0x40 and at not in seen:
            seen.add(at)
            yield at, self.config[at]
            at = self.config[at + 1] & 0xFC

    def place(self, at, bar, offset):
        """Where in memory something of a BAR lies."""
        for index, address, bits, _ in self.bars():
            if index == bar and bits:
                return address + offset
        return None

    def structures(self):
        """Offset, what, address, length of each capability: virtio 1.2, 4.1.4."""
        for at, id in self.capabilities():
            what, address, length = _CAPABILITIES.get(id, "%#04x" % id), None, None
            if id == 9 and self.virtio_type() is not None and at <= 0xF0:
                what = "virtio " + _STRUCTURES.get(self.config[at + 3], "%d" % self.config[at + 3])
                length = self.read(at + 12, 4)
                address = self.place(at, self.config[at + 4], self.read(at + 8, 4))
            elif id == _MSIX and at <= 0xF4:
                table = self.read(at + 4, 4)
                length = 16 * ((self.read(at + 2, 2) & 0x7FF) + 1)
                address = self.place(at, table & 7, table & ~7)
            yield at, what, address, length

    def interrupts(self):
        """Entry, vector, APIC id, masked, whose it is: 6.8.2 and Intel SDM volume 3, 11.11."""
        for _, what, table, length in self.structures():
            if what != "MSI-X" or table is None:
                continue
            for entry in range(length // 16):
                low, data, control = [_guest.peek(table + 16 * entry + i, 4) for i in (0, 8, 12)]
                masked = bool(control & 1)
                vector = None if masked else data & 0xFF
                name = None if masked else _guest.vector(vector)
                yield entry, vector, None if masked else low >> 12 & 0xFF, masked, name

    def driver(self):
        for *_, name in self.interrupts():
            if name:
                return name
        return None

    def id(self):
        return "%04x:%04x" % (self.read(0, 2), self.read(2, 2))


def _one(function):
    return Record(
        "address id what class revision:d subsystem driver bars capabilities interrupts",
        function.address,
        function.id(),
        function.what(),
        "%06x" % function.read(9, 3),
        function.config[8],
        "%04x:%04x" % (function.read(0x2C, 2), function.read(0x2E, 2)),
        function.driver(),
        Table("bar:d address:x bits:d prefetchable", function.bars()),
        Table("offset:x what address:x length:x", function.structures()),
        Table("entry:d vector:x apic_id:x masked driver", function.interrupts()),
    )


def lspci(address):
    functions = [_Function(item) for item in _guest.pci()]
    if address is None:
        rows = [(each.address, each.id(), each.what(), each.driver()) for each in functions]
        return Table("address id what driver", rows)
    for each in functions:
        if each.address == address:
            return _one(each)
    raise ValueError("there is no such function")
