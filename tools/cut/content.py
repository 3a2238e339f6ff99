# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""What files hold in `./inv cut`: on the host, and in the guest."""

import binascii


def record(generation: int, size: int) -> bytes:
    """`size` bytes: each 8 say which generation and which piece of 512 they are; a CRC ends it."""
    pieces = [
        (generation.to_bytes(4, "little") + number.to_bytes(4, "little")) * 64
        for number in range(size // 512 + 1)
    ]
    body = b"".join(pieces)[: size - 4]
    return body + binascii.crc32(body).to_bytes(4, "little")
