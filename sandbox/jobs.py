"""A job as it is sent to a zygote, and the runs that its frames tell.

What comes from a job's process is checked here once more: a value that is not the canonical text of
JSON, or is too large, is no value, whatever the process says of it.
"""

import json
import math
import re
from dataclasses import dataclass, replace
from typing import Any, get_args

from sandbox.errors import JobRefused, SandboxError
from sandbox.records import JOB_BYTES, Clock, Draws, Limits, Run, Status, Trace

TRACING_S, TRACED_EVENTS = 5.0, 300_000
"""CPU seconds that a traced call gets on top for so many line events, which cost well under a
second."""
CPU_SLACK_S = 60
"""How far above all calls' limits together the kernel's own limit on CPU time lies."""
LARGE_BYTES, TEXT_COPIES = 1 << 20, 8
"""A job larger than this may use so many times its own size on top, since it is in memory before
its code runs."""
PRELOADED = ("numpy", "scipy", "pandas", "sympy")
"""Packages that cost more to import than to fork; a job that names some gets a zygote that has
them."""
NAMED = re.compile(rf"\b(?:{'|'.join(PRELOADED)})\b")


@dataclass(frozen=True, slots=True)
class Job:
    """One program and the calls to make of it; exactly one of `arguments` and `draw` is set."""

    code: str
    entrypoint: str
    limits: Limits
    arguments: tuple[str, ...] = ()
    draw: tuple[int, int, int] | None = None
    """(calls, distinct values wanted, largest value in bytes)"""
    call_cpu_s: float = 0.0
    """CPU seconds of one call, or of all draws together"""
    total_cpu_s: float = math.inf
    seed: int = 0
    hash_seed: int = 0
    trace: Trace | None = None
    clock: Clock | None = None
    salt: int = 0
    all_or_nothing: bool = False

    @property
    def calls(self) -> int:
        return 1 if self.draw else len(self.arguments)

    def preload(self, modules: frozenset[str]) -> tuple[str, ...]:
        """Which heavy packages of the guest the code names."""
        return tuple(sorted(set(NAMED.findall(self.code)) & modules))

    def message(self) -> bytes:
        """The zygote's line and the process's text. Raises: JobRefused for one that is too
        large."""
        limits, call_cpu_s = self.limits, self.call_cpu_s or self.limits.cpu_s
        call_cpu_s += TRACING_S * self.trace.events / TRACED_EVENTS if self.trace else 0.0
        ceiling_s = (
            min(self.calls * call_cpu_s, self.total_cpu_s) + limits.cpu_s + call_cpu_s + CPU_SLACK_S
        )
        line = {
            "calls": self.calls,
            "cpu_s": limits.cpu_s,
            "wall_s": limits.wall_s,
            "call_cpu_s": call_cpu_s,
            "total_cpu_s": self.total_cpu_s,
            "all_or_nothing": self.all_or_nothing,
            "memory_bytes": limits.memory_bytes,
            "cpu_ceiling_s": math.ceil(ceiling_s),
        }
        text = {
            "code": self.code,
            "entrypoint": self.entrypoint,
            "arguments": self.arguments,
            "seed": self.seed,
            "draw": self.draw
            and {"calls": self.draw[0], "distinct": self.draw[1], "value_bytes": self.draw[2]},
            "trace": self.trace and {"events": self.trace.events, "changes": self.trace.changes},
            "clock": self.clock and (self.clock.shift_s, self.clock.zone, self.clock.at_s),
            "salt": self.salt,
            "value_bytes": limits.value_bytes,
            "stdout_bytes": limits.stdout_bytes,
        }
        body = json.dumps(text).encode()
        line["text_bytes"] = TEXT_COPIES * len(body) if len(body) > LARGE_BYTES else 0
        message = json.dumps(line).encode() + b"\n" + body
        if len(message) > JOB_BYTES:
            raise JobRefused(
                f"a job of {len(message)} bytes is more than the {JOB_BYTES} that a guest takes"
            )
        return message


Frame = tuple[bytes, dict[str, Any]]
"""A kind (see guest.control) and its parsed body."""


