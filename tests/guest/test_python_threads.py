# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""_thread: threads of one interpreter, on any number of CPUs."""

import pytest

from tests.guest.conftest import Boot
from tools.guest import Guest

FREE_PAGES = "__import__('cloud_hypervisor').memory()[1]"

cpus = pytest.mark.parametrize("cpus", [1, 2, pytest.param(4, marks=pytest.mark.only_on("qemu"))])


def booted(boot: Boot, cpus: int) -> Guest:
    guest = boot(cpus=cpus)
    guest.wait_for_prompt()
    return guest


def check_interrupted(guest: Guest) -> None:
    """Ctrl-C ends the program that runs."""
    guest.write(b"\x03")
    guest.read_until(b"\x04")
    assert b"KeyboardInterrupt" in guest.repl.finish(guest.timeout)


@cpus
def test_busy_threads_take_turns(boot: Boot, cpus: int) -> None:
    guest = booted(boot, cpus)
    code = (
        "import _thread, time\n"
        "counts = [0, 0, 0]\n"
        "end = time.ticks_ms() + 1000\n"
        "def work(i):\n"
        "    while time.ticks_ms() < end:\n"
        "        counts[i] += 1\n"
        "for i in (1, 2): _thread.start_new_thread(work, (i,))\n"
        "work(0)\n"
        "time.sleep_ms(50)\n"
        "print(min(counts) * 10 > max(counts), counts)"
    )
    assert guest.output_of(code).startswith("True"), guest.output


@cpus
def test_a_sleep_leaves_the_interpreter_to_others(boot: Boot, cpus: int) -> None:
    guest = booted(boot, cpus)
    code = (
        "import _thread, time\n"
        "woken = []\n"
        "def sleep(i):\n"
        "    time.sleep_ms(300)\n"
        "    woken.append(i)\n"
        "begin = time.ticks_ms()\n"
        "for i in range(8): _thread.start_new_thread(sleep, (i,))\n"
        "while len(woken) < 8: time.sleep_ms(5)\n"
        "print(time.ticks_ms() - begin < 1500, sorted(woken))"
    )
    assert guest.output_of(code) == "True [0, 1, 2, 3, 4, 5, 6, 7]\n"


@cpus
def test_a_sleep_ends_soon_though_another_thread_is_busy(boot: Boot, cpus: int) -> None:
    """One switch interval after its time. A busy host makes some longer, not all."""
    guest = booted(boot, cpus)
    code = (
        "import _thread, time\n"
        "def work():\n"
        "    while not done: pass\n"
        "done = False\n"
        "_thread.start_new_thread(work, ())\n"
        "late = []\n"
        "for i in range(20):\n"
        "    begin = time.ticks_us()\n"
        "    time.sleep_ms(20)\n"
        "    late.append(time.ticks_us() - begin - 20000)\n"
        "done = True\n"
        "print(min(late))"
    )
    assert 0 <= int(guest.output_of(code)) < 9000


@cpus
@pytest.mark.parametrize(
    "wait",
    [
        "while True: pass",
        "lock.acquire()",
        "time.sleep(100)",
        "sys.stdin.buffer.read(1)",
        "while True: lock2.acquire(); lock2.release()",
    ],
)
def test_ctrl_c_reaches_the_main_thread(boot: Boot, cpus: int, wait: str) -> None:
    guest = booted(boot, cpus)
    code = (
        "import _thread, sys, time\n"
        "lock, lock2 = _thread.allocate_lock(), _thread.allocate_lock()\n"
        "lock.acquire()\n"
        "def busy():\n"
        "    while True: pass\n"
        "_thread.start_new_thread(busy, ())\n"
        "print('READY')\n"
        f"{wait}"
    )
    guest.repl.start(code.encode(), guest.timeout)
    guest.read_until(b"READY\r\n")
    check_interrupted(guest)


