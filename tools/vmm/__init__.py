# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""The VMM back ends by name, and which of them this machine can use."""

from collections.abc import Callable

from ..errors import UserError
from . import cloud_hypervisor_cli, kvm_probe, qemu
from .base import Vmm
from .cloud_hypervisor import CloudHypervisor
from .nested import Nested
from .qemu import Qemu

BACK_ENDS: dict[str, Callable[[], Vmm]] = {
    back_end.name: back_end for back_end in (CloudHypervisor, Nested, Qemu)
}


def make_vmm(name: str | None = None) -> Vmm:
    """A back end by name, None for the default; UserError for a name that is none."""
    name = name or choose_default()
    if name not in BACK_ENDS:
        raise UserError(f"There is no VMM '{name}'.", f"Choose one of {', '.join(BACK_ENDS)}.")
    return BACK_ENDS[name]()


def choose_default() -> str:
    """What runs a guest unless the user says otherwise: the target where it can, else QEMU."""
    if cloud_hypervisor_cli.find() is not None and kvm_probe.why_unusable() is None:
        return CloudHypervisor.name
    return Qemu.name


def choose_target() -> tuple[str | None, str]:
    """The back end with the real Cloud Hypervisor, and its versions; else None and the reason."""
    program = cloud_hypervisor_cli.find()
    if program is None:
        return None, "no cloud-hypervisor on PATH, and CLOUD_HYPERVISOR names none"
    try:
        version = f"Cloud Hypervisor {cloud_hypervisor_cli.version_of(program)}"
        reason = kvm_probe.why_unusable()
        if reason is None:
            return CloudHypervisor.name, f"{version} on KVM"
        return Nested.name, f"{version} nested in QEMU {qemu.version()} ({reason})"
    except UserError as error:
        return None, str(error)
