# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""The kernel and the initramfs of the Linux guest ("L1") in which the nested back end works.

Kernel and modules come out of Debian's linux-image-cloud-amd64, which is unpacked and not
installed. The only programs are our agent and Cloud Hypervisor. All is kept in the cache; other
ingredients make another entry.
"""

import hashlib
import lzma
import re
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile

from ..cache import cached_directory
from ..errors import UserError, WorkFailed
from ..sources import fetch_binary_package
from .cpio import make_archive

CLOUD_HYPERVISOR = "bin/cloud-hypervisor"
_AGENT = Path(__file__).parent / "l1_agent"
_KERNEL_PACKAGE = "linux-image-cloud-amd64"
_MODULES = ("kvm-amd", "tun", "bridge", "virtio_pci", "virtio_net", "virtio_scsi", "sd_mod")
_DIRECTORIES = ["dev", "proc", "sys", "run", "bin", "lib", "lib64", "modules"]


@dataclass(frozen=True)
class NestedImage:
    """What QEMU boots."""

    kernel: Path
    initramfs: Path
    kernel_version: str


def make_image(cloud_hypervisor: Path) -> NestedImage:
    """The image with this Cloud Hypervisor in it, made if it is not in the cache."""
    package = fetch_binary_package(_KERNEL_PACKAGE)
    kernel = next(package.glob("boot/vmlinuz-*"), None)
    if kernel is None:
        raise UserError(
            f"The package {_KERNEL_PACKAGE} holds no kernel.", "Fetch it again: ./inv clean --all."
        )
    version = kernel.name.removeprefix("vmlinuz-")
    digest = hashlib.sha256(version.encode())
    for ingredient in [*sorted(_AGENT.iterdir()), Path(__file__), cloud_hypervisor]:
        digest.update(ingredient.read_bytes())

    def fill(directory: Path) -> None:
        # Debian 12 has lib/modules, later releases usr/lib/modules.
        modules = next(package.glob(f"**/lib/modules/{version}"))
        (directory / "initramfs").write_bytes(_make_initramfs(modules, cloud_hypervisor, directory))

    entry = cached_directory(f"nested/{digest.hexdigest()[:16]}", fill)
    return NestedImage(kernel, entry / "initramfs", version)


def _make_initramfs(modules: Path, cloud_hypervisor: Path, scratch: Path) -> bytes:
    files = {"init": (_compile_agent(scratch), 0o755)}
    files[CLOUD_HYPERVISOR] = (cloud_hypervisor.read_bytes(), 0o755)
    for library in _libraries(cloud_hypervisor):
        files[str(library).lstrip("/")] = (library.read_bytes(), 0o755)
    loaded = modules_in_order(modules, _MODULES)
    for name, content in loaded.items():
        files[f"modules/{name}.ko"] = (content, 0o644)
    module_list = "".join(f"/modules/{name}.ko\n" for name in loaded)
    files["modules/list"] = (module_list.encode(), 0o644)
    parents = {str(parent) for path in files for parent in Path(path).parents} - {"."}
    return make_archive(_DIRECTORIES + sorted(parents - set(_DIRECTORIES)), files)


def _compile_agent(scratch: Path) -> bytes:
    program = scratch / "agent"
    command = ["gcc", "-std=gnu11", "-O2", "-s", "-Wall", "-Wextra", "-Werror", "-static"]
    command += ["-o", str(program), *map(str, sorted(_AGENT.glob("*.c")))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode != 0:
        raise WorkFailed(f"The agent of the nested guest does not compile: {done.stderr.strip()}")
    content = program.read_bytes()
    program.unlink()
    return content


def _libraries(program: Path) -> list[Path]:
    """The shared libraries that the program needs, its loader included; none if it is static."""
    try:
        with program.open("rb") as file:
            segments = [segment["p_type"] for segment in ELFFile(file).iter_segments()]
    except ELFError:
        raise UserError(
            f"{program} is no ELF file, and the nested back end runs a copy of it.",
            "Name the program itself by CLOUD_HYPERVISOR, not a script that starts it.",
        ) from None
    if "PT_INTERP" not in segments:
        return []
    done = subprocess.run(["ldd", str(program)], capture_output=True, text=True, timeout=30)
    return [Path(path) for path in re.findall(r"(/\S+) \(0x", done.stdout)]


def modules_in_order(directory: Path, wanted: Iterable[str]) -> dict[str, bytes]:
    """The modules wanted and what they need, each after its own needs; plain ELF by name."""
    paths = {_module_name(path.name): path for path in directory.glob("kernel/**/*.ko*")}
    ordered: dict[str, bytes] = {}

    def add(name: str) -> None:
        # What is not there as a module is part of this kernel.
        if name not in ordered and name in paths:
            content = paths[name].read_bytes()
            if paths[name].suffix == ".xz":
                content = lzma.decompress(content)
            needs = re.search(rb"(?:^|\0)depends=([^\0]*)\0", content)
            for needed in needs[1].decode().split(",") if needs else []:
                add(_module_name(needed))
            ordered[name] = content

    for name in wanted:
        add(_module_name(name))
    return ordered


def _module_name(file_name: str) -> str:
    """Modules name each other with either sign."""
    return file_name.split(".ko")[0].replace("-", "_")
