"""Runs each libFuzzer target for FUZZ_SECONDS (3) from what the two VMMs really say."""

import os
from pathlib import Path

import pytest

from tests.host import programs
from tests.host.fuzzers import FUZZERS, fuzz

SECONDS_VARIABLE = "FUZZ_SECONDS"
# Fewer runs than this prove nothing. An idle machine does a thousand of the slowest target.
RUNS_MIN = 50


def fuzz_seconds() -> int:
    value = os.environ.get(SECONDS_VARIABLE, "3")
    if not value.isdecimal() or int(value) < 1:
        pytest.fail(
            f"{SECONDS_VARIABLE} is {value!r}; it must be a whole number of seconds above 0"
        )
    return int(value)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", FUZZERS)
def test_fuzz(name: str, tmp_path: Path) -> None:
    assert fuzz(name, fuzz_seconds(), tmp_path)["runs"] >= RUNS_MIN


def test_every_fuzzer_is_run() -> None:
    assert set(FUZZERS) == {name for name in programs.PROGRAMS if name.startswith("fuzz_")}
