# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""What `./inv bench net` asks of its guests, and makes of what they say."""

import runpy
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from tools.bench import net, net_http, net_linux, net_peer, net_tables
from tools.bench.net_flow import LATENCY, ratio
from tools.bench.net_job import FLOWS, KINDS, Flow
from tools.bench.net_pair import program, start, start_program
from tools.bench.report import Figures
from tools.lan import Lan, why_no_lan

GUEST_PROGRAM = Path(net.__file__).parent / "net_guest.py"

no_lan = why_no_lan()
needs_lan = pytest.mark.skipif(no_lan is not None, reason=no_lan or "")


@pytest.fixture
def lan() -> Iterator[Lan]:
    with Lan() as lan:
        start_program(lan, "net_peer")
        yield lan


@needs_lan
@pytest.mark.parametrize("kind", [kind.name for kind in KINDS])
def test_both_guests_programs_and_their_peer_understand_each_other(
    lan: Lan, kind: str, tmp_path: Path
) -> None:
    rival = tmp_path / "rival"
    rival.write_bytes(net_linux.compile_rival())
    rival.chmod(0o755)
    assert float(lan.run(str(rival), kind, "127.0.0.1", "64")) > 0
    code = f"{GUEST_PROGRAM.read_text()}\nprint(turn({kind!r}, '127.0.0.1', 64))"
    assert float(lan.run(sys.executable, "-c", code)) > 0


def test_the_programs_agree_on_their_numbers() -> None:
    guests = runpy.run_path(str(GUEST_PROGRAM))
    for name in ("PORT", "BLOCK", "DATAGRAM", "BURST"):
        assert guests[name] == getattr(net_peer, name)
    assert all(count % net_peer.BURST == 0 for kind in KINDS[3:] for count in (kind.few, kind.many))


SERVER = """
import socket, threading
def answer(one):
    with one:
        while data := one.recv(2048):
            one.sendall(b"HTTP/1.1 200 OK\\r\\n\\r\\nHello.\\n")
            if b"close" in data:
                break
with socket.create_server(("127.0.0.1", 8000)) as listener:
    print("ready", flush=True)
    for _ in range({limit}):
        threading.Thread(target=answer, args=(listener.accept()[0],)).start()
"""


@needs_lan
@pytest.mark.parametrize(("clients", "keep"), [("1", "1"), ("8", "1"), ("1", "0"), ("8", "0")])
def test_requests_are_counted(lan: Lan, clients: str, keep: str) -> None:
    asked = _ask(lan, 1000, clients, keep)
    assert '"requests": 40, "failed": 0' in asked


@needs_lan
def test_requests_that_fail_are_counted(lan: Lan) -> None:
    assert '"requests": 10, "failed": 30' in _ask(lan, 10, "1", "0")


def _ask(lan: Lan, limit: int, clients: str, keep: str) -> str:
    start(lan, [sys.executable, "-c", SERVER.format(limit=limit)], "ready")
    return lan.run(*program("net_http_load", "127.0.0.1", "8000", clients, keep, "40"))


@pytest.mark.parametrize(
    ("flow", "words"),
    [
        (Flow(False, False), set()),
        (Flow(False, True), {"-R"}),
        (Flow(True, False), {"-u", "1448"}),
        (Flow(True, True), {"-u", "1448", "-R"}),
    ],
)
def test_options_of_iperf3(flow: Flow, words: set[str]) -> None:
    assert {"-u", "-R", "1448"} & set(net_linux.options_of(flow, 2)) == words


def test_the_ratio_is_of_medians() -> None:
    assert ratio({"ours": [1.0, 30.0, 3.0], "linux": [2.0, 1.0, 2.0]}) == 1.5


def figures_of(rate: float, exits: int) -> Figures:
    counted = {"ours": 1000, "linux": 990}
    rates = {"ours": [100.0], "linux": [100.0], "ratio": 1.0}
    load = {"requests": 300, "failed": 0, "seconds": 300 / rate}
    boot = {"instructions": 1, "exits_beside_console": 1, "touched_guest_pages": 1}
    return {
        "vmm": "nested",
        "flows": dict.fromkeys((*(flow.name for flow in FLOWS), LATENCY), rates),
        "exits": {kind.name: counted for kind in KINDS},
        "instructions": {kind.name: counted for kind in KINDS},
        "http": {"nested, 1 CPU": {load_.name: load for load_ in net_http.LOADS}},
        "requests": {net_http.LOADS[0].name: {"instructions": 5, "exits": 1.5}},
        "tls": {"TLS 1.3": {"rates": {"nested": 1.0}, "instructions": 7}},
        "boot": {
            "none": {**boot, "exits_to_last_byte": 60},
            "network": {**boot, "exits_to_last_byte": 60 + exits},
        },
    }


def test_budgets() -> None:
    met = {budget.what: budget.met for budget in net.budgets(figures_of(150, 51))}
    assert met["TCP sent, ours : Linux"]
    assert not met["Linux's instructions : ours, least: TCP request and response, 64 bytes"]
    assert not met["HTTP, asyncio, keep-alive, 1 client"]
    assert met["HTTP, asyncio, keep-alive, 8 clients"]
    assert met["HTTP, asyncio, a connection each, 1 client"]
    assert met["HTTP requests that failed"]
    assert not met["VM exits before the prompt, added"]
    assert all(budget.met for budget in net.budgets(figures_of(200, 50))[-5:])


def test_tables_show_what_was_measured() -> None:
    text = "\n".join(shown(table) for table in net_tables.tables(figures_of(150, 51)))
    assert "TCP sent" in text
    assert "150" in text
    assert "51" in text


def shown(table: Any) -> str:
    console = Console(width=200)
    with console.capture() as capture:
        console.print(table)
    return capture.get()
