"""The window: how many source rows, and bytes of them, are live at once."""

from collections.abc import Callable

from engine.flow.signal import Signal
from engine.flow.tickets import Ticket


class WindowClosed(Exception):
    """Raised to callers of `enter` once the window is closed."""


class Window:
    """Lets source rows in while some resource is idle, within bounds.

    size: rows that are live at once, at most. live_bytes: bytes of them, at most.
    A cyclic graph with bounded edges deadlocks as soon as the source can fill it. The bounds
    prevent that.
    """

    def __init__(
        self,
        size: int,
        live_bytes: int,
        *,
        demand: Callable[[], bool] = lambda: True,
        signal: Signal | None = None,
    ) -> None:
        """demand: whether some resource is idle. signal: notified whenever one becomes free."""
        self.size = size
        self.live_bytes = live_bytes
        self.live = 0
        self.bytes = 0
        self.signal = signal or Signal()
        self._demand = demand
        self._closed = False

    def close(self) -> None:
        """Lets no row in any more. Callers that wait get WindowClosed."""
        self._closed = True
        self.signal.notify()

    async def enter(self, ticket: Ticket) -> None:
        """Waits until the ticket may come in. A row larger than the whole bound comes in alone.

        Raises: WindowClosed.
        """
        while self._closed or not self._open(ticket.size_bytes):
            if self._closed:
                raise WindowClosed
            await self.signal.wait()
        self.live += 1
        self.bytes += ticket.size_bytes

    def leave(self, ticket: Ticket) -> None:
        """Makes room for others, when a row has settled or is parked."""
        self.live -= 1
        self.bytes -= ticket.size_bytes
        self.signal.notify()

    def _open(self, size_bytes: int) -> bool:
        # Room alone lets no row in. A window that is always full would hold many rows that only
        # wait for each other, with their texts in memory. The first row always comes in, since a
        # resource may show demand only once there is a row.
        if self.live == 0:
            return True
        return (
            self.live < self.size and self.bytes + size_bytes <= self.live_bytes and self._demand()
        )
