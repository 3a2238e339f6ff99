# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""`./inv run` and `./inv exec` as a user types them: output, exit code, and what they leave."""

import contextlib
import os
import pty
import re
import select
import shlex
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest

from tools.build import build

ROOT = Path(__file__).resolve().parents[2]
LIMIT = 60
MARKER = "GUEST_TEST_MARKER"

pytestmark = pytest.mark.timeout(2 * LIMIT)

# These are about our side of the line, whatever is at the other. Each task on the nested back end
# starts a Linux guest of its own, so there the few that remain must do.
any_vmm_will_do = pytest.mark.only_on("qemu", "cloud_hypervisor")


@dataclass
class Host:
    """Starts tasks in an environment by which their processes and files can be found again."""

    vmm: str
    temporary: Path
    marker: str

    def command(self, task: str, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "invoke", task, *arguments, f"--vmm={self.vmm}"]

    @property
    def environment(self) -> dict[str, str]:
        return os.environ | {"TMPDIR": str(self.temporary), MARKER: self.marker}

    def run(
        self, task: str, *arguments: str, typed: str = ""
    ) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            self.command(task, *arguments),
            input=typed.encode(),
            capture_output=True,
            cwd=ROOT,
            env=self.environment,
            timeout=LIMIT,
            check=False,
        )

    def processes(self) -> list[str]:
        """The command lines of the processes that these tasks have left."""
        found = []
        for directory in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if f"{MARKER}={self.marker}".encode() in (directory / "environ").read_bytes():
                    found.append((directory / "cmdline").read_text().replace("\0", " "))
        return found


@pytest.fixture
def host(vmm_name: str, firmware: Path, tmp_path: Path) -> Iterator[Host]:
    """Nothing may be left of what a test does with it."""
    assert firmware.exists()
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    host = Host(vmm_name, temporary, str(uuid4()))
    yield host
    deadline = time.monotonic() + 5
    while host.processes() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert host.processes() == []
    assert list(temporary.iterdir()) == []


class Terminal:
    """A task at a terminal of its own, and the user before it."""

    def __init__(self, host: Host, *task: str) -> None:
        self.master, self._slave = pty.openpty()
        self.settings = termios.tcgetattr(self._slave)
        self.shown = b""
        self.process = subprocess.Popen(
            host.command(*task),
            stdin=self._slave,
            stdout=self._slave,
            stderr=self._slave,
            cwd=ROOT,
            env=host.environment,
            start_new_session=True,
            # Its own terminal, so that Ctrl-C and the foreground are as they are for a user.
            preexec_fn=lambda: _take_terminal(self._slave),
        )

    def type(self, data: bytes) -> None:
        os.write(self.master, data)

    def wait_for(self, pattern: bytes) -> None:
        deadline = time.monotonic() + LIMIT
        while (match := re.search(pattern, self.shown)) is None:
            assert time.monotonic() < deadline, f"no {pattern!r} in {self.shown!r}"
            if select.select([self.master], [], [], 0.1)[0]:
                self.shown += os.read(self.master, 65536)
        self.shown = self.shown[match.end() :]

    def wait(self) -> int:
        """The exit code. The terminal must be as it was before."""
        code = self.process.wait(LIMIT)
        assert termios.tcgetattr(self._slave) == self.settings
        return code

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.master)
        os.close(self._slave)


def _take_terminal(slave: int) -> None:
    os.close(os.open(os.ttyname(slave), os.O_RDWR))


@contextlib.contextmanager
def terminal(host: Host, *task: str) -> Iterator[Terminal]:
    opened = Terminal(host, *task)
    try:
        yield opened
    finally:
        opened.close()


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
def test_output_comes_while_the_program_runs(host: Host) -> None:
    with terminal(host, "exec", "print('early')\nwhile True: pass") as user:
        user.wait_for(b"early\r\n")
        user.type(b"\x03")
        user.wait_for(b"KeyboardInterrupt")
        assert user.wait() == 130


@any_vmm_will_do
def test_program_that_ignores_ctrl_c_is_left_by_the_third(host: Host) -> None:
    code = "while True:\n    try:\n        print('turn')\n        while True: pass\n"
    code += "    except KeyboardInterrupt: pass"
    with terminal(host, "exec", code) as user:
        for _ in range(2):
            user.wait_for(b"turn\r\n")
            user.type(b"\x03")
        user.wait_for(b"once more stops the guest")
        user.wait_for(b"turn\r\n")
        user.type(b"\x03")
        assert user.wait() == 130


