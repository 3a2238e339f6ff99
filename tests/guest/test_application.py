# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Applications that a machine is booted with: in the firmware's ELF file, or as --initramfs."""

from pathlib import Path

import pytest

from tests.guest.applications import Start, outcome
from tests.guest.conftest import Boot
from tools import flash
from tools.app_files import collect
from tools.firmware_file import FirmwareFile
from tools.guest import GuestCrashed
from tools.program import Run
from tools.romfs import make_romfs
from tools.vmm.base import Ending


def test_application_runs_and_powers_off(start: Start) -> None:
    files = {
        "boot.py": "print('boot', __name__, __file__)",
        "main.py": "import helper, lib_module, pack.part\n"
        "print(__name__, __file__, helper.x, lib_module.y, pack.part.z)\n"
        "print(open('data/words.txt').read())",
        "helper.py": "x = 1",
        "lib/lib_module.py": "y = 2",
        "pack/part.py": "z = 3",
        "data/words.txt": "Grüße",
    }
    said = "boot __main__ boot.py\n__main__ main.py 1 2 3\nGrüße\n"
    assert outcome(start, files) == (0, said.encode(), b"")


def test_modules_and_data_share_their_folders(start: Start) -> None:
    files = {
        "main.py": "import pkg.sub.m, lib.low, low, rich.part\n"
        "print(pkg.sub.m.x, low.y, rich.part.z, __file__)\n"
        "print(open('pkg/sub/d.txt').read(), open('lib/d.txt').read())",
        "pkg/sub/m.py": "x = 1",
        "pkg/sub/d.txt": "in pkg",
        "lib/low.py": "y = 2",
        "lib/d.txt": "in lib",
        "lib/rich/__init__.py": "",
        "lib/rich/part.py": "z = 3",
        "lib/rich/data.txt": "",
    }
    assert outcome(start, files) == (0, b"1 2 3 main.py\nin pkg in lib\n", b"")


def test_the_application_s_own_module_goes_before_the_firmware_s(start: Start) -> None:
    files = {"main.py": "import unittest; print(unittest.mine)", "unittest.py": "mine = 5"}
    assert outcome(start, files) == (0, b"5\n", b"")


def test_file_names_need_not_be_module_names(start: Start) -> None:
    files = {
        "main.py": "import a_b, a.b, os\nprint(a_b.x, a.b.y, __import__('ein-möbel').z)",
        "a_b.py": "x = 1",
        "a/b.py": "y = 2",
        "ein-möbel.py": "z = 3",
        "ein möbel.txt": "",
    }
    assert outcome(start, files) == (0, b"1 2 3\n", b"")


def test_machine_code_and_large_constants_are_the_same_in_each_way(start: Start) -> None:
    code = """
import micropython
@micropython.native
def twice(a): return a * 2
@micropython.viper
def thrice(a: int) -> int: return a * 3
print(twice(4), thrice(5), 2**100, -(10**30), 1.5e300, -1e999, 3j)
print('ü€\\0', b'\\x00\\xff', (1, 'a', None, ...))
"""
    said = (
        "8 15 1267650600228229401496703205376 -1000000000000000000000000000000 1.5e+300 -inf 3j\n"
    )
    said += "ü€\0 b'\\x00\\xff' (1, 'a', None, Ellipsis)\n"
    assert outcome(start, {"main.py": code}) == (0, said.encode(), b"")


@pytest.mark.parametrize(
    ("code", "status", "error"),
    [
        ("import sys; sys.exit()", 0, b""),
        ("import sys; sys.exit(7)", 7, b""),
        ("import sys; sys.exit(-1)", 255, b""),
        ("import sys; sys.exit(True)", 1, b""),
        ("import sys; sys.exit(2**70)", 255, b""),
        ("raise SystemExit('sorry')", 1, b"sorry\n"),
        ("raise KeyboardInterrupt", 130, None),
        (
            "def f():\n    1/0\nf()",
            1,
            b'Traceback (most recent call last):\n  File "main.py", line 3, in <module>\n'
            b'  File "main.py", line 2, in f\nZeroDivisionError: divide by zero\n',
        ),
    ],
)
def test_exit_status_is_told(start: Start, code: str, status: int, error: bytes | None) -> None:
    told, output, said = outcome(start, {"main.py": code})
    assert (told, output) == (status, b"")
    assert error is None or said == error


def test_exit_status_is_told_while_a_thread_prints(start: Start) -> None:
    code = (
        "import _thread, sys, time\n"
        "begun = False\n"
        "def f():\n"
        "    global begun\n"
        "    while True:\n"
        "        print('x', end='')\n"
        "        begun = True\n"
        "_thread.start_new_thread(f, ())\n"
        "while not begun: time.sleep_ms(1)\n"
        "time.sleep_ms(20)\n"
        "sys.exit(7)"
    )
    status, output, error = outcome(start, {"main.py": code}, cpus=2)
    assert (status, set(output), error) == (7, {ord("x")}, b"")


