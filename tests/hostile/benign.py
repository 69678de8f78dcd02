"""Code that does nothing wrong: walls must not stand in its way."""

from functools import partial

from tests.hostile.case import Case, case

_benign = partial(case, "benign", forbidden="")

BENIGN: tuple[Case, ...] = (
    _benign(
        "threads",
        "ok",
        """
        import threading

        def f(n):
            total, lock = 0, threading.Lock()

            def add(each):
                nonlocal total
                with lock:
                    total += each

            threads = [threading.Thread(target=add, args=(each,)) for each in range(n)]
            for each in threads:
                each.start()
            for each in threads:
                each.join()
            return total
        """,
        arguments='{"n": 8}',
        value=28,
    ),
    _benign(
        "thread pool",
        "ok",
        """
        from concurrent.futures import ThreadPoolExecutor

        def f():
            with ThreadPoolExecutor(4) as pool:
                return list(pool.map(lambda each: each * each, range(10)))
        """,
        value=[0, 1, 4, 9, 16, 25, 36, 49, 64, 81],
    ),
    _benign(
        "queue between threads",
        "ok",
        """
        import queue, threading

        def f():
            rows, found = queue.Queue(maxsize=2), []

            def make():
                for each in range(20):
                    rows.put(each)
                rows.put(None)

            threading.Thread(target=make).start()
            while (each := rows.get(timeout=5)) is not None:
                found.append(each)
            return sum(found)
        """,
        value=190,
    ),
    _benign(
        "temporary files and folders",
        "ok",
        """
        import os, tempfile

        def f():
            with tempfile.TemporaryDirectory() as folder:
                way = os.path.join(folder, "a.txt")
                with open(way, "w", encoding="utf-8") as file:
                    file.write("grüße")
                with tempfile.NamedTemporaryFile() as other, tempfile.TemporaryFile() as third:
                    third.write(b"12345")
                    return [
                        os.path.getsize(way),
                        len(os.listdir(folder)),
                        third.tell(),
                        os.path.exists(other.name),
                    ]
        """,
        value=[7, 1, 5, True],
    ),
    _benign(
        "files in the own folder",
        "ok",
        """
        import os, pathlib, shutil

        def f():
            top = pathlib.Path("a/b/c")
            top.mkdir(parents=True)
            (top / "x.txt").write_text("one\\ntwo\\n")
            shutil.copytree("a", "z")
            found = sorted(str(each) for each in pathlib.Path("z").rglob("*"))
            shutil.rmtree("a")
            return [found, os.listdir(".")]
        """,
        value=[["z/b", "z/b/c", "z/b/c/x.txt"], ["z"]],
    ),
    _benign(
        "a file of five megabytes",
        "ok",
        """
        import os

        def f():
            with open("large", "wb") as file:
                for _ in range(5):
                    file.write(b"x" * (1 << 20))
            return os.path.getsize("large")
        """,
        value=5242880,
    ),
    _benign(
        "decimal",
        "ok",
        """
        from decimal import Decimal, getcontext

        def f():
            getcontext().prec = 40
            return str(Decimal(2).sqrt())
        """,
        value="1.414213562373095048801688724209698078570",
    ),
    _benign(
        "fractions",
        "ok",
        """
        from fractions import Fraction

        def f():
            return str(sum((Fraction(1, each) for each in range(1, 11)), Fraction(0)))
        """,
        value="7381/2520",
    ),
    _benign(
        "database in memory",
        "ok",
        """
        import sqlite3

        def f():
            base = sqlite3.connect(":memory:")
            base.execute("create table t (a integer, b text)")
            base.executemany(
                "insert into t values (?, ?)", [(each, str(each)) for each in range(100)]
            )
            return base.execute("select sum(a), count(b) from t where a % 2 = 0").fetchone()
        """,
        value=[2450, 50],
    ),
    _benign(
        "database in a file",
        "ok",
        """
        import os, sqlite3

        def f():
            with sqlite3.connect("base.db") as base:
                base.execute("create table t (a integer primary key)")
                base.executemany("insert into t values (?)", [(each,) for each in range(50)])
            base.close()
            base = sqlite3.connect("base.db")
            found = base.execute("select max(a) from t").fetchone()[0]
            base.close()
            return [found, os.path.exists("base.db")]
        """,
        value=[49, True],
    ),
    _benign(
        "arrays",
        "ok",
        """
        import numpy as np

        def f():
            rows = np.arange(12).reshape(3, 4)
            return {
                "sum": rows.sum(axis=0).tolist(),
                "mean": float(rows.mean()),
                "prod": (rows @ rows.T).tolist()[0],
            }
        """,
        value={"sum": [12, 15, 18, 21], "mean": 5.5, "prod": [14, 38, 62]},
        needs="numpy",
    ),
    _benign(
        "random arrays and linear algebra",
        "ok",
        """
        def f():
            import numpy as np
            from numpy.linalg import det, eigvalsh, solve

            chance = np.random.default_rng(7)
            same = (
                chance.integers(0, 100, 5).tolist()
                == np.random.default_rng(7).integers(0, 100, 5).tolist()
            )
            rows = np.array([[3.0, 1.0], [1.0, 2.0]])
            wide = chance.random((60, 60))
            close = bool(np.allclose(wide @ np.linalg.inv(wide), np.eye(60)))
            return [
                same,
                solve(rows, np.array([9.0, 8.0])).round(9).tolist(),
                round(float(det(rows)), 9),
                [round(float(each), 6) for each in eigvalsh(rows)],
                close,
            ]
        """,
        value=[True, [2.0, 3.0], 5.0, [1.381966, 3.618034], True],
        needs="numpy",
    ),
    _benign(
        "recursion as deep as it is allowed from the start",
        "ok",
        """
        def f(n):
            return 0 if n == 0 else 1 + f(n - 1)
        """,
        arguments='{"n": 900}',
        value=900,
    ),
    _benign(
        "recursion deeper than from the start",
        "ok",
        """
        import sys

        sys.setrecursionlimit(20_000)

        def f(n=5000):
            return 0 if n == 0 else 1 + f(n - 1)
        """,
        value=5000,
    ),
    _benign(
        "modules loaded where they are needed",
        "ok",
        """
        def f():
            import base64
            import bisect
            import calendar
            import difflib
            import email.message
            import statistics
            import string
            import textwrap
            import uuid
            import xml.etree.ElementTree as tree

            message = email.message.Message()
            message["Subject"] = "x"
            return [
                base64.b64encode(b"abc").decode(),
                bisect.bisect([1, 2, 3], 2),
                calendar.isleap(2024),
                difflib.get_close_matches("appel", ["ape", "apple"])[0],
                statistics.median([3, 1, 2]),
                string.digits,
                textwrap.shorten("hello big world", 10),
                message["Subject"],
                str(uuid.uuid5(uuid.NAMESPACE_DNS, "a.b")),
                tree.fromstring("<a><b>1</b></a>")[0].text,
            ]
        """,
        value=[
            "YWJj",
            2,
            True,
            "apple",
            2,
            "0123456789",
            "[...]",
            "x",
            "0e7af403-ee0d-594b-ab31-08b1c687f2fa",
            "1",
        ],
    ),
    _benign(
        "numbers of four thousand digits",
        "ok",
        """
        def f(n):
            return [n * 10 + 7, len(str(n)), (10**3999 + 1) % 97]
        """,
        arguments='{"n": ' + "123456789" * 440 + "}",
        value=[int("123456789" * 440) * 10 + 7, 3960, (10**3999 + 1) % 97],
    ),
    _benign(
        "event loop",
        "ok",
        """
        import asyncio

        async def work(each):
            await asyncio.sleep(0)
            return each * 2

        async def main():
            found = await asyncio.gather(*(work(each) for each in range(5)))
            async with asyncio.timeout(5):
                found.append(await asyncio.to_thread(sum, [1, 2, 3]))
            return found

        def f():
            return asyncio.run(main())
        """,
        value=[0, 2, 4, 6, 8, 6],
    ),
    _benign(
        "pair of sockets",
        "ok",
        """
        import socket

        def f():
            end, other = socket.socketpair()
            with end, other:
                end.sendall(b"hello")
                return other.recv(10).decode()
        """,
        value="hello",
    ),
    _benign(
        "data classes, enums and protocols",
        "ok",
        """
        from __future__ import annotations

        import dataclasses, enum
        from typing import NamedTuple

        class Colour(enum.Enum):
            RED = enum.auto()
            BLUE = enum.auto()

        class Pair(NamedTuple):
            a: int
            b: str

        @dataclasses.dataclass(order=True, slots=True)
        class Point:
            x: int
            y: list[int] = dataclasses.field(default_factory=list)

        def f():
            points = sorted([Point(2, [1]), Point(1)])
            return [dataclasses.asdict(points[0]), points[1].y, Colour(2).name, Pair(1, "b").b]
        """,
        value=[{"x": 1, "y": []}, [1], "BLUE", "b"],
    ),
    _benign(
        "regular expressions",
        "ok",
        """
        import re

        def f():
            found = re.findall(r"(?P<key>\\w+)=(?P<value>[^;]+)", "a=1;b=two;c=3.5")
            return [found, re.sub(r"(\\d+)", lambda each: str(int(each[1]) + 1), "x9y19")]
        """,
        value=[[["a", "1"], ["b", "two"], ["c", "3.5"]], "x10y20"],
    ),
    _benign(
        "generators and iterators",
        "ok",
        """
        import itertools

        def numbers():
            a, b = 0, 1
            while True:
                yield a
                a, b = b, a + b

        def f():
            return [
                list(itertools.islice(numbers(), 10)),
                len(list(itertools.permutations(range(5), 3))),
                [list(group) for _, group in itertools.groupby("aabbb")],
                list(itertools.accumulate([1, 2, 3])),
            ]
        """,
        value=[[0, 1, 1, 2, 3, 5, 8, 13, 21, 34], 60, [["a", "a"], ["b", "b", "b"]], [1, 3, 6]],
    ),
    _benign(
        "dates and time zones",
        "ok",
        """
        from datetime import datetime, timedelta, timezone
        from zoneinfo import ZoneInfo

        def f():
            summer = datetime(2024, 7, 1, 12, tzinfo=ZoneInfo("Europe/Paris"))
            winter = datetime(2024, 1, 1, 12, tzinfo=ZoneInfo("Europe/Paris"))
            return [
                summer.isoformat(),
                winter.astimezone(timezone.utc).hour,
                str(timedelta(days=1, seconds=5)),
                datetime.strptime("2024-02-29", "%Y-%m-%d").strftime("%A %d %B"),
            ]
        """,
        value=["2024-07-01T12:00:00+02:00", 11, "1 day, 0:00:05", "Thursday 29 February"],
    ),
    _benign(
        "formats that no country changes",
        "ok",
        """
        import locale

        def f():
            return [
                f"{1234567.891:,.2f}",
                f"{0.1 + 0.2:.17g}",
                f"{255:#010b}",
                f"{'x':*^9}",
                format(1e22, "g"),
                "%5.1f|%-4d|%s" % (3.14159, 7, None),
                locale.localeconv()["decimal_point"],
                "ß".upper(),
            ]
        """,
        value=[
            "1,234,567.89",
            "0.30000000000000004",
            "0b11111111",
            "****x****",
            "1e+22",
            "  3.1|7   |None",
            ".",
            "SS",
        ],
    ),
    _benign(
        "tables of text",
        "ok",
        """
        import configparser, csv, io

        def f():
            text = io.StringIO()
            csv.writer(text).writerows([["a", 'b"c'], [1, "x,y"]])
            rows = list(csv.reader(io.StringIO(text.getvalue())))
            settings = configparser.ConfigParser()
            settings.read_string("[a]\\nb = 3")
            return [rows, settings.getint("a", "b"), io.BytesIO(b"abc").read(2).decode()]
        """,
        value=[[["a", 'b"c'], ["1", "x,y"]], 3, "ab"],
    ),
    _benign(
        "digests and packing",
        "ok",
        """
        import bz2, gzip, hashlib, hmac, lzma, zlib

        def f():
            data = b"abc" * 1000
            return [
                hashlib.sha256(b"abc").hexdigest()[:16],
                hashlib.md5(b"abc").hexdigest()[:8],
                hashlib.blake2b(b"abc").hexdigest()[:8],
                hmac.new(b"k", b"m", "sha1").hexdigest()[:8],
                zlib.crc32(b"abc"),
                all(
                    tool.decompress(tool.compress(data)) == data
                    for tool in (zlib, bz2, gzip, lzma)
                ),
            ]
        """,
        value=["ba7816bf8f01cfea", "90015098", "ba80a53f", "772b71c8", 891568578, True],
    ),
    _benign(
        "pickles and copies",
        "ok",
        """
        import copy, marshal, pickle
        from collections import Counter, OrderedDict
        from fractions import Fraction

        def f():
            thing = {
                "a": [1, (2, 3)],
                "b": Fraction(1, 3),
                "c": Counter("hello"),
                "d": {1, 2},
                "e": OrderedDict(x=1),
            }
            other = pickle.loads(pickle.dumps(thing))
            return [
                other == thing,
                copy.deepcopy(thing) == thing,
                str(other["b"]),
                marshal.loads(marshal.dumps([1])),
            ]
        """,
        value=[True, True, "1/3", [1]],
    ),
    _benign(
        "context variables",
        "ok",
        """
        import contextlib, contextvars

        name = contextvars.ContextVar("name", default="none")

        def f():
            found = []
            context = contextvars.copy_context()
            context.run(lambda: (name.set("inner"), found.append(name.get())))
            with contextlib.ExitStack() as stack:
                stack.callback(found.append, "closed")
                found.append(name.get())
            return found
        """,
        value=["inner", "none", "closed"],
    ),
    _benign(
        "caches",
        "ok",
        """
        import functools

        @functools.lru_cache(maxsize=None)
        def ways(n):
            return 1 if n < 2 else ways(n - 1) + ways(n - 2)

        class Shape:
            @functools.cached_property
            def area(self):
                return 12

        @functools.singledispatch
        def kind(each):
            return "other"

        @kind.register
        def _(each: int):
            return "whole"

        def f():
            return [ways(80), ways.cache_info().hits, Shape().area, kind(1), kind("x"),
                    functools.reduce(lambda a, b: a * b, range(1, 21))]
        """,
        value=[37889062373143906, 78, 12, "whole", "other", 2432902008176640000],
    ),
    _benign(
        "source of the standard library",
        "ok",
        """
        import inspect, textwrap

        def f():
            return [inspect.getsource(textwrap.dedent).startswith("def dedent(text"),
                    list(inspect.signature(textwrap.wrap).parameters)]
        """,
        value=[True, ["text", "width", "kwargs"]],
    ),
    _benign(
        "heaps and packed numbers",
        "ok",
        """
        import array, heapq, struct

        def f():
            rows = [5, 1, 4, 2, 3]
            heapq.heapify(rows)
            return [
                [heapq.heappop(rows) for _ in range(5)],
                heapq.nlargest(2, [3, 9, 4]),
                list(struct.unpack("<hI", struct.pack("<hI", -2, 7))),
                array.array("d", [1.5, 2.5]).tolist(),
            ]
        """,
        value=[[1, 2, 3, 4, 5], [9, 4], [-2, 7], [1.5, 2.5]],
    ),
    _benign(
        "letters of all languages",
        "ok",
        """
        import unicodedata

        def f():
            return [
                unicodedata.normalize("NFC", "e\\u0301"),
                unicodedata.name("Ω"),
                "👩‍👩‍👧"[::-1] != "",
                len("👍🏽"),
                "日本語".encode("utf-8").hex(),
                sorted(["ä", "z", "a"]),
                "İ".lower().encode().hex(),
                "\\x00\\t\\u2028",
            ]
        """,
        value=[
            "é",
            "GREEK CAPITAL LETTER OMEGA",
            True,
            2,
            "e697a5e69cace8aa9e",
            ["a", "z", "ä"],
            "69cc87",
            "\x00\t\u2028",
        ],
    ),
    _benign(
        "weak references and the collector",
        "ok",
        """
        import gc, weakref

        class Node:
            pass

        def f():
            node = Node()
            node.self = node
            seen = weakref.ref(node)
            before = seen() is node
            del node
            gc.collect()
            return [before, seen() is None, len(weakref.WeakValueDictionary())]
        """,
        value=[True, True, 0],
    ),
    _benign(
        "warnings and log lines caught",
        "ok",
        """
        import io, logging, warnings

        def f():
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                warnings.warn("careful", DeprecationWarning)
            text = io.StringIO()
            log = logging.getLogger("x")
            log.addHandler(logging.StreamHandler(text))
            log.warning("number %d", 5)
            return [str(caught[0].message), text.getvalue()]
        """,
        value=["careful", "number 5\n"],
    ),
    _benign(
        "much printed",
        "ok",
        """
        def f():
            for each in range(5000):
                print("line", each, "ü" * 20)
            return "done"
        """,
        value="done",
    ),
    _benign(
        "printed into a text",
        "ok",
        """
        import contextlib, io

        def f():
            text = io.StringIO()
            with contextlib.redirect_stdout(text):
                print("hidden", end="")
            return text.getvalue()
        """,
        value="hidden",
    ),
    _benign(
        "seeded chance",
        "ok",
        """
        import random

        def f():
            chance = random.Random(42)
            random.seed("text")
            return [
                chance.randint(1, 1000),
                [chance.choice("abc") for _ in range(5)],
                0 <= random.random() < 1,
            ]
        """,
        value=[655, ["a", "a", "c", "b", "a"], True],
    ),
    _benign(
        "signals, clocks and names of its own",
        "ok",
        """
        import os, platform, signal, sys, time

        def f():
            heard = []
            signal.signal(signal.SIGUSR1, lambda *_: heard.append(1))
            signal.raise_signal(signal.SIGUSR1)
            start = time.perf_counter()
            time.sleep(0.001)
            return [
                heard,
                time.perf_counter() > start,
                sys.platform,
                platform.python_implementation(),
                os.cpu_count() >= 1,
                len(os.urandom(8)),
                os.path.samefile(os.getcwd(), os.environ["HOME"]),
            ]
        """,
        value=[[1], True, "linux", "CPython", True, 8, True],
    ),
    _benign(
        "exceptions caught",
        "ok",
        """
        import traceback

        def f():
            found = []
            for bad in (
                lambda: 1 / 0,
                lambda: [][1],
                lambda: {}["k"],
                lambda: int("x"),
                lambda: open("none"),
            ):
                try:
                    bad()
                except Exception as error:
                    found.append(type(error).__name__)
            try:
                raise ExceptionGroup("g", [ValueError("a")])
            except* ValueError:
                found.append(traceback.format_exc().count("ValueError") > 0)
            return found
        """,
        value=[
            "ZeroDivisionError",
            "IndexError",
            "KeyError",
            "ValueError",
            "FileNotFoundError",
            True,
        ],
    ),
    _benign(
        "memory within bounds",
        "ok",
        """
        def f():
            rows = bytearray(60 << 20)
            rows[::4096] = b"x" * len(rows[::4096])
            return len(rows)
        """,
        value=62914560,
    ),
    _benign(
        "C functions of its own process",
        "ok",
        """
        import ctypes

        def f():
            libc = ctypes.CDLL(None)
            libc.strlen.restype = ctypes.c_size_t
            order = ctypes.CFUNCTYPE(
                ctypes.c_int, ctypes.POINTER(ctypes.c_int), ctypes.POINTER(ctypes.c_int)
            )
            rows = (ctypes.c_int * 4)(3, 1, 2, 0)
            libc.qsort(rows, 4, 4, order(lambda a, b: a[0] - b[0]))
            return [libc.strlen(b"four"), list(rows)]
        """,
        value=[4, [0, 1, 2, 3]],
    ),
)
