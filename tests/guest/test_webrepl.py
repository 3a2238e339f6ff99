# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""WebREPL by a client of this machine, the serial prompt beside it; and the module websocket."""

import os
import socket
import struct
import time

import pytest

from tests.guest.conftest import Boot
from tests.guest.websocket_client import BINARY, CLOSE, PING, PONG, TEXT, WebRepl, WebSocket
from tools.guest import PROMPT, SOFT_REBOOT, Guest
from tools.lan import Lan

HOST, GUEST = "192.168.77.1", "192.168.77.5"
PORT = 8266
PASSWORD = "sécret"


@pytest.fixture
def stopped_guest(boot: Boot, lan: Lan) -> Guest:
    """One whose WebREPL was not started."""
    nic = lan.add_tap("tap0", [f"{HOST}/24"])
    guest = boot(nics=[nic], cmdline=f"ip={GUEST}:::24::eth0:off")
    guest.wait_for_prompt()
    return guest


@pytest.fixture
def guest(stopped_guest: Guest) -> Guest:
    """One at its friendly prompt, with WebREPL."""
    code = f"import webrepl; webrepl.start(password={PASSWORD!r})"
    said = stopped_guest.output_of(code)
    assert said == f"WebREPL server started on http://{GUEST}:{PORT}/\n"
    stopped_guest.repl.leave(stopped_guest.timeout)
    return stopped_guest


def connect(lan: Lan, password: str = PASSWORD) -> WebRepl:
    return WebRepl(lan.connect(GUEST, PORT, 60), password)


def answers(guest: Guest, timeout: float | None = None) -> None:
    """By the serial line."""
    guest.write(b"6 + 1\r")
    guest.read_until(b"\r\n7\r\n" + PROMPT, timeout)


def test_it_is_off_unless_it_is_started(stopped_guest: Guest, lan: Lan) -> None:
    with pytest.raises(ConnectionRefusedError):
        lan.connect(GUEST, PORT)
    code = "import webrepl; webrepl.start()"
    said = stopped_guest.output_of(code)
    assert said == "WebREPL is not configured, run 'import webrepl_setup'\n"
    with pytest.raises(ConnectionRefusedError):
        lan.connect(GUEST, PORT)
    _, traceback = stopped_guest.exec("webrepl.start(password='')")
    assert traceback.endswith("ValueError: a password is wanted\n")
    code = "import webrepl\\nwebrepl.start(password='x')"
    code = f"""
from concurrent import interpreters
try: interpreters.create().exec("{code}")
except interpreters.ExecutionFailed as e: print(e)
"""
    assert "RuntimeError: the prompt is another interpreter's" in stopped_guest.output_of(code)
    with pytest.raises(ConnectionRefusedError):
        lan.connect(GUEST, PORT)


def test_the_prompt_is_at_both_ends(guest: Guest, lan: Lan) -> None:
    with connect(lan) as web:
        web.type(b"6 * 7\r")
        assert web.read_until(b">>> ") == b"6 * 7\r\n42\r\n>>> "
        assert guest.read_until(PROMPT).endswith(b"6 * 7\r\n42\r\n>>> ")
        # Characters that come a byte at a time, and what is none.
        web.type(b"import sys\rw = sys.stdout.buffer.write\r")
        web.type(b"for b in '\\xe9\\u20ac\\U0001f600\\n'.encode(): n = w(bytes([b]))\r\r")
        web.read_until("\r\né€😀\n>>> ".encode())
        web.type(b"n = w(b'\\xff\\xe9 abc\\n')\r")
        web.read_until(b"\r\n?? abc\n>>> ")
        guest.write(b"'by ' + 'serial'\r")
        assert web.read_until(b">>> ").endswith(b"\r\n'by serial'\r\n>>> ")
        web.type(b"print('x' * 20000)\r")
        web.read_until(b"\r\n")
        assert web.read_until(b">>> ") == b"x" * 20000 + b"\r\n>>> "


