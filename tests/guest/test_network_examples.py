# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""The examples that are about the network, each with a client of this machine: curl, mosquitto."""

import json
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.guest.applications import Start
from tests.guest.mosquitto import Broker
from tests.guest.test_examples import SERVERS, files_of
from tests.guest.tls_peers import Authority
from tools.guest import Guest
from tools.lan import Lan
from tools.vmm.base import Ending

HOST, GUEST = "192.168.77.1", "192.168.77.5"
RETRIES = ("--retry", "60", "--retry-connrefused", "--retry-delay", "1", "--max-time", "60")

Run = Callable[..., Guest]
"""`run(example, files, settings, **fields of VmSpec)`: a guest with an address."""


@pytest.fixture
def run(start: Start, lan: Lan) -> Run:
    nic = lan.add_tap("tap0", [f"{HOST}/24"])
    address = f"ip={GUEST}:::24::eth0:off"

    def run(
        example: str, files: dict[str, str] | None = None, settings: str = "", **fields: object
    ) -> Guest:
        assert example in SERVERS
        added = files or {}
        cmdline = f"{address} {settings}"
        return start(files_of(example) | added, nics=[nic], cmdline=cmdline, **fields)

    return run


def curl(lan: Lan, *arguments: str) -> str:
    # The guest may not be there yet.
    return lan.run("curl", "--silent", "--show-error", "--fail", *RETRIES, *arguments)


pytestmark = pytest.mark.parametrize("start", ["initramfs"], indirect=True)


def test_http_server(run: Run, lan: Lan) -> None:
    run("http_server")
    site = f"http://{GUEST}"
    assert "<h1>Hello from" in curl(lan, site)
    assert json.loads(curl(lan, f"{site}/hello/world"))["hello"] == "world"
    posting = ("--header", "Content-Type: application/json", "--data", '{"text": "first"}')
    assert json.loads(curl(lan, *posting, f"{site}/notes")) == {"count": 1}
    assert json.loads(curl(lan, f"{site}/notes")) == ["first"]
    with ThreadPoolExecutor(8) as clients:
        answers = list(clients.map(lambda i: curl(lan, f"{site}/hello/{i}"), range(40)))
    assert [json.loads(answer)["hello"] for answer in answers] == [str(i) for i in range(40)]


def test_tls_server(run: Run, lan: Lan, authority: Authority) -> None:
    files = {
        "cert.pem": authority.text("guest.test"),
        "key.pem": authority.text("guest.test", "key"),
    }
    run("tls_server", files)
    options = ("--cacert", authority.file("ca"), "--resolve", f"guest.test:443:{GUEST}")
    for _ in range(3):
        assert curl(lan, *options, "https://guest.test/") == "Hello by TLS.\n"
    with lan.connect(GUEST, 443) as plain:
        plain.sendall(b"GET / HTTP/1.0\r\n\r\n")
    assert curl(lan, *options, "https://guest.test/") == "Hello by TLS.\n"


def test_tls_server_without_a_certificate(run: Run) -> None:
    guest = run("tls_server")
    guest.read_until(b"no cert.pem: main.py tells how to make one")


def test_mqtt_client(run: Run, lan: Lan) -> None:
    broker = Broker(lan, f"listener 1883 {HOST}")
    command = ["mosquitto_sub", "-h", HOST, "-t", "guest/#", "-T", "guest/say", "-W", "60"]
    peer = lan.start(*command, "-C", "4", "-v")
    broker.wait_for("Sending SUBACK")
    guest = run("mqtt_client", settings=f"BROKER={HOST}")
    broker.wait_for("Received PUBLISH from guest")
    for message in ("hello", "grüße", "stop"):
        lan.run("mosquitto_pub", "-h", HOST, "-q", "1", "-t", "guest/say", "-m", message)
    assert peer.wait(60) == 0
    assert peer.output.splitlines() == [
        "guest/state up",
        "guest/answer HELLO",
        "guest/answer GRüßE",
        "guest/state stopped",
    ]
    assert guest.wait_for_end() is Ending.POWERED_OFF


def test_udp_echo(run: Run, lan: Lan) -> None:
    guest = run("udp_echo")
    with lan.inside():
        client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with client:
        client.settimeout(0.5)
        client.connect((GUEST, 7))
        deadline = time.monotonic() + guest.timeout
        while True:
            try:
                client.send(b"hello")
                assert client.recv(100) == b"hello"
                break
            except (TimeoutError, ConnectionRefusedError):
                assert time.monotonic() < deadline
        client.settimeout(20)
        for size in (0, 1, 1472, 9000):
            client.send(bytes(size))
            while (data := client.recv(65536)) == b"hello":
                pass  # It was asked more than once.
            assert data == bytes(size)


def test_parallel_http_server(run: Run, lan: Lan) -> None:
    run("parallel_http_server", cpus=2)
    site = f"http://{GUEST}"
    assert curl(lan, f"{site}/100").startswith("25 primes, by interpreter ")
    with ThreadPoolExecutor(4) as clients:
        answers = list(clients.map(lambda _: curl(lan, f"{site}/5000"), range(12)))
    assert {answer.partition(",")[0] for answer in answers} == {"669 primes"}
    assert {answer.split()[-1] for answer in answers} == {"0", "1"}
    with lan.connect(GUEST, 80) as noise:
        noise.sendall(b"\r\n\r\n")
    with lan.connect(GUEST, 80) as noise:
        noise.sendall(b"GET /x HTTP/1.0\r\n\r\n")
    assert curl(lan, f"{site}/10").startswith("4 primes, ")
