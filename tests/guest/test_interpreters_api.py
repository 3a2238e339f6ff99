# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""concurrent.interpreters: what CPython's documentation says of it."""

import pytest

from tests.guest.conftest import Boot
from tests.guest.test_python_threads import FREE_PAGES, booted, check_interrupted, cpus
from tests.guest.test_threading import IMPORTS
from tools.guest import Guest

INTERPRETERS = f"""{IMPORTS}
import gc
from concurrent import interpreters
from concurrent.interpreters import *
def kind(f, *args, **kwargs):
    try: return f(*args, **kwargs)
    except BaseException as e: return type(e).__name__
def ids(): return [i.id for i in list_all()]
IMPORT = 'from concurrent.interpreters import *'
"""


def said(guest: Guest, code: str) -> list[str]:
    return guest.output_of(INTERPRETERS + code).splitlines()


def test_what_there_is(shared_guest: Guest) -> None:
    code = """
main = get_main()
print(list_all() == [main], get_current() == main, main.id, main.whence, main.is_running())
a, b = create(), create()
print(list_all() == [main, a, b], a.id > 0, b.id > a.id, a.whence, a.is_running())
print(Interpreter(a.id) == a, a == b, a != b, a == a.id, hash(a) == hash(a.id), len({a, b, main}))
print(repr(a) == f'Interpreter({a.id})')
for name in ('id', 'whence'):
    try: setattr(a, name, 3)
    except AttributeError: print('AttributeError')
a.exec(IMPORT)
a.exec("print(get_current() != get_main(), get_main().id, get_main().whence, len(list_all()))")
print(a.call(lambda: get_current()) == a, a.call(lambda: list_all()) == list_all())
print(a.call(lambda: create()) in list_all(), len(list_all()))
"""
    assert said(shared_guest, code) == [
        "True True 0 runtime init True",
        "True True True _interpreters module False",
        "True False True False True 3",
        "True",
        "AttributeError",
        "AttributeError",
        "True 0 runtime init 3",
        "True True",
        "True 4",
    ]


@pytest.mark.parametrize(
    ("call", "error"),
    [
        ("Interpreter('0')", "TypeError: id must be an int"),
        ("Interpreter(0.0)", "TypeError: id must be an int"),
        ("Interpreter(None)", "TypeError: id must be an int"),
        ("Interpreter(-1)", "ValueError: id must not be negative"),
        ("Interpreter(1_000_000)", "InterpreterNotFoundError: unrecognized ID 1000000"),
        ("Interpreter(2**64)", "OverflowError: "),
        ("i.exec(10)", "TypeError: code must be a string"),
        ("i.exec(b'1')", "TypeError: code must be a string"),
        ("i.prepare_main()", "ValueError: no names are given"),
        ("i.prepare_main({})", "ValueError: no names are given"),
        ("i.prepare_main({1: 2})", "TypeError: names must be strings"),
        ("i.prepare_main({}, {})", "TypeError: "),
        ("i.call()", "ValueError: need more than 1 values to unpack"),
        ("i.call(i.exec)", "NotShareableError: 'bound_method' object can't be shared"),
        ("get_main().close()", "InterpreterError: cannot close the main interpreter"),
        ("get_main().exec('1')", "InterpreterError: interpreter already running"),
        ("get_main().call(print)", "InterpreterError: interpreter already running"),
        ("get_main().prepare_main(a=1)", "InterpreterError: interpreter already running"),
        ("Queue('1')", "TypeError: id must be an int"),
        ("Queue(-1)", "ValueError: id must not be negative"),
        ("Queue(1_000_000)", "QueueNotFoundError: unrecognized ID 1000000"),
        ("create_queue('1')", "TypeError: "),
        ("q.get(timeout=-1)", "ValueError: timeout value must be a non-negative number"),
        ("q.put(1, timeout=-1)", "ValueError: timeout value must be a non-negative number"),
        ("q.put(object())", "NotShareableError: 'object' object can't be shared"),
    ],
)
def test_misuse_is_an_error(shared_guest: Guest, call: str, error: str) -> None:
    code = f"i, q = create(), create_queue()\nerror(lambda: {call})\n"
    first, last = said(shared_guest, f"{code}print(q.qsize(), kind(i.exec, ''))")
    assert (first.startswith(error), last) == (True, "0 None"), first


