"""The asyncio front: so many jobs at once, urgent ones first, each cancellable, on zygotes that are
kept for reuse."""

import asyncio
import itertools
import json
import logging
import math
import os
import shutil
import sys
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Self, TypeVar

from sandbox import jobs, selftest, view
from sandbox.errors import GuestUnusable, IsolationMissing, JobRefused, SandboxError
from sandbox.jobs import Frame, Job
from sandbox.levels import AUTOMATIC, BY_NAME, LADDER, Level
from sandbox.permits import Permits
from sandbox.records import HASH_SEEDS, Clock, Draws, Guest, Limits, Run, Trace
from sandbox.worker import Kind, Worker

T = TypeVar("T")
log = logging.getLogger(__name__)

TRIES = 3
"""How often a job is tried when the sandbox, not the job, failed."""
JOBS_OF_ZYGOTE = 5000
"""After so many, a zygote is replaced, whatever it has gathered."""
CANARY = Job("def f(): return 1\n", "f", Limits(), ("{}",))
LISTING = "import pkgutil\ndef f(): return sorted({i.name for i in pkgutil.iter_modules()})\n"


@dataclass(frozen=True, slots=True)
class Statistics:
    """workers = capacity; running and waiting now; zygotes alive; jobs done and tries lost since
    the pool was opened."""

    workers: int
    running: int
    waiting: int
    zygotes: int
    done: int
    lost: int
    cpu_s: float