@cpus
def test_soft_reset_ends_threads_and_gives_back_their_memory(boot: Boot, cpus: int) -> None:
    guest = booted(boot, cpus)
    begin = (
        "import _thread, time\n"
        "lock = _thread.allocate_lock()\n"
        "lock.acquire()\n"
        "def busy():\n"
        "    while True: pass\n"
        "for f, args in ((busy, ()), (busy, ()), (lock.acquire, ()), (time.sleep, (100,))):\n"
        "    _thread.start_new_thread(f, args)\n"
        "time.sleep_ms(20)"
    )
    free = []
    for _ in range(3):
        guest.exec(begin)
        guest.soft_reset()
        free.append(guest.eval(FREE_PAGES))
    assert free[1] == free[2]
    assert guest.eval("6 * 7") == 42


@cpus
def test_threads_that_have_ended_are_gone(boot: Boot, cpus: int) -> None:
    guest = booted(boot, cpus)
    code = (
        "import _thread, time, gc\n"
        "def f(): ended.append(1)\n"
        "def spawn(count):\n"
        "    for i in range(count):\n"
        "        before = len(ended)\n"
        "        _thread.start_new_thread(f, ())\n"
        "        while len(ended) == before: time.sleep_us(100)\n"
        "ended = []\n"
        "spawn(5)\n"
        f"gc.collect(); before = {FREE_PAGES}\n"
        "spawn(300)\n"
        f"ended.clear(); gc.collect(); print(before - {FREE_PAGES} < 20 * 4096)"
    )
    assert guest.output_of(code) == "True\n"


@cpus
def test_a_collection_gives_back_the_stacks_of_ended_threads(boot: Boot, cpus: int) -> None:
    guest = booted(boot, cpus)
    code = (
        "import _thread, time, gc\n"
        "def deep(n): return deep(n - 1) if n else 0\n"
        "def f():\n"
        "    deep(100)\n"
        "    ended.append(1)\n"
        "def spawn(count):\n"
        "    ended.clear()\n"
        "    for i in range(count): _thread.start_new_thread(f, ())\n"
        "    while len(ended) < count: time.sleep_ms(1)\n"
        "    time.sleep_ms(10)\n"
        "    gc.collect()\n"
        "ended = []\n"
        "spawn(20)\n"
        f"before = {FREE_PAGES}\n"
        "spawn(20)\n"
        f"print(before - {FREE_PAGES} < 20 * 4096)"
    )
    assert guest.output_of(code) == "True\n"


@cpus
def test_a_finaliser_that_waits_lets_nobody_into_its_collection(boot: Boot, cpus: int) -> None:
    """A file that nobody closed is closed by the collector, on a disk that is Python and slow."""
    guest = booted(boot, cpus)
    code = (
        "import _thread, gc, time, vfs\n"
        "class Disk:\n"
        "    data = bytearray(512 * 64)\n"
        "    is_slow = False\n"
        "    waits = 0\n"
        "    def ioctl(self, op, arg): return 64 if op == 4 else 512 if op == 5 else 0\n"
        "    def readblocks(self, n, buf, offset=0):\n"
        "        for i in range(len(buf)): buf[i] = self.data[n * 512 + offset + i]\n"
        "    def writeblocks(self, n, buf, offset=0):\n"
        "        for i in range(len(buf)): self.data[n * 512 + offset + i] = buf[i]\n"
        "        if self.is_slow:\n"
        "            time.sleep_ms(2)\n"
        "            self.waits += 1\n"
        "def allocate():\n"
        "    kept = []\n"
        "    while not done:\n"
        "        for i in range(50): kept.append([i, str(i)])\n"
        "        for i, (a, b) in enumerate(kept): assert (a, b) == (i % 50, str(i % 50))\n"
        "        if len(kept) == 1000: kept = []\n"
        "    ended.append(1)\n"
        "disk = Disk()\n"
        "vfs.VfsLfs2.mkfs(disk)\n"
        "files = vfs.VfsLfs2(disk)\n"
        "done, ended = False, []\n"
        "for i in range(2): _thread.start_new_thread(allocate, ())\n"
        "for i in range(6):\n"
        "    for name in 'abc': files.open(name, 'w').write('x' * 100)\n"
        "    disk.is_slow = True\n"
        "    gc.collect()\n"
        "    disk.is_slow = False\n"
        "done = True\n"
        "while len(ended) < 2: time.sleep_ms(1)\n"
        "print(disk.waits > 5)"
    )
    assert guest.output_of(code) == "True\n"