def test_errors_are_of_these_classes(shared_guest: Guest) -> None:
    code = """
import queue
for kind, base in (
    (InterpreterError, Exception), (InterpreterNotFoundError, InterpreterError),
    (ExecutionFailed, InterpreterError), (NotShareableError, TypeError),
    (QueueEmpty, queue.Empty), (QueueFull, queue.Full),
):
    print(issubclass(kind, base), end=' ')
"""
    assert said(shared_guest, code) == ["True " * 6]


def test_exec(shared_guest: Guest) -> None:
    code = """
i, x = create(), 'mine'
print(i.exec('x = 1'), i.exec(''), i.exec(' \\n'), x)
i.exec('print(x, __name__, x + 1)')
i.exec('''
    def f(y):

        return x + y
    if True:
        print(f(2))
''')
i.exec('\\tprint(1)\\n\\n\\tprint(2)')
i.exec('if x:\\n  print("as it is")\\n', dedent=False)
try: i.exec('  x = 2', dedent=False)
except ExecutionFailed as e: print(e.excinfo.type.__name__)
i.exec('import queue; queue.mark = 1; x = y = 5')
print(hasattr(__import__('queue'), 'mark'), 'y' in globals())
print(kind(create().exec, 'x'), kind(i.exec, 'y = 6\\n1 / 0'))
i.exec('print(x, y)')
"""
    assert said(shared_guest, code) == [
        "None None None mine",
        "1 __main__ 2",
        "3",
        "1",
        "2",
        "as it is",
        "IndentationError",
        "False False",
        "ExecutionFailed ExecutionFailed",
        "5 6",
    ]


def test_prepare_main(shared_guest: Guest) -> None:
    code = """
i, items = create(), [1]
print(i.prepare_main({'a': 1, 'b': items}, c='x'))
items.append(2)
i.prepare_main((('d', 2), ['e', 3]))
i.prepare_main(None, self=4, ns=5)
i.exec('print(a, b, c, d, e, self, ns); b.append(3)')
print(items, 'a' in globals())
i.prepare_main(a=lambda: b)
print(i.call(lambda: a()))
print(kind(i.prepare_main, c='new', z=object()))
i.exec('print(c, "z" in globals())')
"""
    assert said(shared_guest, code) == [
        "None",
        "1 [1] x 2 3 4 5",
        "[1, 2] False",
        "[1, 3]",
        "NotShareableError",
        "x False",
    ]


def test_call(shared_guest: Guest) -> None:
    code = """
i = create()
def f(a, b=2, *args, c, **kwargs): return a, b, args, c, kwargs
print(i.call(f, 1, c=3))
print(i.call(f, 1, 4, 5, 6, c=3, self=7, callable=8))
print(i.call(pow, 2, 10), i.call(int, 'ff', 16), i.call(sorted, [2, 3, 1], reverse=True))
print(i.call(eval, '1 + 1'), i.call(exec, 'x = 5'), i.call(lambda: x), i.call(print, 'there'))
def remember(y):
    global z
    z = y
    return __name__
print(i.call(remember, [6]), i.call(lambda: z), 'z' in globals())
def factorial(n): return n * factorial(n - 1) if n else 1
print(kind(i.call, factorial, 20))
i.prepare_main(factorial=factorial)
print(i.call(factorial, 20))
print(kind(i.call, lambda: object()), kind(i.call, print, object()), kind(i.call, 5))
"""
    assert said(shared_guest, code) == [
        "(1, 2, (), 3, {})",
        "(1, 4, (5, 6), 3, {'callable': 8, 'self': 7})",
        "1024 255 [3, 2, 1]",
        "there",
        "2 None 5 None",
        "__main__ [6] False",
        "ExecutionFailed",
        "2432902008176640000",
        "NotShareableError NotShareableError ExecutionFailed",
    ]


