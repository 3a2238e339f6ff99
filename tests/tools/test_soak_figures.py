# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""What `./inv soak` makes of the times that it has seen."""

from tools.soak import Figures


def test_growth_is_of_the_last_tenth_by_the_first() -> None:
    medians = [100, 110, *[500] * 17, 200, 220]
    figures = Figures(medians=medians, quick=[10] * 21)
    assert figures.growth() == (2.0, 1.0)


def test_a_short_soak_has_a_tenth_too() -> None:
    assert Figures(medians=[100, 300], quick=[0, 0]).growth() == (3.0, 0.0)
