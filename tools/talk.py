# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""The user at the guest's prompt: a terminal, or what is piped into standard input."""

import time

from tools.attach import LEAVE, LEAVE_NAME, raw_terminal, say, show
from tools.deadline import Deadline
from tools.guest import PROMPT, Guest, GuestEnded
from tools.vmm.base import Ending

_RESETS_WITHOUT_PROMPT = 6
# A friendly prompt has no flow control: what is pasted or piped goes in this size, this often.
_TYPED_CHUNK = 1024
_TYPED_INTERVAL = 0.05
# Seconds of silence at the prompt after which piped input is taken for done.
_DONE_AFTER = 0.5


def talk(guest: Guest, deadline: Deadline) -> int:
    """Connect the terminal (or what is piped in) with the guest, until one of them leaves."""
    typed = b""
    heard = b""
    prompted = False
    next_sending = 0.0
    last_activity = time.monotonic()
    resets = _ResetWatch()
    with raw_terminal(keep_newlines=False) as keyboard:
        if keyboard.is_terminal:
            say(f"{LEAVE_NAME} leaves.\r")
        while True:
            keyboard.wait(guest)
            now = time.monotonic()
            deadline.check(guest)
            if data := guest.receive(0):
                show(data)
                heard = (heard + data)[-len(PROMPT) :]
                prompted = prompted or PROMPT in guest.transcript
                last_activity = now
            resets.check(guest, heard == PROMPT)
            typed += keyboard.read()
            if keyboard.is_terminal and LEAVE in typed:
                show(b"\r\n")
                return 0
            if typed and prompted and now >= next_sending:
                chunk, typed = typed[:_TYPED_CHUNK], typed[_TYPED_CHUNK:]
                guest.write(chunk)
                last_activity = now
                next_sending = now + (_TYPED_INTERVAL * guest.vmm.slowness if typed else 0)
            idle = now - last_activity > _DONE_AFTER * guest.vmm.slowness
            if keyboard.at_end and not typed and heard == PROMPT and idle:
                show(b"\n")
                return 0


class _ResetWatch:
    """Tells a guest that resets now and then, on purpose, from one that does nothing else."""

    def __init__(self) -> None:
        self._at_prompt = 0

    def check(self, guest: Guest, prompt: bool) -> None:
        """GuestEnded after too many resets without a prompt between them."""
        if prompt:
            self._at_prompt = guest.vmm.reboots
        elif guest.vmm.reboots - self._at_prompt > _RESETS_WITHOUT_PROMPT:
            raise GuestEnded(Ending.RESET, "The guest resets itself for ever.", guest.output)