@pytest.mark.parametrize(
    ("code", "type_", "module", "msg", "formatted"),
    [
        ("raise ValueError('why')", "ValueError", "builtins", "why", "ValueError: why"),
        ("raise KeyError", "KeyError", "builtins", "", "KeyError"),
        ("1 / 0", "ZeroDivisionError", "builtins", "divide by zero", "ZeroDivisionError: divide b"),
        ("x = (", "SyntaxError", "builtins", "invalid syntax", "SyntaxError: invalid syntax"),
        ("raise SystemExit(3)", "SystemExit", "builtins", "3", "SystemExit: 3"),
        ("class E(Exception): pass\nraise E(1, 2)", "E", "__main__", "(1, 2)", "E: (1, 2)"),
        ("import queue\nraise queue.Empty('x')", "Empty", "queue", "x", "queue.Empty: x"),
        (
            "raise OSError(2)",
            "OSError",
            "builtins",
            "[Errno 2] ENOENT",
            "OSError: [Errno 2] ENOENT",
        ),
    ],
)
def test_excinfo_tells_what_was_raised(
    shared_guest: Guest, code: str, type_: str, module: str, msg: str, formatted: str
) -> None:
    program = f"""
try: create().exec({code!r})
except InterpreterError as e:
    info = e.excinfo
    kind = info.type
    print(repr((type(e).__name__, kind.__name__, kind.__qualname__, kind.__module__)))
    print(repr((info.msg, info.formatted)))
    print(info.errdisplay)
    print(str(e) == info.formatted + '\\n\\nUncaught in the interpreter:\\n\\n' + info.errdisplay)
"""
    lines = said(shared_guest, program)
    assert lines[0] == repr(("ExecutionFailed", type_, type_, module))
    assert lines[1].startswith(f"({msg!r}, '{formatted}"), lines[1]
    assert lines[2] == "Traceback (most recent call last):"
    assert lines[3].startswith('  File "<string>", line ')
    assert lines[-2].startswith(type_ + ":")
    assert lines[-1] == "True"


def test_a_traceback_is_shown_where_nobody_catches_it(shared_guest: Guest) -> None:
    code = """
def f(x):
    return 1 // x
create().call(f, 0)
"""
    _, error = shared_guest.exec(INTERPRETERS + code)
    head, _, tail = error.replace("\r", "").partition(
        "ExecutionFailed: ZeroDivisionError: divide by zero\n"
    )
    assert head.startswith('Traceback (most recent call last):\n  File "<stdin>", line ')
    assert tail.startswith("\nUncaught in the interpreter:\n\nTraceback (most recent call last):\n")
    assert "in f\n" in tail


def test_call_in_thread(shared_guest: Guest) -> None:
    code = """
threading.excepthook = lambda args: print(str(args.exc_value).split('\\n')[0])
i, q = create(), create_queue()
def f(x, *, q):
    global got
    got = x, q.get()
    return object()
t = i.call_in_thread(f, 1, q=q)
while not i.is_running(): time.sleep_ms(1)
print(type(t).__name__, t.is_alive())
for call in (
    lambda: i.exec('1'), lambda: i.call(print), lambda: i.prepare_main(a=1), i.close
): error(call)
q.put(2)
t.join()
print(t.is_alive(), i.is_running(), i.call(lambda: got))
i.call_in_thread(int, 'x').join()
print(i.call(abs, -1))
"""
    assert said(shared_guest, code) == [
        "Thread True",
        *(["InterpreterError: interpreter already running"] * 3),
        "InterpreterError: interpreter running",
        "'object' object can't be shared",
        "False False (1, 2)",
        "ValueError: invalid syntax for integer with base 10: 'x'",
        "1",
    ]


def test_is_running_from_within(shared_guest: Guest) -> None:
    code = """
i, j = create(), create()
for k in (i, j): k.exec(IMPORT)
i.prepare_main(j=j)
print(i.call(lambda: (get_current().is_running(), j.is_running(), get_main().is_running())))
def kind(f, *args):
    try: return f(*args)
    except Exception as e: return type(e).__name__
i.prepare_main(kind=kind)
print(i.call(lambda: kind(get_current().exec, '1')), i.call(lambda: kind(get_current().close)))
print(i.call(lambda: kind(get_main().close)), i.call(lambda: kind(get_main().exec, '1')))
print(i.call(lambda: j.call(lambda me: me.is_running(), get_current())), ids() == [0, i.id, j.id])
"""
    assert said(shared_guest, code) == [
        "(True, False, True)",
        "InterpreterError InterpreterError",
        "InterpreterError InterpreterError",
        "True True",
    ]


