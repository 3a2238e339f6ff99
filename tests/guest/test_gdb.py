# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""`./inv debug`: gdb on a guest that waits for it, and the Python functions that it shows."""

import shlex
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.guest.conftest import Boot
from tools import session
from tools.crash import debug_file_of
from tools.errors import UserError
from tools.guest import PROMPT, Guest
from tools.paths import ROOT
from tools.vmm import cloud_hypervisor_cli as cli

PROGRAM = b"""\
def inner(n, text, x=1.5):
    y = [n]
    while n == 0:
        print(end="*")
    return inner(n - 1, text + "!")

def generator(*, key):
    yield inner(2, "abc")

@micropython.native
def native():
    return next(generator(key=None))

class Thing:
    def method(self, argument):
        return (lambda: native() + argument)()

Thing().method(b"xyz")
"""
TRACEBACK = """\
Traceback (most recent call first):
#0  File "<stdin>", line 4, in inner
#1  File "<stdin>", line 5, in inner
#2  File "<stdin>", line 5, in inner
#3  File "<stdin>", line 8, in generator
#4  File "<stdin>", line 16, in <lambda>
#5  File "<stdin>", line 16, in method
#6  File "<stdin>", line 18, in <module>
"""


@pytest.fixture
def waiting(boot: Boot, vmm_name: str) -> Guest | None:
    """A guest that waits for gdb; None where this VMM cannot, which it says."""
    if vmm_name != "qemu" and not cli.has_gdb(cli.require()):
        with pytest.raises(UserError, match="was built without gdb support"):
            boot(gdb_port=0)
        return None
    return boot(gdb_port=0)


@contextmanager
def gdb(guest: Guest, *commands: str) -> Iterator["subprocess.Popen[str]"]:
    """gdb as the task has it started, but for its own commands."""
    task = shlex.split(session.gdb_command(debug_file_of(guest.spec.kernel)))
    line = [task[0], "-nx", "-q", "-batch", *task[1 : task.index("-ex")]]
    for command in (f"target remote :{guest.vmm.gdb_port}", *commands):
        line += ["-ex", command]
    process = subprocess.Popen(
        line,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def output_of(process: "subprocess.Popen[str]", guest: Guest) -> str:
    return process.communicate(timeout=guest.timeout)[0]


def test_python_functions_of_the_guest(waiting: Guest | None) -> None:
    if waiting is None:
        return
    commands = ["continue", "py-bt", "py-locals", "py-locals 3", "py-locals 5", "py-locals 7"]
    with gdb(waiting, "py-bt", *commands, "bt", "detach") as process:
        waiting.wait_for_prompt()
        waiting.write(b"\x05")
        waiting.write(PROGRAM.replace(b"\n", b"\r") + b"\x04")
        waiting.read_until(b"*****")
        process.send_signal(signal.SIGINT)
        said = output_of(process, waiting)
    assert "The interpreter has no memory yet" in said
    assert TRACEBACK in said
    assert "in inner\n  n = 0\n  text = 'abc!!'\n  x = 1.5\n  (slot 3) = <list at 0x" in said
    assert "in generator\n  key = None\n" in said
    assert "in method\n  self = <Thing at 0x" in said
    assert "\n  argument = b'xyz'\n" in said
    assert "py-bt shows no function #7." in said
    # C has its frames, its sources by their lines.
    assert " in fun_bc_call (" in said
    assert "micropython/py/vm.c:" in said
    # And the guest goes on.
    waiting.interrupt()
    waiting.read_until(b"KeyboardInterrupt")
    waiting.read_until(PROMPT)


# QEMU's emulated SVM does not arm the debug registers of a nested guest.
@pytest.mark.only_on("qemu", "cloud_hypervisor")
def test_frozen_functions_at_a_breakpoint(waiting: Guest | None) -> None:
    if waiting is None:
        return
    with gdb(waiting, "hbreak cloud_hypervisor_vmm", "continue", "py-bt", "kill") as process:
        waiting.wait_for_prompt()
        waiting.write(b"import guest; guest.info()\r")
        said = output_of(process, waiting)
    assert "Breakpoint 1, cloud_hypervisor_vmm () at ports/cloud_hypervisor/mod" in said
    assert '#0  File "guest/__init__.py", line ' in said
    assert ', in info\n#1  File "<stdin>", line 1, in <module>\n' in said


def test_no_python_function_runs_at_the_prompt(waiting: Guest | None) -> None:
    if waiting is None:
        return
    with gdb(waiting, "continue", "py-bt", "py-locals", "detach") as process:
        waiting.wait_for_prompt()
        process.send_signal(signal.SIGINT)
        said = output_of(process, waiting)
    assert "\nNo Python function runs.\npy-bt shows no function #0.\n" in said.replace("\n\n", "\n")