def test_ctrl_c_ends_what_runs(guest: Guest, lan: Lan) -> None:
    with connect(lan) as web:
        for line in (b"while True: pass\r", b"import time; time.sleep(1000)"):
            web.type(line + b"\r")
            web.read_until(line.strip() + b"\r\n")
            time.sleep(0.5)
            web.type(b"\x03")
            assert b"KeyboardInterrupt: " in web.read_until(b"\r\n>>> ")
        # While a program runs, the connection is alive.
        web.type(b"while True: pass\r\r")
        time.sleep(0.2)
        assert web.put("/file", b"data") == 0
        assert web.get("/file") == b"data"
        web.type(b"\x03")
        web.read_until(b"KeyboardInterrupt: \r\n>>> ")


def test_who_does_not_know_the_password(guest: Guest, lan: Lan) -> None:
    for password in (b"wrong", b"", PASSWORD.encode() + b"x", b"x" * 200):
        with WebSocket(lan.connect(GUEST, PORT, 60)) as web:
            assert web.receive() == (TEXT, b"Password: ")
            web.send(TEXT, password)
            web.send(BINARY, b"\r")
            assert web.receive() == (TEXT, b"\r\nAccess denied\r\n")
            with pytest.raises(EOFError):
                web.receive()
    with WebSocket(lan.connect(GUEST, PORT, 60)) as web:
        web.receive()
        web.send(TEXT, b"x" * 300)
        with pytest.raises((EOFError, ConnectionResetError)):
            web.receive()
    answers(guest)
    # Nobody keeps others out by asking for nothing.
    idle = [lan.connect(GUEST, PORT, 60) for _ in range(10)]
    with connect(lan) as web:
        web.type(b"2 + 1\r")
        web.read_until(b"\r\n3\r\n>>> ")
        # There is one terminal.
        with WebSocket(lan.connect(GUEST, PORT, 60)) as other:
            assert other.receive() == (TEXT, b"Password: ")
            other.send(TEXT, PASSWORD.encode() + b"\r")
            assert other.receive() == (TEXT, b"\r\nAnother one is connected\r\n")
        web.type(b"3 + 1\r")
        web.read_until(b"\r\n4\r\n>>> ")
    for connection in idle:
        connection.close()


def test_who_guesses(guest: Guest, lan: Lan) -> None:
    """All of them together have a guess a second."""
    several = [WebSocket(lan.connect(GUEST, PORT, 60)) for _ in range(3)]
    start = time.monotonic()
    for web in several:
        web.send(TEXT, b"wrong\r")
    for web in several:
        assert web.receive() == (TEXT, b"Password: ")
        assert web.receive() == (TEXT, b"\r\nAccess denied\r\n")
        web.connection.close()
    assert time.monotonic() - start > 2.5
    # Who does not wait for the answer is no thread more.
    for _ in range(16):
        with WebSocket(lan.connect(GUEST, PORT, 60)) as web:
            web.send(TEXT, b"wrong\r")
    guest.write(b"len(webrepl._active) in range(1, 9)\r")
    guest.read_until(b"\r\nTrue\r\n" + PROMPT)
    # They cannot have the guest keep much.
    with WebSocket(lan.connect(GUEST, PORT, 5)) as web:
        web.receive()
        web.connection.sendall(b"\x81\x7e" + struct.pack("!H", 513))
        with pytest.raises((EOFError, ConnectionResetError)):
            web.receive()
    with connect(lan):
        pass


def test_files(guest: Guest, lan: Lan) -> None:
    data = os.urandom(300_001)
    with connect(lan) as web:
        assert web.version()[:2] >= (1, 25)
        assert web.put("/data", data) == 0
        assert web.get("/data") == data
        assert web.put("/empty", b"") == 0
        assert web.get("/empty") == b""
        assert web.get("/nothing") == 2
        assert web.put("/nothing/x", b"x") == 2
        web.type(b"import os; os.stat('/data')[6]\r")
        web.read_until(b"\r\n300001\r\n>>> ")
        # What does not fit is an error, not lost.
        web.type(
            b"open('/nearly_full', 'wb').write(bytes(os.statvfs('/')[0] * os.statvfs('/')[3]))\r"
        )
        web.read_until(b">>> ")
        assert web.put("/more", bytes(500_000)) == 28
        web.type(b"os.remove('/nearly_full'); 1 + 1\r")
        web.read_until(b"\r\n2\r\n>>> ")