@any_vmm_will_do
def test_terminal_gives_lines_and_an_end(host: Host) -> None:
    with terminal(host, "exec", "print(input('? ')); import sys; print(sys.stdin.read())") as user:
        user.wait_for(rb"\? ")
        user.type(b"onn\x7fe\ntwo\n")
        user.wait_for(rb"one\r\n")
        user.type(b"\x04")
        user.wait_for(rb"two\r\n\r\n")
        assert user.wait() == 0


@any_vmm_will_do
def test_raw_terminal_gives_keys(host: Host) -> None:
    code = "import sys\nfor _ in range(3): print(sys.stdin.buffer.read(1), end='\\n')\n"
    code += "print('now')\nwhile True: pass"
    with terminal(host, "exec", code, "--raw") as user:
        user.type(b"a")
        user.wait_for(rb"b'a'\n")
        user.type(b"\x04\r")
        user.wait_for(rb"b'\\x04'\nb'\\r'\nnow\n")
        user.type(b"\x03")
        user.wait_for(b"KeyboardInterrupt")
        assert user.wait() == 130


@any_vmm_will_do
def test_raw_terminal_is_left(host: Host) -> None:
    with terminal(host, "exec", "print('now')\nwhile True: pass", "--raw") as user:
        user.wait_for(b"now")
        user.type(b"\x1d")
        assert user.wait() == 130


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


@any_vmm_will_do
def test_terminal_that_is_closed_ends_the_task(host: Host) -> None:
    with terminal(host, "run") as user:
        user.wait_for(rb">>> ")
        os.close(user.master)
        assert user.process.wait(LIMIT) == 129
        user.master = os.open(os.devnull, os.O_RDONLY)


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


@any_vmm_will_do
def test_piped_input_ends_at_the_prompt(host: Host) -> None:
    done = host.run(
        "run", typed="print('a' + 'b')\nimport time; time.sleep(1.5)\nprint('c' + 'd')\n"
    )
    assert done.returncode == 0
    assert b"\nab\r\n" in done.stdout
    assert b"\ncd\r\n" in done.stdout


@any_vmm_will_do
@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("print('a' + 'b')", rb"\nab\r\n>>> \n\Z"),
        ("for x in (1, 2):\n    if x:\n        print(x * 11)", rb"\n11\r\n22\r\n>>> \n\Z"),
        ("print((", rb"\.\.\. \r\n>>> \n\Z"),
    ],
)
def test_piped_input_without_an_end_ends(host: Host, typed: str, shown: bytes) -> None:
    done = host.run("run", typed=typed)
    assert done.returncode == 0
    assert re.search(shown, done.stdout), done.stdout


def test_prompt_at_a_terminal(host: Host) -> None:
    with terminal(host, "run") as user:
        user.wait_for(rb"Ctrl-\] leaves")
        user.wait_for(rb">>> ")
        user.type(b"print(6 * 7)\r")
        user.wait_for(rb"\r\n42\r\n>>> ")
        user.type(b"while True: pass\r\r\r")
        time.sleep(0.5)
        user.type(b"\x03")
        user.wait_for(rb"KeyboardInterrupt")
        user.wait_for(rb">>> ")
        user.type(b"import machine; machine.reset()\r")
        user.wait_for(rb"MicroPython v")
        user.wait_for(rb">>> ")
        user.type(b"\x1d")
        assert user.wait() == 0


@pytest.mark.parametrize(
    "number",
    [
        pytest.param(signal.SIGTERM, marks=any_vmm_will_do),
        pytest.param(signal.SIGHUP, marks=any_vmm_will_do),
        signal.SIGKILL,
    ],
)
def test_killed_run_leaves_nothing(host: Host, number: signal.Signals) -> None:
    with terminal(host, "run") as user:
        user.wait_for(rb">>> ")
        user.process.send_signal(number)
        if number is signal.SIGKILL:
            # Nobody can put the terminal right after that.
            assert user.process.wait(LIMIT) == -number
        else:
            assert user.wait() == 128 + number


