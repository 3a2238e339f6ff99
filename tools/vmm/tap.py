# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Opens a tap interface that exists, also one of another network namespace.

Run as a program, `python -m … NAME SOCKET`, it sends the open interface over the socket, whose
descriptor it has inherited, and says what is wrong on standard output.
"""

import array
import errno
import fcntl
import os
import socket
import struct
import subprocess
import sys
from collections.abc import Sequence

from ..errors import UserError
from ..paths import PACKAGE

_TIMEOUT = 10.0

# linux/if_tun.h, linux/sockios.h; struct ifreq has 40 bytes: a name of 16, then what is asked.
_TUNSETIFF = 0x400454CA
_IFF_TAP, _IFF_NO_PI, _IFF_VNET_HDR = 0x0002, 0x1000, 0x4000
_SIOCGIFINDEX = 0x8933
_IFREQ = "16sH22x"

_WRONG = {
    errno.EBUSY: ("is in use.", "End the guest that has it."),
    errno.EINVAL: ("is no tap interface.", "Make one: ip tuntap add mode tap NAME."),
    errno.EPERM: ("is not yours to use.", "Make it yours: ip tuntap add mode tap user USER NAME."),
}


def open_tap(name: str, enter: Sequence[str] = ()) -> int:
    """The interface, opened for frames behind a virtio-net header; `enter` is Nic.enter.

    UserError if there is no such interface, or it cannot be had.
    """
    return _open_elsewhere(name, enter) if enter else _open_here(name)


def _open_here(name: str) -> int:
    request = struct.pack(_IFREQ, name.encode(), _IFF_TAP | _IFF_NO_PI | _IFF_VNET_HDR)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        try:
            # Else one would be made, which leads nowhere.
            fcntl.ioctl(any_socket, _SIOCGIFINDEX, request)
        except OSError:
            raise UserError(
                f"There is no interface {name}.",
                f"Make it: ip tuntap add mode tap {name}; ip link set {name} up.",
            ) from None
    try:
        fd = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC)
    except OSError as error:
        raise UserError(f"/dev/net/tun cannot be opened: {error.strerror}.") from None
    try:
        fcntl.ioctl(fd, _TUNSETIFF, request)
    except OSError as error:
        os.close(fd)
        what, advice = _WRONG.get(error.errno or 0, (f"cannot be opened: {error.strerror}.", ""))
        raise UserError(f"{name} {what}", advice) from None
    return fd


def _open_elsewhere(name: str, enter: Sequence[str]) -> int:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        number = theirs.fileno()
        command = [*enter, sys.executable, "-m", __spec__.name, name, str(number)]
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            pass_fds=(number,),
            cwd=PACKAGE.parent,
            timeout=_TIMEOUT,
        )
        if done.returncode != 0:
            raise UserError(done.stdout.strip() or f"{enter[0]}: {done.stderr.strip()}")
        _, fds, _, _ = socket.recv_fds(ours, 1, 1)
        return fds[0]


def _send(name: str, number: int) -> None:
    with socket.socket(fileno=number) as connection:
        fd = _open_here(name)
        rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))
        connection.sendmsg([b"t"], [rights])


if __name__ == "__main__":
    try:
        _send(sys.argv[1], int(sys.argv[2]))
    except UserError as error:
        print(error)
        raise SystemExit(1) from None
