"""Code that takes time or memory and does not mean to give it back."""

from functools import partial

from tests.hostile.case import Case, case
from tests.hostile.syscalls import KERNEL

_time = partial(case, "time")


def _memory(name: str, allowed: str, text: str, **more: str) -> Case:
    """Where a case may run out of memory it may run out of time, since both limits are small."""
    if "memory" in allowed:
        allowed += " timeout"
    return case("memory", name, allowed, text, **more)


TIME: tuple[Case, ...] = (
    _time(
        "endless loop",
        "timeout",
        """
        def f():
            while True:
                pass
        """,
    ),
    _time(
        "endless loop that swallows every exception",
        "timeout",
        """
        def f():
            while True:
                try:
                    while True:
                        pass
                except BaseException:
                    continue
                finally:
                    continue
        """,
    ),
    _time(
        "endless loop while the text is loaded",
        "timeout",
        """
        while True:
            pass

        def f():
            return 1
        """,
    ),
    _time(
        "every signal ignored",
        "timeout",
        """
        import signal

        def f():
            for each in signal.valid_signals():
                try:
                    signal.signal(each, signal.SIG_IGN)
                except (OSError, ValueError):
                    pass
            while True:
                pass
        """,
    ),
    _time(
        "every signal blocked",
        "timeout",
        """
        import signal

        def f():
            signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
            while True:
                pass
        """,
    ),
    _time(
        "every signal answered by a handler that goes on",
        "timeout",
        """
        import signal

        def again(*_):
            while True:
                try:
                    sum(range(10**6))
                except BaseException:
                    pass

        def f():
            for each in signal.valid_signals():
                try:
                    signal.signal(each, again)
                except (OSError, ValueError):
                    pass
            again()
        """,
    ),
    _time(
        "soft processor limit raised to the hard one",
        "timeout",
        """
        import resource, signal

        def f():
            signal.signal(signal.SIGXCPU, signal.SIG_IGN)
            hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
            resource.setrlimit(resource.RLIMIT_CPU, (hard, hard))
            while True:
                pass
        """,
    ),
    _time(
        "timers that fire all the time",
        "timeout",
        """
        import signal

        def f():
            signal.signal(signal.SIGALRM, lambda *_: None)
            signal.setitimer(signal.ITIMER_REAL, 0.0001, 0.0001)
            while True:
                try:
                    pass
                except BaseException:
                    pass
        """,
    ),
    _time(
        "one power of huge numbers",
        "timeout",
        """
        def f():
            return pow(3, (1 << 20_000) - 1, (1 << 2_000_000) - 1)
        """,
    ),
    _time(
        "regular expression that backtracks for ever",
        "timeout",
        """
        import re

        def f():
            return bool(re.match("(a+)+$", "a" * 80 + "b"))
        """,
    ),
    _time(
        "sum over a huge range",
        "timeout",
        """
        def f():
            return sum(range(10**14))
        """,
    ),
    _time(
        "endless loop inside the interpreter",
        "timeout",
        """
        import collections, itertools

        def f():
            collections.deque(itertools.repeat(0), maxlen=0)
        """,
    ),
    _time(
        "sorting again and again",
        "timeout",
        """
        def f():
            rows = list(range(500_000))
            while True:
                sorted(rows, key=str)
        """,
    ),
    _time(
        "digits of a number without limit",
        "timeout memory",  # newer interpreters take the way over decimal, which asks for more room
        """
        import sys

        def f():
            sys.set_int_max_str_digits(0)
            while True:
                str(1 << (1 << 24))
        """,
    ),
    _time(
        "keys that all collide",
        "timeout",
        """
        import sys

        def f():
            step = sys.hash_info.modulus
            return len({each * step: 0 for each in range(1_000_000)})
        """,
    ),
    _time(
        "threads that burn",
        "timeout",
        """
        import threading

        def burn():
            while True:
                pass

        def f():
            threads = [threading.Thread(target=burn) for _ in range(6)]
            for each in threads:
                each.start()
            for each in threads:
                each.join()
        """,
    ),
    _time(
        "threads that burn while the function sleeps in pieces",
        "timeout",
        """
        import threading, time

        def burn():
            while True:
                pass

        def f():
            threading.Thread(target=burn, daemon=True).start()
            while True:
                time.sleep(0.01)
        """,
    ),
    _time(
        "thread that never lets the interpreter go",
        "timeout",
        """
        import re, sys, threading

        def f():
            sys.setswitchinterval(10**6)
            thread = threading.Thread(target=re.match, args=("(a+)+$", "a" * 80 + "b"))
            thread.start()
            thread.join()
        """,
    ),
    _time(
        "system time",
        "timeout",
        """
        import os

        def f():
            while True:
                try:
                    os.stat(".")
                    os.sched_yield()
                except OSError:
                    pass
        """,
    ),
    _time(
        "sleep for ever",
        "timeout",
        """
        import time

        def f():
            time.sleep(10**6)
        """,
    ),
    _time(
        "sleep again after every exception",
        "timeout",
        """
        import time

        def f():
            while True:
                try:
                    time.sleep(1000)
                except BaseException:
                    pass
        """,
    ),
    _time(
        "sleep in small pieces",
        "timeout",
        """
        import time

        def f():
            while True:
                time.sleep(0.005)
        """,
    ),
    _time(
        "deadlock",
        "timeout",
        """
        import threading

        def f():
            lock = threading.Lock()
            lock.acquire()
            lock.acquire()
        """,
    ),
    _time(
        "select on nothing",
        "timeout",
        """
        import select

        def f():
            select.select([], [], [])
        """,
    ),
    _time(
        "pipe that nobody writes to",
        "timeout",
        """
        import os

        def f():
            end, other = os.pipe()
            os.read(end, 1)
        """,
    ),
    _time(
        "queue that stays empty",
        "timeout",
        """
        import queue

        def f():
            queue.Queue().get()
        """,
    ),
    _time(
        "pause",
        "timeout",
        """
        import signal

        def f():
            while True:
                signal.pause()
        """,
    ),
    _time(
        "event loop that waits for ever",
        "timeout",
        """
        import asyncio

        async def wait():
            await asyncio.Event().wait()

        def f():
            asyncio.run(wait())
        """,
    ),
    _time(
        "destructor that never ends",
        "timeout",
        """
        class Clinging:
            def __del__(self):
                while True:
                    pass

        def f():
            Clinging()
            return 1
        """,
    ),
    _time(
        "exception whose text never ends",
        "timeout error",  # error, if the text is not asked for
        """
        class Endless(Exception):
            def __str__(self):
                while True:
                    pass

            __repr__ = __str__

        def f():
            raise Endless
        """,
    ),
    _time(
        "matrix products without end",
        "timeout",
        """
        import numpy

        def f():
            rows = numpy.ones((300, 300)) / 300
            while True:
                rows @ rows
        """,
        needs="numpy",
    ),
    _time(
        "answer given while a thread burns on",
        "ok timeout",  # the answer stands, or the run is not over until its threads are
        """
        import threading

        def burn():
            while True:
                pass

        def f():
            threading.Thread(target=burn).start()
            return 11
        """,
        value=11,
    ),
)

