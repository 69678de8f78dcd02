"""Actors around stages: every record goes to its stage as soon as it is ready.

A stage is a plain async callable. Its actor owns the inbox, the workers and the failures. Every
source row is accounted for. Edges forward block while the next inbox is full. Edges back never
block. So a graph whose loops are bounded ends at any queue size.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import anyio
import anyio.abc

from engine.errors import (
    EngineError,
    Full,
    OutOfService,
    Stopped,
)
from engine.flow.books import Books
from engine.flow.context import SOURCE, StopSwitch, Withheld
from engine.flow.edges import Edges
from engine.flow.failures import Failures, as_engine_error
from engine.flow.graph import Graph, Node, NodeStatistics, Sink
from engine.flow.parking import Parking
from engine.flow.tickets import Ticket
from engine.flow.window import Window
from sandbox import SandboxError
from stages.errors import Misconfigured, Unavailable
from stages.records import Later, Reject, Row, Tally

logger = logging.getLogger(__name__)


class Flow:
    """The running graph, used as an async context manager.

    books: what is live and what came of it. stop: what keeps further source rows out. failure: what
    ended the run, if anything did.
    """

    def __init__(
        self,
        nodes: Sequence[Node],
        *,
        graph: Graph,
        sink: Sink,
        window: Window,
        stop: StopSwitch,
        queue_size: int = 64,
        bugs: int = 20,
    ) -> None:
        """queue_size: records in an inbox. bugs: unexpected exceptions before the run ends."""
        self.window = window
        self.books = Books()
        self.failure: EngineError | None = None
        self._nodes = tuple(nodes)
        self._edges = Edges(nodes, graph, queue_size)
        self._busy: Counter[str] = Counter()
        self._graph = graph
        self._sink = sink
        self._stop = stop
        self._failures = Failures(bugs)
        self._parking: Parking[tuple[Node, Ticket, Any]] = Parking()
        self._group: anyio.abc.TaskGroup | None = None

    async def __aenter__(self) -> "Flow":
        self._group = anyio.create_task_group()
        await self._group.__aenter__()
        for node in self._nodes:
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
            if self.books.live and self.failure is None:
                self.failure = Stopped("the engine was closed while rows were live")
            self.books.abandon()

    def statistics(self) -> Mapping[str, NodeStatistics]:
        """By node."""
        inboxes = self._edges.inboxes.items()
        return {name: NodeStatistics(len(inbox), self._busy[name]) for name, inbox in inboxes}

    async def quiet(self) -> None:
        """Waits until nothing is live, or something has failed the run."""
        await self.books.quiet()

    @contextmanager
    def feeding(self) -> Iterator[None]:
        """While more is to come from the source, parked records wait."""
        try:
            with self._parking.feeding():
                yield
        finally:
            self._send_parked()

    def halt(self, error: EngineError) -> None:
        """Lets nothing more in. What is live goes on as far as it can, so that nothing is lost."""
        self._stop.halt(error)
        self.window.close()

    def fail(self, error: EngineError) -> None:
        """Ends the run. All who wait for a row, or for the end, are woken."""
        if self.failure is None:
            self.failure = error
            logger.error("%s", error)
        self.window.close()
        self.books.abandon()

    async def enter(self, ticket: Ticket, record: Any, node: str) -> None:
        """Admits a source row's first record once the window lets it in. Raises: WindowClosed."""
        await self.window.enter(ticket)
        self.books.opened(ticket, self._graph.identity(record)[0])
        ticket.live += 1
        self._parking.moving += 1
        try:
            await self._edges.enter(node, ticket, record)
        except asyncio.CancelledError:  # it waited for room, and will never come in
            ticket.cancel()
            await self._leave(ticket)
            raise
        # One turn of the loop lets the record take its slot of the model or the sandbox. Otherwise
        # the window would still see that slot as free, and let in a row too many.
        await asyncio.sleep(0)

    async def refuse(self, ticket: Ticket, reject: Reject, stage: str) -> None:
        """Accounts for a source row that cannot become a record. Raises: WindowClosed."""
        await self.window.enter(ticket)
        self.books.opened(ticket, reject.kind, rejected=True)
        try:
            await self._sink.reject(ticket, reject, stage)
            await self._finish(ticket)
        except EngineError as exc:
            self.fail(exc)

    async def _work(self, node: Node) -> None:
        inbox = self._edges.inboxes[node.name]
        while True:
            ticket, record = await inbox.get()
            SOURCE.set(ticket.id)
            self._busy[node.name] += 1
            try:
                await self._handle(node, ticket, record)
            finally:
                self._busy[node.name] -= 1
            self.window.signal.notify()

    async def _handle(self, node: Node, ticket: Ticket, record: Any) -> None:
        """One record through its stage, and its outcomes to where they go.

        Three things can end it early, from the inside out. The stage's model call may not be made
        (Withheld, Unavailable). Then the record is held back for a later process. The ticket may be
        cancelled by the caller who submitted it. That must end this call and not the worker. So the
        stage runs in a cancel scope of its own, and its outcomes are dropped. Settling may fail,
        since the output is full or the journal broken. Those failures concern the run. They are
        caught outside of the scope, so that a cancelled ticket cannot swallow them.
        """
        outcomes: tuple[Any, ...] | None = ()
        try:
            with anyio.CancelScope() as scope:
                ticket.scopes.add(scope)
                if not ticket.cancelled:
                    try:
                        about = self._graph.identity(record)
                        outcomes = await self._failures.outcomes(node, record, about)
                    except (Withheld, Unavailable) as exc:
                        outcomes = None
                        if isinstance(exc, Unavailable):
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
            self.fail(as_engine_error(exc))
        finally:
            ticket.scopes.discard(scope)

    async def _settle(
        self, node: Node, ticket: Ticket, record: Any, outcomes: tuple[Any, ...]
    ) -> None:
        """Writes what is finished, sends on what is not, and settles the record itself."""
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
                    self.books.left(ticket, kinds[-1][0])
        self.books.settled(ticket, self._graph.identity(record)[0], kinds)
        if (full := self._sink.full) is not None:
            self.halt(full)
        # The new records are counted before this one is taken off. A ticket's count must not touch
        # zero while one of its records is on its way.
        ticket.live += len(onward) + len(later)
        self._parking.moving += len(onward)
        for outcome in later:
            self._park(node, ticket, outcome)
        for outcome in onward:
            await self._edges.send(node, ticket, outcome)
        await self._leave(ticket)

    async def _leave(self, ticket: Ticket) -> None:
        """Takes one record off its ticket's count."""
        ticket.live -= 1
        if ticket.live == 0:
            await self._finish(ticket)
        self._parking.moving -= 1
        self._send_parked()

    def _park(self, node: Node, ticket: Ticket, record: Any) -> None:
        """Keeps a record until nothing else moves. Its source row leaves the window meanwhile."""
        self._parking.park((node, ticket, record))
        if not ticket.parked:
            ticket.parked = True
            self.window.leave(ticket)

    def _send_parked(self) -> None:
        """Sends what is parked once more, when nothing else is left to do."""
        for node, ticket, record in self._parking.due():
            self._edges.return_to(node, ticket, record)

    async def _finish(self, ticket: Ticket) -> None:
        if not ticket.held_back and not ticket.cancelled:
            await self._sink.finished(ticket)
        if not ticket.parked:
            self.window.leave(ticket)
        self.books.closed(ticket)
