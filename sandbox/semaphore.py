"""A semaphore that hands out its permits by urgency."""

import asyncio
import heapq
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager


class PrioritySemaphore:
    """At most `capacity` holders at once.

    Of those that wait, the lowest `urgency` number goes first, then the oldest.

    kept: permits that only urgency 0 may hold. Other work can then never delay urgent work by more
    than one finishing holder.
    changed: called whenever a permit comes free and nobody waits for it.
    Raises: ValueError unless 0 <= kept < capacity.
    """

    def __init__(
        self, capacity: int, *, kept: int = 0, changed: Callable[[], None] = lambda: None
    ) -> None:
        if capacity < 1 or not 0 <= kept < capacity:
            raise ValueError(
                f"capacity must be at least 1 and above kept, not {capacity} and {kept}"
            )
        self.capacity = capacity
        self.held = 0
        self._kept = kept
        self._changed = changed
        self._order = 0
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []

    @property
    def waiting(self) -> int:
        """How many wait for a permit."""
        return sum(not future.done() for _, _, future in self._waiting)

    @property
    def idle(self) -> bool:
        """A permit is free and nobody waits for one."""
        return self.held < self.capacity - self._kept and not self._waiting

    async def acquire(self, urgency: int = 0) -> None:
        """Returns once the caller holds a permit, which it must `release`."""
        if self._open_to(urgency) and not self._waiting:
            self.held += 1
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._order += 1
        heapq.heappush(self._waiting, (urgency, self._order, future))
        self._hand_out()
        try:
            await future
        except asyncio.CancelledError:
            # A permit may be handed over in the moment of the cancellation. The caller will never
            # know that it holds it, so it goes to the next one.
            if future.done() and not future.cancelled():
                self.release()
            else:
                self._waiting = [entry for entry in self._waiting if entry[2] is not future]
                heapq.heapify(self._waiting)
            raise

    def release(self) -> None:
        """Gives a permit back."""
        self.held -= 1
        self._hand_out()
        if self.idle:
            self._changed()

    @asynccontextmanager
    async def permit(self, urgency: int = 0) -> AsyncIterator[None]:
        """Holds a permit for as long as the context lasts."""
        await self.acquire(urgency)
        try:
            yield
        finally:
            self.release()

    def _open_to(self, urgency: int) -> bool:
        return self.held < self.capacity - (self._kept if urgency > 0 else 0)

    def _hand_out(self) -> None:
        # Only the first in the heap is looked at: if no permit is open to it, none is open to any
        # other, whose urgency is the same or less.
        while self._waiting and self._open_to(self._waiting[0][0]):
            _, _, future = heapq.heappop(self._waiting)
            if not future.done():
                self.held += 1
                future.set_result(None)
