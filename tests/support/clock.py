"""Time without waiting: a clock that jumps to the next sleeper whenever everybody sleeps."""

import asyncio
import heapq
import random

from stages.inference.environment import Environment


class FakeClock:
    """clock() is what has been slept; sleep() returns as soon as nobody is due before."""

    def __init__(self) -> None:
        self.now = 0.0
        self._order = 0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._waking: asyncio.Task[None] | None = None

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._order += 1
        heapq.heappush(self._sleepers, (self.now + seconds, self._order, future))
        if self._waking is None or self._waking.done():
            self._waking = asyncio.create_task(self._wake())
        await future

    async def _wake(self) -> None:
        while self._sleepers:
            for _ in range(20):  # lets everything that can run without time passing run first
                await asyncio.sleep(0)
            due, _, future = heapq.heappop(self._sleepers)
            self.now = max(self.now, due)
            if not future.done():
                future.set_result(None)

    def environment(self, seed: int = 0) -> Environment:
        return Environment(
            clock=self.clock, wall=self.clock, sleep=self.sleep, chance=random.Random(seed)
        )
