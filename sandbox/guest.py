"""The program that runs inside the guest interpreter: one job, then gone. Standard library only.

Started as `python -s -S guest.py FD` with the job as JSON on stdin; answers go to file descriptor FD, one
frame each: eight hex digits of length, then JSON. The first frame says that the guest is up, the second what
loading the code gave, then one for each call. Nothing that the job prints, patches or exits with is an answer:
a call without its frame has crashed.

A value becomes canonical JSON text here, by `Encoder`, in generation, verification and audit alike.
"""

import builtins
import gc
import io
import json
import math
import os
import random
import signal
import sys
import time
import types

BUILTINS = dict(vars(builtins))
globals().update({name: value for name, value in BUILTINS.items() if not name.startswith("__")})
dumps, loads = json.dumps, json.loads  # bound before the job runs, like every builtin above

PROGRAM = "<program>"
DEPTH = 100
ERROR_CHARS = 500


class Invalid(Exception):
    """The value has no canonical JSON text; says where and why."""


class Encoder:
    """Turns one value into canonical JSON text, noting in `coerced` what had to be changed for it.

    tuple -> list, numpy scalar -> number, numpy array -> list, integer and boolean keys -> strings,
    -0.0 -> 0.0. Sets, bytes, complex, NaN, infinities and other objects are invalid.
    """

    def __init__(self) -> None:
        self.coerced: set[str] = set()

    def text(self, value: object) -> str:
        try:
            out = dumps(self.plain(value, "$", 0), ensure_ascii=False, allow_nan=False)
            out.encode()
        except UnicodeEncodeError:
            raise Invalid("$: a lone surrogate is no text") from None
        except (ValueError, RecursionError) as exc:
            raise Invalid(f"$: {exc}") from None
        return out

    def plain(self, value: object, path: str, depth: int) -> object:
        if depth > DEPTH:
            raise Invalid(f"nested deeper than {DEPTH}")
        if value is None or value is True or value is False:
            return value
        if isinstance(value, str):
            return str.__str__(value) if type(value) is str else "".join(value)
        if isinstance(value, int):
            return int(value)
        if isinstance(value, float):
            return self.number(float(value), path)
        if isinstance(value, (list, tuple)):
            if isinstance(value, tuple):
                self.coerced.add("tuple")
            return [self.plain(item, f"{path}[{i}]", depth + 1) for i, item in enumerate(value)]
        if isinstance(value, dict):
            return self.mapping(value, path, depth)
        return self.foreign(value, path, depth)

    def number(self, value: float, path: str) -> float:
        if math.isnan(value) or math.isinf(value):
            raise Invalid(f"{path}: {value} is no JSON number")
        if value == 0.0 and math.copysign(1.0, value) < 0:
            self.coerced.add("negative_zero")
            return 0.0
        return value

    def mapping(self, value: dict, path: str, depth: int) -> dict:  # type: ignore[type-arg]
        out: dict[str, object] = {}
        for key, item in value.items():
            name = self.key(key, path)
            if name in out:
                raise Invalid(f"{path}: two keys become {name!r}")
            out[name] = self.plain(item, f"{path}.{name}", depth + 1)
        return out

    def key(self, key: object, path: str) -> str:
        if isinstance(key, str):
            return "".join(key)
        scalar = unboxed(key)
        if isinstance(scalar, (bool, int)):
            self.coerced.add("key")
            return dumps(int(scalar) if not isinstance(scalar, bool) else scalar)
        raise Invalid(f"{path}: a key of type {type(key).__name__}")

    def foreign(self, value: object, path: str, depth: int) -> object:
        scalar = unboxed(value)
        if scalar is value:
            raise Invalid(f"{path}: {type(value).__name__} is no JSON value")
        self.coerced.add("numpy")
        return self.plain(scalar, path, depth)


def unboxed(value: object) -> object:
    """The plain value of a numpy scalar or array; anything else as it is."""
    numpy = sys.modules.get("numpy")
    if numpy is None:
        return value
    if isinstance(value, numpy.ndarray):
        return value.tolist()
    if isinstance(value, numpy.generic) and not isinstance(value, numpy.void):
        return value.item()
    return value


