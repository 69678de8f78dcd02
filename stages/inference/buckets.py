"""A rate that a provider allows: requests or tokens per minute."""

from dataclasses import dataclass

BURST_S = 2.0
"""So many seconds' worth may go at once after a quiet spell."""


@dataclass(slots=True)
class TokenBucket:
    """A bucket that fills steadily. What was estimated is corrected afterwards, and may leave it in
    debt."""

    per_minute: float
    _level: float = 0.0
    _at: float | None = None

    def wait_s(self, now: float) -> float:
        """Seconds until something may be taken: at once as long as there is no debt."""
        self._fill(now)
        return max(0.0, -self._level * 60.0 / self.per_minute)

    def take(self, now: float, amount: float) -> None:
        self._fill(now)
        self._level -= amount

    def correct(self, now: float, by: float) -> None:
        """Takes more (or, below 0, gives back) of what a request has turned out to need."""
        self.take(now, by)

    def _fill(self, now: float) -> None:
        most = max(1.0, self.per_minute / 60.0 * BURST_S)
        if self._at is None:
            self._level, self._at = most - 1.0 if most > 1.0 else 0.0, now
        self._level = min(most, self._level + (now - self._at) * self.per_minute / 60.0)
        self._at = now
