# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Random bytes come from what the machine has of sources, or not at all."""

import ast
import os
import time
from pathlib import Path

import pytest

from tests.guest.conftest import Boot
from tools.guest import Guest

WITHOUT = "max,-rdseed,-rdrand"
"""QEMU's CPU without random values."""
ENODEV = "OSError: [Errno 19] ENODEV"


def error_of_urandom(guest: Guest) -> str:
    return guest.exec("import os; os.urandom(1)")[1].splitlines()[-1]


def urandom(guest: Guest, count: int) -> bytes:
    return bytes(guest.eval(f"list(__import__('os').urandom({count}))"))


def test_random_bytes_look_random(shared_guest: Guest) -> None:
    counts = ast.literal_eval(
        shared_guest.output_of(
            "import os\n"
            "counts = [0] * 256\n"
            "for value in os.urandom(16384): counts[value] += 1\n"
            "print(counts)"
        )
    )
    # 64 of each on average, with a deviation of 8: eight deviations are never seen by chance.
    assert min(counts) > 0
    assert max(counts) < 128
    bits = sum(value.bit_count() * count for value, count in enumerate(counts))
    assert abs(bits - 4 * 16384) < 8 * (2 * 16384) ** 0.5


@pytest.mark.parametrize("count", [0, 1, 15, 16, 17, 1000])
def test_as_many_as_asked_for(shared_guest: Guest, count: int) -> None:
    assert len(urandom(shared_guest, count)) == count


def test_many_at_once_are_given(shared_guest: Guest) -> None:
    code = "import os; print(len(set(bytes(os.urandom(1 << 20)[-4096:]))))"
    assert shared_guest.output_of(code) == "256\n"


def test_negative_count_is_refused(shared_guest: Guest) -> None:
    assert "ValueError" in shared_guest.exec("import os; os.urandom(-1)")[1]


def test_each_machine_has_its_own(boot: Boot) -> None:
    seen = set()
    for _ in range(2):
        guest = boot()
        guest.wait_for_prompt()
        seen.add(urandom(guest, 16))
        seen.add(guest.eval("__import__('random').getrandbits(32)"))
        guest.stop()
    assert len(seen) == 4


def test_interpreters_never_have_the_same(boot: Boot) -> None:
    guest = boot(cpus=2)
    guest.wait_for_prompt()
    code = (
        "import os\n"
        "from concurrent.futures import InterpreterPoolExecutor\n"
        "some = '[__import__(\"os\").urandom(8) for _ in range(500)]'\n"
        "with InterpreterPoolExecutor(4) as pool:\n"
        "    lists = list(pool.map(eval, [some] * 4))\n"
        "print(len(set(sum(lists, eval(some)))))"
    )
    assert guest.output_of(code, timeout=60) == "2500\n"


def test_interpreter_that_crashes_takes_no_lock_along(boot: Boot) -> None:
    """Its threads are ended wherever they are, but not while they make random bytes for all."""
    guest = boot(cpus=2)
    guest.wait_for_prompt()
    code = (
        "import os\n"
        "from concurrent import interpreters\n"
        "program = '''\n"
        "import _thread, os, time, uctypes\n"
        "def busy():\n"
        "    while True: os.urandom(3000)\n"
        "_thread.start_new_thread(busy, ())\n"
        "time.sleep_ms(3)\n"
        "uctypes.bytearray_at(0x10, 8)[0] = 1\n"
        "'''\n"
        "for i in range(30):\n"
        "    it = interpreters.create()\n"
        "    try: it.exec(program)\n"
        "    except interpreters.InterpreterError as e: last = e.args[0]\n"
        "    del it\n"
        "    os.urandom(16)\n"
        "print(last, len(os.urandom(16)))"
    )
    assert guest.output_of(code, timeout=60).endswith("interpreter crashed 16\n")


def test_seeded_generator_repeats(shared_guest: Guest) -> None:
    line = (
        "(lambda r: (r.seed(42), [r.getrandbits(30) for _ in range(5)])[1])(__import__('random'))"
    )
    first = shared_guest.eval(line)
    shared_guest.soft_reset()
    assert shared_guest.eval(line) == first


@pytest.mark.only_on("qemu")
@pytest.mark.parametrize("model", ["max,-rdseed", "max", "max,-aes"])
def test_rdrand_is_enough(boot: Boot, model: str) -> None:
    guest = boot(cpu_model=model)
    guest.wait_for_prompt()
    assert len(set(urandom(guest, 4096))) == 256


@pytest.mark.only_on("qemu")
@pytest.mark.parametrize("model", [WITHOUT, "qemu64"])
def test_entropy_device_is_enough(boot: Boot, model: str) -> None:
    guest = boot(cpu_model=model)
    guest.wait_for_prompt()
    assert len(set(urandom(guest, 4096))) == 256


@pytest.mark.parametrize("cpus", [1, 2])
def test_entropy_device_is_asked_at_the_first_use(boot: Boot, cpus: int) -> None:
    guest = boot(cpus=cpus)
    guest.wait_for_prompt()
    code = (
        "import os\n"
        "from cloud_hypervisor import interrupts\n"
        "before = interrupts().get('rng')\n"
        "os.urandom(1)\n"
        "once = interrupts()['rng']\n"
        "for i in range(1000): os.urandom(1)\n"
        "print(before, once, interrupts()['rng'])"
    )
    assert guest.output_of(code) == "None 2 2\n"  # The first answer is for comparison.


@pytest.mark.only_on("qemu")
def test_broken_entropy_device_is_not_believed(boot: Boot) -> None:
    zero = Path("/dev/zero")
    guest = boot(cpu_model=WITHOUT, entropy=zero)
    guest.wait_for_prompt()
    for _ in range(2):
        assert error_of_urandom(guest) == ENODEV
    guest = boot(entropy=zero)
    guest.wait_for_prompt()
    assert len(set(urandom(guest, 4096))) == 256


@pytest.mark.only_on("qemu")
def test_entropy_device_that_does_not_answer_is_not_waited_for_long(
    boot: Boot, tmp_path: Path
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pipe.open("r+b", buffering=0) as file:
        guest = boot(cpu_model=WITHOUT, entropy=pipe)
        guest.wait_for_prompt()
        begin = time.monotonic()
        assert error_of_urandom(guest) == ENODEV
        assert time.monotonic() - begin < 5
        # It is asked anew each time.
        file.write(os.urandom(4096))
        assert len(set(urandom(guest, 4096))) == 256
        # And is not needed any more.
        assert "2" in guest.output_of("import os\nfor i in range(5000): os.urandom(1)\nprint(2)")


@pytest.mark.only_on("qemu")
def test_without_a_source_there_are_none(boot: Boot) -> None:
    guest = boot(cpu_model=WITHOUT, entropy=None)
    guest.wait_for_prompt()
    assert error_of_urandom(guest) == ENODEV
    # What promises no secrecy still works, and is not the same each time.
    first = guest.eval("__import__('random').getrandbits(30)")
    guest.soft_reset()
    assert guest.eval("__import__('random').getrandbits(30)") != first
