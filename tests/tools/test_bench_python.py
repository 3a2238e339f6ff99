# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""What perfbench prints and what is made of it."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.guests import build_guest
from tools import sources
from tools.bench import linux_guest, python
from tools.bench.emulator import Emulator
from tools.crash import CRASH_END
from tools.errors import UserError, WorkFailed


def test_output_of_a_benchmark_is_taken_apart() -> None:
    assert python.read_output("x", "1234 50 (1, 'a b')\r\n") == (1234, "50 (1, 'a b')")


@pytest.mark.parametrize("output", ["SKIP", "", "-1 -1 SKIP: no matching params", "Traceback"])
def test_a_benchmark_that_did_not_run_is_an_error(output: str) -> None:
    with pytest.raises(WorkFailed, match="bm_x printed"):
        python.read_output("bm_x", output)


def test_a_ratio_below_one_is_never_rounded_up() -> None:
    assert python.ratio(ours=100_001, unix=100_000) < 1
    assert python.ratio(ours=100, unix=150) == 1.5


def test_scripts_are_upstreams_and_complete() -> None:
    tests = sources.micropython().path / "tests"
    scripts = python.benchmark_scripts(tests)
    files = {file.stem for file in (tests / "perf_bench").glob("*.py")} - {"benchrun"}
    assert scripts.keys() == files
    # CPython runs it too: with a small size, for time.
    script = scripts["bm_pidigits"].replace(b"bm_run(1000, 1000)", b"bm_run(50, 10)")
    head = b"import sys\nsys.path.insert(0, '')\n"
    done = subprocess.run(
        [sys.executable, "-"], input=head + script, capture_output=True, timeout=60
    )
    assert python.read_output("bm_pidigits", done.stdout.decode())[0] > 0


def test_a_tree_without_benchmarks_is_refused(tmp_path: Path) -> None:
    (tmp_path / "perf_bench").mkdir()
    (tmp_path / "perf_bench" / "benchrun.py").write_text("")
    with pytest.raises(UserError, match="holds no benchmarks"):
        python.benchmark_scripts(tmp_path)


def test_budgets_name_the_slowest_benchmark_of_each_heap() -> None:
    slow = {"ours": 100, "unix": 90, "ratio": 0.9}
    fast = {"ours": 100, "unix": 120, "ratio": 1.2}
    counted = {"2M": {"bm_a": fast, "bm_b": slow}, "32M": {"bm_a": fast, "bm_b": fast}}
    small, large = python.budgets({"counted": counted})
    assert (small.met, large.met) == (False, True)
    assert small.what.endswith("bm_b")


def test_the_machine_gives_what_its_guest_sends(tmp_path: Path) -> None:
    with Emulator(build_guest("pump", tmp_path), "", None, count_instructions=True) as emulator:
        assert emulator.read_until(b"ready\r\n", 30) == b"ready\r\n"
        emulator.write(b"OI\x04")
        assert emulator.read_exactly(16, 30) == b"abcdefghijklmnop"
        assert len(emulator.read_until(b"\x04", 30)) == 32768 - 16 + 1
        with pytest.raises(WorkFailed, match="did not send b'more'"):
            emulator.read_until(b"more", 0.1)
        assert "-icount" in emulator.command


def test_a_machine_that_ends_is_an_error_at_once(tmp_path: Path) -> None:
    with Emulator(build_guest("echo", tmp_path), "", None, count_instructions=False) as emulator:
        emulator.read_until(b"ready\r\n", 30)
        emulator.write(b"R")
        with pytest.raises(WorkFailed, match="QEMU has ended"):
            emulator.read_until(b"never", 30)


def test_a_crash_report_is_an_error_at_once(tmp_path: Path) -> None:
    with Emulator(build_guest("echo", tmp_path), "", None, count_instructions=False) as emulator:
        emulator.read_until(b"ready\r\n", 30)
        emulator.write(CRASH_END)
        with pytest.raises(WorkFailed, match="The guest crashed"):
            emulator.read_until(b"never", 30)


def test_the_initramfs_holds_what_linux_needs(tmp_path: Path) -> None:
    program = tmp_path / "micropython"
    program.write_bytes(b"\x7fELF")
    archive = tmp_path / "initramfs"
    linux_guest.write_initramfs(program, {"bm_x": b"print(1)"}, archive)
    listing = subprocess.run(
        ["cpio", "--list", "--verbose", "--quiet"],
        input=archive.read_bytes(),
        capture_output=True,
        check=True,
        timeout=60,
    ).stdout.decode()
    modes = {line.split()[-1]: line.split()[0] for line in listing.splitlines()}
    for name in ("init", "bin/busybox", "bin/micropython"):
        assert modes[name] == "-rwxr-xr-x"
    assert modes["bench/bm_x.py"] == "-rw-r--r--"
