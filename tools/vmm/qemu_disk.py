# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""A guest's disk as QEMU is told of it, on its command line and by its monitor."""

import json
from typing import Any

from .disk import Disk


def block_node(disk: Disk, name: str) -> dict[str, Any]:
    """The image, as blockdev-add takes it. It is locked, against whoever writes it elsewhere."""
    file = {
        "driver": "host_device" if disk.is_block_device else "file",
        "filename": str(disk.path.absolute()),
        "locking": "on",
    }
    return {
        "driver": "raw",
        "node-name": name,
        "read-only": disk.readonly,
        "discard": "unmap",
        "file": file,
    }


def device(disk: Disk, node: str) -> dict[str, Any]:
    """What every kind of disk device says of the image: a cache that a flush writes back, errors
    for the guest to deal with."""
    return {
        "id": node,
        "drive": node,
        "serial": disk.shown_serial,
        "logical_block_size": disk.sector_size,
        "physical_block_size": disk.sector_size,
        "write-cache": "on",
        "werror": "report",
        "rerror": "report",
    }


def options(disk: Disk, name: str) -> list[str]:
    """The options that give a q35 machine this disk."""
    properties = device(disk, name) | {
        "disable-legacy": "on",
        # Else QEMU has as many queues as CPUs.
        "num-queues": disk.num_queues,
        "queue-size": disk.queue_size,
    }
    words = ["virtio-blk-pci", *(f"{key}={value}" for key, value in properties.items())]
    return ["-blockdev", json.dumps(block_node(disk, name)), "-device", ",".join(words)]
