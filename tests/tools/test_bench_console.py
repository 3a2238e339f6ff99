# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""The rival of the console benchmark moves every byte, and the benchmark sees when one is wrong."""

from collections.abc import Iterator

import pytest

from tests.guests import build_guest
from tools.bench import console
from tools.errors import WorkFailed
from tools.guest import Guest
from tools.vmm.base import VmSpec
from tools.vmm.qemu import Qemu

SIZE = 64 << 10


@pytest.fixture(scope="module")
def pump(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guest]:
    kernel = build_guest("pump", tmp_path_factory.mktemp("guests"))
    with Guest(Qemu(), VmSpec(kernel)) as guest:
        guest.read_until(b"ready\r\n")
        yield guest


def test_pump_moves_bytes_in_both_directions(pump: Guest) -> None:
    for _ in range(2):
        assert console.pump_in(pump, SIZE) > 0
        assert console.pump_out(pump, SIZE) > 0


def test_a_wrong_byte_is_seen(pump: Guest) -> None:
    pump.write(b"OI\x04")
    with pytest.raises(WorkFailed, match="or others"):
        console.receive(pump, b"abcdefghijklmnop" * 2047 + b"abcdefghijklmnoq")


def test_a_missing_byte_is_seen(pump: Guest) -> None:
    pump.write(b"OI\x04")
    with pytest.raises(WorkFailed, match="32769 bytes came instead of 32785"):
        console.receive(pump, b"abcdefghijklmnop" * 2049)


@pytest.mark.parametrize("size", [13, 14, 91, 92, 93, 1024, 4097])
def test_the_program_that_is_pasted_has_its_size_and_runs(
    size: int, capsys: pytest.CaptureFixture[str]
) -> None:
    program = console.program_of(size)
    assert len(program) == size
    exec(compile(program, "pasted", "exec"))
    assert capsys.readouterr().out == "end\n"


def test_the_ratio_in_the_table_is_of_the_medians() -> None:
    rates = {"prompt": [90.0, 50.0, 60.0], "pump": [100.0, 120.0, 500.0]}
    figures = {"qemu": {"bytes": SIZE, "in": rates, "out": rates}}
    (shown,) = console.tables(figures)
    cells = [list(column.cells) for column in shown.columns]
    assert [column[0] for column in cells] == ["in, qemu", "60", "120", "0.50", "50", "90"]
