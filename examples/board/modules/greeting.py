# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Frozen into the firmware."""


def greet(name):
    return f"Hello, {name}!"
