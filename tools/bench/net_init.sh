#!/bin/busybox sh
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
#
# Process 1 of the Linux guest of `./inv bench net`, which has `address` from the kernel's command
# line. Each line on the serial line is a command; the answer is what it writes, and how it ended.
# tools/bench/net_linux.py is the other end.
busybox mount -t devtmpfs dev /dev
busybox mount -t proc proc /proc
busybox mount -t sysfs sys /sys
while read -r module; do
    busybox insmod "$module"
done < /modules/list
exec < /dev/ttyS0 > /dev/ttyS0 2>&1
busybox stty raw -echo
busybox ip link set lo up
busybox ip address add "$address/24" dev eth0
busybox ip link set eth0 up
echo "linux: ready"
while read -r program options; do
    # shellcheck disable=SC2086 # Several words.
    "$program" $options
    echo "linux: exit $?"
done