def test_close(shared_guest: Guest) -> None:
    code = """
i, j, k = create(), create(), create()
same = Interpreter(j.id)
j.exec('import sys\\nsys.atexit(lambda: print("at its exit"))')
print(j.close(), ids() == [0, i.id, k.id], j.id == same.id, repr(j) == repr(same))
for call in (
    j.close, j.is_running, same.is_running, lambda: j.exec('1'), lambda: j.call(print),
    lambda: j.prepare_main(a=1), lambda: Interpreter(j.id),
): print(kind(call))
i.call(lambda other: other.close(), k)
print(ids() == [0, i.id], kind(k.exec, ''), create().id > k.id)
"""
    assert said(shared_guest, code) == [
        "at its exit",
        "None True True True",
        *(["InterpreterNotFoundError"] * 7),
        "True InterpreterNotFoundError True",
    ]


THREADS = """
i = create()
i.exec('''
import sys, threading, time
def f():
    time.sleep_ms(50)
    print("thread")
def start(f, *args, **kwargs): threading.Thread(target=f, args=args, **kwargs).start()
start(f)
start(time.sleep, 1000, daemon=True)
sys.atexit(lambda: print("exit"))
''')
"""


def test_close_waits_for_threads_that_are_no_daemons(shared_guest: Guest) -> None:
    code = f"{THREADS}print(i.is_running())\ni.close()\nprint('closed')"
    assert said(shared_guest, code) == ["False", "thread", "exit", "closed"]


def test_ctrl_c_ends_that_wait(guest: Guest) -> None:
    code = f"{THREADS}i.exec('start(time.sleep, 1000)')\nprint('READY')\ni.close()"
    guest.repl.start((INTERPRETERS + code).encode(), guest.timeout)
    guest.read_until(b"thread\r\n")
    check_interrupted(guest)
    assert guest.eval("len(list_all())") == 1


def test_the_collector_waits_for_no_thread(shared_guest: Guest) -> None:
    code = """
def drop():
    i = create()
    i.exec('import threading, time')
    i.exec('threading.Thread(target=time.sleep, args=(1000,)).start()')
for n in range(5): drop()
gc.collect()
print(len(ids()) < 4)
"""
    assert said(shared_guest, code) == ["True"]


def test_an_interpreter_ends_with_its_last_handle(shared_guest: Guest) -> None:
    """The collector is a conservative one: it may take some for held that are not."""
    code = """
held = [create() for n in range(10)]
again = [Interpreter(i.id) for i in held]
held.clear(); gc.collect()
print(len(ids()))
keeper = create()
keeper.prepare_main(kept=again[:3])
again.clear()
def churn(n): return [n] * 50 if n == 0 else churn(n - 1)
churn(20); gc.collect()
print(4 <= len(ids()) - 1 <= 6)
keeper.exec('for i in kept: i.exec("1")')
keeper.close(); gc.collect()
print(len(ids()) <= 4)
"""
    assert said(shared_guest, code) == ["11", "True", "True"]


def test_interpreters_and_queues_cross(shared_guest: Guest) -> None:
    code = """
i, j, q = create(), create(), create_queue(5)
for there in (i, j): there.exec(IMPORT)
i.prepare_main(q=q, j=j)
i.exec('j.prepare_main(q=q); j.exec("q.put(get_current())"); q.put(get_current()); q.put(q)')
print(q.get() == j, q.get() == i, q.get() == q)
i.exec('made = create_queue(3); q.put((made, made)); made.put(b"left"); q.put(made)')
first, second = q.get()
i.close()
print(first is second, first == q.get(), first.get(), first.maxsize, Queue(first.id) == first)
"""
    assert said(shared_guest, code) == ["True True True", "True True b'left' 3 True"]


