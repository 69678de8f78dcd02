"""Actors around stages: every record goes to its stage as soon as it is ready, and every source row is accounted for.

A stage is a plain async callable; its actor owns the inbox, the workers and the failures. Edges forward block
when the next inbox is full, edges back never do, so that any graph with bounded loops ends at any queue size.
"""

import asyncio
import logging
import traceback
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import anyio
import anyio.abc

from engine.errors import BadInput, EngineError, MachineFailed, OutOfService, Stopped, TooManyBugs
from engine.inbox import Inbox
from engine.tickets import SOURCE, Conservation, Ticket, Window, Withheld
from sandbox import JobRefused, SandboxError
from stages.errors import Misconfigured, Rejected, Unavailable
from stages.identity import Kind
from stages.records import Reject, Row, Tally

logger = logging.getLogger(__name__)
Stage = Callable[[Any], Awaitable[tuple[Any, ...]]]


@dataclass(frozen=True, slots=True)
class Node:
    """A stage in the graph; nodes are given in the order of the flow, which tells forward edges from back ones."""

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
        """What goes on of a record between two nodes: itself, possibly amended, or None if it leaves the run here."""
        ...

    async def row(self, ticket: Ticket, row: Row) -> None: ...

    async def reject(self, ticket: Ticket, reject: Reject, stage: str) -> None: ...

    async def tally(self, tally: Tally) -> None: ...

    async def finished(self, ticket: Ticket) -> None: ...


class Flow:
    """The running graph. Use as an async context manager; `failure` holds what stopped it, if anything did."""

    def __init__(self, nodes: Sequence[Node], graph: Graph, sink: Sink, window: Window, *, queue_size: int = 64,
                 bugs: int = 20) -> None:  # fmt: skip
        self.nodes = {node.name: node for node in nodes}
        self.order = {node.name: place for place, node in enumerate(nodes)}
        self.inboxes: dict[str, Inbox[tuple[Ticket, Any]]] = {node.name: Inbox(queue_size) for node in nodes}
        self.busy: Counter[str] = Counter()
        self.counts = Conservation()
        self.failure: EngineError | None = None
        self.window = window
        self._graph = graph
        self._sink = sink
        self._bugs_left = bugs
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
        """What has come so far of the source rows that are live, by name as in `Conservation.table`."""
        return sum((Counter(ticket.counts.table()) for ticket in self._tickets), Counter())

    def statistics(self) -> Mapping[str, tuple[int, int]]:
        """Of each node: records waiting, records worked on."""
        return {name: (len(inbox), self.busy[name]) for name, inbox in self.inboxes.items()}

    async def quiet(self) -> None:
        """Waits until nothing is live, or something has failed the run."""
        await self._quiet.wait()

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
        for counts in (self.counts, ticket.counts):
            counts.opened(self._graph.identity(record)[0])
        await self.inboxes[node].put((ticket, record), self._graph.urgency(record))
        await asyncio.sleep(0)  # lets it take its permit, so that demand is measured and not guessed

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
        outcomes: tuple[Any, ...] = ()
        try:
            with anyio.CancelScope() as scope:
                ticket.scopes.add(scope)
                if not ticket.cancelled:
                    try:
                        outcomes = await self._outcomes(node, record)
                    except Withheld:
                        ticket.cancel()
                ticket.scopes.discard(scope)
            if ticket.cancelled:
                outcomes = ()
            await self._settle(node, ticket, record, outcomes)
        except (Unavailable, Misconfigured, SandboxError, EngineError) as exc:
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
            logger.error("%s: a bug rejects %s %s: %s", node.name, kind, id_, detail)  # noqa: TRY400  # detail has it
            if self._bugs_left < 0:
                raise TooManyBugs(
                    f"{node.name}: more unexpected exceptions than limits.bugs; the last: {exc!r}"
                ) from exc
            return (Reject(id_, kind, "bug", detail),)

    async def _settle(self, node: Node, ticket: Ticket, record: Any, outcomes: tuple[Any, ...]) -> None:
        """Writes what is finished, sends on what is not, and takes the record itself off the count."""
        onward: list[Any] = []
        kinds: list[tuple[str, bool]] = []
        for outcome in outcomes:
            if isinstance(outcome, Row):
                await self._sink.row(ticket, outcome)
            elif isinstance(outcome, Reject):
                await self._sink.reject(ticket, outcome, node.name)
                kinds.append((outcome.kind, True))
            elif isinstance(outcome, Tally):
                await self._sink.tally(outcome)
            else:
                kinds.append((self._graph.identity(outcome)[0], False))
                if (crossed := await self._sink.cross(ticket, outcome)) is not None:
                    onward.append(crossed)
                else:
                    for counts in (self.counts, ticket.counts):
                        counts.finished[kinds[-1][0]] += 1
        for counts in (self.counts, ticket.counts):
            counts.settled(self._graph.identity(record)[0], kinds)
        ticket.live += len(onward)
        for outcome in onward:
            await self._send(node, ticket, outcome)
        ticket.live -= 1
        if ticket.live == 0:
            await self._finish(ticket)

    async def _send(self, node: Node, ticket: Ticket, record: Any) -> None:
        target = self._graph.target(record)
        inbox, urgency = self.inboxes[target], self._graph.urgency(record)
        if self.order[target] > self.order[node.name]:
            await inbox.put((ticket, record), urgency)
        else:
            inbox.put_nowait((ticket, record), urgency)

    async def _finish(self, ticket: Ticket) -> None:
        if not ticket.cancelled:
            await self._sink.finished(ticket)
        self._tickets.discard(ticket)
        self.window.leave(ticket)
        ticket.done.set()
        if not self._tickets:
            self._quiet.set()


def _as_engine_error(exc: Exception) -> EngineError:
    """The failure of a stage, in the words of the run."""
    if isinstance(exc, EngineError):
        return exc
    if isinstance(exc, Unavailable):
        return OutOfService(str(exc))
    if isinstance(exc, Misconfigured):
        return BadInput(str(exc))
    return MachineFailed(str(exc))
