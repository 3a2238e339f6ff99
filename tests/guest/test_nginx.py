# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""HTTP and HTTPS with nginx: the guest as its client, and as the server behind it for curl."""

import hashlib
import json
import os
import time
from pathlib import Path

import pytest

from tests.guest import unpacked
from tests.guest.conftest import Boot
from tests.guest.test_network import dnsmasq
from tests.guest.tls_peers import GUEST, HOST, Authority, prepare
from tools.guest import Guest
from tools.lan import Lan

SERVER = """
import json, threading
listens = threading.Event()
async def answer(reader, writer):
    line = (await reader.readline()).decode().split()
    length = 0
    while (header := await reader.readline()).strip():
        name, _, value = header.decode().partition(':')
        if name.lower() == 'content-length': length = int(value)
    body = await reader.readexactly(length) if length else b''
    content = json.dumps({'path': line[1], 'sum': hashlib.sha256(body).digest().hex()}).encode()
    writer.write(b'HTTP/1.1 200 OK\\r\\nConnection: close\\r\\n')
    writer.write(b'Content-Length: %d\\r\\n\\r\\n' % len(content) + content)
    await writer.drain()
    writer.close()
    await writer.wait_closed()
async def main():
    await asyncio.start_server(answer, '', 8080)
    await asyncio.start_server(answer, '', 8443, ssl=serving())
    listens.set()
    await asyncio.Event().wait()
_thread.start_new_thread(asyncio.run, (main(),))
listens.wait()
"""


@pytest.fixture
def guest(boot: Boot, lan: Lan, authority: Authority) -> Guest:
    nic = lan.add_tap("tap0", [f"{HOST}/24"])
    dnsmasq(lan, f"--address=/host.test/{HOST}")
    guest = boot(nics=[nic], cmdline=f"ip={GUEST}:::24::eth0:off:{HOST}", memory="256M")
    guest.wait_for_prompt()
    prepare(guest, authority)
    return guest


@pytest.fixture
def site(lan: Lan, authority: Authority, guest: Guest) -> Path:
    """What nginx serves, from when it answers on."""
    root = lan.directory / "site"
    root.mkdir()
    root.chmod(0o755)
    lan.directory.chmod(0o755)
    temporary = "".join(
        f"{kind}_temp_path {lan.directory}/{kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    certificate = f"ssl_certificate {authority.file('host.test')};"
    certificate += f"ssl_certificate_key {authority.file('host.test', 'key')};"
    behind = f"proxy_ssl_trusted_certificate {authority.file('ca')}; proxy_ssl_verify on;"
    behind += "proxy_ssl_name guest.test; proxy_ssl_server_name on;"
    configuration = lan.directory / "nginx.conf"
    configuration.write_text(f"""
user root; daemon off; master_process off; pid {lan.directory}/pid; error_log stderr;
events {{}}
http {{
  access_log off; client_max_body_size 8m; {temporary}
  server {{
    listen {HOST}:80; listen {HOST}:443 ssl; {certificate} root {root};
    location /plain/ {{ proxy_pass http://{GUEST}:8080; }}
    location /secure/ {{ proxy_pass https://{GUEST}:8443; {behind} }}
  }}
}}
""")
    nginx = lan.start(*unpacked.command("nginx", "usr/sbin/nginx"), "-c", str(configuration))
    until = time.monotonic() + 20
    while True:
        try:
            lan.connect(HOST, 443).close()
        except ConnectionRefusedError:
            assert time.monotonic() < until, nginx.output
            time.sleep(0.02)
        else:
            return root


def test_the_guest_is_a_client(guest: Guest, site: Path) -> None:
    data = os.urandom(3_000_000)
    (site / "data").write_bytes(data)
    code = """
import requests
for scheme in ('http', 'https'):
    answer = requests.get(scheme + '://host.test/data')
    print(answer.status_code, len(answer.content), hashlib.sha256(answer.content).digest().hex())
    print(requests.get(scheme + '://host.test/nothing').status_code)
"""
    expected = [f"200 {len(data)} {hashlib.sha256(data).hexdigest()}", "404"]
    assert guest.output_of(code, 120).splitlines() == expected * 2


@pytest.mark.parametrize("way", ["plain", "secure"])
def test_the_guest_is_a_server_behind_it(guest: Guest, lan: Lan, site: Path, way: str) -> None:
    guest.output_of(SERVER)
    body = lan.directory / "body"
    body.write_bytes(os.urandom(1_000_000))
    url = f"http://{HOST}/{way}/hello"
    for data in ([], ["--data-binary", f"@{body}", "-H", "Expect:"]):
        answer = json.loads(lan.run("curl", "-sS", "--fail", "--max-time", "60", *data, url))
        sent = body.read_bytes() if data else b""
        assert answer == {"path": f"/{way}/hello", "sum": hashlib.sha256(sent).hexdigest()}
    assert guest.eval("6 * 7") == 42
