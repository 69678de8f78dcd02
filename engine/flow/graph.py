"""What the flow needs to know of the graph that it runs, and of where outcomes go."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol

from engine.errors import EngineError
from engine.flow.tickets import Ticket
from stages.records import Kind, Reject, Row, Tally

Stage = Callable[[Any], Awaitable[tuple[Any, ...]]]


@dataclass(frozen=True, slots=True)
class Node:
    """A stage in the graph.

    Nodes are given in the order of the flow. An edge that leads to no later
    node is an edge back.
    """

    name: str
    stage: Stage
    workers: int = 1


@dataclass(frozen=True, slots=True)
class NodeStatistics:
    """Records that wait at a node, and records that it works on."""

    waiting: int
    working: int


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
    """Where outcomes go. What its methods were given is durable when they return.

    Raises, each of them: MachineFailed. Those that write rows also: Full.
    """

    async def cross(self, ticket: Ticket, record: Any) -> Any | None:
        """The record, amended perhaps, as it goes on to its next node. None if it leaves here."""
        ...

    async def row(self, ticket: Ticket, row: Row) -> None: ...

    async def reject(self, ticket: Ticket, reject: Reject, stage: str) -> None: ...

    async def tally(self, tally: Tally) -> None: ...

    async def finished(self, ticket: Ticket) -> None: ...

    @property
    def full(self) -> EngineError | None:
        """Why no further row is wanted, if that is so."""
        ...
