# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""Interpreters: what one holds is given back, and what one does wrong leaves the others whole."""

import time

import pytest

from tests.guest.conftest import Boot
from tools.guest import Guest

cpus = pytest.mark.parametrize("cpus", [1, 2, pytest.param(4, marks=pytest.mark.only_on("qemu"))])

PREAMBLE = """
import gc, time, cloud_hypervisor, guest
from concurrent import interpreters
def left():
    gc.collect()
    total, free, promised, touched, _ = guest._guest.pages()
    return free - promised
def ask(callable, *args):
    try:
        return it.call(callable, *args)
    except interpreters.InterpreterError as e:
        return e.args[0]
def poke(address):
    import uctypes
    uctypes.bytearray_at(address, 8)[0] = 1
def poke_by_the_c_library(address):
    import uctypes
    uctypes.bytearray_at(address, 4096)[:] = bytes(4096)
def poke_by_aes(address):
    import cryptolib, uctypes
    there = uctypes.bytearray_at(address, 64)
    cryptolib.aes(bytes(16), 2, bytes(16)).encrypt(there, there)
def overwrite(start, size):
    import uctypes
    data = uctypes.bytearray_at(start, size)
    for i in range(size):
        data[i] = 0x5a
def overwrite_at_once(start, size):
    import uctypes
    uctypes.bytearray_at(start, size)[:] = bytes([0x5a]) * size
"""


def booted(boot: Boot, cpus: int) -> Guest:
    guest = boot(cpus=cpus, cmdline="heap=8M")
    guest.wait_for_prompt()
    guest.output_of(PREAMBLE)
    return guest


@cpus
def test_what_an_interpreter_held_is_given_back(boot: Boot, cpus: int) -> None:
    guest = booted(boot, cpus)
    code = (
        "def once():\n"
        "    it = interpreters.create()\n"
        "    it.close()\n"
        "once()\n"
        "before = left()\n"
        "for i in range(1000): once()\n"
        "print(left() - before, interpreters.list_all())"
    )
    assert guest.output_of(code) == "0 [Interpreter(0)]\n"


@pytest.mark.timeout(300)
@pytest.mark.only_on("qemu")
def test_ten_thousand_interpreters(boot: Boot) -> None:
    guest = booted(boot, 2)
    code = (
        "def some():\n"
        "    for i in range(100):\n"
        "        it = interpreters.create()\n"
        "        it.call(len, 'abc')\n"
        "        it.close()\n"
        "some()\n"
        "before = left()\n"
        "for i in range(100): some()\n"
        "print(left() - before, interpreters.create().id)"
    )
    assert guest.eval("1") == 1
    assert guest.exec(code, timeout=240) == ("0 10101\n", "")


@cpus
def test_threads_files_and_timers_end_with_their_interpreter(boot: Boot, cpus: int) -> None:
    guest = booted(boot, cpus)
    code = (
        "def once():\n"
        "    it = interpreters.create()\n"
        "    it.exec('''\n"
        "        import _thread, machine, time\n"
        "        from concurrent import interpreters\n"
        "        lock = _thread.allocate_lock()\n"
        "        lock.acquire()\n"
        "        def busy():\n"
        "            while True: pass\n"
        "        _thread.start_new_thread(busy, ())\n"
        "        _thread.start_new_thread(lock.acquire, ())\n"
        "        _thread.start_new_thread(time.sleep, (1000,))\n"
        "        queue = interpreters.create_queue()\n"
        "        queue.put(bytes(100000))\n"
        "        _thread.start_new_thread(interpreters.create_queue().get, ())\n"
        "        memory = interpreters.shared_memory(100000)\n"
        "        timer = machine.Timer(period=3, callback=lambda timer: None)\n"
        "        ''')\n"
        "    time.sleep_ms(10)\n"
        "    it.close()\n"
        "once()\n"
        "before = left()\n"
        "for i in range(5): once()\n"
        "print(left() - before, interpreters.list_all())"
    )
    assert guest.output_of(code) == "0 [Interpreter(0)]\n"


