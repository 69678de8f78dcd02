"""The sandbox as asyncio callers see it: a pool that runs jobs on zygotes kept for reuse.

Urgent jobs go first. A call that is cancelled has its job killed.
"""

import asyncio
import json
import logging
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self, TypeVar

from sandbox import jobs, selftest, view
from sandbox.errors import GuestUnusable, IsolationMissing, JobRefused, SandboxError
from sandbox.handle import Kind
from sandbox.jobs import Frame, Order
from sandbox.levels import AUTOMATIC, BY_NAME, LADDER, Level
from sandbox.records import HASH_SEEDS, Drawing, Draws, Guest, Job, Limits, Run
from sandbox.runner import Runner
from sandbox.semaphore import PrioritySemaphore
from sandbox.zygotes import Zygotes

T = TypeVar("T")
log = logging.getLogger(__name__)

TRIES = 3
"""How often a job is tried when the sandbox, not the job, failed."""
CANARY = Order(Job(code="def f(): return 1\n", entrypoint="f", arguments=("{}",)), Limits())
"""A job without fault: what runs it can run jobs."""
LISTING = "import pkgutil\ndef f(): return sorted({i.name for i in pkgutil.iter_modules()})\n"
"""A job that names the modules that can be imported inside the walls."""


def levels_of(isolation: str | Level) -> tuple[Level, ...]:
    """The levels to try for a setting of the isolation, in order."""
    if isinstance(isolation, Level):
        return (isolation,)
    return AUTOMATIC if isolation == "auto" else (BY_NAME[isolation],)


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """What a pool does now, and what it has done since it was made.

    workers: jobs at once. running, waiting: jobs now. zygotes: those alive. done: jobs that gave
    their runs. lost: tries that the sandbox, not the job, failed. cpu_s: CPU seconds of all jobs.
    """

    workers: int
    running: int
    waiting: int
    zygotes: int
    done: int
    lost: int
    cpu_s: float


