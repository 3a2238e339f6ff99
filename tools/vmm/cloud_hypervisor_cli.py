# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""What both Cloud Hypervisor back ends share: its program, options, events, API and last words."""

import functools
import http.client
import json
import os
import re
import shutil
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..errors import UserError
from .base import Ending, VmmError, VmSpec
from .disk import Disk
from .nic import Nic
from .process import ask, ask_version

OLDEST = 44
"""The oldest release whose guest looks as this port expects (see docs/)."""

_API_TIMEOUT = 30.0
_DEBUG_PORT = 0xE9
# Cloud Hypervisor ends with exit code 0 after these too.
_FAILURES = ("VCPU generated error", "panicked at")


def find() -> Path | None:
    """The program that CLOUD_HYPERVISOR names, else the one on PATH; None if there is none.

    UserError if CLOUD_HYPERVISOR names no program.
    """
    named = os.environ.get("CLOUD_HYPERVISOR")
    found = shutil.which(named or "cloud-hypervisor")
    if found is None and named:
        raise UserError(f"CLOUD_HYPERVISOR={named} is no program.", "Name one, or unset it.")
    return Path(found).resolve() if found else None


def require() -> Path:
    """The program, new enough; UserError if there is none."""
    program = find()
    if program is None:
        raise UserError(
            "cloud-hypervisor is not on PATH.",
            "Install a release of it, name one by CLOUD_HYPERVISOR, or use --vmm qemu.",
        )
    version_of(program)
    return program


@functools.cache
def version_of(program: Path) -> str:
    """Its version, as in v53.0; UserError if it is too old or no Cloud Hypervisor."""
    match = re.match(r"cloud-hypervisor (v?(\d+)\S*)", ask_version(program))
    if match is None:
        raise UserError(f"{program} is not a Cloud Hypervisor.", "Name one by CLOUD_HYPERVISOR.")
    if int(match[2]) < OLDEST:
        raise UserError(f"{program} is {match[1]}, too old.", f"Install v{OLDEST} or newer.")
    return match[1]


@functools.cache
def has_gdb(program: Path) -> bool:
    """Whether it was built with its feature guest_debug."""
    return "--gdb " in ask(program, "--help")


def require_gdb(program: Path) -> None:
    """UserError unless gdb can be used with it."""
    if not has_gdb(program):
        raise UserError(
            f"This Cloud Hypervisor, {version_of(program)}, was built without gdb support.",
            "Build one by `cargo build --release --features guest_debug` and name it by "
            "CLOUD_HYPERVISOR, or use --vmm qemu.",
        )


@functools.cache
def takes_image_type(program: Path) -> bool:
    """Whether --disk has image_type: from v51 on, which without it writes to no sector 0."""
    return "image_type=" in ask(program, "--help")


def arguments(
    spec: VmSpec, kernel: str, initramfs: str | None, serial: str, api: str, events_fd: int
) -> list[str]:
    """The options that make the machine. Paths are those of the machine on which it runs."""
    options = ["--kernel", kernel, "--cpus", f"boot={spec.cpus}"]
    options += ["--memory", f"size={spec.memory}", "--serial", serial, "--console", "off"]
    options += ["--api-socket", f"path={api}", "--event-monitor", f"fd={events_fd}"]
    if spec.cmdline:
        options += ["--cmdline", spec.cmdline]
    if initramfs is not None:
        options += ["--initramfs", initramfs]
    if spec.entropy is not None:
        options += ["--rng", f"src={spec.entropy}"]
    if spec.uuid is not None:
        options += ["--platform", f"uuid={spec.uuid}"]
    if spec.debug_console:
        options += ["--debug-console", f"tty,iobase={_DEBUG_PORT:#x}"]
    return options


def disk_config(disk: Disk, id: str, path: str) -> dict[str, Any]:
    """A disk as the API's vm.create and vm.add-disk take it."""
    return {
        "id": id,
        "path": path,
        "readonly": disk.readonly,
        "serial": disk.shown_serial,
        "num_queues": disk.num_queues,
        "queue_size": disk.queue_size,
        "image_type": "Raw",
    }


