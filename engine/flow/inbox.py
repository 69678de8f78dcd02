"""A stage's queue: bounded for records from upstream, never blocking for edges back."""

import asyncio
import heapq
from collections import deque
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class InboxStatistics:
    """Items in an inbox. queued: now. peak: the most at once."""

    queued: int
    peak: int


class Inbox(Generic[T]):
    """Items leave by urgency (lower first), then in the order of their coming."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._items: list[tuple[int, int, T]] = []
        self._order = 0
        self._takers: deque[asyncio.Future[None]] = deque()
        self._putters: deque[asyncio.Future[None]] = deque()
        self._peak = 0

    def __len__(self) -> int:
        return len(self._items)

    def statistics(self) -> InboxStatistics:
        return InboxStatistics(len(self._items), self._peak)

    def put_nowait(self, item: T, urgency: int) -> None:
        """Puts the item in, full or not: for edges that lead back."""
        self._order += 1
        heapq.heappush(self._items, (urgency, self._order, item))
        self._peak = max(self._peak, len(self._items))
        _wake(self._takers)

    async def put(self, item: T, urgency: int) -> None:
        """Puts the item in as soon as there is room."""
        while len(self._items) >= self._size:
            await _wait(self._putters)
        self.put_nowait(item, urgency)

    async def get(self) -> T:
        while not self._items:
            await _wait(self._takers)
        _, _, item = heapq.heappop(self._items)
        if len(self._items) < self._size:
            _wake(self._putters)
        return item


async def _wait(queue: deque[asyncio.Future[None]]) -> None:
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    queue.append(future)
    try:
        await future
    except asyncio.CancelledError:
        if future.done() and not future.cancelled():
            # Woken and cancelled in the same moment: without this the wake-up would be lost.
            _wake(queue)
        elif future in queue:
            queue.remove(future)
        raise


def _wake(queue: deque[asyncio.Future[None]]) -> None:
    while queue:
        future = queue.popleft()
        if not future.done():
            future.set_result(None)
            return
