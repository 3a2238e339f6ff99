# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""What fsck.fat 4.2 says, and what docs/disks.md calls it.

MicroPython imports it too, for tests/host/power_cuts: it uses nothing.
"""

SHARED = "two entries of the same clusters"
_COMPLAINTS = (
    ("Reclaimed", "clusters that belong to nothing"),
    ("cluster chain length is >", "file with more clusters than its size needs"),
    ("cluster chain length is", "file with fewer clusters than its size needs"),
    ("Contains a free cluster", "entry of a free cluster"),
    ("share clusters", SHARED),
    ("Orphaned long file name", "part of a long name"),
    ("Long filename fragment", "part of a long name"),
    ("Invalid '..' entry", "directory with another parent"),
    ("Expected a valid '.", "directory that was never written"),
    ("FATs differ", "copies of the FAT that differ"),
    ("Free cluster summary wrong", "wrong count of free clusters"),
)
# How lines of its own doings begin, and those with a name.
_ASIDE = (
    "/",
    "fsck.fat ",
    "Leaving ",
    "Truncating ",
    "Auto-",
    "Not auto-",
    "Using first FAT",
    "(Maybe the start bit",
)


def kind_of(line: str) -> str:
    """What the line complains of: the line itself if that is not known; "" if of nothing."""
    line = line.strip()
    for words, kind in _COMPLAINTS:
        if words in line:
            return kind
    return "" if line.startswith(_ASIDE) else line
