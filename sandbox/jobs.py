"""A job as it is sent to a zygote, and its runs as they are read from the zygote's frames.

Untrusted code may have written what comes from a job's process, so every value is checked again. A
value that is no canonical JSON text or is too large counts as invalid.
"""

import json
import math
import re
from dataclasses import dataclass, replace
from typing import Any, get_args

from sandbox.errors import JobRefused, SandboxError
from sandbox.records import JOB_BYTES, Drawing, Draws, Job, Limits, Run, Status

TRACING_S, TRACED_EVENTS = 5.0, 300_000
"""A traced call gets so many CPU seconds on top for so many line events.

The events themselves cost well under a second.
"""
CPU_SLACK_S = 60
"""How far the kernel's limit on CPU time lies above the limits of all calls together."""
LARGE_BYTES, TEXT_COPIES = 1 << 20, 8
"""A job of more bytes than this may use so many times its own size on top of its memory limit.

Its text lies in memory, in several copies, before its code runs.
"""
PRELOADED = ("numpy", "scipy", "pandas", "sympy")
"""Packages that take long to import. A job that names some gets a zygote that has them."""
NAMED = re.compile(rf"\b(?:{'|'.join(PRELOADED)})\b")


@dataclass(frozen=True, slots=True)
class Order:
    """A job or a drawing as it is sent to a zygote, with the limits that hold for it."""

    job: Job | Drawing
    limits: Limits

    @classmethod
    def of(cls, job: Job | Drawing, limits: Limits) -> "Order":
        """The order for a job. limits: the sandbox's own, for a job that names none."""
        return cls(job, job.limits or limits)

    @property
    def calls(self) -> int:
        """How many answers the zygote owes. A drawing gives one."""
        return len(self.job.arguments) if isinstance(self.job, Job) else 1

    @property
    def call_cpu_s(self) -> float:
        """CPU seconds of one call, or of all draws together."""
        if isinstance(self.job, Drawing):
            return self.job.cpu_s
        trace = self.job.trace
        return self.limits.cpu_s + (TRACING_S * trace.events / TRACED_EVENTS if trace else 0.0)

    @property
    def hash_seed(self) -> int:
        return self.job.hash_seed if isinstance(self.job, Job) else 0

    def preload(self, modules: frozenset[str]) -> tuple[str, ...]:
        """Which heavy packages of the guest the code names."""
        return tuple(sorted(set(NAMED.findall(self.job.code)) & modules))

    def message(self) -> bytes:
        """The zygote's line and the process's text, as the body of a J frame.

        Raises: JobRefused for one that is too large.
        """
        body = json.dumps(self._text()).encode()
        line = self._line()
        line["text_bytes"] = TEXT_COPIES * len(body) if len(body) > LARGE_BYTES else 0
        message = json.dumps(line).encode() + b"\n" + body
        if len(message) > JOB_BYTES:
            raise JobRefused(
                f"a job of {len(message)} bytes is more than the {JOB_BYTES} that a guest takes"
            )
        return message

    def _line(self) -> dict[str, Any]:
        """What the zygote needs to watch the job's process."""
        limits, call_cpu_s = self.limits, self.call_cpu_s
        total_cpu_s = self.job.total_cpu_s if isinstance(self.job, Job) else math.inf
        # The zygote ends each call at that call's limit. The kernel's limit is a backstop for the
        # whole process. It lies far above, since it would end the process and not one call.
        ceiling_s = (
            min(self.calls * call_cpu_s, total_cpu_s) + limits.cpu_s + call_cpu_s + CPU_SLACK_S
        )
        return {
            "calls": self.calls,
            "cpu_s": limits.cpu_s,
            "wall_s": limits.wall_s,
            "call_cpu_s": call_cpu_s,
            "total_cpu_s": total_cpu_s,
            "all_or_nothing": isinstance(self.job, Job) and self.job.all_or_nothing,
            "memory_bytes": limits.memory_bytes,
            "cpu_ceiling_s": math.ceil(ceiling_s),
        }

    def _text(self) -> dict[str, Any]:
        """What the job's process needs."""
        job = self.job
        text: dict[str, Any] = {
            "code": job.code,
            "entrypoint": job.entrypoint,
            "arguments": (),
            "seed": job.seed,
            "draw": None,
            "trace": None,
            "clock": None,
            "salt": 0,
            "value_bytes": self.limits.value_bytes,
            "stdout_bytes": self.limits.stdout_bytes,
        }
        if isinstance(job, Drawing):
            bounds = ("calls", "distinct", "value_bytes")
            return text | {"draw": {name: getattr(job, name) for name in bounds}}
        clock, trace = job.clock, job.trace
        return text | {
            "arguments": job.arguments,
            "trace": trace and {"events": trace.events, "changes": trace.changes},
            "clock": clock and (clock.shift_s, clock.zone, clock.at_s),
            "salt": job.salt,
        }


