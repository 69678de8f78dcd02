"""The zygotes of a sandbox: started as they are needed, kept while idle, replaced, and ended."""

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
"""After so many, a zygote is replaced, whatever it has gathered."""


class Zygotes:
    """most: how many are alive before the one that was idle longest goes for another kind.

    silence_s: a zygote from which nothing is heard for so long counts as lost.
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
        """Zygotes on their way back to the idle, or out."""

    def __len__(self) -> int:
        return len(self._live)

    def __iter__(self) -> Iterator[ZygoteHandle]:
        """Those that are alive, in no order."""
        return iter(tuple(self._live))

    async def take(self, level: Level, guest: Guest, kind: Kind) -> ZygoteHandle:
        """An idle zygote of this kind, or a new one."""
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
            # it ends in a task of its own, since this one may be cancelled again and again
            self.discard(zygote, at_once=True)
            raise
        for module, why in zygote.missing.items():
            log.warning("the guest's %s cannot be imported inside the walls: %s", module, why)
        return zygote

    def give_back(self, zygote: ZygoteHandle) -> None:
        """Keeps a zygote that is ready for another job, unless it has served long enough."""
        if zygote.jobs >= JOBS_OF_ZYGOTE or zygote.large:
            self.discard(zygote)
        elif zygote in self._live:
            self._idle.append(zygote)

    def discard(self, zygote: ZygoteHandle, *, at_once: bool = False) -> None:
        """Ends a zygote, in the background. at_once: without asking it, as it may hang."""
        if zygote in self._live:
            self._live.discard(zygote)
            self._free_slots.append(zygote.slot)
            if zygote in self._idle:
                self._idle.remove(zygote)
            zygote.kill(at_once=at_once)
            self._spawn(zygote.ended())

    def recover(self, zygote: ZygoteHandle, released: Callable[[], None]) -> None:
        """Gets a zygote back whose caller has gone. released: called once its job is dead."""

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
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # the zygote was discarded, and nobody waits for it