def flash(host: Host, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """`./inv flash`, which knows no VMM."""
    command = [sys.executable, "-m", "invoke", "flash", *arguments]
    return subprocess.run(
        command, cwd=ROOT, env=host.environment, timeout=LIMIT, capture_output=True, check=False
    )


def flashed(host: Host, directory: Path, code: str, settings: str = "") -> Path:
    """The ELF file that `./inv flash` makes of a program."""
    app = directory / "app"
    app.mkdir()
    (app / "main.py").write_text(code)
    (app / "settings").write_text(settings)
    target = directory / "app.elf"
    assert flash(host, str(app), "--out", str(target)).returncode == 0
    return target


def test_flashed_program_runs_and_gives_its_exit_code(host: Host, tmp_path: Path) -> None:
    code = "import sys\nprint(sys.argv[1:], input())\nraise SystemExit('sorry')"
    file = flashed(host, tmp_path, code)
    done = host.run("run", str(file), "--cmdline", "a 'b c'", typed="typed\n")
    assert done.returncode == 1
    assert done.stderr.endswith(b"sorry\n")
    assert done.stdout.endswith(b"['a', 'b c'] typed\n")


@any_vmm_will_do
@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("import sys; sys.exit(7)", 7),
        ("import machine; machine.poweroff()", 0),
        ("import machine; machine.reset()", 123),
        ("while True: pass", 124),
        ("import machine; machine.mem8[0]", 122),
    ],
)
def test_end_of_a_flashed_program(host: Host, tmp_path: Path, code: str, status: int) -> None:
    file = flashed(host, tmp_path, code)
    done = host.run("run", str(file), "--timeout=8")
    # The newline before a crash report looks like the program's.
    assert (done.returncode, done.stdout.strip()) == (status, b"")


@any_vmm_will_do
def test_crash_of_a_flashed_program_has_names(host: Host, tmp_path: Path) -> None:
    done = host.run("run", str(flashed(host, tmp_path, "import machine; machine.mem8[0]")))
    assert done.returncode == 122
    assert re.search(rb"machine_mem_subscr  \S*machine_mem\.c:\d+", done.stderr)


@any_vmm_will_do
def test_prompt_after_a_flashed_program_is_not_its_output(host: Host, tmp_path: Path) -> None:
    done = host.run("run", str(flashed(host, tmp_path, "print('ran')", "on-exit=prompt")))
    assert (done.returncode, done.stdout) == (0, b"ran\n")


@any_vmm_will_do
def test_firmware_without_application_is_refused(host: Host, firmware: Path) -> None:
    done = host.run("run", str(firmware))
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"The guest has no application" in done.stderr


@any_vmm_will_do
def test_image_of_an_application_runs_and_a_broken_one_is_told(host: Host, tmp_path: Path) -> None:
    source, image = tmp_path / "app.py", tmp_path / "app.romfs"
    source.write_text("print('from an image')")
    assert flash(host, str(source), "--out", str(image)).returncode == 0
    assert host.run("run", str(image)).stdout == b"from an image\n"
    image.write_bytes(image.read_bytes()[:-1])
    done = host.run("run", str(image))
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"The application is left alone: it is cut short." in done.stderr


@any_vmm_will_do
def test_flashed_file_is_inspected(host: Host, tmp_path: Path) -> None:
    file = flashed(host, tmp_path, "print(1)", "heap=8M")
    done = flash(host, str(file), "--inspect")
    assert done.returncode == 0
    assert re.search(rb"build [0-9a-f]{40}\n", done.stdout)
    assert b"main.py (frozen)" in done.stdout
    assert b"settings heap=8M\n" in done.stdout


@any_vmm_will_do
def test_syntax_error_is_told_when_flashed(host: Host, tmp_path: Path) -> None:
    source, target = tmp_path / "wrong.py", tmp_path / "wrong.elf"
    source.write_text("x = 1\nif x\n")
    done = flash(host, str(source), "--out", str(target))
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"main.py, line 2: SyntaxError: invalid syntax" in done.stderr
    assert not target.exists()


@any_vmm_will_do
def test_board_is_the_one_that_is_named(host: Host, tmp_path: Path) -> None:
    build("minimal")
    source, target = tmp_path / "app.py", tmp_path / "app.elf"
    source.write_text("import sys\nprint(sys.implementation._machine)\nsys.exit(3)\n")
    expected = (3, b"minimal PVH guest with x86-64\n")
    done = host.run("run", str(source), "--board=minimal")
    assert (done.returncode, done.stdout) == expected, done.stderr
    for way in ([], ["--no-compiler"]):
        done = flash(host, str(source), "--out", str(target), "--board=minimal", *way)
        assert done.returncode == 0, done.stderr
        done = host.run("run", str(target))
        assert (done.returncode, done.stdout) == expected, done.stderr


@any_vmm_will_do
def test_board_that_is_none_is_one_line(host: Host) -> None:
    done = host.run("exec", "pass", "--board=examples/hello")
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"exec: examples/hello is no board: it has no mpconfigboard.h." in done.stderr
