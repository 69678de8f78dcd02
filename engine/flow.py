"""Actors around stages: every record goes to its stage as soon as it is ready, and every source row
is accounted for.

A stage is a plain async callable; its actor owns the inbox, the workers and the failures. Edges
forward block when the next inbox is full, edges back never do, so that any graph with bounded loops
ends at any queue size.
"""

import asyncio
import logging
import traceback
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import anyio
import anyio.abc

from engine.errors import (
    BadInput,
    EngineError,
    Full,
    MachineFailed,
    OutOfService,
    Stopped,
    TooManyBugs,
)
from engine.inbox import Inbox
from engine.tickets import SOURCE, Conservation, Ticket, Window, Withheld
from sandbox import JobRefused, SandboxError
from stages.errors import Misconfigured, Rejected, Unavailable
from stages.identity import Kind
from stages.records import Later, Reject, Row, Tally

logger = logging.getLogger(__name__)
Stage = Callable[[Any], Awaitable[tuple[Any, ...]]]
PARKED = 10_000
"""Parked records that are kept; more are taken up before the end of the run."""


@dataclass(frozen=True, slots=True)
class Node:
    """A stage in the graph; nodes are given in the order of the flow, which tells forward edges
    from back ones."""

    name: str
    stage: Stage
    workers: int = 1


class Graph(Protocol):
    """What the flow asks about records, of whose meaning it knows nothing."""

    def target(self, record: Any) -> str:
        """The node that a record goes to."""
        ...

    def identity(self, record: Any) -> tuple[Kind, str]:
        """The kind and id of what a record is about."""
        ...

    def urgency(self, record: Any) -> int:
        """Lower goes first within an inbox."""
        ...


class Sink(Protocol):
    """Where outcomes go. What it has returned from is durable."""

    async def cross(self, ticket: Ticket, record: Any) -> Any | None:
        """What goes on of a record between two nodes: itself, possibly amended, or None if it
        leaves the run here."""
        ...

    async def row(self, ticket: Ticket, row: Row) -> None: ...

    async def reject(self, ticket: Ticket, reject: Reject, stage: str) -> None: ...

    async def tally(self, tally: Tally) -> None: ...

    async def finished(self, ticket: Ticket) -> None: ...


