# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""What a power cut may leave of a disk: at each write, samples of which pending sectors are on it.

Writes since the last flush are pending. A disk keeps each sector's versions in their order, and
no other: any sector may be older than any other. That is more than any real disk does.
"""


class Order:
    FREE = "free"
    """As said above."""
    ISSUED = "issued"
    """Writes reach the disk one after the other; of the last one any sectors."""


def cuts(events, before, order, samples, random, late_flushes=0):
    """For each write: (events before the cut, durable sectors, a list of changed sectors).

    `before`: what the disk held at first; it is changed as the events go. `late_flushes`: so many
    flushes have no effect yet, as with a disk that takes its time.
    """
    epochs = [[]]
    for n, event in enumerate(events):
        if event is None:
            epochs.append([])
            if len(epochs) > late_flushes + 1:
                for first, data in epochs.pop(0):
                    for k, content in enumerate(data):
                        before[first + k] = content
            continue
        epochs[-1].append(event)
        pending = [write for epoch in epochs for write in epoch]
        yield n + 1, before, [choose(pending, order, n + k, random) for k in range(samples)]


def choose(pending, order, kind, random):
    """The sectors that differ. Kinds: all that was written is there, some writes, some sectors, the
    last write alone, all but one."""
    if order == Order.ISSUED:
        return issued(pending, kind % 2, random)
    kind %= 5
    if kind == 0:
        return sectors_of(pending)
    if kind == 1:
        return sectors_of([write for write in pending if random.getrandbits(1)])
    if kind == 2:
        return versions(pending, random)
    if kind == 3:
        return sectors_of(pending[-1:])
    lost = random.randrange(len(pending))
    return sectors_of([write for n, write in enumerate(pending) if n != lost])


def issued(pending, kind, random):
    changed = sectors_of(pending[:-1])
    first, data = pending[-1]
    for k, content in enumerate(data):
        if kind == 0 or random.getrandbits(1):
            changed[first + k] = content
    return changed


def sectors_of(writes):
    return {first + k: content for first, data in writes for k, content in enumerate(data)}


def versions(pending, random):
    """Of each sector any version, the one before all writes too."""
    all_versions = {}
    for first, data in pending:
        for k, content in enumerate(data):
            all_versions.setdefault(first + k, []).append(content)
    changed = {}
    for number, contents in all_versions.items():
        chosen = random.randrange(len(contents) + 1)
        if chosen:
            changed[number] = contents[chosen - 1]
    return changed
