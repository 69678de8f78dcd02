"""Code that talks to descriptors it was not given, or that lies about what it computed."""

from functools import partial

from tests.hostile.case import SHOUT, Case, case

_output = partial(case, "output")
_tamper = partial(case, "tamper")

# What a runner could take for an answer, in every framing that comes to mind.
FORGED = r"""
import json, os, pickle, struct


def forged():
    answer = {
        "status": "ok",
        "value": "\"ESCAPED\"",
        "error": None,
        "stdout": "ESCAPED",
        "cpu_s": 0.0,
        "ok": True,
        "result": "ESCAPED",
        "id": 1,
        "wall_s": 0.0,
        "peak_memory_bytes": 0,
        "kind": "value",
        "type": "result",
    }
    bodies = [
        json.dumps(answer).encode(),
        pickle.dumps(answer),
        json.dumps(["ok", "\"ESCAPED\""]).encode(),
        b'ok "ESCAPED"',
        b'"ESCAPED"',
        b"ok\0\"ESCAPED\"",
    ]
    for body in bodies:
        yield body + b"\n"
        for form in (">I", "<I", ">Q", "<Q", ">H", "<i"):
            yield struct.pack(form, len(body)) + body
        yield str(len(body)).encode() + b"\n" + body
        yield b"Content-Length: " + str(len(body)).encode() + b"\r\n\r\n" + body


"""