def test_boot_that_exits_ends_the_application(start: Start) -> None:
    files = {"boot.py": "import sys; sys.exit(5)", "main.py": "print('not reached')"}
    assert outcome(start, files) == (5, b"", b"")


def test_exit_function_runs_before_the_end(start: Start) -> None:
    code = "import sys\nsys.atexit(lambda: print('bye'))\nsys.exit(4)"
    assert outcome(start, {"main.py": code}) == (4, b"bye\n", b"")


def test_exit_function_s_exception_is_an_error_and_no_exit_code(start: Start) -> None:
    code = "import sys\nsys.atexit(lambda: 1/0)\nprint('ran')\nsys.exit(4)"
    status, output, error = outcome(start, {"main.py": code})
    assert (status, output) == (4, b"ran\n")
    assert error.endswith(b"ZeroDivisionError: divide by zero\n")


def test_arguments_are_quoted_as_a_shell_quotes(start: Start) -> None:
    cmdline = "first 'two words' ramdisk=1M \"a'b\" c\\ d -- x=1 ''"
    status, output, _ = outcome(start, {"main.py": "import sys; print(sys.argv)"}, cmdline)
    expected = ["main.py", "first", "two words", "a'b", "c d", "x=1", ""]
    assert (status, output.decode()) == (0, f"{expected}\n")


def test_environment_comes_from_settings_and_command_line(start: Start) -> None:
    code = "import os\nprint(os.environ, os.getenv('A'), os.getenv('B'), os.getenv('C', 'none'))"
    files = {"main.py": code, "settings": "A=1 B='two words'"}
    said = "{'A': '3', 'B': 'two words'} 3 two words none\n"
    assert outcome(start, files, "A=3 -- C=4") == (0, said.encode(), b"")


def test_files_of_the_application_are_read_only(start: Start) -> None:
    code = "import os\nprint(os.getcwd())\ntry:\n    open('x', 'w')\nexcept OSError as e:\n"
    code += "    print(e.errno)\nwith open('/x', 'w') as f: f.write('y')\nprint(open('/x').read())"
    assert outcome(start, {"main.py": code}) == (0, b"/rom\n30\ny\n", b"")


def test_settings_of_the_application_and_of_the_command_line(start: Start) -> None:
    files = {"main.py": "print('ran')", "settings": "on-exit=prompt\nheap='1M'\n"}
    guest = start(files)
    seen = guest.wait_for_prompt()
    assert b"ran\r\nMicroPython v" in seen
    assert int(guest.output_of("import gc; print(gc.mem_free() + gc.mem_alloc())")) < 1 << 20
    # The command line goes before.
    assert outcome(start, files, "on-exit=poweroff") == (0, b"ran\n", b"")


def test_on_exit_reset_boots_again(start: Start) -> None:
    guest = start({"main.py": "print('ran')"}, cmdline="on-exit=reset", allow_reboot=True)
    for _ in range(3):
        guest.read_until(b"ran\r\n")


def test_on_exit_wants_one_of_three(start: Start) -> None:
    guest = start({"main.py": "print('ran')"}, cmdline="on-exit=halt")
    with pytest.raises(GuestCrashed, match="the setting on-exit= is poweroff, reset or prompt"):
        guest.wait_for_end()
    assert b"ran" not in guest.transcript


def test_unknown_setting_of_the_application_is_reported(boot: Boot, tmp_path: Path) -> None:
    image = tmp_path / "image"
    image.write_bytes(make_romfs({"main.py": b"", "settings": b"on-exit=prompt colour=red"}))
    guest = boot(initramfs=image)
    with pytest.raises(GuestCrashed, match="the setting is not known: colour=red"):
        guest.wait_for_end()


@pytest.mark.only_on("nested", "cloud_hypervisor")  # QEMU has no room for such a command line.
def test_arguments_that_fill_the_memory_are_an_exception(start: Start) -> None:
    cmdline = "heap=64K " + " ".join(f"{number:05}" for number in range(2000))
    status, output, error = outcome(start, {"main.py": "print('ran')"}, cmdline)
    assert (status, output) == (1, b"")
    assert error.startswith(b"MemoryError: ")


def test_ctrl_c_reaches_the_application(start: Start) -> None:
    the_run = Run()
    code = "print('READY')\nwhile True:\n    pass"
    guest = start({"main.py": code}, cmdline=the_run.settings)
    guest.read_until(b"READY\n")
    guest.write(b"\x03")
    guest.wait_for_end()
    list(the_run.feed(bytes(guest.transcript).partition(the_run.begin)[2]))
    assert the_run.status == 130


def test_ctrl_c_reaches_the_exit_function(start: Start) -> None:
    the_run = Run()
    code = "import sys\ndef f():\n    print('READY')\n    while True: pass\nsys.atexit(f)"
    guest = start({"main.py": code}, cmdline=the_run.settings)
    guest.read_until(b"READY\n")
    guest.write(b"\x03")
    guest.wait_for_end()
    pieces = list(the_run.feed(bytes(guest.transcript).partition(the_run.begin)[2]))
    assert the_run.status == 0
    assert pieces[-1][1].endswith(b"KeyboardInterrupt: \n")


