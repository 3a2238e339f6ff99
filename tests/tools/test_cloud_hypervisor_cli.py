# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""How a Cloud Hypervisor is found and judged, and what its events and its end mean."""

import json
from pathlib import Path

import pytest

from tools import vmm
from tools.errors import UserError
from tools.vmm import cloud_hypervisor_cli as cli
from tools.vmm import kvm_probe
from tools.vmm.base import Ending, VmSpec


def program(directory: Path, says: str) -> Path:
    path = directory / "cloud-hypervisor"
    path.write_text(f"#!/bin/sh\necho '{says}'\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    ("says", "version"),
    [
        ("cloud-hypervisor v53.0", "v53.0"),
        ("cloud-hypervisor v53.0-dirty", "v53.0-dirty"),
        ("cloud-hypervisor v44.0.0", "v44.0.0"),
        ("cloud-hypervisor 54.0.0", "54.0.0"),
    ],
)
def test_version_is_read(tmp_path: Path, says: str, version: str) -> None:
    assert cli.version_of(program(tmp_path, says)) == version


@pytest.mark.parametrize(
    ("says", "complaint"),
    [("cloud-hypervisor v43.0", "too old"), ("QEMU 7.2", "is not a"), ("", "is not a")],
)
def test_what_is_refused(tmp_path: Path, says: str, complaint: str) -> None:
    with pytest.raises(UserError, match=complaint):
        cli.version_of(program(tmp_path, says))


def test_gdb_support_is_seen_in_the_help(tmp_path: Path) -> None:
    with_gdb = program(tmp_path, "cloud-hypervisor v53.0 --gdb <gdb>  GDB socket")
    assert cli.has_gdb(with_gdb)
    cli.require_gdb(with_gdb)
    (tmp_path / "other").mkdir()
    without = program(tmp_path / "other", "cloud-hypervisor v53.0")
    assert not cli.has_gdb(without)
    with pytest.raises(UserError, match="was built without gdb support"):
        cli.require_gdb(without)


def test_environment_names_the_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = program(tmp_path, "cloud-hypervisor v53.0")
    monkeypatch.setenv("CLOUD_HYPERVISOR", str(path))
    assert cli.require() == path
    monkeypatch.setenv("CLOUD_HYPERVISOR", str(tmp_path / "none"))
    with pytest.raises(UserError, match="CLOUD_HYPERVISOR"):
        cli.find()


def test_choices_without_cloud_hypervisor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CLOUD_HYPERVISOR", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert vmm.choose_default() == "qemu"
    name, reason = vmm.choose_target()
    assert name is None
    assert "no cloud-hypervisor" in reason
    with pytest.raises(UserError, match="not on PATH"):
        vmm.make_vmm("cloud_hypervisor")
    with pytest.raises(UserError, match="no VMM 'xen'"):
        vmm.make_vmm("xen")


@pytest.mark.parametrize("usable", [True, False])
def test_choices_with_cloud_hypervisor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, usable: bool
) -> None:
    path = program(tmp_path, "cloud-hypervisor v53.0")
    monkeypatch.setenv("CLOUD_HYPERVISOR", str(path))
    monkeypatch.setattr(kvm_probe, "why_unusable", lambda: None if usable else "no such luck")
    assert vmm.choose_default() == ("cloud_hypervisor" if usable else "qemu")
    name, text = vmm.choose_target()
    assert name == ("cloud_hypervisor" if usable else "nested")
    assert "v53.0" in text
    assert usable or "no such luck" in text


def test_options_and_configuration_say_the_same() -> None:
    spec = VmSpec(Path("/fw.elf"), 3, "96M", "two words", Path("/initramfs"))
    options = cli.arguments(spec, "/fw.elf", "/initramfs", "socket=/s", "/api", 3)
    pairs = dict(zip(options[::2], options[1::2], strict=True))
    assert pairs["--cpus"] == "boot=3"
    assert pairs["--memory"] == "size=96M"
    assert pairs["--cmdline"] == "two words"
    config = cli.machine_config(spec, Path("/s"))
    assert config["cpus"]["boot_vcpus"] == 3
    assert config["memory"]["size"] == 96 << 20
    assert config["payload"] == {
        "kernel": "/fw.elf",
        "cmdline": "two words",
        "initramfs": "/initramfs",
    }


@pytest.mark.parametrize("size", [1, 5, 1000])
def test_events_come_apart(size: int) -> None:
    events = [{"timestamp": {"secs": 0}, "source": "vm", "event": name} for name in ("a", "b", "c")]
    text = "\n\n".join(json.dumps(event, indent=2) for event in events).encode() + b"\n\n"
    reader = cli.EventReader()
    seen = []
    for start in range(0, len(text), size):
        seen += reader.feed(text[start : start + size])
    assert seen == ["vm a", "vm b", "vm c"]


@pytest.mark.parametrize(
    ("code", "output", "ending"),
    [
        (0, "", Ending.POWERED_OFF),
        (0, "WARN something", Ending.POWERED_OFF),
        (0, "ERROR VCPU generated error: Hypervisor(…)", Ending.VMM_FAILED),
        (1, "Error booting VM", Ending.VMM_FAILED),
        (-9, "", Ending.VMM_FAILED),
    ],
)
def test_what_the_end_of_the_process_means(code: int, output: str, ending: Ending) -> None:
    assert cli.ending_of_process(code, output) is ending


def test_probe_without_a_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kvm_probe, "_DEVICE", "/dev/none")
    assert kvm_probe.why_unusable.__wrapped__() == "there is no /dev/none"


def test_probe_gives_one_line_or_nothing() -> None:
    reason = kvm_probe.why_unusable()
    assert reason is None or (reason and "\n" not in reason)


def test_both_ways_to_a_debug_console() -> None:
    spec = VmSpec(Path("kernel"), debug_console=True)
    options = cli.arguments(spec, "kernel", None, "null", "api", 3)
    assert options[options.index("--debug-console") + 1] == "tty,iobase=0xe9"
    config = cli.machine_config(spec, Path("serial"))
    assert config["debug_console"] == {"mode": "Tty", "iobase": 0xE9}


def test_both_ways_to_an_entropy_device() -> None:
    spec = VmSpec(Path("kernel"), entropy=Path("/dev/zero"))
    options = cli.arguments(spec, "kernel", None, "null", "api", 3)
    assert options[options.index("--rng") + 1] == "src=/dev/zero"
    assert cli.machine_config(spec, Path("serial"))["rng"] == {"src": "/dev/zero"}
