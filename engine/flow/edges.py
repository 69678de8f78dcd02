"""The edges of the graph: an inbox before each node, and what may wait for room in it."""

from collections.abc import Mapping, Sequence
from typing import Any

from engine.flow.graph import Graph, Node
from engine.flow.inbox import Inbox
from engine.flow.tickets import Ticket

Item = tuple[Ticket, Any]


class Edges:
    """The inboxes of a graph.

    queue_size: records that an inbox holds before those that come from upstream wait.
    """

    def __init__(self, nodes: Sequence[Node], graph: Graph, queue_size: int) -> None:
        self.inboxes: Mapping[str, Inbox[Item]] = {node.name: Inbox(queue_size) for node in nodes}
        self._order = {node.name: place for place, node in enumerate(nodes)}
        self._graph = graph

    async def enter(self, node: str, ticket: Ticket, record: Any) -> None:
        """Puts a source row's first record before a node, once there is room."""
        await self.inboxes[node].put((ticket, record), self._graph.urgency(record))

    async def send(self, node: Node, ticket: Ticket, record: Any) -> None:
        """Puts a record that a node gave before its next one."""
        target = self._graph.target(record)
        inbox, urgency = self.inboxes[target], self._graph.urgency(record)
        if self._order[target] > self._order[node.name]:
            await inbox.put((ticket, record), urgency)
        else:
            # An edge back never blocks, since a cycle of full inboxes would wait for itself.
            inbox.put_nowait((ticket, record), urgency)

    def return_to(self, node: Node, ticket: Ticket, record: Any) -> None:
        """Puts a record before the node that has given it back."""
        self.inboxes[node.name].put_nowait((ticket, record), self._graph.urgency(record))
