"""The zygotes of a sandbox: started when they are needed, kept while idle, replaced, and ended."""

import asyncio
import itertools
import logging
from collections.abc import Callable, Coroutine, Iterator

from sandbox.errors import SandboxError
from sandbox.handle import Kind, ZygoteHandle
from sandbox.levels import Level
from sandbox.records import Guest

log = logging.getLogger(__name__)
JOBS_OF_ZYGOTE = 5000
"""A zygote is replaced after so many jobs, in case it leaks memory or descriptors."""


class Zygotes:
    """The zygotes that are alive, idle or at work.

    most: how many are alive before a new kind takes the place of the one that was idle longest.
    silence_s: seconds without a byte from a zygote after which it counts as lost.
    """

    def __init__(self, most: int, silence_s: float) -> None:
        self.silence_s = silence_s
        self.closed = False
        self._most = most
        self._idle: list[ZygoteHandle] = []
        self._live: set[ZygoteHandle] = set()
        self._slots = itertools.count()
        self._free_slots: list[int] = []
        self._tasks: set[asyncio.Task[None]] = set()
        """Recoveries and endings that run in the background."""

    def __len__(self) -> int:
        return len(self._live)

    def __iter__(self) -> Iterator[ZygoteHandle]:
        """Those that are alive, in no order."""
        return iter(tuple(self._live))

    async def take(self, level: Level, guest: Guest, kind: Kind) -> ZygoteHandle:
        """An idle zygote of this kind, or a new one. Raises: SandboxError, IsolationMissing."""
        # The one that was idle for the shortest time: its pages are likely to be in memory still.
        for position in reversed(range(len(self._idle))):
            if self._idle[position].kind == kind:
                return self._idle.pop(position)
        while self._idle and len(self._live) >= self._most:
            self.discard(self._idle[0])
        return await self.start(level, guest, kind)

    async def start(self, level: Level, guest: Guest, kind: Kind) -> ZygoteHandle:
        """A new zygote. Raises: SandboxError, IsolationMissing."""
        slot = self._free_slots.pop() if self._free_slots else next(self._slots)
        try:
            zygote = ZygoteHandle(level, guest, kind, slot)
        except BaseException:
            self._free_slots.append(slot)
            raise
        self._live.add(zygote)
        try:
            await zygote.prepare()
        except BaseException:
            # Its end is awaited in a task of its own, since this one may be cancelled again.
            self.discard(zygote, at_once=True)
            raise
        for module, why in zygote.missing.items():
            log.warning("the guest's %s cannot be imported inside the walls: %s", module, why)
        return zygote

    def give_back(self, zygote: ZygoteHandle) -> None:
        """Keeps a zygote that is ready for another job, unless it is due to be replaced."""
        # The text of a large job may stay in its zygote's heap, which later jobs would inherit.
        if zygote.jobs >= JOBS_OF_ZYGOTE or zygote.large:
            self.discard(zygote)
        elif zygote in self._live:
            self._idle.append(zygote)

    def discard(self, zygote: ZygoteHandle, *, at_once: bool = False) -> None:
        """Ends a zygote in the background.

        at_once: whether it is killed without being asked, since it may hang.
        """
        if zygote in self._live:
            self._live.discard(zygote)
            self._free_slots.append(zygote.slot)
            if zygote in self._idle:
                self._idle.remove(zygote)
            zygote.kill(at_once=at_once)
            self._spawn(zygote.ended())

    def recover(self, zygote: ZygoteHandle, released: Callable[[], None]) -> None:
        """Takes a zygote back whose caller was cancelled, in the background.

        released: called once its job is dead. The job keeps its permit until then, so that never
        more jobs run than there are permits.
        """

        async def recovered() -> None:
            try:
                if not zygote.whole or self.closed:
                    raise SandboxError("its job was sent in part")
                await zygote.cancel(self.silence_s)
                self.give_back(zygote)
            except BaseException:
                self.discard(zygote, at_once=True)
                raise
            finally:
                released()

        self._spawn(recovered())

    async def close(self) -> None:
        """Returns once nothing that was started here is left."""
        self.closed = True
        for zygote in tuple(self._live):
            self.discard(zygote)
        # A task that ends may have spawned another: a failed recovery discards its zygote.
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            # Looked at, lest asyncio warn of it: the zygote is discarded and nobody waits for it.
            task.exception()
