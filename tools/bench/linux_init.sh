#!/bin/busybox sh
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
#
# Process 1 of the Linux guest of `./inv bench python`. For each line "HEAPSIZE NAME" on the serial
# line it runs /bench/NAME.py, and then says how it ended. tools/bench/linux_guest.py is the other
# end.
busybox mount -t devtmpfs dev /dev
busybox mount -t proc proc /proc
exec < /dev/ttyS0 > /dev/ttyS0 2>&1
busybox stty raw -echo
echo "linux: ready"
while read -r heap name; do
    /bin/micropython -X "heapsize=$heap" < "/bench/$name.py"
    echo "linux: exit $?"
done
