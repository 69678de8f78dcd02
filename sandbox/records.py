"""What goes into a sandboxed run and what comes out of it. All values are JSON text."""

import math
from dataclasses import dataclass, field
from typing import Literal

Status = Literal["ok", "error", "timeout", "memory", "denied", "crash", "invalid"]
"""How a call ended.

ok: it gave a value. error: it raised. timeout: it passed its CPU time, its blocked time or its line
events. memory: it passed its limit. denied: a wall refused a file, the network, a process or room
on disk. crash: its process died without an answer. invalid: its value is no JSON, or too large.
"""

HASH_SEEDS = (0, 1, 2, 3)
"""The seeds of string hashes that a job can ask for.

Python fixes that seed when a process starts, so each one needs zygotes of its own.
"""

JOB_BYTES = 64 << 20
"""The largest job, code and arguments, that is sent to a guest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of one call.

    cpu_s: CPU seconds.
    wall_s: seconds blocked, which is wall time less CPU time less waiting for a core. Neither bound
    then depends on what else the machine does.
    memory_bytes: address space above that of the bare interpreter.
    value_bytes: UTF-8 bytes of one value's JSON text.
    stdout_bytes: how much of stdout is kept.
    """

    cpu_s: float = 5.0
    wall_s: float = 10.0
    memory_bytes: int = 512 << 20
    value_bytes: int = 1 << 20
    stdout_bytes: int = 4096


@dataclass(frozen=True, slots=True)
class Clock:
    """The time as a call sees it.

    shift_s: seconds added to what `time` and `datetime` say.
    zone: a value of the variable TZ, such as a name of the zoneinfo database. "" is UTC.
    at_s: the moment, in seconds since the epoch, at which every clock stands still. With None all
    clocks go on, and monotonic and process time are not shifted.
    """

    shift_s: float = 0.0
    zone: str = ""
    at_s: float | None = None


@dataclass(frozen=True, slots=True)
class Trace:
    """That the executed lines of a call are counted.

    events: line events after which the call ends as a timeout.
    changes: how many changes of variables are recorded in their order, at most.
    """

    events: int = 300_000
    changes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One program and the calls to make of it: all that their results depend on.

    arguments: one JSON text for each call of `entrypoint`. An object's items are passed by name,
    and any other value is passed as it is.
    limits: of each call. None means the sandbox's own.
    seed: of `random` and numpy, set before each call.
    hash_seed: one of HASH_SEEDS.
    salt: with another than 0, seeds that the code sets itself and digests that it takes are
    replaced. `Run.salted` names them.
    total_cpu_s: CPU seconds of all calls together, after which the other calls are not made. Each
    of them is a timeout.
    all_or_nothing: whether the first timeout of a call makes a timeout of all later ones.
    Raises: ValueError for an unknown hash_seed.
    """

    code: str
    entrypoint: str
    arguments: tuple[str, ...]
    limits: Limits | None = None
    seed: int = 0
    hash_seed: int = 0
    clock: Clock | None = None
    trace: Trace | None = None
    salt: int = 0
    total_cpu_s: float = math.inf
    all_or_nothing: bool = False

    def __post_init__(self) -> None:
        if self.hash_seed not in HASH_SEEDS:
            raise ValueError(f"hash_seed is one of {HASH_SEEDS}, not {self.hash_seed}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """Calls of a function without arguments, until `distinct` different values are there.

    calls: how many are made at most.
    value_bytes: a value of more UTF-8 bytes of JSON is counted and left out.
    cpu_s: CPU seconds of all calls together.
    seed: of `random` and numpy, set once. The same code and seed then draw the same values.
    limits: for memory and blocked time. None means the sandbox's own.
    """

    code: str
    entrypoint: str
    calls: int
    distinct: int
    value_bytes: int
    cpu_s: float
    seed: int = 0
    limits: Limits | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What came of one call.

    value: canonical JSON text when status is ok, else None.
    error: `Type: message`, cut to a bounded length.
    phase: whether loading the code or the call itself gave this.
    wall_s: seconds by the clock. Unlike the limit of that name it counts all of them.
    peak_memory_bytes: of the whole process, which other calls may share.
    near_limit: whether it timed out, or took over half of its CPU time or blocked time.
    coerced: what was changed to make the value JSON: tuple, numpy, key, negative_zero.
    mutated: whether the call changed its argument.
    steps, lines: of a traced call, the count of its line events, and the sorted numbers of its
    lines that ran.
    changes: of a traced call, (line, variable, JSON text) in order.
    salted: of a call under salt, the seeds that the code set itself and the digests that it took.
    """

    status: Status
    value: str | None = None
    error: str = ""
    phase: Literal["load", "call"] = "call"
    cpu_s: float = 0.0
    wall_s: float = 0.0
    peak_memory_bytes: int = 0
    stdout: str = ""
    near_limit: bool = False
    coerced: tuple[str, ...] = ()
    mutated: bool = False
    steps: int | None = None
    lines: tuple[int, ...] = ()
    changes: tuple[tuple[int, str, str], ...] = ()
    salted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Draws:
    """What came of a drawing.

    run: ok when the drawing went through, else what ended it.
    values: distinct canonical JSON texts in the order of their first appearance.
    calls: how many were made. raised, invalid, oversize: how many of them gave no value because
    they raised, gave no JSON, or gave too much of it.
    errors: up to five different exceptions.
    refused: why values were invalid, for up to five of them.
    """

    run: Run
    values: tuple[str, ...] = ()
    calls: int = 0
    raised: int = 0
    invalid: int = 0
    oversize: int = 0
    errors: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Guest:
    """The interpreter that runs jobs.

    python: its real path.
    path: its import path, of which every folder lies below one of its own prefixes.
    packages: `name==version` of each installed one, sorted.
    view: all paths that a job may read.
    unseen: installed packages and modules that jobs cannot import, each with the reason.
    modules: the top-level modules that jobs can import.
    """

    python: str
    version: str
    implementation: str
    platform: str
    path: tuple[str, ...]
    packages: tuple[str, ...]
    view: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()
    modules: frozenset[str] = field(repr=False, default=frozenset())

    def fingerprint(self) -> str:
        """A text that is equal for guests in which the same code gives the same values."""
        return "\n".join((self.implementation, self.version, self.platform, *self.packages))