def test_queue(shared_guest: Guest) -> None:
    code = """
q = create_queue(2)
print(q.maxsize, q.qsize(), q.empty(), q.full(), q.id > 0, repr(q) == f'Queue({q.id})')
for name in ('id', 'maxsize'):
    try: setattr(q, name, 3)
    except AttributeError: print('AttributeError')
q.put('a'); q.put_nowait([1])
print(q.qsize(), q.empty(), q.full())
for f in (lambda: q.put(3, False), lambda: q.put_nowait(3), lambda: q.put(3, timeout=0.02)):
    print(kind(f))
print(q.get(), q.get_nowait(), q.qsize(), q.empty())
for f in (lambda: q.get(False), q.get_nowait, lambda: q.get(timeout=0.02)): print(kind(f))
begin = time.ticks_ms()
print(kind(q.get, True, 0.05), time.ticks_ms() - begin >= 50)
for size in (0, -1):
    q = create_queue(size)
    for n in range(100): q.put(n)
    print(q.maxsize, q.full(), q.qsize(), [q.get() for n in range(100)] == list(range(100)))
print(hash(q) == hash(q.id), q == create_queue(), q != 3, create_queue(maxsize=1).maxsize)
item = [1]
q.put(item)
print(q.get() is item)
"""
    assert said(shared_guest, code) == [
        "2 0 True False True True",
        "AttributeError",
        "AttributeError",
        "2 False True",
        *(["QueueFull"] * 3),
        "a [1] 0 True",
        *(["QueueEmpty"] * 3),
        "QueueEmpty True",
        *(["0 False 100 True"] * 2),
        "True False True 1",
        "False",
    ]


@cpus
def test_who_waits_for_a_queue_is_woken(boot: Boot, cpus: int) -> None:
    """By another interpreter, and without looking now and then."""
    code = """
import cloud_hypervisor
def count(): return sum(cloud_hypervisor.interrupts().values())
there, back = create_queue(), create_queue(1)
def work():
    while (n := there.get()) is not None: back.put(n + 1)
def silent(f):
    before = count()
    f()
    return count() - before < 25
i = create()
i.prepare_main(there=there, back=back)
t = i.call_in_thread(work)
print(silent(lambda: time.sleep_ms(400)))
print(silent(lambda: kind(back.get, timeout=0.4)))
for n in (1, 2, 3): there.put(n)
print(silent(lambda: time.sleep_ms(400)), back.full(), there.qsize())
print(back.get(), back.get(), back.get())
ok = True
for n in range(200):
    there.put(n)
    ok = ok and back.get() == n + 1
there.put(None)
t.join()
print(ok)
"""
    assert said(booted(boot, cpus), code) == ["True", "True", "True True 1", "2 3 4", "True"]


@cpus
def test_nothing_is_lost_or_doubled(boot: Boot, cpus: int) -> None:
    code = """
q, done = create_queue(3), create_queue()
def give(begin):
    for n in range(begin, 400, 4): q.put(n)
def take():
    got = []
    while (n := q.get()) is not None: got.append(n)
    done.put(got)
def start(f, *args):
    i = create()
    i.prepare_main(q=q, done=done)
    return i.call_in_thread(f, *args)
takers = [start(take) for n in range(3)]
for t in [start(give, n) for n in range(4)]: t.join()
for t in takers: q.put(None)
for t in takers: t.join()
got = [done.get() for t in takers]
print(sorted(sum(got, [])) == list(range(400)), q.qsize())
"""
    assert said(booted(boot, cpus), code) == ["True 0"]


@cpus
def test_they_run_at_the_same_time(boot: Boot, cpus: int) -> None:
    """Neither waits in the kernel, and each needs the other to go on."""
    code = """
def turn(mine, other, end):
    for n in range(1, end + 1):
        mine[0] = n
        while other[0] < n: pass
    return n
a, b = shared_memory(1), shared_memory(1)
t = create().call_in_thread(turn, a, b, 20)
print(create().call(turn, b, a, 20))
t.join()
"""
    assert said(booted(boot, cpus), code) == ["20"]


CALLS = {
    "busy": "while True: pass",
    "sleep": "import time\ntime.sleep(100)",
    "queue": "q.get()",
    "lock": "import _thread\nlock = _thread.allocate_lock()\nlock.acquire()\nlock.acquire()",
    "nested": "i = create()\ni.exec('while True: pass')",
}


