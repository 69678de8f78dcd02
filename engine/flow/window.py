"""The window: how many source rows, and bytes of them, are live at once."""

from collections.abc import Callable

from engine.flow.signal import Signal
from engine.flow.tickets import Ticket


class WindowClosed(Exception):
    """Raised to who wants in after the window was closed."""


class Window:
    """Lets source rows in by demand: while some resource is idle, up to `size` rows and
    `live_bytes` bytes at once.

    Cyclic graphs with bounded edges deadlock as soon as the source can fill them; this bound keeps
    it from that.
    """

    def __init__(
        self,
        size: int,
        live_bytes: int,
        *,
        demand: Callable[[], bool] = lambda: True,
        signal: Signal | None = None,
    ) -> None:
        """demand: whether some resource is idle. signal: notified whenever one came free."""
        self.size = size
        self.live_bytes = live_bytes
        self.live = 0
        self.bytes = 0
        self.signal = signal or Signal()
        self._demand = demand
        self._closed = False

    def close(self) -> None:
        """Lets nobody in any more: who waits is turned away with WindowClosed."""
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
        self.live -= 1
        self.bytes -= ticket.size_bytes
        self.signal.notify()

    def _open(self, size_bytes: int) -> bool:
        # A row is let in while something is idle and not merely while there is room: a window that
        # is always full would hold many rows that wait behind each other, each with its text in
        # memory. The first row always comes in, or a demand that needs a row to arise would never
        # arise.
        if self.live == 0:
            return True
        return (
            self.live < self.size and self.bytes + size_bytes <= self.live_bytes and self._demand()
        )