def test_a_callback_that_a_thread_has_left_is_run(shared_guest: Guest) -> None:
    code = (
        "import _thread, micropython, time\n"
        "lock = _thread.allocate_lock()\n"
        "lock.acquire()\n"
        "def f():\n"
        "    time.sleep_ms(20)\n"
        "    micropython.schedule(lambda _: lock.release(), None)\n"
        "_thread.start_new_thread(f, ())\n"
        "print(lock.acquire(timeout=20))"
    )
    assert shared_guest.output_of(code) == "True\n"


@pytest.mark.parametrize(
    "deep",
    [
        "def deep(): return deep()",
        "def deep():\n    a, b = [], []\n"
        "    for i in range(100000): a, b = [a], [b]\n    return a == b",
    ],
    ids=["python", "c"],
)
def test_endless_recursion_ends_one_thread(boot: Boot, deep: str) -> None:
    guest = booted(boot, 2)
    code = (
        f"import _thread, time\n{deep}\n"
        "said = []\n"
        "def f():\n"
        "    try: deep()\n"
        "    except RuntimeError as e: said.append(e)\n"
        "for i in range(3):\n"
        "    _thread.start_new_thread(f, ())\n"
        "    while len(said) <= i: time.sleep_ms(1)\n"
        "print(said[2])"
    )
    assert guest.output_of(code) == "maximum recursion depth exceeded\n"


def test_more_threads_than_memory_is_an_oserror(boot: Boot) -> None:
    guest = boot(memory="16M")
    guest.wait_for_prompt()
    code = (
        "import _thread, time\n"
        "lock = _thread.allocate_lock()\n"
        "lock.acquire()\n"
        "_thread.stack_size(1 << 20)\n"
        "try:\n"
        "    for i in range(1000): _thread.start_new_thread(lock.acquire, ())\n"
        "except OSError as e: print(0 < i < 1000, e)"
    )
    assert guest.output_of(code) == "True can't create thread\n"
    guest.soft_reset()
    assert guest.eval("6 * 7") == 42


def test_a_stack_is_not_put_into_the_gap_below_another(boot: Boot) -> None:
    """The end of the lower one would take the upper one away."""
    guest = boot()
    guest.wait_for_prompt()
    code = (
        "import _thread, time\n"
        "locks = [_thread.allocate_lock() for _ in range(4)]\n"
        "ended = []\n"
        "def hold(i):\n"
        "    locks[i].acquire()\n"
        "    ended.append(i)\n"
        "def start(i, size):\n"
        "    locks[i].acquire()\n"
        "    _thread.stack_size(size)\n"
        "    _thread.start_new_thread(hold, (i,))\n"
        "    time.sleep_ms(100)\n"
        "def end(i):\n"
        "    locks[i].release()\n"
        "    time.sleep_ms(100)\n"
        "start(0, 64 << 10)\n"
        "start(1, 64 << 10)\n"
        "end(0)\n"
        "start(2, 1900 << 10)\n"  # Behind its own gap, to the middle of the other one.
        "end(2)\n"
        "start(3, 64 << 10)\n"  # Stacks of threads that have ended are given back now.
        "end(1)\n"
        "end(3)\n"
        "print(ended)"
    )
    assert guest.output_of(code) == "[0, 2, 1, 3]\n"


