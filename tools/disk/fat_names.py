# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Names on FAT: the long ones in UTF-16, and the short one of eight and three that each file has.

Microsoft's specification (fatgen103), sections 6.1 and 7. Short names are in code page 437, as the
guest has it.
"""

from ..errors import UserError

NAME_MAX = 255
"""UTF-16 units of a long name."""
_UNITS_AN_ENTRY = 13
_LONG = 0x0F
_LAST = 0x40
_CODE_PAGE = "cp437"
_REFUSED = frozenset('"*/:<>?\\|') | {chr(code) for code in range(32)} | {"\x7f"}
_SHORT = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'()-@^_`{}~")
_LOWER_BASE, _LOWER_EXTENSION = 0x08, 0x10


def check(name: str) -> None:
    """UserError where FAT does not take the name."""
    try:
        units = len(name.encode("utf-16-le")) // 2
    except UnicodeEncodeError:
        raise UserError(f"The name {name!r} is no UTF-8.", "Rename it.") from None
    bad = sorted(_REFUSED.intersection(name))
    if bad:
        raise UserError(f"FAT takes no name with {bad[0]!r}: {name!r}.", "Rename it.")
    if name.endswith((".", " ")):
        raise UserError(f"FAT takes no name with {name[-1]!r} at its end: {name!r}.", "Rename it.")
    if units > NAME_MAX:
        raise UserError(f"FAT takes names of {NAME_MAX} characters: {name!r}.", "Rename it.")


def folded(name: str) -> str:
    """Names that FAT takes for one."""
    return name.upper()


def checksum(short: bytes) -> int:
    """Of a short name, which its long name repeats."""
    result = 0
    for byte in short:
        result = ((result & 1) << 7) + (result >> 1) + byte & 0xFF
    return result


def short_name(name: str, taken: dict[str, int], used: set[bytes]) -> tuple[bytes, bool]:
    """A short name that nobody in the directory has, and whether it says all of the name.

    `used` has the short names of the directory. `taken`, the number last given for a beginning,
    spares the search where thousands of names begin alike; both are brought up to date.
    """
    base, dot, extension = name.rpartition(".")
    if not base:  # No dot, or only one at the begin.
        base, extension = name.replace(".", ""), ""
    exact = (
        len(base) <= 8
        and (0 < len(extension) <= 3 or not dot)
        and _SHORT.issuperset(base + extension)
    )
    if exact:
        short = _packed(base, extension)
        if short not in used:
            used.add(short)
            return short, True
    base, extension = _squeezed(base)[:8] or "_", _squeezed(extension)[:3]
    key = f"{base[:6]}.{extension}"
    number = taken.get(key, 0)
    while True:
        number += 1
        tail = f"~{number}"
        short = _packed(base[: 8 - len(tail)] + tail, extension)
        if short not in used:
            break
    taken[key] = number
    used.add(short)
    return short, False


def _squeezed(text: str) -> str:
    text = text.upper().replace(" ", "").replace(".", "")
    return "".join(letter if letter in _SHORT else "_" for letter in text)


def _packed(base: str, extension: str) -> bytes:
    return base.ljust(8).encode("ascii") + extension.ljust(3).encode("ascii")


def long_entries(name: str, short: bytes) -> bytes:
    """The directory entries that come before the one with the short name."""
    raw = name.encode("utf-16-le")
    count = -(-len(raw) // (2 * _UNITS_AN_ENTRY))
    if len(raw) < count * 2 * _UNITS_AN_ENTRY:
        raw = (raw + b"\0\0").ljust(count * 2 * _UNITS_AN_ENTRY, b"\xff")
    entries = []
    for index in reversed(range(count)):
        part = raw[index * 26 : index * 26 + 26]
        order = index + 1 | (_LAST if index == count - 1 else 0)
        head = bytes([order]) + part[:10] + bytes([_LONG, 0, checksum(short)])
        entries.append(head + part[10:22] + bytes(2) + part[22:])
    return b"".join(entries)


def is_long(entry: bytes) -> bool:
    return entry[11] & 0x3F == _LONG


def name_of(entry: bytes, long: list[bytes]) -> str:
    """The name of an entry; `long` has those before it, as they lie.

    Where they do not belong to it, it is the short name.
    """
    short = entry[:11]
    count = len(long)
    orders = [count - index | (_LAST if index == 0 else 0) for index in range(count)]
    sums = {each[13] for each in long}
    if long and [each[0] for each in long] == orders and sums == {checksum(short)}:
        raw = b"".join(each[1:11] + each[14:26] + each[28:32] for each in reversed(long))
        text = raw.decode("utf-16-le", errors="replace").split("\0")[0]
        if text:
            return text
    if short[0] == 0x05:
        short = b"\xe5" + short[1:]
    base = short[:8].decode(_CODE_PAGE).rstrip()
    extension = short[8:].decode(_CODE_PAGE).rstrip()
    if entry[12] & _LOWER_BASE:
        base = base.lower()
    if entry[12] & _LOWER_EXTENSION:
        extension = extension.lower()
    return f"{base}.{extension}" if extension else base
