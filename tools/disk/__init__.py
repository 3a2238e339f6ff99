# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""The `disk` task: images for the guest's disks, made, filled, listed and checked on the host.

image.py is the file, partitions.py (with partitions_*.py) what divides it; fat.py (with fat_*.py),
littlefs.py and romfs.py are the filesystems behind the one interface of filesystem.py; command.py
is what the task calls.
"""
