"""Runs the unit tests written in C, each as a test of its own, named as there."""

import re

import pytest

from tests.host import programs


def names_in(program: str) -> list[str]:
    source = (programs.SOURCES / f"{program}.c").read_text()
    return re.findall(r"^TEST\((\w+)\)", source, re.MULTILINE)


def time_limit(program: str) -> list[pytest.MarkDecorator]:
    """The first that has MicroPython's core in it builds that; or lwIP."""
    large = programs.has_core(program) or programs.has_lwip(program)
    return [pytest.mark.timeout(600)] if large else []


UNITS = [
    pytest.param(
        *(program, test),
        id=f"{program.removeprefix('unit_')}-{test}",
        marks=time_limit(program),
    )
    for program in programs.PROGRAMS
    if program.startswith("unit_")
    for test in names_in(program)
]


@pytest.mark.parametrize(("program", "test"), UNITS)
def test_unit(program: str, test: str) -> None:
    programs.run(program, test)


def test_every_c_program_here_is_built() -> None:
    assert {path.stem for path in programs.SOURCES.glob("*.c")} == set(programs.PROGRAMS)