class Kept(io.TextIOBase):
    """A text stream that keeps the first `room` characters and drops the rest."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.parts: list[str] = []

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if self.room > 0 and isinstance(text, str):
            self.parts.append(text[: self.room])
            self.room -= len(self.parts[-1])
        return len(text)

    def taken(self) -> str:
        return "".join(self.parts).encode("utf-8", "replace").decode()


class Bound(BaseException):
    """The call ran more lines than it may."""


class Tracer:
    """Counts line events of the program's own frames, and notes changes of variables while there is room."""

    def __init__(self, events: int, changes: int) -> None:
        self.limit = events
        self.room = changes
        self.steps = 0
        self.lines: set[int] = set()
        self.changes: list[tuple[int, str, str]] = []
        self.exceeded = False
        self.seen: dict[int, tuple[int, dict[str, str]]] = {}

    def __call__(self, frame: types.FrameType, _event: str, _arg: object) -> object:
        if frame.f_code.co_filename != PROGRAM:
            return None
        if self.room > 0:
            self.seen[id(frame)] = (frame.f_lineno, self.shown(frame))
            return self.watch
        return self.count

    def count(self, frame: types.FrameType, event: str, _arg: object) -> object:
        if event == "line":
            self.steps += 1
            self.lines.add(frame.f_lineno)
            if self.steps > self.limit:
                self.exceeded = True
                raise Bound
        return self.count

    def watch(self, frame: types.FrameType, event: str, _arg: object) -> object:
        if event in ("line", "return") and self.room > 0:
            line, before = self.seen.get(id(frame), (frame.f_lineno, {}))
            now = self.shown(frame)
            for name, text in now.items():
                if before.get(name) != text and self.room > 0:
                    self.changes.append((line, name, text))
                    self.room -= 1
            self.seen[id(frame)] = (frame.f_lineno, now)
        self.count(frame, event, None)
        return self.watch

    def shown(self, frame: types.FrameType) -> dict[str, str]:
        """The frame's variables whose values are short and plain, as JSON text."""
        out = {}
        for name, value in list(frame.f_locals.items()):
            if isinstance(value, (bool, int, float, str)) or (
                isinstance(value, (list, dict, tuple)) and len(value) <= 12
            ):
                try:
                    text = Encoder().text(value)
                except Invalid:
                    continue
                if len(text) <= 60:
                    out[name] = text
        return out


def not_json(name: str) -> object:
    raise ValueError(f"{name} is no JSON number")


def said(exc: BaseException) -> str:
    try:
        text = f"{type(exc).__name__}: {exc}"
    except BaseException:
        text = f"{type(exc).__name__}: (no message)"
    return text.encode("utf-8", "replace").decode()[:ERROR_CHARS]


def failure(exc: BaseException) -> dict[str, object]:
    """What an exception that left the job makes of the run."""
    if isinstance(exc, MemoryError):
        return {"status": "memory", "error": said(exc)}
    if isinstance(exc, PermissionError):
        return {"status": "denied", "error": said(exc)}
    return {"status": "error", "error": said(exc)}


def seeded(seed: int, code: str) -> None:
    random.seed(seed)
    if "numpy" in sys.modules or "numpy" in code:
        try:
            import numpy  # type: ignore[import-not-found,unused-ignore]  # only where the guest has it
        except ImportError:
            return
        numpy.random.seed(seed % 2**32)