FAULTS = {
    "a null pointer": "poke, 0x10",
    "a null pointer in C": "poke_by_the_c_library, 0x10",
    "a null pointer in AES": "poke_by_aes, 0x10",
    "the image": "poke, 0x100000",
    "beyond its heap": "poke, 0x6ffff000",
    "no address": "poke, 0x7234567812345678",
    "its own data": "overwrite, 0x40000000, 0x20000",
    "its own heap": "overwrite, 0x48000000, 0x40000",
    # Byte by byte, what comes of half a frame may be an exception.
    "its own stack": "overwrite_at_once, 0x401fb000, 0x4000",
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_wild_write_ends_its_interpreter_alone(boot: Boot, fault: str) -> None:
    guest = booted(boot, 2)
    code = (
        "other = interpreters.create()\n"
        "other.exec('n = 0\\ndef count():\\n    global n\\n    n += 1\\n    return n')\n"
        "here, there = interpreters.create_queue(), interpreters.create_queue()\n"
        "thread = other.call_in_thread(lambda q, r: (r.put(1), q.get()), there, here)\n"
        "here.get()\n"
        "before = left()\n"
        "it = interpreters.create()\n"
        f"said = ask({fault})\n"
        "del it\n"
        "lost = before - left()\n"
        "there.put(2)\n"
        "thread.join()\n"
        "print(said, lost, other.call(eval, 'count()'), interpreters.list_all())"
    )
    output = guest.output_of(code)
    assert output.endswith("interpreter crashed 0 1 [Interpreter(0), Interpreter(1)]\n"), output
    assert "*** interpreter 00000002 ends: " in output
    assert "\nbacktrace:" in output  # with nothing behind it, where the fault left no frame to walk


def test_threads_of_an_interpreter_that_crashed_are_gone(boot: Boot) -> None:
    guest = booted(boot, 2)
    code = (
        "program = '''\n"
        "import _thread, time\n"
        "def busy():\n"
        "    while True: pass\n"
        "for function in (busy, busy, lambda: time.sleep(1000)):\n"
        "    _thread.start_new_thread(function, ())\n"
        "time.sleep_ms(20)\n"
        "poke(0x10)\n"
        "'''\n"
        "def once():\n"
        "    global it\n"
        "    it = interpreters.create()\n"
        "    it.prepare_main(poke=poke)\n"
        "    said = ask(exec, program)\n"
        "    del it\n"
        "    return said\n"
        "once()\n"
        "before = left()\n"
        "print(once(), before - left(), interpreters.list_all())"
    )
    assert guest.output_of(code).endswith("interpreter crashed 0 [Interpreter(0)]\n")


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("l = []\nwhile True: l.append(bytearray(10000))", "MemoryError"),
        ("def f(): return f() + 1\nf()", "RuntimeError: maximum recursion depth exceeded"),
        ("a = []\nfor i in range(100000): a = [a]\na == a[0]", "RuntimeError: maximum"),
        ("1 / 0", "ZeroDivisionError: divide by zero"),
        ("import sys\nsys.exit(3)", "SystemExit: 3"),
        ("a b", "SyntaxError: invalid syntax"),
    ],
    ids=["full heap", "recursion", "recursion in C", "exception", "exit", "syntax"],
)
def test_failed_program_leaves_all_interpreters_whole(boot: Boot, code: str, said: str) -> None:
    guest = booted(boot, 2)
    guest.output_of("it, other = interpreters.create(), interpreters.create()")
    assert said in guest.eval(f"ask(exec, {code!r})")
    assert guest.eval("(it.call(sum, [1, 2]), other.call(sum, [3, 4]))") == (3, 7)


def test_only_its_own_pages_are_writable_to_an_interpreter(boot: Boot) -> None:
    """Beside the kernel's: those in the lower half are no other interpreter's."""
    guest = booted(boot, 2)
    code = (
        "def writable():\n"
        "    import _guest\n"
        "    pages, at = set(), 0\n"
        "    while (found := _guest.mapping(at)) and found[0] < 1 << 47:\n"
        "        start, at, entry, in_order, name = found\n"
        "        if entry & 2 and start >= 0x40000000:\n"
        "            for page in range(start, at, 4096):\n"
        "                pages.add(_guest.mapping(page)[2] & 0xffffffffff000)\n"
        "    return pages\n"
        "a, b = interpreters.create(), interpreters.create()\n"
        "all = [writable(), a.call(writable), b.call(writable)]\n"
        "shared = all[0] & all[1] | all[1] & all[2] | all[0] & all[2]\n"
        "print([len(pages) > 5 for pages in all], len(shared))"
    )
    assert guest.output_of(code) == "[True, True, True] 0\n"


def test_ctrl_c_reaches_the_interpreter_that_was_called(boot: Boot) -> None:
    guest = booted(boot, 2)
    code = (
        "it = interpreters.create()\n"
        "try:\n"
        "    it.exec('try:\\n  print(\"now\")\\n  while True: pass\\nfinally: seen = 1')\n"
        "except KeyboardInterrupt: print('interrupted', it.call(eval, 'seen'))\n"
    )
    guest.repl.start(code.encode(), guest.timeout)
    guest.read_until(b"now")
    guest.write(b"\x03")
    guest.read_until(b"interrupted 1\r\n\x04")
    guest.repl.finish(guest.timeout)