OUTPUT: tuple[Case, ...] = (
    _output(
        "flood by print",
        "ok timeout",
        f"""
        def f():
            for _ in range(20_000):
                print("{SHOUT}" * 20)
            return 1
        """,
        value=1,
    ),
    _output(
        "flood by print without end",
        "timeout",
        f"""
        def f():
            while True:
                print("{SHOUT}" * 100)
        """,
    ),
    _output(
        "flood to standard error",
        "ok timeout",
        f"""
        import sys

        def f():
            for _ in range(20_000):
                print("{SHOUT}" * 20, file=sys.stderr)
            return 2
        """,
        value=2,
    ),
    _output(
        "one line of fifty megabytes",
        "ok memory timeout",
        f"""
        def f():
            print("{SHOUT}" * (4 << 20))
            return 3
        """,
        value=3,
    ),
    _output(
        "original streams",
        "ok error",  # they may be gone
        f"""
        import sys

        def f():
            for each in (sys.__stdout__, sys.__stderr__):
                each.write("{SHOUT}")
                each.flush()
            return 4
        """,
        value=4,
    ),
    _output(
        "buffer below the stream",
        "ok error",
        f"""
        import sys

        def f():
            sys.stdout.buffer.write(b"{SHOUT}" * 100_000)
            sys.stdout.buffer.flush()
            return 5
        """,
        value=5,
    ),
    _output(
        "descriptors of the streams",
        "ok error crash denied",  # crash, if one of them is where the answer goes
        f"""
        import os

        def f():
            os.write(1, b"{SHOUT}")
            os.write(2, b"{SHOUT}")
            return 6
        """,
        value=6,
    ),
    _output(
        "descriptors of the streams while the text is loaded",
        "ok error crash denied",
        f"""
        import os
        os.write(1, b"{SHOUT}")
        os.write(2, b"{SHOUT}")

        def f():
            return 7
        """,
        value=7,
    ),
    _output(
        "streams of the C library",
        "ok crash",
        f"""
        import ctypes

        def f():
            libc = ctypes.CDLL(None)
            for _ in range(10_000):
                libc.puts(b"{SHOUT}")
            libc.perror(b"{SHOUT}")
            libc.fflush(None)
            return 8
        """,
        value=8,
    ),
    _output(
        "streams of the C library left unflushed",
        "ok crash",
        f"""
        import ctypes

        def f():
            ctypes.CDLL(None).printf(b"{SHOUT}")
            return 9
        """,
        value=9,
    ),
    _output(
        "stream with a hostile write",
        "ok error",
        """
        import sys

        class Loud:
            def write(self, text):
                raise SystemExit("no")

            def flush(self):
                raise KeyboardInterrupt

            def getvalue(self):
                return "ESCAPED"

        def f():
            sys.stdout = sys.stderr = sys.__stdout__ = Loud()
            return 10
        """,
        value=10,
    ),
    _output(
        "streams closed",
        "ok error",
        """
        import sys

        def f():
            for each in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__, sys.stdin):
                if each is not None:
                    each.close()
            return 11
        """,
        value=11,
    ),
    _output(
        "streams deleted",
        "ok error",
        """
        import sys

        def f():
            for each in ("stdout", "stderr", "stdin", "__stdout__", "__stderr__"):
                delattr(sys, each)
            return 12
        """,
        value=12,
    ),
    _output(
        "output that is no text",
        "ok error",  # UnicodeEncodeError
        """
        def f():
            print("\\ud800\\udfff\\x00\\x1b[2J\\u202e")
            return 13
        """,
        value=13,
    ),
    _output(
        "error that is no text",
        "error",
        """
        def f():
            raise ValueError("\\ud800\\x00\\x1b]0;owned\\x07\\udc80")
        """,
    ),
    _output(
        "error with a name that is no text",
        "error",
        """
        def f():
            raise type("\\udcff\\n" * 10, (Exception,), {})("x")
        """,
    ),
    _output(
        "error with an enormous name",
        "error memory",
        """
        def f():
            raise type("E" * (20 << 20), (Exception,), {})("x")
        """,
    ),
    _output(
        "error of fifty megabytes",
        "error memory",
        """
        def f():
            raise ValueError("x" * (50 << 20))
        """,
    ),
    _output(
        "garbage to every descriptor",
        "crash ok denied",  # ok, if the answer's way takes no garbage
        """
        import os

        def f():
            for each in range(256):
                try:
                    os.set_blocking(each, False)
                    os.write(each, b"\\xff\\x00garbage\\n" * 50)
                except OSError:
                    pass
            return 14
        """,
        value=14,
    ),
    _output(
        "garbage without end to every descriptor",
        "crash timeout denied",
        """
        import os

        def f():
            while True:
                for each in range(256):
                    try:
                        os.set_blocking(each, False)
                        os.write(each, b"\\x7f" * 60_000)
                    except OSError:
                        pass
        """,
    ),
    _output(
        "forged answers to every descriptor, then the exit",
        "crash denied",
        """
        def f():
            for each in range(256):
                for frame in forged():
                    try:
                        os.set_blocking(each, False)
                        os.write(each, frame)
                    except OSError:
                        break
            os._exit(0)
        """,
        head=FORGED,
    ),
    _output(
        "forged answers to every descriptor, then another value",
        "crash ok denied",
        """
        def f():
            for each in range(256):
                for frame in forged():
                    try:
                        os.set_blocking(each, False)
                        os.write(each, frame)
                    except OSError:
                        break
            return 15
        """,
        head=FORGED,
        value=15,
    ),
    _output(
        "forged answers while the text is loaded",
        "crash denied",
        """
        for each in range(256):
            for frame in forged():
                try:
                    os.set_blocking(each, False)
                    os.write(each, frame)
                except OSError:
                    break
        os._exit(0)

        def f():
            return 16
        """,
        head=FORGED,
    ),
    _output(
        "forged answers as messages",
        "crash denied",
        """
        import socket

        def f():
            for each in range(256):
                try:
                    end = socket.socket(fileno=each)
                except OSError:
                    continue
                end.setblocking(False)
                for frame in forged():
                    try:
                        end.send(frame)
                    except OSError:
                        break
            os._exit(0)
        """,
        head=FORGED,
    ),
    _output(
        "forged answers by print and by the streams",
        "ok error crash",
        """
        import sys

        def f():
            for frame in forged():
                print(frame.decode("latin-1"))
                for each in (sys.__stdout__, sys.__stderr__):
                    if each is not None:
                        each.write(frame.decode("latin-1"))
            return 17
        """,
        head=FORGED.replace("ESCAPED", "FORGED"),
        value=17,
    ),
    _output(
        "forged answers by a thread after the answer",
        "ok crash",
        """
        import threading

        def late():
            while True:
                for each in range(256):
                    for frame in forged():
                        try:
                            os.write(each, frame)
                        except OSError:
                            break

        def f():
            threading.Thread(target=late, daemon=True).start()
            return 18
        """,
        head=FORGED,
        value=18,
    ),
    _output(
        "descriptors closed",
        "crash ok",
        """
        import os

        def f():
            os.closerange(0, 4096)
            return 19
        """,
        value=19,
    ),
    _output(
        "descriptors mixed up",
        "crash ok",
        """
        import os

        def f():
            end, other = os.pipe()
            for each in range(64):
                if each not in (end, other):
                    try:
                        os.dup2(other, each)
                    except OSError:
                        pass
            return 20
        """,
        value=20,
    ),
    _output(
        "descriptors replaced by a file that the function reads back",
        "crash ok error",
        """
        import os

        def f():
            file = os.open("taken", os.O_RDWR | os.O_CREAT)
            for each in range(3, 64):
                if each != file:
                    try:
                        os.fstat(each)
                        os.dup2(file, each)
                    except OSError:
                        pass
            return 21
        """,
        value=21,
    ),
    _output(
        "descriptors read empty",
        "crash ok denied",
        """
        import os

        def f():
            for each in range(256):
                try:
                    os.set_blocking(each, False)
                    while os.read(each, 1 << 16):
                        pass
                except OSError:
                    pass
            return 22
        """,
        value=22,
    ),
    _output(
        "sockets shut down",
        "crash ok denied",
        """
        import os, socket

        def f():
            for each in range(256):
                try:
                    socket.socket(fileno=os.dup(each)).shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
            return 23
        """,
        value=23,
    ),
    _output(
        "descriptors passed along as a message",
        "crash ok denied",
        """
        import os, socket

        def f():
            file = os.open("mine", os.O_RDWR | os.O_CREAT)
            for each in range(64):
                try:
                    end = socket.socket(fileno=os.dup(each))
                    end.setblocking(False)
                    for _ in range(20):
                        socket.send_fds(end, [b"{}"], [file] * 50)
                except OSError:
                    pass
            return 24
        """,
        value=24,
    ),
    _output(
        "warnings and log lines",
        "ok timeout",
        f"""
        import logging, warnings

        def f():
            warnings.simplefilter("always")
            for _ in range(2000):
                warnings.warn("{SHOUT}")
                logging.error("{SHOUT}")
            return 25
        """,
        value=25,
    ),
    _output(
        "hooks that talk",
        "ok",
        f"""
        import sys, threading

        class Loud:
            def __del__(self):
                raise ValueError("{SHOUT}")

        def fail():
            raise ValueError("{SHOUT}")

        def f():
            Loud()
            thread = threading.Thread(target=fail)
            thread.start()
            thread.join()
            return 26
        """,
        value=26,
    ),
    _output(
        "dump of the stack",
        "ok error crash",
        """
        import faulthandler, sys

        def f():
            faulthandler.dump_traceback(file=1)
            return 27
        """,
        value=27,
    ),
)

