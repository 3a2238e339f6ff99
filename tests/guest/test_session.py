# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""`./inv run APP` and `./inv exec` as a user types them: input, output, exit code."""

import re
import shlex
import signal
import subprocess
from pathlib import Path

import pytest

from tests.guest.user import LIMIT, Host, any_vmm_will_do
from tools.paths import ROOT

pytestmark = pytest.mark.timeout(2 * LIMIT)


def test_exec_prints_what_the_code_prints(host: Host) -> None:
    code = r'print("hällo\nworld", end=""); import sys; sys.stdout.buffer.write(bytes([0, 4, 255]))'
    done = host.run("exec", code)
    assert (done.returncode, done.stdout) == (0, "hällo\nworld".encode() + b"\x00\x04\xff")


@any_vmm_will_do
@pytest.mark.parametrize(
    ("code", "status", "error"),
    [
        ("pass", 0, b""),
        ("import sys; sys.exit()", 0, b""),
        ("import sys; sys.exit(7)", 7, b""),
        ("import sys; sys.exit(-1)", 255, b""),
        ("import sys; sys.exit('sorry')", 1, b"sorry\n"),
        ("raise SystemExit(3)", 3, b""),
        (
            "1/0",
            1,
            b'Traceback (most recent call last):\n  File "<string>", line 1, in <module>\n'
            b"ZeroDivisionError: divide by zero\n",
        ),
    ],
)
def test_exit_code_is_the_programs(host: Host, code: str, status: int, error: bytes) -> None:
    done = host.run("exec", code)
    assert (done.returncode, done.stdout) == (status, b"")
    assert done.stderr.endswith(error)


@any_vmm_will_do
@pytest.mark.parametrize(
    ("code", "status", "output"),
    [
        ("str = 'x'; print('hi')", 0, b"hi\n"),
        ("def print(*a): pass", 0, b""),
        ("int = BaseException = 1; import sys; sys.exit(3)", 3, b""),
        ("import micropython; micropython.heap_lock(); print(1)", 0, b"1\n"),
        ("import micropython; micropython.kbd_intr(-1)", 0, b""),
        ("import sys; sys.atexit(lambda: print('bye')); sys.exit(4)", 4, b"bye\n"),
        ("import sys; sys.exit(2**70)", 255, b""),
        ("print('\\n*** crash: none'); print('more')", 0, b"\n*** crash: none\nmore\n"),
    ],
)
def test_program_cannot_break_the_report_of_its_end(
    host: Host, code: str, status: int, output: bytes
) -> None:
    done = host.run("exec", code)
    assert (done.returncode, done.stdout) == (status, output), done.stderr


@any_vmm_will_do
def test_program_that_fills_the_memory_ends(host: Host) -> None:
    done = host.run("exec", "l = []\nwhile True: l.append(bytearray(16))", "--memory=16M")
    assert done.returncode == 1
    assert b"\nMemoryError" in done.stderr


@any_vmm_will_do
def test_interrupt_in_the_input_does_not_hang(host: Host) -> None:
    done = host.run("exec", "import sys; sys.stdin.buffer.read(1)", typed="ab\x03\x04\ncd\n\x03")
    assert done.returncode in (0, 1, 130)


@any_vmm_will_do
def test_program_sees_itself_as_main(host: Host, tmp_path: Path) -> None:
    path = tmp_path / "app.py"
    path.write_text("import sys\nprint(__name__, __file__, sys.argv[0], '__run' in globals())\n")
    done = host.run("run", str(path))
    assert (done.returncode, done.stdout) == (0, b"__main__ app.py app.py False\n")


@any_vmm_will_do
def test_directory_runs_with_its_files(host: Host, tmp_path: Path) -> None:
    app = tmp_path / "app"
    (app / "package" / "inner").mkdir(parents=True)
    data = bytes(range(256)) * 200
    (app / "package" / "inner" / "data.bin").write_bytes(data)
    (app / "package" / "part.py").write_text("def total(b):\n    return sum(b)\n")
    (app / "main.py").write_text(
        "print(sorted(globals()))\n"
        "from package.part import total\n"
        "print(total(open('package/inner/data.bin', 'rb').read()))\n"
    )
    done = host.run("run", str(app))
    assert (done.returncode, done.stdout) == (
        0,
        f"['__file__', '__name__']\n{sum(data)}\n".encode(),
    )


def test_arguments_and_environment_of_a_program(host: Host) -> None:
    code = "import os, sys; print(sys.argv, os.getenv('NAME'))"
    done = host.run("exec", code, "--cmdline=one NAME=value 'two words' -- a=b")
    assert (done.returncode, done.stdout) == (0, b"['<string>', 'one', 'two words', 'a=b'] value\n")


@any_vmm_will_do
def test_syntax_error_is_told_without_a_guest(host: Host, tmp_path: Path) -> None:
    path = tmp_path / "app.py"
    path.write_text("x = 1\nif x\n")
    done = host.run("run", str(path))
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"app.py, line 2: SyntaxError: invalid syntax" in done.stderr


