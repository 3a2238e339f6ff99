# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""hashlib and cryptolib give what others give, with and without the CPU's help."""

import hashlib

import pytest

from tests.guest.conftest import Boot
from tools.guest import Guest

# FIPS 197, appendix C: AES of 128 and of 256 bits.
PLAIN = "00112233445566778899aabbccddeeff"
AES = {
    "000102030405060708090a0b0c0d0e0f": "69c4e0d86a7b0430d8cdb78070b4c55a",
    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f": (
        "8ea2b7ca516745bfeafc49904b496089"
    ),
}
ALGORITHMS = ("md5", "sha1", "sha256")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("size", [0, 1, 55, 56, 64, 1000])
def test_hash_is_everybodys(shared_guest: Guest, algorithm: str, size: int) -> None:
    """Sizes about the blocks of 64 bytes and their padding."""
    digest = shared_guest.output_of(
        f"import hashlib\nh = hashlib.{algorithm}()\n"
        f"h.update(b'x' * {size // 3})\nh.update(b'x' * {size - size // 3})\n"
        "print(h.digest().hex(), end='')"
    )
    assert digest == hashlib.new(algorithm, b"x" * size).hexdigest()


def check_aes(guest: Guest) -> None:
    for key, expected in AES.items():
        output = guest.output_of(
            "import cryptolib\n"
            "from binascii import unhexlify as u\n"
            f"coded = cryptolib.aes(u('{key}'), cryptolib.MODE_ECB).encrypt(u('{PLAIN}'))\n"
            f"print(coded.hex(), cryptolib.aes(u('{key}'), 1).decrypt(coded).hex(), end='')"
        )
        assert output == f"{expected} {PLAIN}"


def test_aes_is_everybodys(shared_guest: Guest) -> None:
    check_aes(shared_guest)


@pytest.mark.only_on("qemu")
@pytest.mark.parametrize("model", ["max", "max,-aes", "qemu64"])
def test_aes_of_a_cpu_without_instructions_for_it(boot: Boot, model: str) -> None:
    guest = boot(cpu_model=model)
    guest.wait_for_prompt()
    check_aes(guest)
