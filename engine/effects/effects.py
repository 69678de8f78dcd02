"""The journal around models and sandbox: results are looked up first, and durable before use.

A request is looked up by its content. There is one flight for each key: while a request is under
way, others that ask the same wait for its result.
"""

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from engine.flow.context import SOURCE, StopSwitch
from engine.journal import faults
from engine.journal.journal import Journal
from engine.journal.store import LeaseRow


@dataclass(slots=True)
class FreshResult:
    """A result that was just made.

    counts: what it adds to the report. leases: those that it ends.
    """

    value: bytes
    counts: Mapping[str, int] = field(default_factory=dict)
    leases: Sequence[LeaseRow] = ()


@dataclass(frozen=True, slots=True)
class PendingCall:
    """A model call that a run waits for. section: the model's name in the run file."""

    section: str
    role: str
    body: Mapping[str, Any]


@dataclass(slots=True, kw_only=True)
class Effects:
    """Looks requests up before they are made, and records their results before they are used.

    replay_only: model calls are not made, and who needs one gets Withheld. most_pending: how many
    of those are kept in `pending`, by key.
    """

    journal: Journal
    stop: StopSwitch
    replay_only: bool = False
    most_pending: int = 0
    pending: dict[bytes, PendingCall] = field(default_factory=dict)
    made: int = 0
    replayed: int = 0
    withheld: int = 0
    _flights: dict[bytes, tuple[str, asyncio.Future[bytes]]] = field(default_factory=dict)

    async def of(self, key: bytes, make: Callable[[], Awaitable[FreshResult]]) -> bytes:
        """The result of a request by its key, made at most once.

        Raises: MachineFailed, and what `make` raises.
        """
        source = SOURCE.get()
        while (found := self._flights.get(key)) is not None:
            asker, flight = found
            # `await flight` would cancel the flight itself when this one waiter is cancelled. A
            # flight that failed is not shared: its asker may have been cancelled, or rejected for
            # a reason of its own. So one of those who waited makes the next attempt.
            await asyncio.wait([flight])
            if not flight.cancelled() and flight.exception() is None:
                self.replayed += 1
                if asker != source:
                    # The look-up notes that another row needs the result too, so compact keeps it.
                    await self.journal.effect(key, source)
                return flight.result()
        flight = asyncio.get_running_loop().create_future()
        self._flights[key] = source, flight
        try:
            value = await self.journal.effect(key, source)
            if value is None:
                made = await make()
                value = made.value
                faults.strike_at("made")
                await self.journal.record(
                    key, value, added=made.counts, source=source, leases=made.leases
                )
                self.made += 1
            else:
                self.replayed += 1
            flight.set_result(value)
        finally:
            del self._flights[key]
            if not flight.done():
                flight.cancel()
        return value

    def withhold(self, key: bytes, call: PendingCall) -> None:
        """Counts a call that is not made, and keeps it for a batch file while there is room."""
        self.withheld += 1
        if len(self.pending) < self.most_pending:
            self.pending[key] = call


def key_of(request: Any) -> bytes:
    """The key of a request: a hash of its content."""
    return hashlib.sha256(
        json.dumps(request, sort_keys=True).encode("utf-8", "surrogatepass")
    ).digest()