def test_ctrl_c_right_at_the_begin_is_one(start: Start) -> None:
    the_run = Run()
    files = {"boot.py": "", "main.py": "import sys\nsys.stdin.read()"}
    guest = start(files, cmdline=the_run.settings)
    guest.read_until(the_run.begin)
    guest.write(b"\x03")
    guest.wait_for_end()
    list(the_run.feed(bytes(guest.transcript).partition(the_run.begin)[2]))
    assert the_run.status == 130


def test_files_without_main_are_there_at_the_prompt(boot: Boot, tmp_path: Path) -> None:
    image = tmp_path / "image"
    image.write_bytes(make_romfs({"data.txt": b"words"}))
    guest = boot(initramfs=image, cmdline=Run().settings)
    seen = guest.wait_for_prompt()
    assert b"\x01" not in seen
    assert guest.output_of("print(open('/rom/data.txt').read())") == "words\n"


@pytest.mark.parametrize(
    ("image", "wrong"),
    [
        (b"\x7fELF" * 100, "it does not begin as a ROMFS"),
        (make_romfs({"main.py": b"print('no')"})[:-1], "it is cut short"),
        (make_romfs({"main.py": b"print('no')"}).replace(b"no", b"on"), "its checksum is wrong"),
        (
            make_romfs({"main.py": b"", "settings": b"a='b"}),
            "its settings have a quote without its",
        ),
    ],
)
def test_a_broken_image_is_told_and_the_prompt_comes(
    boot: Boot, tmp_path: Path, image: bytes, wrong: str
) -> None:
    file = tmp_path / "image"
    file.write_bytes(image)
    guest = boot(initramfs=file)
    seen = guest.wait_for_prompt().decode()
    assert f"The application is left alone: {wrong}" in seen
    assert guest.output_of("print(6 * 7)") == "42\n"


def test_a_broken_image_in_the_elf_file_is_told_and_the_prompt_comes(
    boot: Boot, firmware: Path, tmp_path: Path
) -> None:
    content = bytearray(FirmwareFile.read(firmware).with_romfs(make_romfs({"main.py": bytes(999)})))
    content[-100] ^= 1
    file = tmp_path / "broken.elf"
    file.write_bytes(content)
    seen = boot(file).wait_for_prompt()
    assert b"The application is left alone: its checksum is wrong." in seen


def test_frozen_code_with_broken_files_is_left_alone(boot: Boot, tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "main.py").write_text("print('ran')")
    (tmp_path / "app" / "data").write_bytes(bytes(999))
    content = bytearray(flash.frozen(collect(tmp_path / "app")))
    content[-100] ^= 1
    file = tmp_path / "broken.elf"
    file.write_bytes(content)
    guest = boot(file)
    seen = guest.wait_for_prompt()
    assert b"The application is left alone: its checksum is wrong." in seen
    assert b"ran" not in seen
    assert guest.output_of("print(6 * 7)") == "42\n"


def test_an_image_of_upstream_s_tool_runs(boot: Boot, tmp_path: Path) -> None:
    from mpremote.romfs import make_romfs as upstreams

    folder = tmp_path / "app"
    folder.mkdir()
    (folder / "main.py").write_text("print('from upstream')")
    file = tmp_path / "image"
    file.write_bytes(upstreams(str(folder), mpy_cross=False))
    guest = boot(initramfs=file)
    guest.read_until(b"from upstream\r\n")
    assert guest.wait_for_end() is Ending.POWERED_OFF


def test_initramfs_goes_before_what_is_frozen(boot: Boot, firmware: Path, tmp_path: Path) -> None:
    for name, text in (("old", "print('old')"), ("new", "print('new')")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "main.py").write_text(text)
    (tmp_path / "old" / "boot.py").write_text("print('old boot')")
    kernel, image = tmp_path / "old.elf", tmp_path / "new.romfs"
    kernel.write_bytes(flash.frozen(collect(tmp_path / "old")))
    image.write_bytes(flash.image(collect(tmp_path / "new"), firmware))
    the_run = Run()
    guest = boot(kernel, initramfs=image, cmdline=the_run.settings)
    assert guest.wait_for_end() is Ending.POWERED_OFF
    said = bytes(guest.transcript).partition(the_run.begin)[2]
    assert b"".join(piece for _, piece in the_run.feed(said)) == b"new\n"


def test_files_without_a_program_leave_the_prompt(boot: Boot, tmp_path: Path) -> None:
    file = tmp_path / "image"
    file.write_bytes(make_romfs({"lib/thing.py": b"x = 5", "data": b"d"}))
    guest = boot(initramfs=file)
    guest.wait_for_prompt()
    assert guest.output_of("import thing; print(thing.x, open('/rom/data').read())") == "5 d\n"
    guest.soft_reset()
    assert guest.output_of("import thing; print(thing.x)") == "5\n"
