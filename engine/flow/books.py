"""The accounts of a flow: which source rows are live, and what has come of all of them."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence

from engine.flow.conservation import Conservation
from engine.flow.tickets import Ticket


class Books:
    """Live tickets, and counts by kind, kept for each ticket and for the whole flow.

    held_back: source rows of which some record waits for a later process.
    """

    def __init__(self) -> None:
        self.counts = Conservation()
        self.held_back = 0
        self._left: Counter[str] = Counter()
        self._tickets: set[Ticket] = set()
        self._quiet = asyncio.Event()
        self._quiet.set()

    @property
    def live(self) -> int:
        return len(self._tickets)

    @property
    def live_counts(self) -> Counter[str]:
        """What has come so far of the source rows that are live or held back, by name."""
        tables = (Counter(ticket.counts.table()) for ticket in self._tickets)
        return sum(tables, Counter(self._left))

    def opened(self, ticket: Ticket, kind: str, *, rejected: bool = False) -> None:
        """Counts a source row that came in, by its first record or as a reject."""
        self._tickets.add(ticket)
        self._quiet.clear()
        for counts in self._of(ticket):
            counts.opened(kind, rejected=rejected)

    def settled(self, ticket: Ticket, kind: str, outcomes: Sequence[tuple[str, bool]]) -> None:
        """Counts a settled record by all that it gave: (kind, whether it is a reject) of each."""
        for counts in self._of(ticket):
            counts.settled(kind, outcomes)

    def left(self, ticket: Ticket, kind: str) -> None:
        """Counts a record that leaves the run where it ends (output.until)."""
        for counts in self._of(ticket):
            counts.finished[kind] += 1

    def closed(self, ticket: Ticket) -> None:
        """Closes a ticket: all of its records have settled or are held back."""
        if ticket.held_back:
            self.held_back += 1
            self._left.update(ticket.counts.table())
        self._tickets.discard(ticket)
        ticket.done.set()
        if not self._tickets:
            self._quiet.set()

    def abandon(self) -> None:
        """Wakes all who wait for a ticket or for the end, since the run has failed."""
        self._quiet.set()
        for ticket in tuple(self._tickets):
            ticket.done.set()

    async def quiet(self) -> None:
        """Waits until nothing is live, or the run has failed."""
        await self._quiet.wait()

    def _of(self, ticket: Ticket) -> Iterable[Conservation]:
        return self.counts, ticket.counts