def test_lock_with_timeout(shared_guest: Guest) -> None:
    code = (
        "import _thread, time\n"
        "lock = _thread.allocate_lock()\n"
        "print(lock.acquire(), lock.locked(), lock.acquire(False), lock.acquire(timeout=0))\n"
        "begin = time.ticks_ms()\n"
        "print(lock.acquire(True, 0.05), time.ticks_ms() - begin >= 50)\n"
        "_thread.start_new_thread(lambda: (time.sleep_ms(20), lock.release()), ())\n"
        "print(lock.acquire(timeout=10), lock.locked())\n"
        "lock.release()\n"
        "with lock: print(lock.locked())\n"
        "print(lock.locked())"
    )
    assert shared_guest.output_of(code) == (
        "True True False False\nFalse True\nTrue True\nTrue\nFalse\n"
    )


@pytest.mark.parametrize(
    ("call", "error"),
    [
        ("lock.release()", "RuntimeError: release unlocked lock"),
        ("rlock.release()", "RuntimeError: release unlocked lock"),
        ("lock.acquire(False, 1)", "ValueError: can't specify a timeout for a non-blocking call"),
        ("lock.acquire(True, -2)", "ValueError: timeout value must be a non-negative number"),
        ("lock.acquire(True, float('nan'))", "ValueError: timeout value must be a non-negative"),
        ("lock.acquire(True, 1e10)", "OverflowError: timeout value is too large"),
        ("_thread.start_new_thread(1, ())", "TypeError: first arg must be callable"),
        ("_thread.start_new_thread(print, 1)", "TypeError"),
        ("_thread.start_new_thread(print, (), 1)", "TypeError: optional 3rd arg must be a dict"),
        ("_thread.stack_size(-1)", "ValueError: size must be 0 or a positive value"),
        ("_thread.stack_size(1 << 40); _thread.start_new_thread(print, ())", "OSError: can't cr"),
    ],
)
def test_misuse_is_an_error(shared_guest: Guest, call: str, error: str) -> None:
    code = (
        "import _thread\nlock, rlock = _thread.allocate_lock(), _thread.RLock()\n"
        f"try: {call}\nexcept Exception as e: print(type(e).__name__ + ':', e)"
    )
    assert shared_guest.output_of(code).startswith(error)


def test_rlock_is_its_thread_s(shared_guest: Guest) -> None:
    code = (
        "import _thread, time\n"
        "lock = _thread.RLock()\n"
        "said = []\n"
        "def other():\n"
        "    said.append(lock.acquire(False))\n"
        "    try: lock.release()\n"
        "    except RuntimeError: said.append('not mine')\n"
        "    said.append(lock.acquire())\n"
        "with lock:\n"
        "    with lock:\n"
        "        _thread.start_new_thread(other, ())\n"
        "        while len(said) < 2: time.sleep_ms(1)\n"
        "    time.sleep_ms(20)\n"
        "    print(said)\n"
        "while len(said) < 3: time.sleep_ms(1)\n"
        "print(said, lock.acquire(False), lock.locked())"
    )
    assert shared_guest.output_of(code) == (
        "[False, 'not mine']\n[False, 'not mine', True] False True\n"
    )


def test_what_a_thread_raises_ends_it_alone(shared_guest: Guest) -> None:
    code = (
        "import _thread, guest, time\n"
        "def f(what):\n"
        "    raise what\n"
        "before = len(guest.top(0).threads)\n"
        "_thread.start_new_thread(f, (SystemExit(3),))\n"
        "_thread.start_new_thread(f, (), {'what': ValueError('mine')})\n"
        "while len(guest.top(0).threads) > before: time.sleep_ms(1)\n"
        "print('alive')"
    )
    output = shared_guest.output_of(code)
    assert output.startswith("Unhandled exception in thread started by <function f at 0x")
    assert output.endswith("ValueError: mine\nalive\n"), output
    assert output.count("Traceback") == 1


