"""The pool of an endpoint's upstreams. It decides which waiting request is sent where, and when.

All models of an endpoint share its pool. Requests wait in one heap, by urgency and then by age. The
first of them gets the upstream with room that is likely to be fastest. That depends on an
upstream's load, its health and its latency per output token.
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
"""An endpoint that answered any request within so many seconds is serving."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolStatistics:
    """What an endpoint does now, and what it has done in this run.

    in_flight, waiting: requests now. limit: how many may be in flight now. ceiling: how many may be
    in flight at most. open: upstreams that are neither paused nor half-open, of `upstreams` in all.
    answered, failed, limited: attempts by their ending, where limited stands for 429s.
    """

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
    """A request that waits. tokens: its estimate. avoid: where it has just failed."""

    future: asyncio.Future[Upstream]
    tokens: float
    avoid: Upstream | None


@dataclass(slots=True, eq=False, kw_only=True)
class UpstreamPool:
    """One key, and the base URLs at which it is used.

    capacity: requests in flight at most, over all upstreams. held: those in flight now.
    give_up_s: seconds without any answer after which the endpoint is given up. gone: why it was.
    requests_per_minute, tokens_per_minute: the provider's rates, where 0 means none.
    changed: called when there is room and no request waits.
    secrets: values besides the key that no message may show.
    """

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
        """Whether any request was answered in the last SERVING_S."""
        last = self.last_success
        return last is not None and self.environment.clock() - last < SERVING_S

    def statistics(self) -> PoolStatistics:
        """A snapshot of the endpoint."""
        now = self.environment.clock()
        closed = [upstream for upstream in self.upstreams if not upstream.probing]
        return PoolStatistics(
            in_flight=self.held,
            waiting=len(self._waiting),
            limit=min(self.capacity, sum(int(upstream.limit) for upstream in closed)),
            ceiling=self.capacity,
            open=sum(upstream.paused_until <= now for upstream in closed),
            upstreams=len(self.upstreams),
            answered=sum(upstream.answered for upstream in self.upstreams),
            failed=sum(upstream.failed for upstream in self.upstreams),
            limited=sum(upstream.limited for upstream in self.upstreams),
        )

    def headers(self) -> dict[str, str]:
        """The headers of each request."""
        authorization = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        return {"Content-Type": "application/json", **authorization}

    def without_key(self, text: str) -> str:
        """The text with `[key]` in place of each secret that is sent to the endpoint."""
        for secret in (self.key, *self.secrets):
            text = text.replace(secret, "[key]") if secret else text
        return text

    @asynccontextmanager
    async def upstream(
        self, urgency: int, tokens: float = 0.0, avoid: Upstream | None = None
    ) -> AsyncIterator[Upstream]:
        """An upstream for one request, which is in flight for as long as the context lasts.

        urgency: the lowest goes first. tokens: an estimate of what it takes. avoid: an upstream
        that is only chosen if no other takes requests.
        Raises: Unavailable once the endpoint has been given up.
        """
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
        """Takes the tokens that an answer needed beyond its estimate, which may be negative."""
        for rate, counts_tokens in self._rates:
            if counts_tokens:
                rate.correct(self.environment.clock(), by_tokens)

    def succeeded(self) -> None:
        """To be called with each reply that shows that the endpoint works."""
        self.successes += 1
        self.last_success = self.environment.clock()

    def elsewhere(self, upstream: Upstream) -> bool:
        """Whether another upstream has room right now."""
        now = self.environment.clock()
        return any(other is not upstream and other.room(now) for other in self.upstreams)

    def give_up(self, why: Unavailable) -> None:
        """Ends all requests that wait, and every later one, with `why`."""
        self.gone = why
        for _, _, waiter in self._waiting:
            if not waiter.future.done():
                waiter.future.set_exception(why)
        self._waiting.clear()

    async def _acquire(self, urgency: int, tokens: float, avoid: Upstream | None) -> Upstream:
        if self.gone is not None:
            raise self.gone
        if not self._waiting and self._rates_wait_s() <= 0:
            upstream = self._upstream(avoid)
            if upstream is not None:
                return self._taken(upstream, tokens)
        waiter = _Waiter(asyncio.get_running_loop().create_future(), tokens, avoid)
        self._order += 1
        heapq.heappush(self._waiting, (urgency, self._order, waiter))
        self._hand_out()
        try:
            return await waiter.future
        except asyncio.CancelledError:
            # An upstream may be given out in the moment of the cancellation. The caller will never
            # use it, so its place goes to the next request.
            future = waiter.future
            if future.done() and not future.cancelled() and not future.exception():
                upstream = future.result()
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
        """The upstream with room that has the least load, or None. `avoid` comes last."""
        if self.held >= self.capacity:
            return None
        now = self.environment.clock()
        others = [one for one in self.upstreams if one is not avoid and one.room(now)]
        if others:
            return min(others, key=Upstream.load)
        return avoid if avoid is not None and avoid.room(now) else None

    def _rates_wait_s(self) -> float:
        now = self.environment.clock()
        return max((rate.wait_s(now) for rate, _ in self._rates), default=0.0)

    def _hand_out(self) -> None:
        """Gives room to the requests that wait, and sets the alarm for those that go on waiting."""
        # Only the first in the heap is looked at. Where it finds no room, no other request would.
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
        """Sets the alarm for when a pause ends or a rate allows more, while a request waits.

        Where none waits, it switches the alarm off.
        """
        # Room comes in two ways. A request that ends hands its place on itself. But the end of a
        # pause, or the refill of a bucket, is no event: without an alarm, requests would wait for
        # ever once nothing is in flight.
        now = self.environment.clock()
        ends = [upstream.paused_until for upstream in self.upstreams]
        paused = [end - now for end in ends if end > now]
        wait_s = max(self._rates_wait_s(), min(paused, default=0.0)) if self._waiting else 0.0
        # An alarm that is set too early does no harm, and is left. One that is too late is not.
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