def test_ctrl_c_ends_an_interpreter_that_does_not_close(boot: Boot) -> None:
    guest = booted(boot, 2)
    code = (
        "it = interpreters.create()\n"
        "it.exec('@micropython.viper\\ndef stuck():\\n  while True: pass\\n"
        "import _thread\\n_thread.start_new_thread(stuck, ())')\n"
        "time.sleep_ms(20)\n"
        "try:\n"
        "    print('now')\n"
        "    it.close()\n"
        "except KeyboardInterrupt: print('interrupted', interpreters.list_all())\n"
    )
    guest.repl.start(code.encode(), guest.timeout)
    guest.read_until(b"now")
    guest.write(b"\x03")
    guest.read_until(b"interrupted [Interpreter(0)]\r\n\x04")
    guest.repl.finish(guest.timeout)


def test_soft_reset_ends_all_interpreters(boot: Boot) -> None:
    guest = booted(boot, 2)
    # All CPUs run from here on, and there are page tables for stacks.
    guest.output_of("interpreters.create().call_in_thread(len, '').join()")
    guest.soft_reset()
    guest.output_of(PREAMBLE)
    before = guest.eval("left()")
    guest.output_of(
        "def busy():\n"
        "    while True:\n"
        "        try:\n"
        "            while True: pass\n"
        "        except BaseException: pass\n"
        "import _thread\n"
        "def call(it, name):\n"
        "    it.exec(name)\n"
        "stuck = '@micropython.viper\\ndef stuck():\\n  while True: pass\\nstuck()'\n"
        "for code in (stuck, 'while True: pass', 'import time\\ntime.sleep(1000)',\n"
        "             'from concurrent import interpreters\\ninterpreters.create_queue().get()',\n"
        "             'import machine, time\\nmachine.Timer(period=1, callback=lambda t: None)'):\n"
        "    _thread.start_new_thread(call, (interpreters.create(), code))\n"
        "_thread.start_new_thread(lambda it: it.call(busy), (interpreters.create(),))\n"
        "time.sleep_ms(50)\n"
    )
    guest.soft_reset()
    guest.output_of(PREAMBLE)
    assert guest.eval("interpreters.list_all() == [interpreters.get_main()]")
    assert guest.eval("left()") == before


def test_interpreters_that_are_forgotten_make_room_for_a_thread(boot: Boot) -> None:
    guest = booted(boot, 1)
    code = (
        "import _thread\n"
        "made = []\n"
        "try:\n"
        "    while True: made.append(interpreters.create())\n"
        "except interpreters.InterpreterError: pass\n"
        "made = None\n"
        "_thread.stack_size(16 << 20)\n"
        "ran = _thread.allocate_lock()\n"
        "ran.acquire()\n"
        "_thread.start_new_thread(ran.release, ())\n"
        "print(ran.acquire(True, 10))"
    )
    assert guest.output_of(code) == "True\n"


def test_what_a_callback_has_held_is_forgotten(boot: Boot) -> None:
    guest = booted(boot, 1)
    code = (
        "import machine\n"
        "def once(it):\n"
        "    seen = []\n"
        "    callback = lambda _: seen.append(it.id)\n"
        "    machine.Timer(mode=machine.Timer.ONE_SHOT, period=1, callback=callback)\n"
        "    while not seen: time.sleep_ms(5)\n"
        "def deep(n): return n and deep(n - 1)\n"
        "once(interpreters.create())\n"
        "deep(40)\n"
        "gc.collect()\n"
        "print(interpreters.list_all())"
    )
    assert guest.output_of(code) == "[Interpreter(0)]\n"


def test_ctrl_c_is_told_to_who_is_called_once(boot: Boot) -> None:
    """Also where callbacks wake the caller meanwhile; and never to who is called next."""
    guest = booted(boot, 2)
    code = (
        "import machine\n"
        "it = interpreters.create()\n"
        "it.prepare_main(handled=0)\n"
        "timer = machine.Timer(period=2, callback=lambda _: None)\n"
        "from threading import Thread\n"
        "done = False\n"
        "def other():\n"
        "    while not done: time.sleep_ms(1)\n"
        "Thread(target=other).start()\n"
        "for i in range(20):\n"
        "    try:\n"
        "        print('READY')\n"
        "        it.exec('''\n"
        "            import time\n"
        "            try:\n"
        "                while True: pass\n"
        "            except KeyboardInterrupt:\n"
        "                end = time.ticks_ms() + 20\n"
        "                while time.ticks_ms() < end: pass\n"
        "                handled += 1\n"
        "            ''')\n"
        "    except KeyboardInterrupt: pass\n"
        "    it.call(len, 'abc')\n"
        "done = True\n"
        "timer.deinit()\n"
        "it.exec('print(handled)')"
    )
    guest.repl.start(code.encode(), guest.timeout)
    for _ in range(20):
        guest.read_until(b"READY\r\n")
        time.sleep(0.02 * guest.vmm.slowness)
        guest.interrupt()
    assert guest.read_until(b"\x04") == b"20\r\n\x04"
    assert guest.repl.finish(guest.timeout) == b""