@any_vmm_will_do
@pytest.mark.parametrize(
    ("redirection", "status", "error"),
    [
        ("| head -n 1", b"141", []),
        ("> /dev/full", b"1", [b"exec: standard output: No space left on device"]),
    ],
)
def test_output_that_cannot_be_written_is_no_traceback(
    host: Host, redirection: str, status: bytes, error: list[bytes]
) -> None:
    command = shlex.join(host.command("exec", "for i in range(30000): print(i)"))
    done = subprocess.run(
        ["bash", "-c", f"{command} {redirection}; echo ${{PIPESTATUS[0]}}"],
        capture_output=True,
        cwd=ROOT,
        env=host.environment,
        timeout=LIMIT,
        check=False,
    )
    assert done.stdout.splitlines()[-1] == status
    # On a busy machine the task says what it is doing.
    progress = (b"Building ",)
    said = [line for line in done.stderr.splitlines() if not line.startswith(progress)]
    assert said == error


def test_standard_input_ends(host: Host) -> None:
    code = """
import select, sys
first = input("? ")
print(first, repr(sys.stdin.readline()), sys.stdin.buffer.read(3), repr(sys.stdin.read()))
print([sys.stdin.read(), sys.stdin.readline(), sys.stdin.buffer.read(1), list(sys.stdin)])
poll = select.poll()
poll.register(sys.stdin, select.POLLIN)
print(len(poll.poll(0)))
input()
"""
    done = host.run("exec", code, typed="hä\ntwo\r\n\x03\x04\x16rest\rof\x03it")
    shown = "? hä 'two\\r\\n' b'\\x03\\x04\\x16' 'rest\\rof\\x03it'\n['', '', b'', []]\n1\n"
    assert (done.returncode, done.stdout.decode()) == (1, shown)
    assert done.stderr.endswith(b"\nEOFError: \n")


def test_every_byte_passes_in_both_directions(host: Host) -> None:
    """64 KiB would be the guest's whole ring; on a slow line it is less."""
    data = bytes(range(256)) * (40 if host.vmm == "nested" else 1000)
    code = "import sys\nwhile data := sys.stdin.buffer.read(999): sys.stdout.buffer.write(data)"
    done = subprocess.run(
        host.command("exec", code),
        input=data,
        capture_output=True,
        cwd=ROOT,
        env=host.environment,
        timeout=LIMIT,
        check=False,
    )
    assert done.returncode == 0, done.stderr  # Beside what the task says of its own work.
    assert done.stdout == data


@any_vmm_will_do
def test_interrupt_from_a_shell_reaches_the_program(host: Host) -> None:
    code = "import time\ntry:\n    print('READY')\n    time.sleep(60)\n"
    code += "except KeyboardInterrupt:\n    print('interrupted')"
    process = subprocess.Popen(
        host.command("exec", code),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        cwd=ROOT,
        env=host.environment,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"READY\n"
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=LIMIT)[0] == b"interrupted\n"
    assert process.returncode == 0


@any_vmm_will_do
def test_timings_name_each_step(host: Host) -> None:
    done = host.run("exec", "print('out')", "--timings")
    assert done.stdout == b"out\n"
    steps = ["compile", "build", "start the VMM", "boot the guest", "first output"]
    for line, step in zip(done.stderr.decode().splitlines()[-len(steps) :], steps, strict=True):
        assert re.match(rf" +\d+\.\d\d\d s  .*{step}", line)


@any_vmm_will_do
def test_time_limit_stops_the_program(host: Host) -> None:
    done = host.run("exec", "while True: pass", "--timeout=2")
    assert done.returncode == 124
    assert b"did not end within 2 s" in done.stderr


@any_vmm_will_do
def test_time_limit_holds_with_large_files(host: Host, tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text("while True: pass\n")
    (tmp_path / "data.bin").write_bytes(bytes(4 << 20))
    done = host.run("run", str(tmp_path), "--timeout=2")
    assert (done.returncode, done.stdout) == (124, b"")
    assert b"did not end within 2 s" in done.stderr


@any_vmm_will_do
def test_power_off_by_the_program_is_well(host: Host) -> None:
    done = host.run("exec", "import machine; machine.poweroff()")
    assert done.returncode == 0, done.stderr


@any_vmm_will_do
def test_reset_by_the_program_is_told(host: Host) -> None:
    done = host.run("exec", "import machine; machine.reset()")
    assert done.returncode == 123
    assert b"reset itself" in done.stderr


def test_crash_is_reported_with_function_and_line(host: Host) -> None:
    done = host.run("exec", "import machine; print('before'); machine.mem32[0]")
    # The newline before the report may have come long before the rest, and so have been shown.
    assert (done.returncode, done.stdout.rstrip()) == (122, b"before")
    assert b"page fault" in done.stderr
    assert re.search(rb"machine_mem_subscr  \S*machine_mem\.c:\d+", done.stderr)


@any_vmm_will_do
def test_bad_input_is_one_line(host: Host, tmp_path: Path) -> None:
    for arguments in (
        ("run", str(tmp_path / "missing.py")),
        ("exec", "pass", "--memory=much"),
        ("exec", "pass", "--memory=1M"),
        ("exec", "pass", "--cmdline=heap=abc"),
        ("exec", "pass", "--memory=65536G"),
    ):
        done = host.run(*arguments)
        assert done.returncode == 2
        assert b"Traceback" not in done.stderr
        assert done.stdout == b""