def disk_arguments(configs: Sequence[dict[str, Any]], program: Path) -> list[str]:
    """The options that say the same as each `disk_config`."""
    options = []
    for config in configs:
        values = config | {"readonly": "on" if config["readonly"] else "off", "image_type": "raw"}
        if not takes_image_type(program):
            del values["image_type"]
        options.append(",".join(f"{key}={value}" for key, value in values.items()))
    return ["--disk", *options] if options else []


def nic_config(nic: Nic, id: str, tap: str) -> dict[str, Any]:
    """A network device as the API's vm.create and vm.add-net take it; `tap` is an interface of the
    machine on which it runs."""
    config = {"id": id, "tap": tap, "mac": nic.mac}
    return config | ({"mtu": nic.mtu} if nic.mtu else {})


def nic_arguments(configs: Sequence[dict[str, Any]]) -> list[str]:
    """The options that say the same as each `nic_config`."""
    options = [",".join(f"{key}={value}" for key, value in config.items()) for config in configs]
    return ["--net", *options] if options else []


def machine_config(
    spec: VmSpec,
    serial: Path,
    disks: Sequence[dict[str, Any]] = (),
    nics: Sequence[dict[str, Any]] = (),
) -> dict[str, Any]:
    """The same machine as `arguments` makes, for the API's vm.create; each of `disks` is a
    `disk_config`, each of `nics` a `nic_config`."""
    payload = {"kernel": str(spec.kernel), "cmdline": spec.cmdline}
    if spec.initramfs is not None:
        payload["initramfs"] = str(spec.initramfs)
    config: dict[str, Any] = {
        "payload": payload,
        "cpus": {"boot_vcpus": spec.cpus, "max_vcpus": spec.cpus},
        "memory": {"size": spec.memory_bytes},
        "serial": {"mode": "Socket", "socket": str(serial)},
        "console": {"mode": "Off"},
    }
    if disks:
        config["disks"] = list(disks)
    if nics:
        config["net"] = list(nics)
    if spec.gdb_port is not None:
        config["gdb"] = True
    if spec.entropy is not None:
        config["rng"] = {"src": str(spec.entropy)}
    if spec.uuid is not None:
        config["platform"] = {"uuid": str(spec.uuid)}
    if spec.debug_console:
        config["debug_console"] = {"mode": "Tty", "iobase": _DEBUG_PORT}
    return config


class EventReader:
    """Takes the event monitor's output apart: JSON objects with white space between them."""

    def __init__(self) -> None:
        self._text = ""
        self._decoder = json.JSONDecoder()

    def feed(self, data: bytes) -> list[str]:
        """The events that are complete now, each as "source event": "vm rebooting"."""
        self._text += data.decode(errors="replace")
        events = []
        while text := self._text.lstrip():
            try:
                event, end = self._decoder.raw_decode(text)
            except json.JSONDecodeError:
                break
            self._text = text[end:]
            events.append(f"{event.get('source')} {event.get('event')}")
        return events


def ending_of_process(exit_code: int, output: str) -> Ending:
    """What the end of the process means: its exit code is 0 after some failures too."""
    if exit_code != 0 or any(failure in output for failure in _FAILURES):
        return Ending.VMM_FAILED
    return Ending.POWERED_OFF


def call_api(connection: socket.socket, method: str, command: str, body: Any = None) -> Any:
    """One call of the API over a fresh connection, which it closes. Gives the answer, or None.

    `command` is such as vm.info; VmmError if the VMM refuses.
    """
    client = http.client.HTTPConnection("localhost")
    connection.settimeout(_API_TIMEOUT)
    client.sock = connection
    try:
        data = json.dumps(body) if body is not None else None
        client.request(method, f"/api/v1/{command}", data, {"Content-Type": "application/json"})
        response = client.getresponse()
        content = response.read()
    except (OSError, http.client.HTTPException) as error:
        raise VmmError(f"Cloud Hypervisor does not answer to {command}: {error}.") from None
    finally:
        client.close()
    if response.status >= 300:
        text = content.decode(errors="replace")
        raise VmmError(f"Cloud Hypervisor refuses {command}: {text}")
    return json.loads(content) if content else None