def test_interrupt_main(shared_guest: Guest) -> None:
    code = (
        "import _thread, time\n"
        "_thread.start_new_thread(lambda: (time.sleep_ms(50), _thread.interrupt_main()), ())\n"
        "try: time.sleep(100)\n"
        "except KeyboardInterrupt: print('interrupted')"
    )
    assert shared_guest.output_of(code) == "interrupted\n"


@cpus
@pytest.mark.parametrize("wait", ["while True: pass", "time.sleep(100)", "lock.acquire()"])
def test_interrupt_main_is_for_the_main_thread_alone(boot: Boot, cpus: int, wait: str) -> None:
    guest = booted(boot, cpus)
    code = (
        "import _thread, time\n"
        "lock = _thread.allocate_lock()\n"
        "lock.acquire()\n"
        "said = []\n"
        "def f():\n"
        "    time.sleep_ms(20)\n"
        "    for i in range(3):\n"
        "        _thread.interrupt_main()\n"
        "        while len(said) == i: pass\n"
        "    said.append('to its end')\n"
        "_thread.start_new_thread(f, ())\n"
        "for i in range(3):\n"
        "    try:\n"
        f"        {wait}\n"
        "    except KeyboardInterrupt: said.append('main')\n"
        "while len(said) < 4: time.sleep_ms(1)\n"
        "print(said)"
    )
    assert guest.output_of(code) == "['main', 'main', 'main', 'to its end']\n"


@cpus
def test_a_callback_that_waits_stops_nobody(boot: Boot, cpus: int) -> None:
    guest = booted(boot, cpus)
    code = (
        "import _thread, machine, time\n"
        "def busy():\n"
        "    while True: pass\n"
        "ticks = []\n"
        "def tick(timer):\n"
        "    time.sleep_ms(1)\n"
        "    ticks.append(1)\n"
        "_thread.start_new_thread(busy, ())\n"
        "timer = machine.Timer(period=20, callback=tick)\n"
        "while len(ticks) < 5: pass\n"
        "print('READY')\n"
        "while True: pass"
    )
    guest.repl.start(code.encode(), guest.timeout)
    guest.read_until(b"READY\r\n")
    check_interrupted(guest)


@cpus
def test_callbacks_run_while_the_main_thread_waits_for_a_lock(boot: Boot, cpus: int) -> None:
    guest = booted(boot, cpus)
    code = (
        "import _thread, machine, time\n"
        "lock = _thread.allocate_lock()\n"
        "lock.acquire()\n"
        "count = 0\n"
        "def tick(timer):\n"
        "    global count\n"
        "    count += 1\n"
        "    if count == 5: lock.release()\n"
        "_thread.start_new_thread(time.sleep, (100,))\n"
        "timer = machine.Timer(period=5, callback=tick)\n"
        "print(lock.acquire(), count >= 5)\n"
        "count = 0\n"
        "print(lock.acquire(timeout=100), count >= 5)\n"
        "timer.deinit()"
    )
    assert guest.output_of(code) == "True True\nTrue True\n"


@pytest.mark.parametrize(
    "wait", ["while time.ticks_ms() < end: pass", "time.sleep(100)", "lock.acquire()"]
)
def test_ctrl_c_while_a_callback_runs_is_not_lost(guest: Guest, wait: str) -> None:
    code = (
        "import _thread\n"
        "lock = _thread.allocate_lock()\n"
        "lock.acquire()\n"
        "import machine, time\n"
        "def callback(timer):\n"
        "    print('READY')\n"
        "    end = time.ticks_ms() + 500\n"
        f"    {wait}\n"
        "machine.Timer(mode=machine.Timer.ONE_SHOT, period=10, callback=callback)\n"
        "while True: pass"
    )
    guest.repl.start(code.encode(), guest.timeout)
    guest.read_until(b"READY\r\n")
    check_interrupted(guest)