class Sandbox(Runner):
    """A pool of sandboxed runs, used as an async context manager.

    limits: of each call, for jobs that name none.
    workers: jobs at once, where 0 means one per core. kept: how many more may run at urgency 0.
    python: the guest interpreter, where "" means this one.
    isolation: a level or its name. "auto" is the strongest that passes its self-test here.
    silence_s: seconds without a byte after which a zygote is killed, and its job run elsewhere.
    changed: called whenever there is room for a job and none waits.

    Raises: ValueError for an unknown level. GuestUnusable and IsolationMissing on entering. Calls
    raise JobRefused for a job that cannot be run, and SandboxError when none can be run.
    """

    version = 3
    """Rises whenever the same job could give another answer."""

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
        self.semaphore = PrioritySemaphore(self.workers + kept, kept=kept, changed=changed)
        self._wanted = isolation if isinstance(isolation, str) else isolation.name
        self._ladder = levels_of(isolation)
        self._level: Level | None = None
        self._guest: Guest | None = None
        # Each hash seed and each set of packages needs its own zygotes. With room for no more than
        # run at once, each change of kind would start an interpreter.
        self._zygotes = Zygotes(3 * self.semaphore.capacity + len(HASH_SEEDS), silence_s)
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
            await self._zygotes.close()
            raise
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._zygotes.close()

    async def _choose(self) -> None:
        """Takes the first level that passes its self-test. Raises: IsolationMissing."""
        refused = []
        for level in self._ladder:
            why = await self._refusal(level)
            if not why:
                self._level = level
                return
            refused.append(f"{level.name}: {why}. It needs {level.needs}.")
        if self._wanted == "auto":
            trusted = f'isolation = "{LADDER[-1].name}" runs without walls'
            refused.append(f"For code that you trust, {trusted}.")
        why = " ".join(refused)
        raise IsolationMissing(f"sandbox.isolation = {self._wanted!r} cannot be had here. {why}")

    async def _refusal(self, level: Level) -> str:
        """Why a level cannot be used here, or "" when it can and its first zygote is ready."""
        if level.impossible():
            return level.impossible()
        for _ in range(TRIES):
            try:
                failed = await self._failures(level)
            except IsolationMissing as exc:
                return str(exc)
            except SandboxError as exc:
                # A zygote that is lost in mid-test says nothing about its level.
                failed = [str(exc)]
                continue
            break
        if not failed:
            return ""
        why = f"its self-test failed: {'; '.join(failed)}"
        log.warning("the level %s could be had here, but %s", level.name, why)
        return why

    async def _failures(self, level: Level) -> list[str]:
        """The attacks that a zygote did not withstand. One that withstood all is kept for jobs."""
        zygotes = self._zygotes
        zygote = await zygotes.start(level, self.guest, Kind())
        try:
            failed = selftest.failures(level, await selftest.tested(zygote, zygotes.silence_s))
        except SandboxError:
            zygotes.discard(zygote)
            raise
        if failed:
            zygotes.discard(zygote)
        else:
            zygotes.give_back(zygote)
        return failed

    async def _look_inside(self) -> None:
        """Restricts the guest's modules to those that jobs can see, and reports the others.

        Raises: GuestUnusable.
        """
        run = await self.run(LISTING, "f", "{}", limits=Limits(cpu_s=20.0, wall_s=60.0))
        if run.status != "ok" or run.value is None:
            raise GuestUnusable(
                f"sandbox.python: {self.python} cannot list its modules inside the walls: "
                f"{run.error}"
            )
        seen = frozenset(json.loads(run.value)) | frozenset(sys.stdlib_module_names)
        hidden = sorted(self.guest.modules - seen)
        unseen = [f"{name}: installed, but not readable inside the walls" for name in hidden]
        self._guest = replace(
            self.guest, modules=self.guest.modules & seen, unseen=(*self.guest.unseen, *unseen)
        )
        for line in self._guest.unseen:
            log.info("not seen by sandboxed code: %s", line)

    def statistics(self) -> Statistics:
        """A snapshot of the pool."""
        return Statistics(
            workers=self.workers,
            running=self.semaphore.held,
            waiting=self.semaphore.waiting,
            zygotes=len(self._zygotes),
            done=self._done,
            lost=self._lost,
            cpu_s=self._cpu_s,
        )

    async def run_many(self, job: Job, *, urgency: int = 0) -> list[Run]:
        if not job.arguments:
            return []
        return await self._attended(Order.of(job, self.limits), urgency, jobs.runs)

    async def draw(self, drawing: Drawing, *, urgency: int = 0) -> Draws:
        return await self._attended(Order.of(drawing, self.limits), urgency, jobs.draws)

    async def _attended(
        self, order: Order, urgency: int, read: Callable[[Order, list[Frame]], T]
    ) -> T:
        """Runs a job, and runs it again on another zygote when the sandbox lost it.

        Raises: JobRefused for a job that is lost while CANARY is run, else SandboxError.
        """
        message = order.message()
        kind = Kind(order.preload(self.guest.modules), order.hash_seed)
        for tries_left in reversed(range(TRIES)):
            try:
                return read(order, await self._tried(message, kind, urgency))
            except SandboxError as exc:
                self._lost += 1
                if self._zygotes.closed:
                    raise
                if not tries_left:
                    # Either this job breaks every zygote, or the machine can run none. Only in the
                    # second case is the canary lost as well, and its error is raised.
                    await self._tried(CANARY.message(), Kind(), urgency)
                    raise JobRefused(
                        f"what runs it is lost {TRIES} times, and other jobs are run: {exc}"
                    ) from exc
                log.warning("a sandboxed run is tried again: %s", exc)
        raise AssertionError("unreachable")

    async def _tried(self, message: bytes, kind: Kind, urgency: int) -> list[Frame]:
        """One try of a job on one zygote. Raises: SandboxError when that is lost."""
        zygotes = self._zygotes
        await self.semaphore.acquire(urgency)
        try:
            if self._level is None or zygotes.closed:
                raise SandboxError("the sandbox is not open: use `async with Sandbox(...) as box`")
            zygote = await zygotes.take(self._level, self.guest, kind)
        except BaseException:
            self.semaphore.release()
            raise
        try:
            frames = await zygote.attend(message, zygotes.silence_s)
        except asyncio.CancelledError:
            # The job runs on until its zygote has killed it, and keeps its permit for so long.
            zygotes.recover(zygote, self.semaphore.release)
            raise
        except BaseException:
            zygotes.discard(zygote, at_once=True)
            self.semaphore.release()
            raise
        self._cpu_s += frames[-1][1]["cpu_s"]
        self._done += 1
        zygotes.give_back(zygote)
        self.semaphore.release()
        return frames
