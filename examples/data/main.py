# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Reads the files beside it, and a module of its own package."""

import os

from words.greeting import greet

for name in sorted(os.listdir("words")):
    if name.endswith(".txt"):
        with open("words/" + name) as file:
            print(greet(file.read().strip()))