Frame = tuple[bytes, dict[str, Any]]
"""A kind (see guest.control) and its parsed body."""


def runs(order: Order, frames: list[Frame]) -> list[Run]:
    """One Run for each of the job's arguments, in order.

    frames: those of one job, up to its E. An X stands for a call that the zygote ended. An F says
    that the code could not be loaded.
    Raises: SandboxError if the sandbox, not the job, failed.
    """
    found: list[Run] = []
    peak_bytes = 0
    for kind, body in frames:
        if kind == b"E":
            peak_bytes = int(body["peak_bytes"])
        elif kind in (b"X", b"F"):
            run = ended(body) if kind == b"X" else answered(order, body, phase="load")
            found += [run] * (order.calls - len(found) if kind == b"F" or body["rest"] else 1)
        else:
            found.append(answered(order, body, blocked=kind == b"W"))
    if len(found) != order.calls:
        raise SandboxError(f"{len(found)} answers came back for {order.calls} calls")
    return [replace(run, peak_memory_bytes=peak_bytes) for run in found]


def draws(order: Order, frames: list[Frame]) -> Draws:
    """What a drawing gave. Raises: SandboxError if the sandbox, not the job, failed."""
    drawing = order.job
    assert isinstance(drawing, Drawing)
    # All draws are one call to the zygote, so being near the limit is measured by their sum.
    all_draws = replace(order, limits=replace(order.limits, cpu_s=drawing.cpu_s))
    run = runs(all_draws, frames)[0]
    body = next((body for kind, body in frames if kind in (b"C", b"W")), {})
    if run.status != "ok":
        return Draws(run=run)
    try:
        return Draws(
            run=run,
            values=tuple(text for text in body["values"] if canonical(text, drawing.value_bytes)),
            calls=int(body["calls"]),
            raised=int(body["raised"]),
            invalid=int(body["invalid"]),
            oversize=int(body["oversize"]),
            errors=tuple(str(text) for text in body["errors"]),
            refused=tuple(str(text) for text in body["refused"]),
        )
    except (KeyError, TypeError, ValueError):
        return Draws(run=Run(status="crash", error="the answer had no values in it"))


def ended(body: dict[str, Any]) -> Run:
    """The run of a call that the zygote ended, or whose process ended.

    Raises: SandboxError when the process could not be set up.
    """
    if body["status"] == "sandbox":
        raise SandboxError(f"a job's process could not be set up: {body['error']}")
    return Run(
        status=body["status"],
        error=body["error"],
        phase=body["phase"],
        cpu_s=float(body.get("cpu_s", 0.0)),
        near_limit=body["status"] == "timeout",
    )


def answered(
    order: Order, body: dict[str, Any], *, phase: Any = "call", blocked: bool = False
) -> Run:
    """The run of a call that a job's process answered.

    blocked: whether the zygote saw it blocked for more than half of its wall_s.
    """
    limits, job = order.limits, order.job
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
        return Run(status="crash", error="the answer was malformed", phase=phase)
    if run.status not in get_args(Status):
        return Run(status="crash", error="the answer was malformed", phase=phase)
    if (
        phase == "call"
        and run.status == "ok"
        and isinstance(job, Job)
        and not canonical(run.value, limits.value_bytes)
    ):
        return replace(
            run, status="invalid", value=None, error="$: what came back is no canonical JSON"
        )
    # Tracing multiplies a call's CPU time, so a traced one says nothing of the limit.
    untraced = isinstance(job, Drawing) or job.trace is None
    near = blocked or run.status == "timeout" or (untraced and run.cpu_s * 2 > limits.cpu_s)
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
