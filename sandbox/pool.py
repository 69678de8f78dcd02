"""The asyncio front: so many jobs at once, urgent ones first, each cancellable, all from one event loop."""

import asyncio
import functools
import json
import math
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, TypeVar

from sandbox import process
from sandbox.errors import GuestUnusable, SandboxError
from sandbox.permits import Permits
from sandbox.process import Execution, Job
from sandbox.records import HASH_SEEDS, Draws, Guest, Limits, Run, Trace

T = TypeVar("T")
STARTS = 3
"""How often a job is started again when the sandbox, not the job, failed."""


@dataclass(frozen=True, slots=True)
class Statistics:
    """workers = capacity; running and waiting now; jobs done, and starts that failed, since the pool was opened."""

    workers: int
    running: int
    waiting: int
    done: int
    failed_starts: int


class Sandbox:
    """A pool of sandboxed runs, used as an async context manager.

    workers: jobs at once; 0 means one per core. kept: how many more may run if they are of urgency 0.
    python: the guest interpreter; "" means this one.
    `urgency` of a call: the lower goes first.
    Raises: GuestUnusable on entering, SandboxError from calls when the machine cannot run them.
    """

    isolation = "process"
    """The name of the walls in force (see README for what they cover)."""
    version = 1
    """Counts up whenever the same job could give another answer."""

    def __init__(self, limits: Limits | None = None, *, workers: int = 0, kept: int = 0, python: str = "",
                 changed: Callable[[], None] = lambda: None) -> None:  # fmt: skip
        self.limits = limits or Limits()
        self.workers = workers or os.cpu_count() or 1
        self.python = python or sys.executable
        self.permits = Permits(self.workers + kept, kept=kept, changed=changed)
        self._guest: Guest | None = None
        self._threads: ThreadPoolExecutor | None = None
        self._live: set[Execution] = set()
        self._done = 0
        self._failed_starts = 0

    @property
    def guest(self) -> Guest:
        if self._guest is None:
            raise SandboxError("the sandbox is not open: use `async with Sandbox(...) as box`")
        return self._guest

    async def __aenter__(self) -> Self:
        python = shutil.which(self.python)
        if python is None:
            raise GuestUnusable(f"sandbox.python: {self.python} is missing or not executable")
        self._threads = ThreadPoolExecutor(self.permits.capacity, thread_name_prefix="sandbox")
        self._guest = await asyncio.get_running_loop().run_in_executor(self._threads, process.probe, python)
        return self

    async def __aexit__(self, exc_type: type[BaseException] | None, exc: BaseException | None,
                        traceback: TracebackType | None) -> None:  # fmt: skip
        for execution in tuple(self._live):
            execution.kill()
        if self._threads is not None:
            self._threads.shutdown(wait=True)

    def statistics(self) -> Statistics:
        return Statistics(self.workers, self.permits.held, self.permits.waiting, self._done, self._failed_starts)

    async def run(self, code: str, entrypoint: str, arguments: str | dict[str, Any], *, urgency: int = 0,
                  limits: Limits | None = None, seed: int = 0, hash_seed: int = 0,
                  trace: Trace | None = None) -> Run:  # fmt: skip
        """One call of `entrypoint(**loads(arguments))`, or with the value itself where it is no object."""
        runs = await self.run_many(code, entrypoint, [arguments], urgency=urgency, limits=limits, seed=seed,
                                   hash_seed=hash_seed, trace=trace)  # fmt: skip
        return runs[0]

    async def run_many(self, code: str, entrypoint: str, arguments: Sequence[str | dict[str, Any]], *,
                       urgency: int = 0, limits: Limits | None = None, seed: int = 0, hash_seed: int = 0,
                       trace: Trace | None = None, total_cpu_s: float = math.inf) -> list[Run]:  # fmt: skip
        """One call for each of `arguments`, in order, of code that is loaded once; limits hold for each call.

        A call that ends its process does not touch the others: the rest runs in a new one. `random` and numpy
        are seeded with `seed` before each call. Once all calls together have used `total_cpu_s` of CPU, the rest
        is a timeout without being run.
        """
        texts = tuple(text if isinstance(text, str) else json.dumps(text) for text in arguments)
        job = Job(code, entrypoint, limits or self.limits, texts, None, seed, self._checked(hash_seed), trace)
        return await self._scheduled(functools.partial(process.run_calls, total_cpu_s=total_cpu_s), job, urgency)

    async def draw(self, code: str, entrypoint: str, *, calls: int, distinct: int, seed: int, value_bytes: int,
                   cpu_s: float, urgency: int = 1, limits: Limits | None = None) -> Draws:  # fmt: skip
        """Calls `entrypoint()` until `distinct` different values are there or `calls` are used up.

        Seeded once, so that the same code and seed draw the same. `cpu_s` bounds all calls together; values
        above `value_bytes` of JSON are counted and left out.
        """
        job = Job(code, entrypoint, limits or self.limits, draw=(calls, distinct, value_bytes), seed=seed)
        return await self._scheduled(functools.partial(process.run_draws, cpu_s=cpu_s), job, urgency)

    def _checked(self, hash_seed: int) -> int:
        if hash_seed not in HASH_SEEDS:
            raise ValueError(f"hash_seed is one of {HASH_SEEDS}, not {hash_seed}")
        return hash_seed

    async def _scheduled(self, work: Callable[[Job, Guest, Execution], T], job: Job, urgency: int) -> T:
        for tries_left in reversed(range(STARTS)):
            await self.permits.acquire(urgency)
            try:
                return await self._in_thread(work, job)
            except SandboxError:
                self._failed_starts += 1
                if not tries_left:
                    raise
        raise AssertionError("unreachable")

    async def _in_thread(self, work: Callable[[Job, Guest, Execution], T], job: Job) -> T:
        """Runs one job in a thread; the permit goes back when the thread is free, which a cancelled wait precedes."""
        assert self._threads is not None, "the sandbox is not open"
        execution = Execution()
        loop = asyncio.get_running_loop()
        self._live.add(execution)
        future = loop.run_in_executor(self._threads, work, job, self.guest, execution)
        future.add_done_callback(lambda _: self._ended(execution))
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            execution.kill()
            future.add_done_callback(lambda done: done.cancelled() or done.exception())
            raise

    def _ended(self, execution: Execution) -> None:
        self._live.discard(execution)
        self._done += 1
        self.permits.release()
