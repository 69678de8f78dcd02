"""Tickets: the live count of one source row's descendants, and the window that bounds how many are
live."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field

import anyio

from stages.records import Origin, Row

Listener = Callable[[Row], Awaitable[None]]
SOURCE: ContextVar[str] = ContextVar("SOURCE", default="")
"""The id of the source row that is worked on; empty outside of the flow."""


@dataclass(slots=True)
class Conservation:
    """read = finished + rejected + live, per kind, at every moment."""

    read: Counter[str] = field(default_factory=Counter)
    finished: Counter[str] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)

    def live(self, kind: str) -> int:
        return self.read[kind] - self.finished[kind] - self.rejected[kind]

    def opened(self, kind: str, *, rejected: bool = False) -> None:
        """Counts a record that came in from outside."""
        self.read[kind] += 1
        self.rejected[kind] += rejected

    def settled(self, kind: str, outcomes: Sequence[tuple[str, bool]]) -> None:
        """Counts one settled record of `kind`; outcomes are (kind, whether it is a reject) of all
        it gave."""
        for other, rejected in outcomes:
            if other != kind:
                self.read[other] += 1
                self.rejected[other] += rejected
        going_on = sum(name == kind and not rejected for name, rejected in outcomes)
        self.read[kind] += max(
            0, going_on - 1
        )  # the first is the record itself, the others are new
        if not going_on:
            ended = self.rejected if (kind, True) in outcomes else self.finished
            ended[kind] += 1

    def table(self) -> dict[str, int]:
        """All counts by name, as the report keeps them: `kinds.program.read`."""
        named = (("read", self.read), ("finished", self.finished), ("rejected", self.rejected))
        return {
            f"kinds.{kind}.{name}": count
            for name, counter in named
            for kind, count in counter.items()
            if count
        }


@dataclass(slots=True, eq=False)
class Ticket:
    """One source row in the flow. live: records that descend from it and are not settled yet.

    id names the row in the journal's marks; size_bytes is what it counts against limits.live_bytes.
    held_back: some of it waits for a later process, so that it is not finished in this one; parked:
    some of it waits for the end of the run, and it takes no place in the window. rows and rejects
    are what has come of it, counts the same by kind of record. listener gets each finished row;
    done is set when all has settled.
    """

    id: str
    origin: Origin
    size_bytes: int = 0
    listener: Listener | None = None
    live: int = 0
    rows: int = 0
    rejects: list[str] = field(default_factory=list)
    counts: Conservation = field(default_factory=Conservation)
    cancelled: bool = False
    held_back: bool = False
    parked: bool = False
    scopes: set[anyio.CancelScope] = field(default_factory=set)
    done: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def rejected(self) -> str | None:
        """The reason why nothing came of the row, or None if something did."""
        return self.rejects[-1] if self.rejects and not self.rows else None

    def cancel(self) -> None:
        """Drops all that descends from the row: running calls are cancelled, waiting records never
        start."""
        self.cancelled = True
        for scope in tuple(self.scopes):
            scope.cancel()


class Withheld(Exception):
    """Raised in place of a call that a run which only replays does not make: its record is held
    back."""


class WindowClosed(Exception):
    """Raised to who wants in after the window was closed."""


class Window:
    """Lets source rows in by demand: while some resource is idle, up to `size` rows and
    `live_bytes` bytes at once.

    Cyclic graphs with bounded edges deadlock as soon as the source can fill them; this bound keeps
    it from that.
    """

    def __init__(
        self, size: int, live_bytes: int, demand: Callable[[], bool] = lambda: True
    ) -> None:
        self.size = size
        self.live_bytes = live_bytes
        self.live = 0
        self.bytes = 0
        self._demand = demand
        self._waiting: list[asyncio.Future[None]] = []
        self._closed = False

    def close(self) -> None:
        """Lets nobody in any more: who waits is turned away with WindowClosed."""
        self._closed = True
        self.changed()

    def changed(self) -> None:
        """To be called when a resource came free: those who wait look again."""
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)

    async def enter(self, ticket: Ticket) -> None:
        """Waits until the ticket may come in. A row larger than the whole bound comes in alone."""
        while self._closed or not self._open(ticket.size_bytes):
            if self._closed:
                raise WindowClosed
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(future)
            await future
        self.live += 1
        self.bytes += ticket.size_bytes

    def leave(self, ticket: Ticket) -> None:
        self.live -= 1
        self.bytes -= ticket.size_bytes
        self.changed()

    def _open(self, size_bytes: int) -> bool:
        if self.live == 0:
            return True
        return (
            self.live < self.size and self.bytes + size_bytes <= self.live_bytes and self._demand()
        )
