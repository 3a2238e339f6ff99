# SPDX-License-Identifier: MIT
# Copyright (c) 2026 MicroPython for Cloud Hypervisor contributors
"""A round of `./inv soak`, run in the guest: all that several CPUs may do at the same time.

The host calls begin() and then end(), and sends Ctrl-C whenever a line says `INTERRUPT`.
"""

import _thread
import gc
import json
import random
import time
from concurrent import interpreters
from concurrent.futures import InterpreterPoolExecutor
from threading import Condition, Thread

import machine

ECHO = """
while (item := there.get()) is not None:
    if isinstance(item, memoryview):
        item[0] += 1
    back.put(item)
"""
USE_UP = """
kept = []
try:
    while True: kept.append(bytearray(10000))
except MemoryError:
    kept = None
"""

ends = 0  # When the round does: ticks_ms().
deadline = 0  # Seconds within which every answer must come.
worker = None  # The interpreter that the main thread calls.
forgotten = set()  # Ids of interpreters that a collection closes.
failures = []
counts = {}
latencies = []  # Microseconds, there and back by two queues.
threads = []


def check(holds, what):
    if not holds:
        raise AssertionError(what)


def run(activity):
    name = activity.__name__
    try:
        steps = activity()
        try:
            while time.ticks_ms() < ends:
                counts[name] = next(steps)
        finally:
            steps.close()
    except BaseException as e:
        failures.append(f"{name}, {counts.get(name, 0)} done: {type(e).__name__}: {e}")


def joined(thread):
    thread.join(deadline)
    check(not thread.is_alive(), "a thread does not end")


# The activities: generators that count what they have done, and are closed when the round ends.


def queues():
    """Values there and back; memory that both write."""
    there, back = interpreters.create_queue(), interpreters.create_queue()
    it = interpreters.create()
    it.prepare_main(there=there, back=back)
    thread = Thread(target=it.exec, args=(ECHO,))
    thread.start()
    done = 0
    try:
        while True:
            item = {"number": done, "text": "x" * (done % 100)}
            begin = time.ticks_us()
            there.put(item)
            check(back.get(timeout=deadline) == item, "another item comes back")
            latencies.append(time.ticks_us() - begin)
            if done % 50 == 0:
                memory = interpreters.shared_memory(100)
                there.put(memory)
                back.get(timeout=deadline)
                check(memory[0] == 1, "what the other wrote is not there")
            done += 1
            yield done
            time.sleep_ms(1)
    finally:
        there.put(None)
        joined(thread)
        it.close()


def both_ways():
    """Two interpreters that each put and get as fast as they can, by a queue that is often full."""
    queue = interpreters.create_queue(3)
    done = 0
    while True:
        ends_of = [interpreters.create(), interpreters.create()]
        for it in ends_of:
            it.prepare_main(queue=queue, deadline=deadline)
        put, get = (
            "for i in range(100): queue.put(i, timeout=deadline)",
            "for i in range(100): assert queue.get(timeout=deadline) == i",
        )
        failed = []

        def half(it, code, failed=failed):
            try:
                it.exec(code)
            except Exception as e:
                failed.append(str(e))

        halves = [Thread(target=half, args=pair) for pair in ((ends_of[0], put), (ends_of[1], get))]
        for thread in halves:
            thread.start()
        for thread in halves:
            joined(thread)
        for it in ends_of:
            it.close()
        check(not failed, failed)
        done += 1
        yield done


def lives():
    """Interpreters that are made, called, and closed or forgotten."""
    done = 0
    while True:
        it = interpreters.create()
        check(it.call(pow, 3, 4) == 81, "a wrong result")
        try:
            it.exec("1 / 0")
            check(False, "no exception")
        except interpreters.ExecutionFailed as e:
            check("ZeroDivisionError" in str(e), "another exception")
        if done % 4:
            it.close()
        else:
            forgotten.add(it.id)
        it = None
        done += 1
        yield done


def pools():
    done = 0
    while True:
        with InterpreterPoolExecutor(2) as pool:
            for _ in range(3):
                results = pool.map(pow, range(20), [2] * 20, timeout=deadline)
                check(list(results) == [i * i for i in range(20)], "wrong results")
                done += 1
                yield done