def test_frames_in_pieces(guest: Guest, lan: Lan) -> None:
    with connect(lan) as web:
        web.send(PING, b"ping")
        assert web.receive() == (PONG, b"ping")
        web.send(PING, b"")
        assert web.receive() == (PONG, b"")
        pieces = [
            web.frame(TEXT, b"6", last=False),
            web.frame(PING, b"\x03"),  # No Ctrl-C.
            web.frame(TEXT, b""),
            web.frame(0, b" * ", last=False),
            web.frame(0, b"7\r", masked=False),
        ]
        for byte in b"".join(pieces):
            web.connection.sendall(bytes([byte]))
        kinds = [web.receive() for _ in range(2)]
        assert (PONG, b"\x03") in kinds
        web.shown += b"".join(data for kind, data in kinds if kind == TEXT)
        web.read_until(b"\r\n42\r\n>>> ")
        web.send(CLOSE, struct.pack("!H", 1000) + b"bye")
        assert web.receive() == (CLOSE, struct.pack("!H", 1000))
        with pytest.raises(EOFError):
            web.receive()
    answers(guest)


@pytest.mark.parametrize(
    "noise",
    [
        b"\x82\xff" + b"\xff" * 12,
        b"\x82\x7f" + (1 << 40).to_bytes(8, "big"),
        b"\x82\x52" + b"XX" + bytes(80),
        b"\x82\x52" + b"WA\x04" + bytes(79),
        b"\x82\x52" + b"WA\x01" + bytes(13) + b"\xff\xff" + b"n" * 64,
        b"\x82\x52" + b"WA\x01" + bytes(13) + b"\x02\0" + b"\xff" * 64,
    ],
    ids=range(6),
)
def test_noise_ends_its_connection_only(guest: Guest, lan: Lan, noise: bytes) -> None:
    with connect(lan) as web:
        web.connection.sendall(noise)
        with pytest.raises((EOFError, ConnectionResetError)):
            web.receive()
    answers(guest)
    with connect(lan):
        pass


def test_disconnection_in_the_middle(guest: Guest, lan: Lan) -> None:
    with connect(lan) as web:
        web.send(BINARY, struct.pack("<2sBBQIH64s", b"WA", 1, 0, 0, 5000, 2, b"/x"))
        assert web.result() == 0
        web.connection.sendall(web.frame(BINARY, bytes(1000))[:500])
    with connect(lan) as web:
        web.type(b"import time\rfor i in range(50): print(i); time.sleep_ms(20)\r\r")
        web.read_until(b"\r\n1\r\n")
    guest.read_until(b"\r\n49\r\n")
    guest.read_until(PROMPT)
    with connect(lan) as web:
        web.type(b"1 + 1\r")
        web.read_until(b"\r\n2\r\n>>> ")


def test_who_does_not_read_holds_nobody_up_for_long(guest: Guest, lan: Lan) -> None:
    with connect(lan) as web:
        web.type(b"n = open('/big', 'wb').write(bytes(1500000))\r")
        web.read_until(b">>> ")
        guest.read_until(PROMPT)
        web.connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        web.ask_for("/big", 1500)
        time.sleep(1)
        answers(guest, 60)


def test_nothing_is_left_of_connections(guest: Guest, lan: Lan) -> None:
    memory = []
    for _ in range(3):
        for i in range(20):
            with connect(lan) as web:
                if i & 1:
                    web.send(CLOSE, b"")
                    assert web.receive() == (CLOSE, b"")
            time.sleep(0.05)
        with connect(lan) as web:
            web.type(
                b"import gc, webrepl; gc.collect(); print(len(webrepl._active), gc.mem_alloc())\r"
            )
            web.read_until(b"\r\n1 ")
            memory.append(int(web.read_until(b"\r\n")))
        time.sleep(0.5)
    assert memory[-1] - memory[0] < 4096