@cpus
@pytest.mark.parametrize("code", CALLS.values(), ids=CALLS)
def test_ctrl_c_reaches_the_callee(boot: Boot, cpus: int, code: str) -> None:
    """And then who has called it."""
    guest = booted(boot, cpus)
    call = f"try:\n    print('READY')\n    exec({code!r})\nfinally: ended += 1"
    program = f"""
i = create()
i.prepare_main(q=create_queue(), ended=0)
i.exec(IMPORT)
i.exec({call!r})
"""
    guest.repl.start((INTERPRETERS + program).encode(), guest.timeout)
    guest.read_until(b"READY\r\n")
    check_interrupted(guest)
    assert guest.output_of("i.exec('print(ended)')\nprint(i.is_running())") == "1\nFalse\n"


@cpus
def test_a_crash_ends_one_interpreter(boot: Boot, cpus: int) -> None:
    guest = booted(boot, cpus)
    code = """
good, bad, q = create(), create(), create_queue()
def crash():
    import machine
    machine.mem8[8] = 1
t = good.call_in_thread(lambda q: q.get(), q)
bad.exec('x = [1] * 10000')
error(bad.call, crash)
print(kind(bad.exec, '1'), kind(bad.close), bad in list_all())
q.put(1)
t.join()
print(good.call(pow, 2, 3), create().call(abs, -1))
"""
    lines = said(guest, code)
    assert sum("*** interpreter" in line for line in lines) == 1
    assert lines[-3:] == [
        "InterpreterError: interpreter crashed",
        "InterpreterNotFoundError InterpreterNotFoundError False",
        "8 1",
    ]


@cpus
def test_soft_reset_ends_them_and_gives_back_their_memory(boot: Boot, cpus: int) -> None:
    guest = booted(boot, cpus)
    code = """
def f(q):
    import time
    while True: time.sleep(1) if q is None else q.get() if q else None
q = create_queue()
q.put(bytes(100000))
shared = shared_memory(100000)
shared[99999] = 1
held = [create() for n in range(3)]
for i, arg in zip(held, (None, q, False)): i.call_in_thread(f, arg)
time.sleep_ms(50)
"""
    free = []
    for _ in range(3):
        guest.exec(INTERPRETERS + code)
        guest.soft_reset()
        free.append(guest.eval(FREE_PAGES))
    assert free[1] == free[2]
    assert guest.output_of("from concurrent.interpreters import *\nprint(list_all())") == (
        "[Interpreter(0)]\n"
    )


@cpus
def test_those_that_are_closed_are_gone(boot: Boot, cpus: int) -> None:
    code = f"""
def spawn(count):
    for n in range(count):
        i = create()
        i.exec('import queue; x = bytes(10000)')
        i.close()
spawn(3)
gc.collect(); before = {FREE_PAGES}
spawn(60)
gc.collect(); print(before - {FREE_PAGES} < 10 * 4096)
"""
    assert said(booted(boot, cpus), code) == ["True"]


def test_more_of_them_than_memory_is_an_error(boot: Boot) -> None:
    guest = boot(memory="16M")
    guest.wait_for_prompt()
    code = """
held = []
def fill():
    while True: held.append(create())
error(fill)
print(len(held) > 1, held[0].call(abs, -1), held[-1].call(abs, -1))
held.clear()
gc.collect()
print(create().call(abs, -1))
"""
    assert said(guest, code) == [
        "InterpreterError: interpreter creation failed: no memory",
        "True 1 1",
        "1",
    ]


def test_who_has_filled_its_memory_is_told_and_goes_on(boot: Boot) -> None:
    guest = boot(memory="32M")
    guest.wait_for_prompt()
    code = """
i = create()
for n in range(2):
    try: i.exec('x = []\\nwhile True: x.append(bytes(1000))')
    except ExecutionFailed as e: print(e.excinfo.type.__name__)
    i.exec('print(len(x) > 1000); del x')
print(i.call(len, bytes(100000)))
"""
    assert said(guest, code) == ["MemoryError", "True", "MemoryError", "True", "100000"]
