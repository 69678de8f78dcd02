"""Records that wait for the end of a run: their call failed while others were served."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

T = TypeVar("T")
MOST = 10_000
"""Parked records that are kept in memory. More are sent again before the end of the run."""


class Parking(Generic[T]):
    """Keeps records until nothing else moves.

    moving: records that are neither settled nor parked.
    """

    def __init__(self) -> None:
        self.moving = 0
        self._feeding = 0
        self._parked: list[T] = []

    @contextmanager
    def feeding(self) -> Iterator[None]:
        """While more is to come from the source, parked records wait."""
        self._feeding += 1
        try:
            yield
        finally:
            self._feeding -= 1

    def park(self, record: T) -> None:
        self._parked.append(record)

    def due(self) -> list[T]:
        """The records to send once more now. They count as moving from here on."""
        idle = not self.moving and not self._feeding
        if not self._parked or not (idle or len(self._parked) > MOST):
            return []
        due, self._parked = self._parked, []
        self.moving += len(due)
        return due
