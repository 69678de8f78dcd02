"""What a job's process does: load the code, make the calls, write a frame for each answer, leave.

A frame is the job's token (16 characters), a kind (one character), eight hex digits of length, and
JSON. The kinds are L loaded, F failed to load, C call. Nothing that the job prints, patches or
exits with is an answer: a call without its frame has crashed.

The job's code runs in this interpreter and may change whatever it can reach. So all that is needed
after it has run is bound here before.
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
from typing import Any, Callable

from . import clock, salt
from .encoder import Encoder, Invalid, dumps, loads
from .tracer import PROGRAM, Tracer

# The builtins as globals of this module, where names are looked up first. So a job that replaces
# builtins.len does not change what the harness counts. After a call, the real ones are put back.
BUILTINS = dict(vars(builtins))
globals().update({name: value for name, value in BUILTINS.items() if not name.startswith("__")})
write, leave = os.write, os._exit

ERROR_CHARS = 500
JOB_BYTES = 64 << 20
WALL_ERRORS = {errno.EPERM, errno.EACCES, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
"""What the kernel answers at a wall: not permitted, read-only, no room, too large a file."""


class BoundedText(io.TextIOBase):
    """A text stream that keeps the first `limit` characters and drops the rest."""

    def __init__(self, limit: int) -> None:
        self.left = limit
        self.parts: list[str] = []

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if self.left > 0 and isinstance(text, str):
            self.parts.append(text[: self.left])
            self.left -= len(self.parts[-1])
        return len(text)

    def text(self) -> str:
        return "".join(self.parts).encode("utf-8", "replace").decode()


def message(exc: BaseException) -> str:
    """`Type: message` of an exception, bounded."""
    try:
        text = f"{type(exc).__name__}: {exc}"
    except BaseException:  # a __str__ of the job's
        text = f"{type(exc).__name__}: (no message)"
    return text.encode("utf-8", "replace").decode()[:ERROR_CHARS]


def failure(exc: BaseException) -> dict[str, object]:
    """What an exception that left the job makes of the run."""
    if isinstance(exc, MemoryError):
        return {"status": "memory", "error": message(exc)}
    if isinstance(exc, OSError) and exc.errno in WALL_ERRORS:
        return {"status": "denied", "error": message(exc)}
    return {"status": "error", "error": message(exc)}


seed_random = random.seed  # not the one that a job's salt replaces


def set_seeds(seed: int) -> None:
    """Sets the global generators of `random` and, where it has been imported, of numpy.

    numpy's needs it most: after a fork all jobs would draw the same numbers.
    """
    seed_random(seed)
    numpy = sys.modules.get("numpy")
    if numpy is not None and hasattr(numpy, "random"):
        # what numpy.random.seed is, unless salted
        numpy.random.mtrand._rand.seed(seed % 2**32)  # noqa: SLF001


class Harness:
    """Loads the job's code once, then makes its calls one after the other.

    Each call gets fresh arguments and seeds. `fd` takes the frames.
    """

    def __init__(self, job: dict[str, Any], fd: int, token: bytes) -> None:
        self.job = job
        self.fd = fd
        self.token = token
        self.out = BoundedText(0)
        self.salt: salt.Salt | None = None
        self.salted: list[str] = []
        """What loading the code has salted."""
        # Bound before the job's clock is shifted: what is measured is always the real time.
        self.clock = time.process_time
        self.wall = time.monotonic

    def send(self, kind: bytes, **frame: object) -> None:
        """Writes one frame."""
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
        """The job's function, or None, and an F frame, where its code cannot be loaded."""
        module = types.ModuleType("program")
        sys.modules["program"] = module
        self.listen()
        if self.job["clock"]:
            clock.shift(*self.job["clock"])
        if self.job["salt"]:
            self.salt = salt.Salt(self.job["salt"])
            self.salt.apply()
        set_seeds(self.job["seed"])
        name = self.job["entrypoint"]
        try:
            exec(compile(self.job["code"], PROGRAM, "exec", dont_inherit=True), module.__dict__)
            function = getattr(module, name, None)
            if not callable(function):
                raise NameError(f"the code defines no function {name!r}")
        except BaseException as exc:
            vars(builtins).update(BUILTINS)
            self.send(b"F", **failure(exc), stdout=self.out.text())
            return None
        vars(builtins).update(BUILTINS)
        self.salted = self.salt.pop_notes() if self.salt else []
        self.send(b"L", status="ok")
        return function

    def listen(self) -> None:
        """Takes what is printed from here on for the next answer."""
        self.out = BoundedText(self.job["stdout_bytes"])
        sys.stdout = sys.stderr = self.out

    def call(self, function: Callable[..., Any], text: str) -> None:
        """Makes one call from arguments in JSON, and sends what came of it as a C frame."""
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
        set_seeds(self.job["seed"])
        start, began = self.clock(), self.wall()
        try:
            if tracer:
                sys.settrace(tracer)  # type: ignore[arg-type]
            try:
                value = (
                    function(**arguments) if isinstance(arguments, dict) else function(arguments)
                )
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
            if tracer.exceeded:  # whatever the job has made of the exception
                error = f"more than {trace['events']} line events"
                frame |= {"status": "timeout", "error": error, "value": None}
        frame |= {
            "cpu_s": self.clock() - start,
            "wall_s": self.wall() - began,
            "stdout": self.out.text(),
        }
        frame |= {"coerced": sorted(encoder.coerced), "mutated": self.changed(arguments, text)}
        if self.salt:
            frame["salted"] = self.salted + self.salt.pop_notes()
        self.send(b"C", **frame)

    def changed(self, arguments: object, text: str) -> bool:
        """Whether a call has changed its arguments, which came from `text`."""
        try:
            return Encoder(JOB_BYTES).text(arguments) != Encoder(JOB_BYTES).text(loads(text))
        except Invalid:
            return True

    def draw(self, function: Callable[..., Any]) -> None:
        """Calls a function without arguments until `distinct` values or `calls` are reached."""
        wanted = self.job["draw"]
        values: dict[str, None] = {}  # these three as sets that keep the order
        errors: dict[str, None] = {}
        refused: dict[str, None] = {}
        counts = {"calls": 0, "raised": 0, "invalid": 0, "oversize": 0}
        set_seeds(self.job["seed"])  # once, so that the draws differ
        start, began = self.clock(), self.wall()
        while counts["calls"] < wanted["calls"] and len(values) < wanted["distinct"]:
            counts["calls"] += 1
            try:
                text = Encoder(self.job["value_bytes"]).text(function())
            except Invalid as exc:
                counts["invalid"] += 1
                refused[str(exc)[:ERROR_CHARS]] = None
                continue
            except MemoryError as exc:
                self.send(b"C", **failure(exc))
                return
            except BaseException as exc:
                counts["raised"] += 1
                errors[message(exc)] = None
                continue
            if len(text.encode()) > wanted["value_bytes"]:
                counts["oversize"] += 1
            else:
                values[text] = None
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
    """Runs the job `text` from its call number `first` on. Its answers go to `fd`.

    token: opens each frame. Never returns.
    """
    Harness(loads(text.decode()), fd, token).run(first)
    # Not by the interpreter's own end: the job's threads, exit functions and finalisers do not run.
    leave(0)
