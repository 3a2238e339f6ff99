# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Upstream's tests of the network, by its own runners: a guest and the unix port in both roles
(multi_net), and a guest with hosts of this machine's making (net_hosted)."""

import contextlib
import os
import re
import shlex
import socket
import ssl
import sys
import threading
from pathlib import Path

import pytest

from tests.guest.conftest import Boot
from tests.guest.tls_peers import Authority
from tests.upstream.put_file import put_file
from tests.upstream.runner import TIME_LIMIT, link_tree, names, run
from tests.upstream.unix_port import build_unix_port
from tools import sources
from tools.guest import Guest
from tools.lan import Lan
from tools.paths import ROOT

HOST, GUEST = "192.168.77.1", "192.168.77.5"
PUBLIC = "micropython.org"
"""The host of the internet that net_hosted asks."""

FAILS = {"net_hosted/connect_nonblock_xfer.py"}
"""It does not say that certificates are not to be checked, and gives no authorities: as in CPython,
that is an error here."""

pytestmark = pytest.mark.timeout(TIME_LIMIT + 60)


@pytest.fixture
def guest(boot: Boot, lan: Lan) -> Guest:
    nic = lan.add_tap("tap0", [f"{HOST}/24"])
    guest = boot(nics=[nic], cpus=2, cmdline=f"ip={GUEST}::{HOST}:24::eth0:off:{HOST}")
    guest.wait_for_prompt()
    for path in (sources.micropython().path / "tests" / "multi_net").glob("*.der"):
        put_file(guest, path.name, path.read_bytes())
    guest.leave_raw_repl()
    return guest


def bridge(serial: str) -> str:
    return f"exec:exec {shlex.join([sys.executable, '-m', 'tests.upstream.bridge', serial])}"


def inside(lan: Lan, command: str, program: Path) -> str:
    """Make a program that is another one, in the guest's network."""
    enter = shlex.join([*lan.enter, "env", f"PEER_ADDRESS={HOST}", command])
    program.write_text(f'#!/bin/sh\nexec {enter} "$@"\n')
    program.chmod(0o755)
    return str(program)


def test_a_guest_and_the_unix_port(guest: Guest, lan: Lan, tmp_path: Path) -> None:
    tests = link_tree(sources.micropython().path, tmp_path) / "tests"
    files = sorted(str(path.relative_to(tests)) for path in tests.glob("multi_net/*.py"))
    variables = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "MICROPY_MICROPYTHON": inside(lan, str(build_unix_port()), tmp_path / "micropython"),
    }
    with guest.lent_line() as serial:
        command = [sys.executable, "run-multitests.py", "--permutations", "2"]
        command += ["-i", "micropython", "-i", f"pyb:{bridge(serial)}", *files]
        log = run(command, tests, variables)
    verdicts = re.findall(r"^multi_net/(\S+) on (\S+): (\w+)$", log, re.MULTILINE)
    assert len(verdicts) == 2 * len(files), log
    # The unix port has no getpeercert(), so it leaves that test out where it would call it.
    skipped = [name for name, _, verdict in verdicts if verdict == "skip"]
    assert skipped == ["sslcontext_getpeercert.py"], log
    assert {verdict for *_, verdict in verdicts} == {"pass", "skip"}, log
    assert guest.eval("6 * 7") == 42


class Internet:
    """The host that net_hosted asks, at two ports: it accepts, and speaks TLS at one of them."""

    def __init__(self, lan: Lan, authority: Authority) -> None:
        authority.sign(PUBLIC)
        Path(authority.file("chain")).write_text(authority.text(PUBLIC) + authority.text("ca"))
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(authority.file("chain"), authority.file(PUBLIC, "key"))
        self._open: list[socket.socket] = []
        with lan.inside():
            self._listeners = [socket.create_server((HOST, port)) for port in (80, 443)]
        for listener in self._listeners:
            threading.Thread(target=self._serve, args=(listener,), daemon=True).start()

    def _serve(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            self._open.append(connection)
            if listener is self._listeners[1]:
                connection.settimeout(20)
                with contextlib.suppress(OSError):
                    self._open.append(self._context.wrap_socket(connection, server_side=True))

    def close(self) -> None:
        for listener in self._listeners:
            listener.shutdown(socket.SHUT_RDWR)
        for sock in (*self._listeners, *self._open):
            sock.close()


def test_hosts(guest: Guest, lan: Lan, tmp_path: Path) -> None:
    authority = Authority(tmp_path, "ca")
    internet = Internet(lan, authority)
    dnsmasq = ["dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv"]
    lan.start(*dnsmasq, "--no-hosts", "--pid-file", f"--address=/{PUBLIC}/{HOST}", "--user=root")
    tests = link_tree(sources.micropython().path, tmp_path) / "tests"
    files = sorted(str(path.relative_to(tests)) for path in tests.glob("net_hosted/*.py"))
    variables = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "MICROPY_MPYCROSS": "none",
        # What a test prints that has no file of that: there too nobody answers from the internet.
        "MICROPY_CPYTHON3": inside(lan, sys.executable, tmp_path / "python"),
    }
    lan.run("ip", "route", "add", "default", "via", GUEST)
    with guest.lent_line() as serial:
        command = [sys.executable, "run-tests.py", "--jobs", "1", "--result-dir", str(tmp_path)]
        log = run([*command, "--test-instance", bridge(serial), *files], tests, variables)
    for output in sorted(tmp_path.glob("*.out")):
        log += f"\n=== {output.name}\n{output.read_text(errors='replace')}"
    internet.close()
    assert names(log, "FAIL") == FAILS, log
    assert names(log, "pass") == set(files) - FAILS, log
    assert guest.eval("6 * 7") == 42