MEMORY: tuple[Case, ...] = (
    _memory(
        "list that grows",
        "memory",
        """
        def f():
            rows = []
            while True:
                rows.append(bytearray(1 << 20))
        """,
    ),
    _memory(
        "text that doubles",
        "memory",
        """
        def f():
            text = "x" * 1000
            while True:
                text += text
        """,
    ),
    _memory(
        "dictionary that grows",
        "memory timeout",  # a slow machine is out of processor time before it is out of room
        """
        def f():
            rows = {}
            while True:
                rows[len(rows)] = bytes(20_000)
        """,
    ),
    _memory(
        "one impossible block",
        "memory",
        """
        def f():
            return len(bytearray(1 << 44))
        """,
    ),
    _memory(
        "one block over the limit",
        "memory",
        """
        def f():
            rows = bytearray(600 << 20)
            rows[::4096] = b"x" * len(rows[::4096])
            return "ESCAPED"
        """,
    ),
    _memory(
        "list of everything",
        "memory timeout",
        """
        import itertools

        def f():
            return len(list(itertools.count()))
        """,
    ),
    _memory(
        "field of enormous width",
        "memory error",  # ValueError, where the width itself is refused
        """
        def f():
            return len(f"{1:{1 << 34}}")
        """,
    ),
    _memory(
        "little text that unpacks to much",
        "memory timeout",  # whichever of the small limits it meets first
        """
        import zlib

        def f():
            packer = zlib.compressobj(9)
            small = b"".join([packer.compress(bytes(1 << 20)) for _ in range(40)]) + packer.flush()
            opened = [zlib.decompress(small) for _ in range(40)]
            return "ESCAPED" + str(len(opened))
        """,
    ),
    _memory(
        "array of ones",
        "memory",
        """
        import numpy

        def f():
            return int(numpy.ones(1 << 28).sum())
        """,
        needs="numpy",
    ),
    _memory(
        "blocks from the C library",
        "memory",
        """
        import ctypes

        def f():
            libc = ctypes.CDLL(None)
            libc.malloc.restype = ctypes.c_void_p
            libc.malloc.argtypes = [ctypes.c_size_t]
            held = 0
            while held < 1 << 30:
                block = libc.malloc(1 << 24)
                if not block:
                    raise MemoryError
                ctypes.memset(block, 1, 1 << 24)
                held += 1 << 24
            return "ESCAPED"
        """,
    ),
    _memory(
        "anonymous maps",
        "memory error",  # mmap says OSError: cannot allocate memory
        """
        import mmap

        def f():
            held = []
            for _ in range(64):
                block = mmap.mmap(-1, 1 << 24)
                block.write(b"x" * (1 << 24))
                held.append(block)
            return "ESCAPED"
        """,
    ),
    _memory(
        "private maps",
        "memory error",
        """
        import mmap

        def f():
            held = []
            for _ in range(64):
                block = mmap.mmap(-1, 1 << 24, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
                block.write(b"x" * (1 << 24))
                held.append(block)
            return "ESCAPED"
        """,
    ),
    _memory(
        "map without reserve",
        "memory error",
        """
        import mmap

        def f():
            block = mmap.mmap(-1, 1 << 40, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x4000)
            for at in range(0, 1 << 30, 4096):
                block[at] = 1
            return "ESCAPED"
        """,
    ),
    _memory(
        "files in memory, many of the size that a file may have",
        "denied error memory",
        """
        import os

        def f():
            held = 0
            while held < 300 << 20:
                end = os.memfd_create("x")
                for _ in range(7):
                    held += os.write(end, b"x" * (1 << 20))
            return "ESCAPED"
        """,
    ),
    _memory(
        "one file in memory",
        "denied error memory",
        """
        import os

        def f():
            end = os.memfd_create("x")
            os.ftruncate(end, 1 << 34)
            return "ESCAPED"
        """,
    ),
    _memory(
        "pages that no accountant sees",
        "denied error memory",
        """
        def f():
            end = call("memfd_secret", 0)
            os.ftruncate(end, 1 << 30)
            return "ESCAPED"
        """,
        head=KERNEL,
    ),
    _memory(
        "program break",
        "memory error crash",
        """
        import ctypes

        def f():
            libc = ctypes.CDLL(None)
            libc.sbrk.restype = ctypes.c_void_p
            libc.sbrk.argtypes = [ctypes.c_ssize_t]
            at = libc.sbrk(1 << 30)
            if at in (None, ctypes.c_void_p(-1).value):
                raise MemoryError
            ctypes.memset(at, 1, 1 << 30)
            return "ESCAPED"
        """,
    ),
    _memory(
        "soft limits raised to the hard ones",
        "memory",
        """
        import resource

        def f():
            for each in (resource.RLIMIT_AS, resource.RLIMIT_DATA, resource.RLIMIT_STACK):
                hard = resource.getrlimit(each)[1]
                resource.setrlimit(each, (hard, hard))
            rows = bytearray(b"x") * (600 << 20)
            return "ESCAPED" + str(len(rows))
        """,
    ),
    _memory(
        "stacks of threads",
        "error memory timeout",  # RuntimeError: can't start new thread
        """
        import threading

        def f():
            threading.stack_size(64 << 20)
            gate = threading.Event()
            for _ in range(100):
                threading.Thread(target=gate.wait, daemon=True).start()
            return "ESCAPED"
        """,
    ),
    _memory(
        "threads without number",
        "error memory timeout",
        """
        import threading

        def f():
            threading.stack_size(32 << 10)
            gate = threading.Event()
            while True:
                threading.Thread(target=gate.wait, daemon=True).start()
        """,
    ),
    _memory(
        "recursion without limit",
        "memory error crash timeout",
        """
        import sys

        def f(n=0):
            sys.setrecursionlimit(1 << 30)
            return f(n + 1)
        """,
    ),
    _memory(
        "recursion inside the interpreter",
        "memory error crash timeout",  # whichever of the small limits it meets first
        """
        import sys

        def f():
            sys.setrecursionlimit(1 << 30)
            rows = []
            for _ in range(1_000_000):
                rows = [rows]
            return len(repr(rows))
        """,
    ),
    _memory(
        "room hoarded and the refusal swallowed",
        "timeout memory",
        """
        import time

        def f():
            held = []
            while True:
                try:
                    held.append(bytearray(1 << 20))
                except MemoryError:
                    try:
                        held.append(bytearray(1 << 10))
                    except MemoryError:
                        time.sleep(1)
        """,
    ),
    _memory(
        "exceptions chained without end",
        # error, if only the last one is reported. crash, if the chain cannot be taken apart.
        "memory timeout error crash",
        """
        def f():
            last = None
            for each in range(2_000_000):
                new = ValueError("x" * 200)
                new.__context__ = last
                last = new
            raise last
        """,
    ),
    _memory(
        "deeply nested value",
        "invalid",
        """
        def f():
            rows = []
            for _ in range(300_000):
                rows = [rows]
            return rows
        """,
    ),
    _memory(
        "value that holds itself",
        "invalid",
        """
        def f():
            rows = []
            rows.append({"rows": rows})
            return rows
        """,
    ),
    _memory(
        "value that is small in memory and huge as text",
        "invalid",
        """
        def f():
            rows = "lol"
            for _ in range(12):
                rows = [rows] * 10
            return rows
        """,
    ),
    _memory(
        "value of a hundred megabytes",
        "invalid memory",
        """
        def f():
            return "x" * (100 << 20)
        """,
    ),
    _memory(
        "value that is one endless number",
        "invalid timeout",
        """
        import sys

        def f():
            sys.set_int_max_str_digits(0)
            return 1 << (1 << 23)
        """,
    ),
    _memory(
        "expression too deep to compile",
        "error memory crash",
        """
        def f():
            exec(compile("x = " + "-" * 500_000 + "1", "x", "exec"), {})
            return "ESCAPED"
        """,
        forbidden="",
    ),
    _memory(
        "JSON too deep to read",
        "error memory",
        """
        import json

        def f():
            return json.loads("[" * 1_000_000)
        """,
    ),
    _memory(
        "blob from a database",
        "error memory",
        """
        import sqlite3

        def f():
            with sqlite3.connect(":memory:") as base:
                return len(base.execute("select hex(zeroblob(900000000))").fetchone()[0])
        """,
    ),
)
