# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""What `./inv cut` takes for right after a cut, and what it does not."""

import random

import pytest

from tools.cut.content import record
from tools.cut.model import Model, Step, Tree
from tools.cut.plan import Plan

OLD, NEW, PIECE = record(1, 300), record(2, 900), record(2, 100)
LONG = "/a-rather-long-name"


def admitted(files: Tree, steps: list[Step], found: Tree, in_place: bool) -> bool:
    """Whether a cut in the last of the steps may leave what was found."""
    model = Model(files, in_place)
    for step in steps:
        model.do(step)
    last = len(steps) - 1
    before = [stage for stage in model.stages if stage.step == last - 1][-1:]
    within = [stage for stage in model.stages if stage.step == last]
    return any(not stage.difference(found) for stage in before + within)


@pytest.mark.parametrize(
    ("found", "littlefs", "fat"),
    [
        ({"/a": NEW, "/b": OLD}, True, True),
        ({"/b": NEW}, True, True),
        ({"/a": NEW}, False, True),
        ({"/a": NEW, "/b": NEW}, False, True),
        ({"/b": OLD}, False, False),
        ({}, False, False),
    ],
)
def test_rename_over_a_file(found: Tree, littlefs: bool, fat: bool) -> None:
    files: Tree = {"/a": NEW, "/b": OLD}
    for in_place, expected in ((False, littlefs), (True, fat)):
        assert admitted(files, [("rename", "/a", "/b")], found, in_place) == expected


@pytest.mark.parametrize(
    ("found", "littlefs", "fat"),
    [
        (OLD, True, True),
        (OLD[:100] + PIECE[:50] + OLD[150:], False, True),
        (OLD[:100] + PIECE + OLD[200:], False, True),
        (OLD[:100] + b"?" + OLD[101:], False, False),
        (OLD[:100], False, False),
    ],
)
def test_writing_in_the_middle(found: bytes, littlefs: bool, fat: bool) -> None:
    steps: list[Step] = [("open", "/a", "r+b"), ("write", "/a", 2, 100, 100)]
    files: Tree = {"/a": OLD}
    for in_place, expected in ((False, littlefs), (True, fat)):
        assert admitted(files, steps, {"/a": found}, in_place) == expected


@pytest.mark.parametrize("in_place", [False, True])
def test_what_was_closed_is_whole(in_place: bool) -> None:
    steps: list[Step] = [
        ("open", "/a", "wb"),
        ("write", "/a", 2, None, 900),
        ("close", "/a"),
        ("sync", "/"),
    ]
    assert admitted({"/a": OLD}, steps, {"/a": NEW}, in_place)
    wrong: list[Tree] = [{"/a": OLD}, {"/a": b""}, {"/a": NEW[:-1]}, {}, {"/a": NEW, "/b": OLD}]
    for found in wrong:
        assert not admitted({"/a": OLD}, steps, found, in_place)


def test_a_short_name_that_is_left_of_a_long_one() -> None:
    steps: list[Step] = [("remove", LONG)]
    assert admitted({LONG: OLD}, steps, {"/A-RATH~1": OLD}, in_place=True)
    assert not admitted({LONG: OLD}, steps, {"/A-RATH~1": NEW}, in_place=True)
    assert not admitted({LONG: OLD}, steps, {"/A-RATH~1": OLD}, in_place=False)


@pytest.mark.parametrize("in_place", [False, True])
def test_a_plan_can_be_done(in_place: bool) -> None:
    plan = Plan({}, in_place, 3, random.Random(1))
    plan.extend(500)
    assert len(plan.steps) >= 500
    assert {step[0] for step in plan.steps} == {
        "open", "write", "flush", "close", "rename", "remove", "mkdir", "rmdir", "sync"
    }  # fmt: skip
    assert plan.model.stages[-1].step == len(plan.steps) - 1
