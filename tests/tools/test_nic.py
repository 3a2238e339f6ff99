# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""What `--net` and `--publish` take and refuse, and what each VMM is told of a network device."""

import json

import pytest

from tools.errors import UserError
from tools.vmm import cloud_hypervisor_cli as cli
from tools.vmm import qemu_nic
from tools.vmm.nic import Nic, Port, parse_nic, parse_nics, parse_port
from tools.vmm.tap import open_tap

MAC = "52:54:00:12:34:56"


def test_what_is_not_given_has_a_default() -> None:
    nic = parse_nic("user")
    assert (nic.tap, nic.mtu, nic.ports) == ("", 0, ())
    assert nic.mac.startswith("52:54:00:")
    assert parse_nic("user").mac != nic.mac


def test_all_that_can_be_given() -> None:
    assert parse_nic(f"user,mac={MAC},mtu=1400") == Nic(mac=MAC, mtu=1400)
    assert parse_nic(f"tap=tap0,mac={MAC},mtu=9000") == Nic(tap="tap0", mac=MAC, mtu=9000)
    assert parse_nic(f"mac={MAC},tap=tap0") == Nic(tap="tap0", mac=MAC)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "does not know"),
        ("tap", "does not know"),
        ("tap=", "names no tap"),
        ("tap0", "does not know"),
        ("user,tap=tap0", "does not know"),
        ("user,mtu=1500,mtu=1500", "twice"),
        ("user,mtu=x", "is not right"),
        ("user,mtu=1279", "1280 to 65520"),
        ("user,mtu=65521", "1280 to 65520"),
        ("user,mac=52:54:00:12:34", "is no MAC"),
        ("user,mac=01:54:00:12:34:56", "of a group"),
        ("tap=a-name-of-16-byt", "is no name"),
        ("tap=a/b", "is no name"),
        ("tap=tap0,fd=3", "does not know"),
    ],
)
def test_what_makes_no_sense_is_refused(text: str, says: str) -> None:
    with pytest.raises(UserError, match=says):
        parse_nic(text)


def test_ports() -> None:
    assert parse_port("8080:80") == Port(8080, 80)
    assert parse_port("5353:53/udp") == Port(5353, 53, "udp")
    assert parse_port("0.0.0.0:1:65535/tcp") == Port(1, 65535, "tcp", "0.0.0.0")


@pytest.mark.parametrize("text", ["", "80", "80:", ":80", "0:80", "80:65536", "1:2/sctp", "x:1:2"])
def test_ports_that_make_no_sense_are_refused(text: str) -> None:
    with pytest.raises(UserError, match="--publish"):
        parse_port(text)


def test_ports_are_those_of_user_networking() -> None:
    nics = parse_nics(["tap=tap0", "user"], ["8080:80", "8081:81"])
    assert [nic.ports for nic in nics] == [(), [Port(8080, 80), Port(8081, 81)]]
    with pytest.raises(UserError, match="needs --net user"):
        parse_nics(["tap=tap0"], ["8080:80"])
    with pytest.raises(UserError, match="given once"):
        parse_nics(["user", "user"], [])
    with pytest.raises(UserError, match="for --net user only"):
        Nic(tap="tap0", ports=[Port(1, 2)])


def test_qemu_is_told() -> None:
    nic = Nic(mac=MAC, mtu=1400, ports=[Port(8080, 80), Port(53, 53, "udp")])
    option, netdev, other, device = qemu_nic.options(nic, "net0", "")
    assert (option, other) == ("-netdev", "-device")
    assert json.loads(netdev) == {
        "type": "user",
        "id": "net0",
        "hostfwd": [{"str": "tcp:127.0.0.1:8080-:80"}, {"str": "udp:127.0.0.1:53-:53"}],
    }
    assert f"netdev=net0,mac={MAC}" in device
    assert "host_mtu=1400" in device
    tap = qemu_nic.options(Nic(tap="tap0"), "net1", "7")[1]
    assert json.loads(tap) == {"type": "tap", "id": "net1", "fd": "7"}


def test_cloud_hypervisor_is_told() -> None:
    config = cli.nic_config(Nic(tap="tap0", mac=MAC, mtu=1400), "net0", "tap0")
    assert config == {"id": "net0", "tap": "tap0", "mac": MAC, "mtu": 1400}
    assert cli.nic_arguments([config]) == ["--net", f"id=net0,tap=tap0,mac={MAC},mtu=1400"]
    assert cli.nic_arguments([]) == []


def test_a_port_that_is_in_use_is_named() -> None:
    said = "Could not set up host forwarding rule 'tcp:127.0.0.1:8080-:80'"  # QEMU 7.2
    refused = qemu_nic.why_refused(said, [Nic(ports=[Port(8080, 80)])])
    assert refused is not None
    assert "127.0.0.1:8080 cannot be published" in str(refused)
    assert qemu_nic.why_refused("something else", []) is None


@pytest.mark.parametrize(
    ("name", "says"), [("nobody0", "There is no interface nobody0"), ("lo", "lo is no|not yours")]
)
def test_an_interface_that_is_no_tap_is_refused(name: str, says: str) -> None:
    with pytest.raises(UserError, match=says):
        open_tap(name)
    with pytest.raises(UserError, match=says):
        open_tap(name, ("env",))
