"""What is known of one base URL, and how much may be in flight there.

The limit grows by a request for each answer while it is used (it doubles in a round trip) up to
where it was last cut, and beyond that by a sixteenth of that mark in a round trip; not while 429s
come. A 429 halves it once an episode: further ones within EPISODE_S, or of requests sent before the
cut, say nothing new. Other failures never shrink it; they lower the upstream's health, by which
others are preferred. A upstream that only fails, or only says 429, is left alone but for single
probes.
"""

import random
from dataclasses import dataclass

START = 64
"""Requests in flight at first, or the ceiling where that is lower. Source: DESIGN, flow control."""
USED = 0.9
"""A limit of which so much is taken when an answer comes is in use, and may grow."""
EPISODE_S = 15.0
GENTLY = 16
CALM = 0.25
"""Share of the limit that must be answered after a 429 before the limit grows again, or that must
be refused in a row before the upstream is left alone."""
REFUSED = 8
HEALTH_STEP = 0.2
TRIPPED = 0.05
"""Health, a moving share of successes, below which a upstream is left alone: after about 14
failures in a row."""
PROBE_S = (0.5, 2.0)
"""The first and the longest time for which a failing upstream is left alone."""
LATENCY_STEP = 0.1


@dataclass(slots=True, eq=False, kw_only=True)
class Upstream:
    """One base URL. Times are seconds of the lent clock.

    limit: requests in flight, at most. mark: the limit at the last cut. paused_until: when it asked
    to be left alone (Retry-After) until, or is, after failures. probing: it has failed, and one
    request at a time finds out whether it still does. token_s: seconds per output token.
    """

    url: str
    ceiling: int
    chance: random.Random
    limit: float = 0.0
    mark: float = 0.0
    in_flight: int = 0
    paused_until: float = 0.0
    probing: bool = False
    health: float = 1.0
    token_s: float | None = None
    answered: int = 0
    failed: int = 0
    limited: int = 0
    _cut_at: float = -EPISODE_S
    _served_since: int = 1 << 20
    _refused: int = 0
    _rounds: int = 0

    def __post_init__(self) -> None:
        self.limit = self.limit or min(self.ceiling, START)
        self.mark = self.ceiling

    def room(self, now: float) -> bool:
        """Whether another request may go there now."""
        if now < self.paused_until:
            return False
        return self.in_flight < (1 if self.probing else int(self.limit))

    def load(self) -> float:
        """How long a further request is likely to take there, for comparing upstreams; lower is
        better."""
        return (self.in_flight + 1) * (self.token_s or 0.0) / self.health

    def served(self, latency_s: float, tokens: int) -> None:
        """To be called with each answer, while its request still counts as in flight."""
        self.answered += 1
        self._served_since += 1
        self._rounds = self._refused = 0
        self.probing = False
        self.health += HEALTH_STEP * (1.0 - self.health)
        token_s = latency_s / max(tokens, 1)
        self.token_s = (
            token_s
            if self.token_s is None
            else self.token_s + LATENCY_STEP * (token_s - self.token_s)
        )
        if self.in_flight >= USED * int(self.limit) and self._served_since > self.limit * CALM:
            step = 1.0 if self.limit < self.mark else max(1.0, self.mark / GENTLY) / self.limit
            self.limit = min(float(self.ceiling), self.limit + step)

    def limited_at(self, now: float, sent_at: float, retry_after_s: float | None) -> None:
        """To be called with each 429."""
        self.limited += 1
        if sent_at > self._cut_at and now - self._cut_at >= EPISODE_S:
            self.mark, self.limit = self.limit, max(1.0, self.limit / 2)
            self._cut_at = now
        if retry_after_s is not None:
            self.paused_until = max(self.paused_until, now + retry_after_s)
        elif self.probing or self._refused > max(REFUSED, self.limit * CALM):
            self._rest(now)
        self._served_since = 0
        self._refused += 1

    def failed_at(self, now: float, retry_after_s: float | None = None) -> None:
        """To be called with each other failure that is the server's or the way's there."""
        self.failed += 1
        self.health -= HEALTH_STEP * self.health
        if retry_after_s is not None:
            self.paused_until = max(self.paused_until, now + retry_after_s)
        if self.probing or self.health < TRIPPED:
            self.health = max(self.health, TRIPPED / 2)
            self._rest(now)

    def _rest(self, now: float) -> None:
        """Leaves the upstream alone for a while, longer each time in a row, and then asks with one
        request."""
        if now < self.paused_until:
            return
        shortest, longest = PROBE_S
        rest_s = min(longest, shortest * 2.0 ** min(self._rounds, 10)) * (
            0.75 + self.chance.random() / 2
        )
        self._rounds += 1
        self.probing = True
        self.paused_until = now + rest_s