class Flow:
    """The running graph. Use as an async context manager; `failure` holds what stopped it, if
    anything did."""

    def __init__(
        self,
        nodes: Sequence[Node],
        graph: Graph,
        sink: Sink,
        window: Window,
        *,
        queue_size: int = 64,
        bugs: int = 20,
    ) -> None:
        self.nodes = {node.name: node for node in nodes}
        self.order = {node.name: place for place, node in enumerate(nodes)}
        self.inboxes: dict[str, Inbox[tuple[Ticket, Any]]] = {
            node.name: Inbox(queue_size) for node in nodes
        }
        self.busy: Counter[str] = Counter()
        self.counts = Conservation()
        self.failure: EngineError | None = None
        self.window = window
        self._graph = graph
        self._sink = sink
        self.halted: EngineError | None = None
        """What keeps further source rows out, if anything does: a budget, an endpoint gone. What is
        live drains."""
        self.on_halt: Callable[[EngineError], None] = lambda _: None
        self.held_back = 0
        """Source rows of which some record waits for a later process."""
        self._bugs_left = bugs
        self._moving = 0  # records that are neither settled nor parked
        self._feeding = 0
        self._parked: list[tuple[Node, Ticket, Any]] = []
        self._left: Counter[str] = Counter()
        self._tickets: set[Ticket] = set()
        self._quiet = asyncio.Event()
        self._quiet.set()
        self._group: anyio.abc.TaskGroup | None = None

    async def __aenter__(self) -> "Flow":
        self._group = anyio.create_task_group()
        await self._group.__aenter__()
        for node in self.nodes.values():
            for number in range(node.workers):
                self._group.start_soon(self._work, node, name=f"{node.name}-{number}")
        return self

    async def __aexit__(self, *exc: object) -> None:
        assert self._group is not None
        self._group.cancel_scope.cancel()
        try:
            await self._group.__aexit__(None, None, None)
        finally:
            self.window.close()
            if self._tickets and self.failure is None:
                self.failure = Stopped("the engine was closed while rows were live")
            for ticket in tuple(self._tickets):
                ticket.done.set()

    @property
    def live(self) -> int:
        return len(self._tickets)

    @property
    def live_counts(self) -> Counter[str]:
        """What has come so far of the source rows that are live or held back, by name as in
        `Conservation.table`."""
        return sum(
            (Counter(ticket.counts.table()) for ticket in self._tickets), Counter(self._left)
        )

    def statistics(self) -> Mapping[str, tuple[int, int]]:
        """Of each node: records waiting, records worked on."""
        return {name: (len(inbox), self.busy[name]) for name, inbox in self.inboxes.items()}

    async def quiet(self) -> None:
        """Waits until nothing is live, or something has failed the run."""
        await self._quiet.wait()

    @contextmanager
    def feeding(self) -> Iterator[None]:
        """While more is to come: what is parked waits on."""
        self._feeding += 1
        try:
            yield
        finally:
            self._feeding -= 1
            self._take_up_parked()

    def halt(self, error: EngineError) -> None:
        """Lets nothing more in; what is live goes on as far as it can, so that what is under way is
        not lost."""
        if self.halted is None:
            self.halted = error
            logger.error("%s; what is under way is finished", error)
            self.on_halt(error)
        self.window.close()

    def fail(self, error: EngineError) -> None:
        """Ends the run: nothing is settled any more, everybody who waits is told."""
        if self.failure is None:
            self.failure = error
            logger.error("%s", error)
        self.window.close()
        self._quiet.set()
        for ticket in tuple(self._tickets):
            ticket.done.set()

    async def enter(self, ticket: Ticket, record: Any, node: str) -> None:
        """Admits a source row's first record, once the window lets it in."""
        await self.window.enter(ticket)
        self._opened(ticket)
        ticket.live += 1
        self._moving += 1
        for counts in (self.counts, ticket.counts):
            counts.opened(self._graph.identity(record)[0])
        await self.inboxes[node].put((ticket, record), self._graph.urgency(record))
        await asyncio.sleep(
            0
        )  # lets it take its permit, so that demand is measured and not guessed

    async def refuse(self, ticket: Ticket, reject: Reject, stage: str) -> None:
        """Accounts for a source row that cannot become a record."""
        await self.window.enter(ticket)
        self._opened(ticket)
        for counts in (self.counts, ticket.counts):
            counts.opened(reject.kind, rejected=True)
        try:
            await self._sink.reject(ticket, reject, stage)
            await self._finish(ticket)
        except EngineError as exc:
            self.fail(exc)

    def _opened(self, ticket: Ticket) -> None:
        self._tickets.add(ticket)
        self._quiet.clear()

    async def _work(self, node: Node) -> None:
        inbox = self.inboxes[node.name]
        while True:
            ticket, record = await inbox.get()
            SOURCE.set(ticket.id)
            self.busy[node.name] += 1
            try:
                await self._handle(node, ticket, record)
            finally:
                self.busy[node.name] -= 1
            self.window.changed()

    async def _handle(self, node: Node, ticket: Ticket, record: Any) -> None:
        outcomes: tuple[Any, ...] | None = ()
        try:
            with anyio.CancelScope() as scope:
                ticket.scopes.add(scope)
                if not ticket.cancelled:
                    try:
                        outcomes = await self._outcomes(node, record)
                    except Withheld:
                        outcomes = None
                    except Unavailable as exc:
                        outcomes = None
                        self.halt(OutOfService(str(exc)))
                ticket.scopes.discard(scope)
            if outcomes is None:
                ticket.held_back = True
                await self._leave(ticket)
            else:
                await self._settle(node, ticket, record, () if ticket.cancelled else outcomes)
        except Full as exc:
            self.halt(exc)
            ticket.held_back = True
            await self._leave(ticket)
        except (Misconfigured, SandboxError, EngineError) as exc:
            self.fail(_as_engine_error(exc))
        finally:
            ticket.scopes.discard(scope)

    async def _outcomes(self, node: Node, record: Any) -> tuple[Any, ...]:
        """What the stage makes of the record; a bug in it is the record's end, not the run's."""
        kind, id_ = self._graph.identity(record)
        try:
            return await node.stage(record)
        except Rejected as exc:
            return (Reject(id_, kind, exc.reason, exc.detail),)
        except JobRefused as exc:
            return (Reject(id_, kind, "sandbox", str(exc)),)
        except (Unavailable, Misconfigured, SandboxError, EngineError, Withheld):
            raise
        except Exception as exc:  # the one place: a bug costs its record, and past a bound the run
            self._bugs_left -= 1
            detail = "".join(traceback.format_exception(exc))[-4000:]
            # detail has it
            logger.error("%s: a bug rejects %s %s: %s", node.name, kind, id_, detail)  # noqa: TRY400
            if self._bugs_left < 0:
                raise TooManyBugs(
                    f"{node.name}: more unexpected exceptions than limits.bugs; the last: {exc!r}"
                ) from exc
            return (Reject(id_, kind, "bug", detail),)

    async def _settle(
        self, node: Node, ticket: Ticket, record: Any, outcomes: tuple[Any, ...]
    ) -> None:
        """Writes what is finished, sends on what is not, and takes the record itself off the
        count."""
        onward: list[Any] = []
        later: list[Any] = []
        kinds: list[tuple[str, bool]] = []
        for outcome in outcomes:
            if isinstance(outcome, Row):
                await self._sink.row(ticket, outcome)
            elif isinstance(outcome, Reject):
                await self._sink.reject(ticket, outcome, node.name)
                kinds.append((outcome.kind, True))
            elif isinstance(outcome, Tally):
                await self._sink.tally(outcome)
            elif isinstance(outcome, Later):
                kinds.append((self._graph.identity(outcome.record)[0], False))
                later.append(outcome.record)
            else:
                kinds.append((self._graph.identity(outcome)[0], False))
                if (crossed := await self._sink.cross(ticket, outcome)) is not None:
                    onward.append(crossed)
                else:
                    for counts in (self.counts, ticket.counts):
                        counts.finished[kinds[-1][0]] += 1
        for counts in (self.counts, ticket.counts):
            counts.settled(self._graph.identity(record)[0], kinds)
        ticket.live += len(onward) + len(later)
        self._moving += len(onward)
        for outcome in later:
            self._park(node, ticket, outcome)
        for outcome in onward:
            await self._send(node, ticket, outcome)
        await self._leave(ticket)

    async def _leave(self, ticket: Ticket) -> None:
        """Takes one record off its ticket's count."""
        ticket.live -= 1
        if ticket.live == 0:
            await self._finish(ticket)
        self._moving -= 1
        self._take_up_parked()

    def _park(self, node: Node, ticket: Ticket, record: Any) -> None:
        """Keeps a record until nothing else moves; its source row makes room for others
        meanwhile."""
        self._parked.append((node, ticket, record))
        if not ticket.parked:
            ticket.parked = True
            self.window.leave(ticket)

    def _take_up_parked(self) -> None:
        """Sends what is parked once more, when nothing else is left to do or too much has
        gathered."""
        if self._parked and (
            (not self._moving and not self._feeding) or len(self._parked) > PARKED
        ):
            parked, self._parked = self._parked, []
            self._moving += len(parked)
            for node, ticket, record in parked:
                self.inboxes[node.name].put_nowait((ticket, record), self._graph.urgency(record))

    async def _send(self, node: Node, ticket: Ticket, record: Any) -> None:
        target = self._graph.target(record)
        inbox, urgency = self.inboxes[target], self._graph.urgency(record)
        if self.order[target] > self.order[node.name]:
            await inbox.put((ticket, record), urgency)
        else:
            inbox.put_nowait((ticket, record), urgency)

    async def _finish(self, ticket: Ticket) -> None:
        if ticket.held_back:
            self.held_back += 1
            self._left.update(ticket.counts.table())
        elif not ticket.cancelled:
            await self._sink.finished(ticket)
        self._tickets.discard(ticket)
        if not ticket.parked:
            self.window.leave(ticket)
        ticket.done.set()
        if not self._tickets:
            self._quiet.set()


def _as_engine_error(exc: Exception) -> EngineError:
    """The failure of a stage, in the words of the run."""
    if isinstance(exc, EngineError):
        return exc
    if isinstance(exc, Misconfigured):
        return BadInput(str(exc))
    return MachineFailed(str(exc))