def runs(job: Job, frames: list[Frame]) -> list[Run]:
    """One Run for each of the job's arguments, in order. Raises: SandboxError if the sandbox, not
    the job, failed."""
    found: list[Run] = []
    peak_bytes = 0
    for kind, body in frames:
        if kind == b"E":
            peak_bytes = int(body["peak_bytes"])
        elif kind in (b"X", b"F"):
            run = ended(body) if kind == b"X" else answered(job, body, phase="load")
            found += [run] * (job.calls - len(found) if kind == b"F" or body["rest"] else 1)
        else:
            found.append(answered(job, body, blocked=kind == b"W"))
    if len(found) != job.calls:
        raise SandboxError(f"{len(found)} answers came back for {job.calls} calls")
    return [replace(run, peak_memory_bytes=peak_bytes) for run in found]


def draws(job: Job, frames: list[Frame]) -> Draws:
    """What the job's drawing gave. Raises: SandboxError."""
    run = runs(replace(job, limits=replace(job.limits, cpu_s=job.call_cpu_s)), frames)[0]
    body = next((body for kind, body in frames if kind in (b"C", b"W")), {})
    if run.status != "ok":
        return Draws(run)
    assert job.draw is not None
    try:
        return Draws(
            run,
            tuple(text for text in body["values"] if canonical(text, job.draw[2])),
            calls=int(body["calls"]),
            raised=int(body["raised"]),
            invalid=int(body["invalid"]),
            oversize=int(body["oversize"]),
            errors=tuple(str(text) for text in body["errors"]),
            refused=tuple(str(text) for text in body["refused"]),
        )
    except (KeyError, TypeError, ValueError):
        return Draws(Run("crash", error="the answer had no values in it"))


def ended(body: dict[str, Any]) -> Run:
    """A call that the zygote ended or saw end."""
    if body["status"] == "sandbox":
        raise SandboxError(f"a job's process could not be set up: {body['error']}")
    return Run(
        body["status"],
        error=body["error"],
        phase=body["phase"],
        cpu_s=float(body.get("cpu_s", 0.0)),
        near_limit=body["status"] == "timeout",
    )


def answered(job: Job, body: dict[str, Any], *, phase: Any = "call", blocked: bool = False) -> Run:
    """What a job's process said of one call."""
    limits = job.limits
    try:
        run = Run(
            status=body["status"],
            value=body.get("value"),
            error=str(body.get("error", "")),
            phase=phase,
            cpu_s=float(body.get("cpu_s", 0.0)),
            wall_s=float(body.get("wall_s", 0.0)),
            stdout=str(body.get("stdout", "")),
            coerced=tuple(str(name) for name in body.get("coerced", ())),
            mutated=bool(body.get("mutated", False)),
            steps=None if body.get("steps") is None else int(body["steps"]),
            lines=tuple(int(line) for line in body.get("lines", ())),
            changes=tuple(
                (int(line), str(name), str(text)) for line, name, text in body.get("changes", ())
            ),
            salted=tuple(str(note) for note in body.get("salted", ())),
        )
    except (KeyError, TypeError, ValueError):
        return Run("crash", error="the answer was malformed", phase=phase)
    if run.status not in get_args(Status):
        return Run("crash", error="the answer was malformed", phase=phase)
    if (
        phase == "call"
        and run.status == "ok"
        and not job.draw
        and not canonical(run.value, limits.value_bytes)
    ):
        return replace(
            run, status="invalid", value=None, error="$: what came back is no canonical JSON"
        )
    near = blocked or run.status == "timeout" or (not job.trace and run.cpu_s * 2 > limits.cpu_s)
    return replace(run, near_limit=near, value=run.value if run.status == "ok" else None)


def canonical(text: object, most_bytes: int) -> bool:
    """Whether `text` is JSON as the harness writes it: no NaN, no lone surrogate, one spelling."""
    if not isinstance(text, str) or len(text) > most_bytes:
        return False
    try:
        return (
            len(text.encode()) <= most_bytes
            and json.dumps(json.loads(text), ensure_ascii=False, allow_nan=False) == text
        )
    except (ValueError, RecursionError):
        return False