class Harness:
    """Loads the job's code once, then makes its calls one after the other, each from fresh arguments and seeds."""

    def __init__(self, job: dict, fd: int) -> None:  # type: ignore[type-arg]
        self.job = job
        self.fd = fd
        self.out = Kept(0)
        self.clock = time.process_time
        self.wall = time.monotonic

    def send(self, **frame: object) -> None:
        body = dumps(frame).encode()
        view = memoryview(b"%08x" % len(body) + body)
        while view:
            view = view[os.write(self.fd, view) :]

    def load(self) -> types.ModuleType | None:
        module = types.ModuleType("program")
        sys.modules["program"] = module
        self.listen()
        seeded(self.job["seed"], self.job["code"])
        try:
            exec(compile(self.job["code"], PROGRAM, "exec", dont_inherit=True), module.__dict__)
            if not callable(getattr(module, self.job["entrypoint"], None)):
                raise NameError(f"the code defines no function {self.job['entrypoint']!r}")
        except BaseException as exc:
            vars(builtins).update(BUILTINS)
            self.send(**failure(exc), stdout=self.out.taken())
            return None
        vars(builtins).update(BUILTINS)
        self.send(status="ok")
        return module

    def listen(self) -> None:
        self.out = Kept(self.job["stdout_bytes"])
        sys.stdout = sys.stderr = self.out

    def encoded(self, value: object, encoder: Encoder) -> str:
        text = encoder.text(value)
        if len(text.encode()) > self.job["value_bytes"]:
            raise Invalid(f"$: {len(text.encode())} bytes of JSON, more than {self.job['value_bytes']}")
        return text

    def call(self, function: object, text: str) -> None:
        try:
            arguments = loads(text, parse_constant=not_json)
        except (ValueError, RecursionError) as exc:
            self.send(status="invalid", error=f"the argument is no JSON: {exc}"[:ERROR_CHARS])
            return
        trace = self.job["trace"]
        tracer = Tracer(trace["events"], trace["changes"]) if trace else None
        encoder = Encoder()
        frame: dict[str, object] = {"status": "ok"}
        self.listen()
        seeded(self.job["seed"], "")
        start, began = self.clock(), self.wall()
        try:
            if tracer:
                sys.settrace(tracer)  # type: ignore[arg-type]
            try:
                value = function(**arguments) if isinstance(arguments, dict) else function(arguments)  # type: ignore[operator]
            finally:
                sys.settrace(None)
                vars(builtins).update(BUILTINS)
            frame["value"] = self.encoded(value, encoder)
        except Invalid as exc:
            frame = {"status": "invalid", "error": str(exc)[:ERROR_CHARS]}
        except BaseException as exc:
            frame = failure(exc)
        if tracer:
            frame |= {"steps": tracer.steps, "lines": sorted(tracer.lines), "changes": tracer.changes}
            if tracer.exceeded:
                frame |= {
                    "status": "timeout",
                    "error": f"more than {trace['events']} line events",
                    "value": None,
                }
        frame |= {"cpu_s": self.clock() - start, "wall_s": self.wall() - began, "stdout": self.out.taken()}
        frame |= {"coerced": sorted(encoder.coerced), "mutated": self.changed(arguments, text)}
        self.send(**frame)

    def changed(self, arguments: object, text: str) -> bool:
        try:
            return Encoder().text(arguments) != Encoder().text(loads(text))
        except Invalid:
            return True

    def draw(self, function: object) -> None:
        """Calls a function without arguments until `distinct` values are there or `calls` are used up."""
        wanted, values, errors, refused = self.job["draw"], {}, {}, {}  # type: ignore[var-annotated]
        counts = {"calls": 0, "raised": 0, "invalid": 0, "oversize": 0}
        seeded(self.job["seed"], "")
        start, began = self.clock(), self.wall()
        while counts["calls"] < wanted["calls"] and len(values) < wanted["distinct"]:
            counts["calls"] += 1
            try:
                text = Encoder().text(function())  # type: ignore[operator]
            except Invalid as exc:
                counts["invalid"] += 1
                refused.setdefault(str(exc)[:ERROR_CHARS])
                continue
            except MemoryError as exc:
                self.send(**failure(exc))
                return
            except BaseException as exc:
                counts["raised"] += 1
                errors.setdefault(said(exc))
                continue
            if len(text.encode()) > wanted["value_bytes"]:
                counts["oversize"] += 1
            else:
                values.setdefault(text)
        self.send(status="ok", cpu_s=self.clock() - start, wall_s=self.wall() - began, values=list(values),
                  errors=list(errors)[:5], refused=list(refused)[:5], **counts)  # fmt: skip


def bounded(job: dict) -> None:  # type: ignore[type-arg]
    """The kernel's own limits; the finer ones on time are the parent's."""
    try:
        import resource  # absent outside Unix
    except ImportError:
        return
    set_limit = resource.setrlimit
    set_limit(resource.RLIMIT_CORE, (0, 0))
    set_limit(resource.RLIMIT_FSIZE, (8 << 20, 8 << 20))
    set_limit(resource.RLIMIT_NOFILE, (64, 64))
    set_limit(resource.RLIMIT_CPU, (job["cpu_ceiling_s"], job["cpu_ceiling_s"] + 1))
    try:
        with open("/proc/self/statm") as statm:  # noqa: PTH123  # pathlib would cost every run its import
            used = int(statm.read().split()[0]) * os.sysconf("SC_PAGESIZE")
        room = used + job["memory_bytes"]
        set_limit(resource.RLIMIT_AS, (room, room))
    except (OSError, ValueError):
        pass  # no /proc, or a system that does not bound address space: the caller knows the level
    signal.setitimer(signal.ITIMER_REAL, job["gone_after_s"])  # an orphan ends itself


def serve(fd: int) -> None:
    job = loads(sys.stdin.buffer.read())
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    sys.path[:] = job["path"]
    harness = Harness(job, fd)
    bounded(job)
    gc.disable()
    gc.freeze()
    gc.enable()
    harness.send(status="up")
    module = harness.load()
    if module is not None:
        function = getattr(module, job["entrypoint"])
        if job["draw"]:
            harness.draw(function)
        for text in job["arguments"]:
            harness.call(function, text)
    os._exit(0)


if __name__ == "__main__":
    serve(int(sys.argv[1]))