def pressure():
    """An interpreter that uses up its heap, again and again."""
    it = interpreters.create()
    done = 0
    try:
        while True:
            it.exec(USE_UP)
            check(it.call(len, "abc") == 3, "a wrong result")
            done += 1
            yield done
    finally:
        it.close()


def turns():
    """Two threads that let each other go on by a condition."""
    condition = Condition()
    number = 0

    def other():
        nonlocal number
        while number >= 0:
            with condition:
                condition.wait_for(lambda: number % 2 or number < 0, deadline)
                if number > 0 and number % 2:
                    number += 1
                    condition.notify()

    thread = Thread(target=other)
    thread.start()
    try:
        while True:
            with condition:
                number += 1
                condition.notify()
                check(condition.wait_for(lambda: number % 2 == 0, deadline), "a lost wake-up")
            yield number // 2
            time.sleep_ms(1)
    finally:
        with condition:
            number = -1
            condition.notify()
        joined(thread)


def timers():
    """Callbacks wake a thread; nobody sleeps too little, or for ever."""
    fired = _thread.allocate_lock()
    fired.acquire()
    done = 0
    while True:
        period = random.randrange(1, 20)
        machine.Timer(
            mode=machine.Timer.ONE_SHOT, period=period, callback=lambda _: fired.release()
        )
        check(fired.acquire(True, deadline), "a timer does not fire")
        begin = time.ticks_us()
        time.sleep_ms(period)
        took = time.ticks_us() - begin
        check(period * 1000 <= took < deadline * 1000000, f"a sleep of {period} ms took {took} us")
        done += 1
        yield done


ACTIVITIES = (queues, both_ways, lives, pools, pressure, turns, timers)


# What the main thread is at when Ctrl-C comes.


def spin():
    while True:
        pass


def wait_for_lock():
    lock = _thread.allocate_lock()
    lock.acquire()
    lock.acquire()


def call_that_spins():
    worker.exec("while True: pass")


def call_that_waits():
    worker.exec("import time\nwhile True: time.sleep(1000)")


def get():
    interpreters.create_queue().get()


WAITS = (spin, wait_for_lock, call_that_spins, call_that_waits, get, lambda: time.sleep(1000))


def interrupted(wait):
    try:
        print("INTERRUPT")
        wait()
    except KeyboardInterrupt:
        return
    except interpreters.ExecutionFailed as e:
        if "KeyboardInterrupt" in str(e):
            return
        raise
    check(False, "the wait has ended")


def crowd():
    """As many interpreters as there is memory for: each can be used, and is gone when closed."""
    made = []
    try:
        while True:
            made.append(interpreters.create())
    except interpreters.InterpreterError:
        pass
    check(len(made) > 2, f"memory for {len(made)} interpreters")
    for it in made:
        check(it.call(len, "abc") == 3, "a wrong result")
    for it in made:
        it.close()
    check(interpreters.list_all() == [interpreters.get_main()], interpreters.list_all())
    return len(made)


def begin(seconds, answer_within, seed):
    global deadline, ends, worker
    deadline = answer_within
    random.seed(seed)
    counts["crowd"] = crowd()
    worker = interpreters.create()
    ends = time.ticks_ms() + seconds * 1000
    threads[:] = [Thread(target=run, args=(activity,)) for activity in ACTIVITIES]
    for thread in threads:
        thread.start()


def end():
    """Lets it all run until the round's end, and tells what came of it."""
    done = 0
    try:
        while time.ticks_ms() < ends:
            interrupted(WAITS[done % len(WAITS)])
            check(worker.call(len, "abcd") == 4, "a wrong result")
            done += 1
            time.sleep_ms(200)
        counts["interrupts"] = done
        worker.close()
        for thread in threads:
            joined(thread)
        threads.clear()
        gc.collect()
        left = [it.id for it in interpreters.list_all()]
        check(sorted(set(left) - forgotten) == [0], f"these are left: {left}")
        # What lies on a stack by chance, no collection takes.
        check(len(left) < 4, f"these were forgotten and are left: {left}")
    except BaseException as e:
        failures.append(f"main, {done} interrupts: {type(e).__name__}: {e}")
    latencies.sort()
    said = {"counts": counts, "failures": failures}
    if latencies:
        said["quick"] = latencies[len(latencies) // 10]
        said["median"] = latencies[len(latencies) // 2]
    print("RESULT", json.dumps(said))
