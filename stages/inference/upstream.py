"""One base URL: how many requests may be in flight there, and whether it works.

The limit on requests in flight grows with each answer while it is fully used. It doubles every
round trip up to the mark, which is where it was last cut. Beyond the mark it grows by a sixteenth
of the mark every round trip. It does not grow while 429s come.

A burst of 429s halves the limit once. Other failures do not change it. They lower the upstream's
health, and the pool prefers healthy upstreams.

An upstream that only fails, or only sends 429s, opens its circuit breaker. It takes no requests for
a pause, and is half-open then: a single request finds out whether it works again.
"""

import random
from dataclasses import dataclass

START = 64
"""The limit at first, where the ceiling is no lower."""
USED = 0.9
"""The limit may grow if at least this share of it is in flight when an answer comes."""
EPISODE_S = 15.0
"""Seconds after a cut in which further 429s do not cut the limit again."""
GENTLY = 16
"""Beyond the mark, the limit grows by the mark divided by this in a round trip."""
CALM = 0.25
"""The share of the limit that must be answered after a 429 before the limit grows again.

The same share must be refused in a row before the circuit breaker opens.
"""
REFUSED = 8
"""So many 429s in a row, at least, open the circuit breaker."""
HEALTH_STEP = 0.2
"""The weight of the newest attempt in the upstream's health."""
TRIPPED = 0.05
"""The health below which the circuit breaker opens: after about 14 failures in a row."""
PROBE_S = (0.5, 2.0)
"""The first and the longest pause, in seconds, before an open circuit breaker is half-open."""
LATENCY_STEP = 0.1
"""The weight of the newest answer in the seconds per output token."""


@dataclass(slots=True, eq=False, kw_only=True)
class Upstream:
    """The state of one base URL. All times are seconds of the pool's clock.

    limit: requests in flight, at most. It is at most `ceiling`.
    mark: the limit before its last cut.
    paused_until: it takes no request before, by its own Retry-After or after failures.
    probing: its circuit breaker is not closed, and it takes one request at a time.
    health: a moving average of its attempts, where an answer is 1 and a failure 0.
    token_s: a moving average of seconds per output token.
    answered, failed, limited: attempts so far, where limited stands for 429s.
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
        """How long a further request is likely to take there, for comparing upstreams."""
        # With more requests in flight each one gets fewer tokens a second. An attempt that fails is
        # made again, on average 1 / health times. An upstream without answers yet is tried first.
        return (self.in_flight + 1) * (self.token_s or 0.0) / self.health

    def served(self, latency_s: float, tokens: int) -> None:
        """To be called with each answer, while its request still counts as in flight.

        latency_s: seconds from the request to the answer. tokens: output tokens of the answer.
        """
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
        # A limit that nobody needs says nothing about what the server can take, so only one that is
        # in use grows. After a 429 some answers have to come first: those already on their way were
        # admitted before the server was full.
        if self.in_flight >= USED * int(self.limit) and self._served_since > self.limit * CALM:
            # One for each answer doubles the limit in a round trip. Beyond the mark, where the
            # server has refused requests before, all answers of a round trip share one step.
            step = 1.0 if self.limit < self.mark else max(1.0, self.mark / GENTLY) / self.limit
            self.limit = min(float(self.ceiling), self.limit + step)

    def limited_at(self, now: float, sent_at: float, retry_after_s: float | None) -> None:
        """To be called with each 429.

        sent_at: when its request was sent. retry_after_s: what the server asks for, or None.
        """
        self.limited += 1
        # One burst refuses many requests at once. Those sent before the cut met the old limit, and
        # those right after it meet a server that is still full. Neither is a reason to cut again.
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
        """To be called with each other failure of the server or of the network."""
        self.failed += 1
        self.health -= HEALTH_STEP * self.health
        if retry_after_s is not None:
            self.paused_until = max(self.paused_until, now + retry_after_s)
        if self.probing or self.health < TRIPPED:
            # Never zero, since `load` divides by it. One answer leads back above TRIPPED from here.
            self.health = max(self.health, TRIPPED / 2)
            self._rest(now)

    def _rest(self, now: float) -> None:
        """Opens the circuit breaker for a pause, which is longer each time in a row.

        After the pause it is half-open.
        """
        # Requests that were in flight when it opened may fail as well. They do not lengthen the
        # pause.
        if now < self.paused_until:
            return
        shortest, longest = PROBE_S
        rest_s = min(longest, shortest * 2.0 ** min(self._rounds, 10)) * (
            0.75 + self.chance.random() / 2
        )
        self._rounds += 1
        self.probing = True
        self.paused_until = now + rest_s