_HONEST = "ok error crash invalid"  # the honest value, or none

TAMPER: tuple[Case, ...] = (
    _tamper(
        "JSON functions replaced",
        "ok",
        """
        import json

        def f():
            json.dumps = json.encoder.encode_basestring = lambda *_, **__: '"ESCAPED"'
            json.JSONEncoder.encode = json.JSONEncoder.iterencode = lambda *_: '"ESCAPED"'
            json.loads = json.load = lambda *_, **__: "ESCAPED"
            return {"n": 1}
        """,
        value={"n": 1},
    ),
    _tamper(
        "inner JSON functions replaced",
        "ok",
        """
        import json.encoder, json.decoder

        def f():
            for each in (
                "c_make_encoder",
                "_make_iterencode",
                "encode_basestring_ascii",
                "encode_basestring",
            ):
                setattr(json.encoder, each, lambda *_, **__: (lambda *_: ['"ESCAPED"']))
            json.encoder.FLOAT_REPR = float.__repr__
            json.encoder.INFINITY = 1.0
            return ["a", 1.5]
        """,
        value=["a", 1.5],
    ),
    _tamper(
        "JSON module replaced while the text is loaded",
        "ok",
        """
        import sys, types

        fake = types.ModuleType("json")
        fake.dumps = fake.loads = lambda *_, **__: '"ESCAPED"'
        sys.modules["json"] = fake
        sys.modules["json.encoder"] = fake

        def f(n):
            return n + 1
        """,
        arguments='{"n": 1}',
        value=2,
    ),
    _tamper(
        "every function of a module replaced",
        _HONEST,
        """
        import io, os, struct, sys, types

        def f():
            for name in (
                "os", "io", "struct", "time", "pickle", "marshal", "math", "socket", "select",
                "resource",
            ):
                module = sys.modules.get(name)
                for key in list(vars(module)) if module else ():
                    if callable(vars(module)[key]) and not key.startswith("__"):
                        setattr(module, key, lambda *_, **__: "own")
            return 1
        """,
        value=1,
    ),
    _tamper(
        "builtins replaced",
        _HONEST,
        """
        import builtins

        def f():
            for each in (
                "len", "str", "repr", "isinstance", "type", "sorted", "print", "open", "int",
                "float", "dict", "list", "getattr", "iter", "map", "zip", "all", "any", "id",
                "callable", "BaseException",
            ):
                setattr(builtins, each, lambda *_, **__: "own")
            return 2
        """,
        value=2,
    ),
    _tamper(
        "builtins emptied",
        _HONEST,
        """
        import builtins

        def f():
            vars(builtins).clear()
            return 3
        """,
        value=3,
    ),
    _tamper(
        "imports replaced",
        _HONEST,
        """
        import builtins, sys

        def f():
            builtins.__import__ = lambda *_, **__: "own"
            sys.meta_path[:] = []
            sys.path[:] = []
            sys.modules.clear()
            return 4
        """,
        value=4,
    ),
    _tamper(
        "exception classes that lie to isinstance",
        "error crash",
        """
        class Liar(Exception):
            __class__ = property(lambda self: dict)

            def __str__(self):
                raise SystemExit(0)

            __repr__ = __str__

        def f():
            raise Liar("x")
        """,
    ),
    _tamper(
        "exception whose text is no text",
        "error crash",
        """
        class Liar(Exception):
            def __str__(self):
                return 7

        def f():
            raise Liar
        """,
    ),
    _tamper(
        "exception whose text exits",
        "error crash",
        """
        import os

        class Liar(Exception):
            def __str__(self):
                os._exit(0)

        def f():
            raise Liar
        """,
    ),
    _tamper(
        "exception whose class has a hostile name",
        "error crash",
        """
        class Meta(type):
            def __getattribute__(cls, name):
                raise KeyboardInterrupt(name)

        class Liar(BaseException, metaclass=Meta):
            pass

        def f():
            raise Liar
        """,
    ),
    _tamper(
        "dictionary with hostile items",
        "ok invalid error",  # whichever of its two faces is taken
        """
        class Rows(dict):
            def items(self):
                return [("own", 1)]

            keys = values = __iter__ = lambda self: iter(["own"])

            def __len__(self):
                return -1

        def f():
            return Rows(a=1)
        """,
    ),
    _tamper(
        "dictionary whose items never end",
        "ok invalid error timeout memory",
        """
        import itertools

        class Rows(dict):
            def items(self):
                return ((str(each), each) for each in itertools.count())

            def __iter__(self):
                return (str(each) for each in itertools.count())

        def f():
            return Rows(a=1)
        """,
    ),
    _tamper(
        "list whose items never end",
        "ok invalid error timeout memory",
        """
        import itertools

        class Rows(list):
            def __iter__(self):
                return itertools.count()

            def __len__(self):
                return 1 << 40

        def f():
            return Rows([1])
        """,
    ),
    _tamper(
        "list that changes while it is read",
        "ok invalid error crash timeout memory",  # a value that grows is still the run's own
        """
        class Rows(list):
            def __iter__(self):
                for each in range(3):
                    self.append(self)
                    yield each

        def f():
            return [Rows(), {"a": Rows([1])}]
        """,
    ),
    _tamper(
        "text with hostile methods",
        "ok invalid error",
        """
        class Text(str):
            def encode(self, *_):
                return b"ESCAPED"

            __str__ = __repr__ = __format__ = translate = replace = lambda self, *_: "ESCAPED"

            def __eq__(self, other):
                return True

            __hash__ = str.__hash__

        def f():
            return [Text("x"), {Text("k"): 1}]
        """,
        value=["x", {"k": 1}],
    ),
    _tamper(
        "numbers with hostile methods",
        "ok invalid error",
        """
        class Whole(int):
            __repr__ = __str__ = __format__ = lambda self, *_: "ESCAPED"
            __index__ = __int__ = lambda self: 999

            def __eq__(self, other):
                return True

            __hash__ = int.__hash__

        class Real(float):
            __repr__ = __str__ = hex = lambda self, *_: "ESCAPED"
            __float__ = lambda self: 999.0

        def f():
            return [Whole(5), Real(0.5)]
        """,
        value=[5, 0.5],
    ),
    _tamper(
        "objects that offer to be JSON",
        "invalid",
        """
        class Offer:
            def __json__(self, *_):
                return '"ESCAPED"'

            to_json = toJSON = _asdict = __dict__ = __reduce__ = __json__

            def __getattr__(self, name):
                return lambda *_, **__: '"ESCAPED"'

        def f():
            return Offer()
        """,
    ),
    _tamper(
        "object that says it is a number",
        "invalid error crash",
        """
        class Liar:
            @property
            def __class__(self):
                return int

            def __index__(self):
                raise SystemExit

            __int__ = __index__

        def f():
            return [Liar()]
        """,
    ),
    _tamper(
        "object that exits when it is looked at",
        "invalid error crash",
        """
        import os

        class Mine:
            def __getattribute__(self, name):
                os._exit(0)

            def __instancecheck__(self, other):
                os._exit(0)

        def f():
            return Mine()
        """,
    ),
    _tamper(
        "numbers that JSON does not have",
        "invalid",
        """
        def f():
            return {"a": [float("nan")], "b": float("inf")}
        """,
    ),
    _tamper(
        "text that UTF-8 does not have",
        "invalid",
        """
        def f():
            return {"\\udc80": 1}
        """,
    ),
    _tamper(
        "trace function that changes what is returned",
        _HONEST,
        """
        import sys

        def spy(frame, event, argument):
            try:
                for key in frame.f_locals:
                    if isinstance(frame.f_locals[key], dict):
                        frame.f_locals[key].clear()
            except BaseException:
                pass
            return spy

        def f():
            sys.settrace(spy)
            sys.setprofile(spy)
            return 5
        """,
        value=5,
    ),
    _tamper(
        "trace function that raises in the caller",
        _HONEST,
        """
        import sys

        def spy(frame, event, argument):
            raise SystemExit("spy")

        def f():
            frame = sys._getframe()
            while frame:
                frame.f_trace = spy
                frame = frame.f_back
            sys.settrace(spy)
            return 6
        """,
        value=6,
    ),
    _tamper(
        "trace function that jumps in the caller",
        "ok error crash invalid timeout",  # whatever the jump leads to is the run's own loss
        """
        import sys

        def spy(frame, event, argument):
            if event == "line":
                try:
                    frame.f_lineno = frame.f_code.co_firstlineno + 1
                except (ValueError, AttributeError):
                    pass
            return spy

        def f():
            frame = sys._getframe().f_back
            while frame:
                frame.f_trace = spy
                frame = frame.f_back
            sys.settrace(spy)
            return 7
        """,
        value=7,
    ),
    # The run holds its own process: what it makes of its own answer is its choice, if the answer
    # stays an answer.
    _tamper(
        "globals of the callers replaced",
        "ok error crash invalid timeout",
        """
        import sys

        def f():
            frame = sys._getframe().f_back
            while frame:
                for key, value in list(frame.f_globals.items()):
                    if callable(value) and not key.startswith("__"):
                        frame.f_globals[key] = lambda *_, **__: '"own"'
                frame = frame.f_back
            return 8
        """,
        forbidden="",
    ),
    _tamper(
        "locals of the callers replaced",
        "ok error crash invalid timeout",
        """
        import ctypes, sys

        def f():
            frame = sys._getframe().f_back
            while frame:
                for key in list(frame.f_locals):
                    frame.f_locals[key] = "own"
                ctypes.pythonapi.PyFrame_LocalsToFast(ctypes.py_object(frame), ctypes.c_int(1))
                frame = frame.f_back
            return 9
        """,
        forbidden="",
    ),
    _tamper(
        "code of every function replaced",
        "ok error crash invalid timeout memory",
        """
        import gc, types

        def own(*_, **__):
            return '"own"'

        def f():
            for each in gc.get_objects():
                if (
                    isinstance(each, types.FunctionType)
                    and not each.__closure__
                    and each.__module__ != __name__
                ):
                    each.__code__ = own.__code__
            return 10
        """,
        forbidden="",
    ),
    _tamper(
        "answer sent by the runner's own objects",
        "ok error crash invalid timeout denied",
        """
        import gc, io, socket

        def f():
            for each in gc.get_objects():
                for way in ("send_bytes", "sendall", "send", "write", "reply", "answer", "put"):
                    tool = None
                    try:
                        if type(each).__module__ not in ("builtins", "types"):
                            tool = getattr(each, way, None)
                        if tool:
                            tool(next(forged()))
                    except Exception:
                        pass
            os._exit(0)
        """,
        head=FORGED,
        forbidden="",
    ),
    _tamper(
        "values too large sent by every way of writing",
        "crash denied timeout",
        """
        def f():
            body = json.dumps({"status": "ok", "value": json.dumps("x" * 3_000_000)}).encode()
            for each in range(256):
                for frame in (
                    body + b"\\n",
                    struct.pack(">I", len(body)) + body,
                    struct.pack("<Q", len(body)) + body,
                ):
                    try:
                        os.set_blocking(each, False)
                        while frame:
                            frame = frame[os.write(each, frame):]
                    except OSError:
                        pass
            os._exit(0)
        """,
        head=FORGED,
    ),
    _tamper(
        "small number changed in memory",
        "ok error crash invalid timeout memory denied",
        """
        import ctypes

        def f():
            ctypes.c_uint32.from_address(id(7) + 24).value = 8
            return [3, 4]
        """,
        forbidden="",
        after="""
        def f():
            return "clean" if str(int("3") + int("4")) == "7" else "changed"
        """,
    ),
    _tamper(
        "bytes of the interpreter overwritten",
        "crash",
        """
        import ctypes

        def f():
            at = ctypes.cast(ctypes.pythonapi.PyLong_FromLong, ctypes.c_void_p).value
            ctypes.memset(at, 0xCC, 16)
            return 11
        """,
        forbidden="",
    ),
    _tamper(
        "types of the language changed in memory",
        "ok error crash invalid timeout memory denied",
        """
        import ctypes, gc

        def f():
            for kind in (dict, list, str, int):
                inner = gc.get_referents(kind.__dict__)[0]
                for each in ("__repr__", "__len__", "__iter__", "items", "append", "encode"):
                    inner[each] = lambda *_: "own"
            ctypes.pythonapi.PyType_Modified(ctypes.py_object(dict))
            return {"n": [1]}
        """,
        forbidden="",
        after="""
        def f():
            return (
                "clean"
                if list({"a": 1}.items()) == [("a", 1)] and repr([1]) == "[1]"
                else "changed"
            )
        """,
    ),
    _tamper(
        "file, module and start-up file left",
        "ok error",
        """
        import os, site, sys

        def f():
            user = (
                f"{os.environ['HOME']}/.local/lib/"
                f"python{sys.version_info[0]}.{sys.version_info[1]}/site-packages"
            )
            os.makedirs(user)
            for each in ("usercustomize.py", "sitecustomize.py", "json.py", "random.py"):
                for folder in (user, "."):
                    with open(os.path.join(folder, each), "w") as file:
                        file.write("import builtins\\nbuiltins.poison = 1\\n")
            with open(os.path.join(user, "poison.pth"), "w") as file:
                file.write("import builtins; builtins.poison = 1\\n")
            return "left"
        """,
        value="left",
        after="""
        import builtins, json, os, random

        def f():
            left = [each for each in os.listdir(".")] + [
                each for each in ("poison",) if hasattr(builtins, each)
            ]
            return "clean" if not left else str(left)
        """,
    ),
    _tamper(
        "modules, builtins and environment left",
        _HONEST,
        """
        import builtins, os, random, sys, types

        def f():
            sys.modules["poison"] = types.ModuleType("poison")
            builtins.poison = 1
            builtins.len = lambda _: 7
            os.environ["POISON"] = os.environ["PYTHONSTARTUP"] = os.environ["LD_PRELOAD"] = "x"
            os.putenv("POISON", "x")
            random.seed(1)
            sys.path.insert(0, "/poison")
            return "left"
        """,
        value="left",
        after="""
        import builtins, os, sys

        def f():
            left = [
                "poison" in sys.modules,
                hasattr(builtins, "poison"),
                len("ab") != 2,
                "POISON" in os.environ,
                "LD_PRELOAD" in os.environ,
                "/poison" in sys.path,
            ]
            return "clean" if not any(left) else str(left)
        """,
    ),
    _tamper(
        "limits, mask, folder, time zone and precision left",
        "ok error denied crash",
        """
        import decimal, gc, locale, os, resource, signal, sys, time

        def f():
            os.umask(0o777)
            os.chdir("/")
            os.environ["TZ"] = "Asia/Tokyo"
            time.tzset()
            decimal.getcontext().prec = decimal.DefaultContext.prec = 2
            sys.setrecursionlimit(60)
            sys.setswitchinterval(100)
            sys.set_int_max_str_digits(640)
            gc.disable()
            gc.set_threshold(1)
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGXCPU])
            for each in (
                resource.RLIMIT_NOFILE,
                resource.RLIMIT_FSIZE,
                resource.RLIMIT_CORE,
                resource.RLIMIT_STACK,
            ):
                hard = resource.getrlimit(each)[1]
                resource.setrlimit(each, (resource.getrlimit(each)[0], hard))
            resource.setrlimit(resource.RLIMIT_FSIZE, (1, 1))
            resource.setrlimit(resource.RLIMIT_CPU, (1, 1))
            return "left"
        """,
        value="left",
        after="""
        import decimal, gc, os, signal, sys, time

        def f():
            open("x", "w").write("y" * 1000)
            found = [
                decimal.getcontext().prec == 28,
                sys.getrecursionlimit() >= 900,
                gc.isenabled(),
                sys.get_int_max_str_digits() > 4000,
                signal.SIGXCPU not in signal.pthread_sigmask(0, []),
                "Tokyo" not in os.environ.get("TZ", ""),
                os.path.getsize("x") == 1000,
                os.stat("x").st_mode & 0o400 != 0,
            ]
            return "clean" if all(found) else str(found)
        """,
    ),
    _tamper(
        "priority and processors left",
        "ok error denied",
        """
        import os

        def f():
            for change in (
                lambda: os.nice(19),
                lambda: os.sched_setaffinity(0, [min(os.sched_getaffinity(0))]),
                lambda: os.setpriority(os.PRIO_USER, 0, 19),
                lambda: os.setpriority(os.PRIO_PGRP, 0, 19),
                lambda: os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0)),
            ):
                try:
                    change()
                except OSError:
                    pass
            return "left"
        """,
        value="left",
    ),
    _tamper(
        "hash and order of later runs",
        "ok",
        """
        import os, random

        def f():
            os.environ["PYTHONHASHSEED"] = "1"
            random.seed(99)
            hash("x")
            return "left"
        """,
        value="left",
    ),
    _tamper(
        "function that is no function",
        "error invalid",
        """
        f = 7
        """,
    ),
    _tamper(
        "module globals that fight back",
        _HONEST,
        """
        import sys

        class Odd(type(sys)):
            def __getattribute__(self, name):
                raise SystemExit(name)

        try:
            sys.modules[__name__].__class__ = Odd
        except (KeyError, TypeError, NameError):
            pass

        def f():
            return 12
        """,
        value=12,
    ),
    _tamper(
        "generator and coroutine in place of a value",
        "invalid",
        """
        def f():
            return (each for each in iter(int, 1))
        """,
    ),
)
