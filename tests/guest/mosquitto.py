# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""The MQTT broker mosquitto in a network of a test's own. Its package is unpacked, not installed:
nothing of it starts on this machine."""

import time

from tests.guest import unpacked
from tools.lan import Lan
from tools.vmm.process import ChildProcess

_START_LIMIT = 20


def mosquitto(path: str) -> str:
    """A program of its package."""
    return unpacked.program("mosquitto", f"usr/{path}")


class Broker:
    """It listens at each port; `settings` are lines of mosquitto.conf(5) for all of them."""

    def __init__(self, lan: Lan, *settings: str) -> None:
        self._lan = lan
        self._settings = settings
        configuration = lan.directory / "mosquitto.conf"
        lines = ["allow_anonymous true", "user root", "log_type all", *settings]
        configuration.write_text("".join(f"{line}\n" for line in lines))
        self._command = [
            *unpacked.command("mosquitto", "usr/sbin/mosquitto"),
            *("-c", str(configuration)),
        ]
        self.start()

    def start(self) -> None:
        self.process: ChildProcess = self._lan.start(*self._command)
        deadline = time.monotonic() + _START_LIMIT
        while " running" not in self.process.output:
            assert time.monotonic() < deadline, self.process.output
            time.sleep(0.02)

    def wait_for(self, text: str) -> None:
        """Until its log has it."""
        deadline = time.monotonic() + _START_LIMIT
        while text not in self.process.output:
            assert time.monotonic() < deadline, self.process.output
            time.sleep(0.02)
