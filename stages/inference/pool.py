"""An endpoint: one (base_url, key) with its upstreams, and who of those that wait is sent where,
and when.

All models on it share it. Requests wait here in a heap, by urgency and then by age, never inside a
permit; a upstream with room is handed to the first of them. Several upstreams share by health and
by latency per output token.
"""

import asyncio
import heapq
import math
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from stages.errors import Unavailable
from stages.inference.buckets import TokenBucket
from stages.inference.environment import Environment
from stages.inference.upstream import START, Upstream

SERVING_S = 20.0
"""An endpoint that answered anyone within so many seconds is serving."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolStatistics:
    """limit: requests in flight that are allowed now, of `ceiling`; open: upstreams that are not
    left alone."""

    in_flight: int
    waiting: int
    limit: int
    ceiling: int
    open: int
    upstreams: int
    answered: int
    failed: int
    limited: int


@dataclass(slots=True, eq=False)
class _Waiter:
    future: asyncio.Future[Upstream]
    tokens: float
    avoid: Upstream | None


@dataclass(slots=True, eq=False, kw_only=True)
class UpstreamPool:
    """changed: called when there is room and nobody waits. give_up_s: how long without any answer
    is too long. secrets: other values that no message may show."""

    urls: Sequence[str]
    key: str = field(repr=False)
    capacity: int
    give_up_s: float = 600.0
    requests_per_minute: float = 0.0
    tokens_per_minute: float = 0.0
    environment: Environment = field(default_factory=Environment)
    changed: Callable[[], None] = lambda: None
    secrets: frozenset[str] = field(default=frozenset(), repr=False)
    gone: Unavailable | None = None
    successes: int = 0
    last_success: float | None = None
    held: int = 0
    upstreams: tuple[Upstream, ...] = field(init=False)
    _waiting: list[tuple[int, int, _Waiter]] = field(default_factory=list, init=False)
    _order: int = field(default=0, init=False)
    _alarm: asyncio.Task[None] | None = field(default=None, init=False)
    _rings_at: float = field(default=0.0, init=False)
    _rates: list[tuple[TokenBucket, bool]] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        start = math.ceil(min(self.capacity, START) / len(self.urls))
        self.upstreams = tuple(
            Upstream(url=url, ceiling=self.capacity, chance=self.environment.chance, limit=start)
            for url in self.urls
        )
        if self.requests_per_minute:
            self._rates.append((TokenBucket(self.requests_per_minute), False))
        if self.tokens_per_minute:
            self._rates.append((TokenBucket(self.tokens_per_minute), True))

    @property
    def addresses(self) -> str:
        return ", ".join(self.urls)

    @property
    def idle(self) -> bool:
        """There is room for a request and nobody waits."""
        return not self._waiting and self._upstream(None) is not None

    @property
    def serving(self) -> bool:
        return (
            self.last_success is not None
            and self.environment.clock() - self.last_success < SERVING_S
        )

    def statistics(self) -> PoolStatistics:
        now = self.environment.clock()
        limit = min(
            self.capacity,
            sum(int(upstream.limit) for upstream in self.upstreams if not upstream.probing),
        )
        return PoolStatistics(
            in_flight=self.held,
            waiting=len(self._waiting),
            limit=limit,
            ceiling=self.capacity,
            open=sum(
                not upstream.probing and upstream.paused_until <= now for upstream in self.upstreams
            ),
            upstreams=len(self.upstreams),
            answered=sum(upstream.answered for upstream in self.upstreams),
            failed=sum(upstream.failed for upstream in self.upstreams),
            limited=sum(upstream.limited for upstream in self.upstreams),
        )

    def headers(self) -> dict[str, str]:
        authorization = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        return {"Content-Type": "application/json", **authorization}

    def without_key(self, text: str) -> str:
        """The text with no secret in it, of those that are sent there."""
        for secret in (self.key, *self.secrets):
            text = text.replace(secret, "[key]") if secret else text
        return text

    @asynccontextmanager
    async def upstream(
        self, urgency: int, tokens: float = 0.0, avoid: Upstream | None = None
    ) -> AsyncIterator[Upstream]:
        """A upstream to send one request on, once there is room. tokens: what it is likely to take;
        avoid: where it has just failed, unless there is no other. Raises: Unavailable, once the
        endpoint has been given up."""
        upstream = await self._acquire(urgency, tokens, avoid)
        try:
            yield upstream
        finally:
            upstream.in_flight -= 1
            self.held -= 1
            self._hand_out()
            if self.idle:
                self.changed()

    def corrected(self, by_tokens: float) -> None:
        """Tells how many tokens more than estimated an answer took."""
        for rate, counts_tokens in self._rates:
            if counts_tokens:
                rate.correct(self.environment.clock(), by_tokens)

    def succeeded(self) -> None:
        self.successes += 1
        self.last_success = self.environment.clock()

    def elsewhere(self, upstream: Upstream) -> bool:
        """Whether another upstream has room right now."""
        now = self.environment.clock()
        return any(other is not upstream and other.room(now) for other in self.upstreams)

    def give_up(self, why: Unavailable) -> None:
        """Turns away all that wait or come; nothing has been answered for too long."""
        self.gone = why
        for _, _, waiter in self._waiting:
            if not waiter.future.done():
                waiter.future.set_exception(why)
        self._waiting.clear()

    async def _acquire(self, urgency: int, tokens: float, avoid: Upstream | None) -> Upstream:
        if self.gone is not None:
            raise self.gone
        if (
            not self._waiting
            and self._rates_wait_s() <= 0
            and (upstream := self._upstream(avoid)) is not None
        ):
            return self._taken(upstream, tokens)
        waiter = _Waiter(asyncio.get_running_loop().create_future(), tokens, avoid)
        self._order += 1
        heapq.heappush(self._waiting, (urgency, self._order, waiter))
        self._hand_out()
        try:
            return await waiter.future
        except asyncio.CancelledError:
            if (
                waiter.future.done()
                and not waiter.future.cancelled()
                and not waiter.future.exception()
            ):
                upstream = waiter.future.result()  # handed over in the same moment: pass it on
                upstream.in_flight -= 1
                self.held -= 1
                self._hand_out()
            else:
                self._waiting = [entry for entry in self._waiting if entry[2] is not waiter]
                heapq.heapify(self._waiting)
            self._silence()
            raise

    def _taken(self, upstream: Upstream, tokens: float) -> Upstream:
        upstream.in_flight += 1
        self.held += 1
        now = self.environment.clock()
        for rate, counts_tokens in self._rates:
            rate.take(now, tokens if counts_tokens else 1.0)
        return upstream

    def _upstream(self, avoid: Upstream | None) -> Upstream | None:
        """The best upstream with room; the one to avoid only where it is the only one that is not
        left alone."""
        if self.held >= self.capacity:
            return None
        now = self.environment.clock()
        best = None
        for upstream in self.upstreams:
            if (
                upstream.room(now)
                and upstream is not avoid
                and (best is None or upstream.load() < best.load())
            ):
                best = upstream
        if best is None and avoid is not None and avoid.room(now):
            return avoid
        return best

    def _rates_wait_s(self) -> float:
        now = self.environment.clock()
        return max((rate.wait_s(now) for rate, _ in self._rates), default=0.0)

    def _hand_out(self) -> None:
        while self._waiting:
            waiter = self._waiting[0][2]
            if waiter.future.done():
                heapq.heappop(self._waiting)
                continue
            upstream = self._upstream(waiter.avoid) if self._rates_wait_s() <= 0 else None
            if upstream is None:
                break
            heapq.heappop(self._waiting)
            waiter.future.set_result(self._taken(upstream, waiter.tokens))
        self._silence()

    def _silence(self) -> None:
        """Sets the alarm for when a pause ends or a rate allows more, if anybody waits; else
        switches it off."""
        now = self.environment.clock()
        paused = [
            upstream.paused_until - now
            for upstream in self.upstreams
            if upstream.paused_until > now
        ]
        wait_s = max(self._rates_wait_s(), min(paused, default=0.0)) if self._waiting else 0.0
        if self._alarm is not None and (not wait_s or now + wait_s < self._rings_at):
            self._alarm.cancel()
            self._alarm = None
        if wait_s and self._alarm is None:
            self._rings_at = now + wait_s
            self._alarm = asyncio.create_task(self._ring(wait_s))

    async def _ring(self, wait_s: float) -> None:
        await self.environment.sleep(wait_s)
        self._alarm = None
        self._hand_out()
