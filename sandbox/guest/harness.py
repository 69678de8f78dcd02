"""What a job's process does: load the code, make the calls, write one frame for each answer, and
leave.

A frame is the job's token (16 characters), a kind (one character: L loaded, F failed to load, C
call), eight hex digits of length, and JSON. Nothing that the job prints, patches or exits with is
an answer: a call without its frame has crashed.
"""

from __future__ import annotations

import builtins
import errno
import io
import os
import random
import sys
import time
import types
from typing import Any

from . import clock, salt
from .encoder import Encoder, Invalid, dumps, loads
from .tracer import PROGRAM, Tracer

BUILTINS = dict(vars(builtins))
globals().update({name: value for name, value in BUILTINS.items() if not name.startswith("__")})
write, leave = os.write, os._exit  # bound before the job runs, like every builtin above

ERROR_CHARS = 500
JOB_BYTES = 64 << 20
WALLS = {errno.EPERM, errno.EACCES, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
"""What the kernel answers at a wall: not permitted, read-only, no room, too large a file."""


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
    if isinstance(exc, OSError) and exc.errno in WALLS:
        return {"status": "denied", "error": said(exc)}
    return {"status": "error", "error": said(exc)}


seed_random = random.seed  # not the one that a job's salt replaces


def seeded(seed: int) -> None:
    seed_random(seed)
    numpy = sys.modules.get("numpy")
    if numpy is not None and hasattr(numpy, "random"):
        # what numpy.random.seed is, unless salted
        numpy.random.mtrand._rand.seed(seed % 2**32)  # noqa: SLF001


class Harness:
    """Loads the job's code once, then makes its calls one after the other, each from fresh
    arguments and seeds."""

    def __init__(self, job: dict[str, Any], fd: int, token: bytes) -> None:
        self.job = job
        self.fd = fd
        self.token = token
        self.out = Kept(0)
        self.salt: salt.Salt | None = None
        self.salted: list[str] = []
        self.clock = time.process_time
        self.wall = time.monotonic

    def send(self, kind: bytes, **frame: object) -> None:
        body = dumps(frame).encode("utf-8", "replace")
        view = memoryview(self.token + kind + b"%08x" % len(body) + body)
        while view:
            view = view[write(self.fd, view) :]

    def run(self, first: int) -> None:
        """All of the job's calls from number `first` on."""
        function = self.load()
        if function is None:
            return
        if self.job["draw"]:
            self.draw(function)
        for text in self.job["arguments"][first:]:
            self.call(function, text)

    def load(self) -> Any:
        """The job's function, or None where its code cannot be loaded."""
        module = types.ModuleType("program")
        sys.modules["program"] = module
        self.listen()
        if self.job["clock"]:
            clock.shift(*self.job["clock"])
        if self.job["salt"]:
            self.salt = salt.Salt(self.job["salt"])
            self.salt.apply()
        seeded(self.job["seed"])
        name = self.job["entrypoint"]
        try:
            exec(compile(self.job["code"], PROGRAM, "exec", dont_inherit=True), module.__dict__)
            function = getattr(module, name, None)
            if not callable(function):
                raise NameError(f"the code defines no function {name!r}")
        except BaseException as exc:
            vars(builtins).update(BUILTINS)
            self.send(b"F", **failure(exc), stdout=self.out.taken())
            return None
        vars(builtins).update(BUILTINS)
        self.salted = self.salt.taken() if self.salt else []
        self.send(b"L", status="ok")
        return function

    def listen(self) -> None:
        self.out = Kept(self.job["stdout_bytes"])
        sys.stdout = sys.stderr = self.out

    def call(self, function: object, text: str) -> None:
        try:
            arguments = loads(text)
        except (ValueError, RecursionError) as exc:
            self.send(b"C", status="invalid", error=f"the argument is no JSON: {exc}"[:ERROR_CHARS])
            return
        trace = self.job["trace"]
        tracer = Tracer(trace["events"], trace["changes"]) if trace else None
        encoder = Encoder(self.job["value_bytes"])
        frame: dict[str, object] = {"status": "ok"}
        self.listen()
        seeded(self.job["seed"])
        start, began = self.clock(), self.wall()
        try:
            if tracer:
                sys.settrace(tracer)  # type: ignore[arg-type]
            try:
                value = (
                    function(**arguments) if isinstance(arguments, dict) else function(arguments)
                )  # type: ignore[operator]
            finally:
                sys.settrace(None)
                vars(builtins).update(BUILTINS)
            frame["value"] = encoder.text(value)
        except Invalid as exc:
            frame = {"status": "invalid", "error": str(exc)[:ERROR_CHARS]}
        except BaseException as exc:
            frame = failure(exc)
        if tracer:
            frame |= {
                "steps": tracer.steps,
                "lines": sorted(tracer.lines),
                "changes": tracer.changes,
            }
            if tracer.exceeded:
                error = f"more than {trace['events']} line events"
                frame |= {"status": "timeout", "error": error, "value": None}
        frame |= {
            "cpu_s": self.clock() - start,
            "wall_s": self.wall() - began,
            "stdout": self.out.taken(),
        }
        frame |= {"coerced": sorted(encoder.coerced), "mutated": self.changed(arguments, text)}
        if self.salt:
            frame["salted"] = self.salted + self.salt.taken()
        self.send(b"C", **frame)

    def changed(self, arguments: object, text: str) -> bool:
        try:
            return Encoder(JOB_BYTES).text(arguments) != Encoder(JOB_BYTES).text(loads(text))
        except Invalid:
            return True

    def draw(self, function: object) -> None:
        """Calls a function without arguments until `distinct` values are there or `calls` are used
        up."""
        wanted, values, errors, refused = self.job["draw"], {}, {}, {}  # type: ignore[var-annotated]
        counts = {"calls": 0, "raised": 0, "invalid": 0, "oversize": 0}
        seeded(self.job["seed"])
        start, began = self.clock(), self.wall()
        while counts["calls"] < wanted["calls"] and len(values) < wanted["distinct"]:
            counts["calls"] += 1
            try:
                text = Encoder(self.job["value_bytes"]).text(function())  # type: ignore[operator]
            except Invalid as exc:
                counts["invalid"] += 1
                refused.setdefault(str(exc)[:ERROR_CHARS])
                continue
            except MemoryError as exc:
                self.send(b"C", **failure(exc))
                return
            except BaseException as exc:
                counts["raised"] += 1
                errors.setdefault(said(exc))
                continue
            if len(text.encode()) > wanted["value_bytes"]:
                counts["oversize"] += 1
            else:
                values.setdefault(text)
        self.send(
            b"C",
            status="ok",
            cpu_s=self.clock() - start,
            wall_s=self.wall() - began,
            values=list(values),
            errors=list(errors)[:5],
            refused=list(refused)[:5],
            **counts,
        )


def main(text: bytes, fd: int, token: bytes, first: int) -> None:
    """Runs the job `text` from its call number `first` on; answers go to `fd`."""
    Harness(loads(text.decode()), fd, token).run(first)
    leave(0)