class Sandbox:
    """A pool of sandboxed runs, used as an async context manager.

    workers: jobs at once; 0 means one per core. kept: how many more may run if they are of urgency
    0. python: the guest interpreter; "" means this one. isolation: "auto", the strongest level that
    passes its self-test here, or one of them by name. silence_s: a zygote from which nothing is
    heard for so long is killed and its job run elsewhere. `urgency` of a call: the lower goes
    first. Raises: GuestUnusable and IsolationMissing on entering; from calls JobRefused for a job
    that it cannot run, and SandboxError when it can run none.
    """

    version = 3
    """Counts up whenever the same job could give another answer."""

    def __init__(
        self,
        limits: Limits | None = None,
        *,
        workers: int = 0,
        kept: int = 0,
        python: str = "",
        isolation: str | Level = "auto",
        silence_s: float = 60.0,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        if isinstance(isolation, str) and isolation not in ("auto", *BY_NAME):
            raise ValueError(f"isolation is auto or one of {', '.join(BY_NAME)}, not {isolation!r}")
        self.limits = limits or Limits()
        self.workers = workers or os.cpu_count() or 1
        self.python = python or sys.executable
        self.permits = Permits(self.workers + kept, kept=kept, changed=changed)
        self._wanted = isolation if isinstance(isolation, str) else isolation.name
        self._ladder = (
            (isolation,)
            if isinstance(isolation, Level)
            else (AUTOMATIC if isolation == "auto" else (BY_NAME[isolation],))
        )
        self._silence_s = silence_s
        self._level: Level | None = None
        self._guest: Guest | None = None
        self._idle: list[Worker] = []
        self._live: set[Worker] = set()
        self._slots = itertools.count()
        self._free_slots: list[int] = []
        self._tasks: set[asyncio.Task[None]] = set()
        """Zygotes on their way back to the idle, or out."""
        self._closed = False
        self._done = 0
        self._lost = 0
        self._cpu_s = 0.0

    @property
    def guest(self) -> Guest:
        if self._guest is None:
            raise SandboxError("the sandbox is not open: use `async with Sandbox(...) as box`")
        return self._guest

    @property
    def isolation(self) -> str:
        """The level in force, by name."""
        return self._level.name if self._level else self._wanted

    async def __aenter__(self) -> Self:
        python = shutil.which(self.python)
        if python is None:
            raise GuestUnusable(f"sandbox.python: {self.python} is missing or not executable")
        self._guest = await asyncio.to_thread(view.probe, python)
        try:
            await self._choose()
            await self._look_inside()
        except BaseException:
            await self._end()
            raise
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._end()

    async def _end(self) -> None:
        """Returns once nothing that the sandbox started is left."""
        self._closed = True
        for worker in tuple(self._live):
            self._discard(worker)
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _choose(self) -> None:
        """Takes the first level that passes its self-test. Raises: IsolationMissing with what each
        one lacks."""
        refused = []
        for level in self._ladder:
            why = await self._refusal(level)
            if not why:
                self._level = level
                return
            refused.append(f"{level.name}: {why}. It needs {level.needs}.")
        hint = (
            ""
            if self._wanted != "auto"
            else (f' For code that you trust, isolation = "{LADDER[-1].name}" runs without walls.')
        )
        raise IsolationMissing(
            f"sandbox.isolation = {self._wanted!r} cannot be had here. {' '.join(refused)}{hint}"
        )

    async def _refusal(self, level: Level) -> str:
        """Why a level cannot be used here; "" when it can, and then its first zygote is there."""
        if level.impossible():
            return level.impossible()
        for _ in range(TRIES):
            try:
                failed = await self._failures(level)
            except IsolationMissing as exc:
                return str(exc)
            except (
                SandboxError
            ) as exc:  # something ended it in mid-test, which says nothing about the level
                failed = [str(exc)]
                continue
            break
        if not failed:
            return ""
        why = f"its self-test failed: {'; '.join(failed)}"
        log.warning("the level %s could be had here, but %s", level.name, why)
        return why

    async def _failures(self, level: Level) -> list[str]:
        """What a first zygote of the level did not withstand; it stays, if it withstood all."""
        worker = await self._start(level, Kind())
        try:
            failed = selftest.failures(level, await selftest.tested(worker, self._silence_s))
        except SandboxError:
            self._discard(worker)
            raise
        if failed:
            self._discard(worker)
        else:
            self._idle.append(worker)
        return failed

    async def _look_inside(self) -> None:
        """Takes the modules that jobs can see for the guest's; what is installed and cannot be seen
        is reported."""
        run = await self.run(LISTING, "f", "{}", limits=Limits(cpu_s=20.0, wall_s=60.0))
        if run.status != "ok" or run.value is None:
            raise GuestUnusable(
                f"sandbox.python: {self.python} cannot list its modules inside the walls: {run.error}"
            )
        seen = frozenset(json.loads(run.value)) | frozenset(sys.stdlib_module_names)
        unseen = [
            f"{name}: installed, but not readable inside the walls"
            for name in sorted(self.guest.modules - seen)
        ]
        self._guest = replace(
            self.guest, modules=self.guest.modules & seen, unseen=(*self.guest.unseen, *unseen)
        )
        for line in self._guest.unseen:
            log.info("not seen by sandboxed code: %s", line)

    def statistics(self) -> Statistics:
        return Statistics(
            self.workers,
            self.permits.held,
            self.permits.waiting,
            len(self._live),
            self._done,
            self._lost,
            self._cpu_s,
        )

    async def run(
        self,
        code: str,
        entrypoint: str,
        arguments: str | dict[str, Any],
        *,
        urgency: int = 0,
        limits: Limits | None = None,
        seed: int = 0,
        hash_seed: int = 0,
        trace: Trace | None = None,
        clock: Clock | None = None,
        salt: int = 0,
    ) -> Run:
        """One call of `entrypoint(**loads(arguments))`, or with the value itself where it is no
        object."""
        runs = await self.run_many(
            code,
            entrypoint,
            [arguments],
            urgency=urgency,
            limits=limits,
            seed=seed,
            hash_seed=hash_seed,
            trace=trace,
            clock=clock,
            salt=salt,
        )
        return runs[0]

    async def run_many(
        self,
        code: str,
        entrypoint: str,
        arguments: Sequence[str | dict[str, Any]],
        *,
        urgency: int = 0,
        limits: Limits | None = None,
        seed: int = 0,
        hash_seed: int = 0,
        trace: Trace | None = None,
        clock: Clock | None = None,
        salt: int = 0,
        total_cpu_s: float = math.inf,
        all_or_nothing: bool = False,
    ) -> list[Run]:
        """One call for each of `arguments`, in order, of code that is loaded once; limits hold for
        each call.

        A call that ends its process does not touch the others: the rest runs in a new one. `random`
        and numpy are seeded with `seed` before each call; with another `salt` than 0, seeds that
        the code sets itself, and digests, are others than it asks for (`Run.salted` tells which).
        Once all calls together have used `total_cpu_s` of CPU, the rest is a timeout without being
        run; so it is with `all_or_nothing` behind the first call that is out of time.
        """
        if hash_seed not in HASH_SEEDS:
            raise ValueError(f"hash_seed is one of {HASH_SEEDS}, not {hash_seed}")
        if not arguments:
            return []
        texts = tuple(text if isinstance(text, str) else json.dumps(text) for text in arguments)
        job = Job(
            code,
            entrypoint,
            limits or self.limits,
            texts,
            total_cpu_s=total_cpu_s,
            seed=seed,
            hash_seed=hash_seed,
            trace=trace,
            clock=clock,
            salt=salt,
            all_or_nothing=all_or_nothing,
        )
        return await self._attended(job, urgency, jobs.runs)

    async def draw(
        self,
        code: str,
        entrypoint: str,
        *,
        calls: int,
        distinct: int,
        seed: int,
        value_bytes: int,
        cpu_s: float,
        urgency: int = 1,
        limits: Limits | None = None,
    ) -> Draws:
        """Calls `entrypoint()` until `distinct` different values are there or `calls` are used up.

        Seeded once, so that the same code and seed draw the same. `cpu_s` bounds all calls
        together; values above `value_bytes` of JSON are counted and left out.
        """
        job = Job(
            code,
            entrypoint,
            limits or self.limits,
            draw=(calls, distinct, value_bytes),
            call_cpu_s=cpu_s,
            seed=seed,
        )
        return await self._attended(job, urgency, jobs.draws)

    async def _attended(self, job: Job, urgency: int, read: Callable[[Job, list[Frame]], T]) -> T:
        """Runs a job; one that the sandbox itself lost is run again, on another zygote.

        Raises: JobRefused where a job without fault still passes, SandboxError where nothing does.
        """
        message = job.message()
        kind = Kind(job.preload(self.guest.modules), job.hash_seed)
        for tries_left in reversed(range(TRIES)):
            try:
                return read(job, await self._tried(message, kind, urgency))
            except SandboxError as exc:
                self._lost += 1
                if self._closed:
                    raise
                if not tries_left:
                    await self._tried(CANARY.message(), Kind(), urgency)
                    raise JobRefused(
                        f"what runs it is lost {TRIES} times, and other jobs are run: {exc}"
                    ) from exc
                log.warning("a sandboxed run is tried again: %s", exc)
        raise AssertionError("unreachable")

    async def _tried(self, message: bytes, kind: Kind, urgency: int) -> list[Frame]:
        await self.permits.acquire(urgency)
        try:
            worker = await self._worker(kind)
        except BaseException:
            self.permits.release()
            raise
        try:
            frames = await worker.attend(message, self._silence_s)
        except asyncio.CancelledError:
            self._recover(worker)
            raise
        except BaseException:
            self._discard(worker, at_once=True)
            self.permits.release()
            raise
        self._cpu_s += frames[-1][1]["cpu_s"]
        self._done += 1
        self._give_back(worker)
        return frames

    async def _worker(self, kind: Kind) -> Worker:
        """An idle zygote of this kind, or a new one, for which the one that was idle longest may
        have to go."""
        if self._level is None or self._closed:
            raise SandboxError("the sandbox is not open: use `async with Sandbox(...) as box`")
        for position in reversed(range(len(self._idle))):
            if self._idle[position].kind == kind:
                return self._idle.pop(position)
        while self._idle and len(self._live) >= 3 * self.permits.capacity + len(HASH_SEEDS):
            self._discard(self._idle[0])
        return await self._start(self._level, kind)

    async def _start(self, level: Level, kind: Kind) -> Worker:
        slot = self._free_slots.pop() if self._free_slots else next(self._slots)
        try:
            worker = Worker(level, self.guest, kind, slot)
        except BaseException:
            self._free_slots.append(slot)
            raise
        self._live.add(worker)
        try:
            await worker.prepare()
        except BaseException:
            self._discard(
                worker, at_once=True
            )  # in a task of its own: this one may be cancelled again and again
            raise
        for module, why in worker.missing.items():
            log.warning("the guest's %s cannot be imported inside the walls: %s", module, why)
        return worker

    def _give_back(self, worker: Worker) -> None:
        if worker.jobs >= JOBS_OF_ZYGOTE or worker.large:
            self._discard(worker)
        elif worker in self._live:
            self._idle.append(worker)
        self.permits.release()

    def _discard(self, worker: Worker, *, at_once: bool = False) -> None:
        if worker in self._live:
            self._live.discard(worker)
            self._free_slots.append(worker.slot)
            if worker in self._idle:
                self._idle.remove(worker)
            worker.kill(at_once=at_once)
            self._spawn(worker.ended())

    def _recover(self, worker: Worker) -> None:
        """Gets a zygote back whose caller has gone; its permit is free once the job is dead."""

        async def recovered() -> None:
            try:
                if not worker.whole or self._closed:
                    raise SandboxError("its job was sent in part")
                await worker.cancel(self._silence_s)
            except BaseException:
                self._discard(worker, at_once=True)
                self.permits.release()
                raise
            self._give_back(worker)

        self._spawn(recovered())

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # the zygote was discarded, and nobody waits for it
