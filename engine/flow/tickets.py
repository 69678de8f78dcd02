"""Tickets: the live count of one source row's descendants."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import anyio

from engine.flow.conservation import Conservation
from stages.records import Origin, Row

Listener = Callable[[Row], Awaitable[None]]


@dataclass(slots=True, eq=False, kw_only=True)
class Ticket:
    """One source row in the flow.

    id: its name in the journal's marks. size_bytes: what it counts against limits.live_bytes.
    listener: gets each finished row. live: records that descend from it and are not settled yet.
    rows, rejects: what has come of it. counts: the same by kind of record. held_back: a record of
    it waits for a later process, so that this one does not finish it. parked: a record of it waits
    for the end of the run, and it takes no place in the window. scopes: of the calls under way.
    done: set when all has settled.
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
        """Drops all that descends from the row.

        Calls under way are cancelled. Records that wait never start.
        """
        self.cancelled = True
        for scope in tuple(self.scopes):
            scope.cancel()