def test_who_goes_while_nobody_reads(guest: Guest, lan: Lan) -> None:
    with connect(lan) as web:
        web.type(b"import os, time\rwhile 'go' not in os.listdir('/'): time.sleep_ms(50)\r\r")
        web.read_until(b"sleep_ms(50)\r\n")
        time.sleep(0.5)
        web.type(b"#" * 20000)
        time.sleep(0.5)
        web.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    time.sleep(0.5)
    with connect(lan) as web:
        assert web.put("/go", b"") == 0
        guest.read_until(b">>> ####")
        guest.write(b"\x03")
        guest.read_until(PROMPT)
        answers(guest)


def test_a_soft_reset_and_boot_py(guest: Guest, lan: Lan) -> None:
    with connect(lan) as web:
        assert web.put("/boot.py", b"import webrepl\nwebrepl.start()\n") == 0
        assert web.put("/webrepl_cfg.py", f"PASS = {PASSWORD!r}\n".encode()) == 0
        web.type(b"\x04")
        guest.read_until(SOFT_REBOOT)
        guest.read_until(PROMPT)
        with pytest.raises(EOFError):
            while True:
                web.receive()
    with connect(lan) as web:
        web.type(b"webrepl.stop()\r")
        with pytest.raises(EOFError):
            while True:
                web.receive()
    with pytest.raises(ConnectionRefusedError):
        lan.connect(GUEST, PORT)


def test_a_browser_gets_a_page(guest: Guest, lan: Lan) -> None:
    page = lan.run("curl", "--silent", "--fail", f"http://{GUEST}:{PORT}/")
    assert page == (
        '<base href="https://micropython.org/webrepl/"></base>'
        '<script src="webrepl_content.js"></script>\n'
    )


def test_setup(stopped_guest: Guest, lan: Lan) -> None:
    guest = stopped_guest
    guest.write(b"import webrepl_setup\r")
    guest.read_until(b"WebREPL at the boot: off\r\n")
    for question, answer in ((b"? ", b"e"), (b"): ", b"pass word"), (b"Again: ", b"pass word")):
        guest.read_until(question)
        guest.write(answer + b"\r")
    guest.read_until(PROMPT)
    guest.write(b"\x04")
    guest.read_until(b"WebREPL server started on ")
    guest.read_until(PROMPT)
    with connect(lan, "pass word") as web:
        web.type(b"import webrepl_setup\r")
        web.read_until(b"WebREPL at the boot: on\r\n")
        web.read_until(b"? ")
        web.type(b"d\r")
        web.read_until(b"\r\n>>> ")
        assert web.get("/boot.py") == b""


def test_the_module_websocket(stopped_guest: Guest, lan: Lan) -> None:
    code = """
import socket, websocket
server = socket.create_server(('', 80))
one, _ = server.accept()
while one.readline() not in (b'\\r\\n', b''): pass
web = websocket.websocket(one)
print(web.read(5), web.ioctl(8), web.readline())
web.write('x' * 1000)
web.ioctl(9, 2)
web.write(b'y')
print(web.read(1))
web.close()
"""
    guest = stopped_guest
    guest.repl.start(code.encode(), guest.timeout)
    web = WebSocket.__new__(WebSocket)
    deadline = time.monotonic() + 30
    while True:
        try:
            web.connection = lan.connect(GUEST, 80)
            break
        except ConnectionRefusedError:
            assert time.monotonic() < deadline
    with web:
        web.connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
        web.send(TEXT, b"hello")
        web.send(TEXT, b"line" * 100 + b"\n")
        assert web.receive() == (TEXT, b"x" * 1000)
        assert web.receive() == (BINARY, b"y")
        web.send(CLOSE, b"")
        assert web.receive() == (CLOSE, b"")
    said = guest.read_until(b"\x04")
    assert guest.repl.finish(guest.timeout) == b""
    line = b"line" * 100 + b"\n"
    assert said.decode().splitlines()[:2] == [f"b'hello' 1 {line!r}", "b''"]
