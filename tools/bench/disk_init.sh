#!/bin/busybox sh
# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
#
# Process 1 of the Linux guest of `./inv bench disk`. Each line on the serial line is what filesystem
# the disk is to be mounted by, at /mnt ("none": it is not), and options of fio beside those that it
# always has; the answer is fio's terse output, how often the disk has interrupted, and how fio ended.
# tools/bench/disk_linux.py is the other end.
busybox mount -t devtmpfs dev /dev
busybox mount -t proc proc /proc
busybox mount -t sysfs sys /sys
while read -r module; do
    busybox insmod "$module"
done < /modules/list
exec < /dev/ttyS0 > /dev/ttyS0 2>&1
busybox stty raw -echo
busybox ls /dev/vda
echo "linux: ready"
while read -r filesystem options; do
    # Anew for each: what the last one has left in memory is gone.
    if [ "$filesystem" != none ]; then
        busybox mount -t "$filesystem" /dev/vda /mnt
    fi
    # shellcheck disable=SC2086 # Several words.
    /bin/fio --name=job $(busybox cat /options) $options
    code=$?
    if [ "$filesystem" != none ]; then
        busybox umount /mnt
    fi
    busybox grep virtio0-req /proc/interrupts
    echo "linux: exit $code"
done
