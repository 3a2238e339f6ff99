# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Counts the ticks of a timer, asleep between them, and ends after five."""

import time

import machine

ticks = []


def on_tick(timer):
    ticks.append(time.ticks_ms())
    print("tick", len(ticks))
    if len(ticks) == 5:
        timer.deinit()


machine.Timer(period=100, mode=machine.Timer.PERIODIC, callback=on_tick)
while len(ticks) < 5:
    machine.idle()
