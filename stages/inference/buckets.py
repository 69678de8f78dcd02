"""Rates that a provider allows: requests or tokens per minute."""

from dataclasses import dataclass

BURST_S = 2.0
"""A full bucket holds what its rate allows in so many seconds."""


@dataclass(slots=True)
class TokenBucket:
    """A token bucket that may be overdrawn. All times are seconds of a monotonic clock.

    A request takes an estimate, which is corrected when its answer shows what it took. A level
    below zero is a debt, and nothing more may be taken until it is paid.
    """

    per_minute: float
    _level: float = 0.0
    _at: float | None = None

    def wait_s(self, now: float) -> float:
        """Seconds until something may be taken, which is 0 as long as there is no debt."""
        self._fill(now)
        return max(0.0, -self._level * 60.0 / self.per_minute)

    def take(self, now: float, amount: float) -> None:
        """Takes `amount` requests or tokens, whatever the level is."""
        self._fill(now)
        self._level -= amount

    def correct(self, now: float, by: float) -> None:
        """Takes what a request needed beyond its estimate, or gives back where `by` is negative."""
        self.take(now, by)

    def _fill(self, now: float) -> None:
        most = max(1.0, self.per_minute / 60.0 * BURST_S)
        if self._at is None:
            # A level of 0 lets one more request go, so this one allows a burst of `most`.
            self._level, self._at = most - 1.0 if most > 1.0 else 0.0, now
        self._level = min(most, self._level + (now - self._at) * self.per_minute / 60.0)
        self._at = now
