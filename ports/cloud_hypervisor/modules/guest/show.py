# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""What the functions of guest return: data for a program, which prints well for a person.

Record and Table name their values by a line such as "name start:x size:s": x is a number, printed
in hexadecimal, d one in decimal, s a size in bytes.
"""

from collections import OrderedDict, namedtuple


def _hex(value):
    return "-" if value is None else hex(value)


def _size(value):
    for unit, shift in (("GiB", 30), ("MiB", 20), ("KiB", 10)):
        if value >> shift:
            text = "%.1f" % (value / (1 << shift))
            return (text[:-2] if text.endswith(".0") else text) + " " + unit
    return "%d B" % value


def _plain(value):
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return _wrapped(value) if type(value) is tuple else str(value)


def _wrapped(words):
    lines = [""]
    for word in words:
        if len(lines[-1]) + len(word) > 72:
            lines.append("")
        lines[-1] += (" " if lines[-1] else "") + word
    return "\n".join(lines)


# A table puts all but the last to the right.
_FORMATS = {"x": _hex, "s": _size, "d": str, "": _plain}


def _columns(line):
    parts = [word.partition(":") for word in line.split()]
    return [part[0] for part in parts], [_FORMATS[part[2]] for part in parts]


class Record(OrderedDict):
    """Values by name: record["cpu"] and record.cpu are the same."""

    def __init__(self, line, *values):
        names, self._formats = _columns(line)
        super().__init__(zip(names, values))

    def __getattr__(self, name):
        if name in self:
            return self[name]
        raise AttributeError(name)

    def __repr__(self):
        width = max(len(name) for name in self)
        lines = []
        for (name, value), form in zip(self.items(), self._formats):
            text = form(value)
            if "\n" in text:
                lines.append(name + ":")
                lines.extend("  " + line for line in text.split("\n"))
            else:
                lines.append(name + " " * (width + 2 - len(name)) + text)
        return "\n".join(lines)

    __str__ = __repr__


class Table(list):
    """Named tuples, printed as a table."""

    def __init__(self, line, rows):
        self._names, self._formats = _columns(line)
        kind = namedtuple("Row", [name.strip(".") for name in self._names])
        super().__init__([kind(*row) for row in rows])

    def __repr__(self):
        cells = [[form(value) for form, value in zip(self._formats, row)] for row in self]
        cells.insert(0, self._names)
        widths = [max(len(row[i]) for row in cells) for i in range(len(self._names))]
        lines = []
        for row in cells:
            padded = [
                " " * (width - len(text)) + text
                if form is not _plain
                else text + " " * (width - len(text))
                for text, width, form in zip(row, widths, self._formats)
            ]
            lines.append("  ".join(padded).rstrip())
        return "\n".join(lines)

    __str__ = __repr__


class Dump(bytearray):
    """Bytes, printed 16 in a line. Not a subclass of bytes: of MicroPython's none has len()."""

    address = 0

    def __repr__(self):
        lines = []
        for at in range(0, len(self), 16):
            line = self[at : at + 16]
            lines.append("%08x  %-47s  %s" % (self.address + at, line.hex(" "), printable(line)))
        return "\n".join(lines)

    __str__ = __repr__


class Backtrace(list):
    """Frames, the innermost last as CPython prints them; `callers` are C's, the innermost first."""

    def __repr__(self):
        lines = ["Stack (most recent call last):"]
        for frame in self:
            lines.append('  File "%s", line %d, in %s' % tuple(frame))
        lines.append("In C (most recent call first):")
        lines.append("  " + " ".join(hex(address) for address in self.callers))
        return "\n".join(lines)

    __str__ = __repr__


def printable(data):
    return "".join(chr(byte) if 32 <= byte < 127 else "." for byte in data)
