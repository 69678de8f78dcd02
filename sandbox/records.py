"""What goes into a sandboxed run and what comes out. All values are JSON text, never objects."""

import math
from dataclasses import dataclass, field
from typing import Literal

Status = Literal["ok", "error", "timeout", "memory", "denied", "crash", "invalid"]
"""ok; error: it raised; timeout: CPU or blocked time, or line events; memory; denied: a wall said
no (a file, the network, a process, room); crash: it died without an answer; invalid: its value is
no JSON or too large."""

HASH_SEEDS = (0, 1, 2, 3)
"""The string-hash seeds a job can ask for; a hash seed is fixed when a process starts."""

JOB_BYTES = 64 << 20
"""Largest job (code and arguments) that is sent to a guest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of one call.

    cpu_s: CPU seconds. wall_s: seconds *blocked* (wall less CPU less time spent waiting for a
    core), so that neither depends on what else the machine does. memory_bytes: address space above
    what the bare interpreter has. value_bytes: UTF-8 bytes of one value's JSON text. stdout_bytes:
    what is kept of stdout.
    """

    cpu_s: float = 5.0
    wall_s: float = 10.0
    memory_bytes: int = 512 << 20
    value_bytes: int = 1 << 20
    stdout_bytes: int = 4096


@dataclass(frozen=True, slots=True)
class Clock:
    """The time as a call sees it.

    shift_s: seconds added to what `time` and `datetime` say; zone: a name of the zoneinfo database
    ("" is UTC). at_s: the moment, in seconds since the epoch, at which all of it stands still
    (None: it goes on); otherwise what a program measures by (monotonic and process time) stays as
    it is.
    """

    shift_s: float = 0.0
    zone: str = ""
    at_s: float | None = None


@dataclass(frozen=True, slots=True)
class Trace:
    """Count the executed lines of a call.

    events: line events after which the call is given up as a timeout. changes: how many changes of
    variables are recorded as they happen (0: none).
    """

    events: int = 300_000
    changes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One program and the calls to make of it: all that their results depend on.

    arguments: one JSON text for each call of `entrypoint`. An object gives its items by name,
    another value is passed as it is. limits: of each call; None means the sandbox's own. seed: of
    `random` and numpy, set before each call. hash_seed: one of HASH_SEEDS. salt: with another than
    0, seeds that the code sets itself and digests that it takes are replaced (`Run.salted` names
    them). total_cpu_s: CPU seconds of all calls together, after which the rest is a timeout without
    being run. all_or_nothing: the rest is a timeout behind the first call that is out of time.
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

    calls: how many are made at most. value_bytes: a larger value (UTF-8 bytes of JSON) is counted
    and left out. cpu_s: CPU seconds of all calls together. seed: set once, so that the same code
    and seed draw the same. limits: None means the sandbox's own.
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

    value is canonical JSON text when status is ok; error is `Type: message`, bounded. phase says
    whether loading the code or the call itself gave this. coerced names what was changed to make
    the value JSON (tuple, numpy, key, negative_zero). mutated: the call changed its argument. steps
    and lines (of a traced call): count of line events, sorted line numbers that ran. changes:
    (line, variable, JSON text) in order. salted (of a call under salt): the seeds that the code has
    set itself, and the digests that it has taken. peak_memory_bytes is that of the whole process
    the call ran in.
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
    """What came of calling a function without arguments again and again.

    run: ok when the drawing went through, else what ended it. values: distinct canonical JSON texts
    in the order of their first appearance. calls = all calls made; of them raised, invalid (no
    JSON) and oversize gave no value. errors: up to five different exceptions. refused: why up to
    five were invalid.
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
    """The interpreter that runs jobs: its path, version, import path and `name==version` of its
    packages.

    path: where its modules come from; every folder is below one of its own prefixes. unseen:
    installed packages and modules that jobs cannot import, with the reason. view: all paths that a
    job may read.
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
        """Equal for guests in which the same code gives the same values."""
        return "\n".join((self.implementation, self.version, self.platform, *self.packages))
