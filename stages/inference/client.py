"""`kind = "openai"`: any server of the chat completions protocol, over one aiohttp session.

A request that fails for a reason that may pass is sent again, with the same body. It is sent at
once where another upstream has room, else after a backoff. It holds no place at an upstream while
it waits.

A failed attempt counts against a request only while the endpoint serves others, and never for a
429. So a request that fails alone gives up, and is rejected in the end. An endpoint that answers
nobody stops the run after `give_up_s`, and no row is lost.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import orjson

from stages.errors import GaveUp, Rejected, Unavailable
from stages.inference.environment import Environment
from stages.inference.failures import UNPAID, Asked, AttemptFailed, Transient
from stages.inference.hedging import Hedge, RequestAttempt
from stages.inference.pool import UpstreamPool
from stages.inference.port import ChatRequest
from stages.inference.replies import Malformed, answer_of
from stages.inference.upstream import Upstream
from stages.records import Answer

logger = logging.getLogger(__name__)
REPLY_BYTES = 32 << 20
"""The largest reply that is read."""
WARNING_S = 30.0
"""Seconds between two warnings of one kind of failure of a model."""
BACKOFF_S = (0.5, 8.0)
"""The first and the longest wait before a request is sent again. A server may ask for more."""
LIMITED_BACKOFF_S = (0.25, 2.0)
"""The same after a 429. It is shorter, since the upstream's limit shrinks as well."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Limits on one attempt, in seconds.

    total_s: in all. connect_s: to connect. read_s: between two parts of a reply, where 0 means that
    only total_s holds.
    """

    total_s: float = 600.0
    connect_s: float = 30.0
    read_s: float = 0.0

    def client(self) -> aiohttp.ClientTimeout:
        """The same for aiohttp."""
        return aiohttp.ClientTimeout(
            total=self.total_s,
            sock_connect=min(self.connect_s, self.total_s),
            sock_read=self.read_s or None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAIModel:
    """One model of an endpoint.

    setting: its place in the run file, such as `models.main`, for messages.
    attempts: failed attempts after which a request gives up.
    extra_body: fields that are added to each request's body.
    headers: sent besides our own.
    most_tokens: the name of the body's field for the limit on the answer's tokens.
    """

    name: str
    pool: UpstreamPool
    session: aiohttp.ClientSession
    setting: str
    timeouts: Timeouts = Timeouts()
    attempts: int = 8
    extra_body: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    most_tokens: str = "max_tokens"
    hedge: Hedge | None = None
    _warned: dict[str, float] = field(default_factory=dict)

    @property
    def environment(self) -> Environment:
        return self.pool.environment

    def body(self, request: ChatRequest) -> dict[str, Any]:
        """The body that is sent, which is also the request's identity."""
        body = request.body()
        if self.most_tokens != "max_tokens":
            body[self.most_tokens] = body.pop("max_tokens")
        return {**body, **self.extra_body}

    async def complete(self, request: ChatRequest) -> Answer:
        """The answer, after as many attempts as it takes.

        Raises: GaveUp, Rejected, Unavailable, Misconfigured.
        """
        body = orjson.dumps(self.body(request))
        pool, environment = self.pool, self.environment
        # `alone` counts the attempts that failed while others were served. While nobody is served,
        # a failure says something about the endpoint and nothing about the request.
        alone = tries = 0
        served, began = pool.successes, environment.clock()
        avoid: Upstream | None = None
        while True:
            attempt = RequestAttempt(body=body, request=request, avoid=avoid)
            try:
                if self.hedge is None:
                    return await self._attempted(attempt)
                return await self.hedge.first_of(self._attempted, attempt)
            except AttemptFailed as failed:
                exc, avoid = failed.why, failed.upstream
            tries += 1
            alone += exc.kind != "limited" and (pool.successes > served or pool.serving)
            served = pool.successes
            self._warn(exc)
            self._give_up_if_hopeless(exc, alone, began)
            if not pool.elsewhere(avoid):
                await environment.sleep(self._backoff_s(tries, exc))

    def _warn(self, exc: Transient) -> None:
        """Logs a failure, unless one of its kind was logged in the last WARNING_S."""
        now = self.environment.clock()
        if now - self._warned.get(exc.kind, -WARNING_S) >= WARNING_S:
            self._warned[exc.kind] = now
            found = self.pool.statistics()
            logger.warning(
                "%s: %s: %s; asking again "
                "(%d answered, %d failed, %d times too many requests so far)",
                self.setting,
                self.pool.addresses,
                exc,
                found.answered,
                found.failed,
                found.limited,
            )

    def _give_up_if_hopeless(self, exc: Transient, alone: int, began: float) -> None:
        """Raises: GaveUp when the request is hopeless, Unavailable when the endpoint is."""
        pool = self.pool
        if alone >= self.attempts:
            raise GaveUp(
                f"{alone} attempts failed while others were served; the last: {exc}"
            ) from exc
        # Silence is counted from when this request began: before that, maybe nobody asked.
        since = began if pool.last_success is None else max(began, pool.last_success)
        silent_s = self.environment.clock() - since
        if silent_s > pool.give_up_s:
            gone = Unavailable(
                f"{self.setting}: {pool.addresses} has answered nothing for {silent_s:.0f} s "
                f"(limits.give_up_s); the last failure: {exc}"
            )
            pool.give_up(gone)
            raise gone from exc

    def _backoff_s(self, tries: int, exc: Transient) -> float:
        shortest, longest = LIMITED_BACKOFF_S if exc.kind == "limited" else BACKOFF_S
        if exc.retry_after_s is not None:
            return exc.retry_after_s + self.environment.chance.random() * shortest
        return min(longest, shortest * 2.0 ** min(tries - 1, 20)) * (
            0.5 + self.environment.chance.random()
        )

    async def _attempted(self, attempt: RequestAttempt) -> Answer:
        """One attempt, which is metered where there is a budget.

        Raises: AttemptFailed, Rejected, Misconfigured, Unavailable.
        """
        meter = attempt.request.meter
        if meter is None:
            return await self._sent(attempt)
        await meter.sending()
        try:
            return await self._sent(attempt)
        except AttemptFailed as exc:
            if exc.why.kind in UNPAID:
                meter.unpaid()
            else:
                await meter.wasted(exc.why.usage)
            raise
        except Rejected as exc:
            if exc.usage is None:
                meter.unpaid()
            else:
                await meter.wasted(exc.usage)
            raise
        except Unavailable:  # given up before anything was sent
            meter.unpaid()
            raise

    async def _sent(self, attempt: RequestAttempt) -> Answer:
        """One attempt on one upstream, whose limit and health it changes.

        Raises: as `_attempted`.
        """
        pool, clock, request = self.pool, self.environment.clock, attempt.request
        # Tokens that the request may take, until the answer shows: four bytes of the body a token,
        # and half of what the answer may have.
        likely = len(attempt.body) / 4 + request.sampling.max_tokens / 2
        async with pool.upstream(request.urgency, likely, attempt.avoid) as upstream:
            sent_at = clock()
            attempt.upstream = upstream
            try:
                answer = await self._posted(upstream, attempt.body, request)
            except Transient as exc:
                if exc.kind == "limited":
                    upstream.limited_at(clock(), sent_at, exc.retry_after_s)
                else:
                    upstream.failed_at(clock(), exc.retry_after_s)
                raise AttemptFailed(exc, upstream) from exc
            except Rejected:
                # A server that refuses one request works, and may serve others.
                pool.succeeded()
                raise
            upstream.served(clock() - sent_at, answer.usage.output_tokens)
            pool.succeeded()
        pool.corrected(answer.usage.input_tokens + answer.usage.output_tokens - likely)
        return answer

    async def _posted(self, upstream: Upstream, body: bytes, request: ChatRequest) -> Answer:
        """The answer to one HTTP request. Raises: Transient, Rejected, Misconfigured, Unavailable.

        No message of these holds a key.
        """
        headers = {**self.pool.headers(), **self.headers}
        try:
            async with self.session.post(
                f"{upstream.url.rstrip('/')}/chat/completions",
                data=body,
                headers=headers,
                timeout=self.timeouts.client(),
            ) as response:
                reply = await _bounded(response)
                status, received = response.status, response.headers
        except (aiohttp.ConnectionTimeoutError, aiohttp.ClientConnectorError) as exc:
            raise Transient(
                self.pool.without_key(f"{type(exc).__name__}: {exc}"), "unreached"
            ) from exc
        except TimeoutError as exc:
            within = f"{self.timeouts.total_s:g} s ({self.setting}.timeout_s)"
            raise Transient(f"no answer within {within}", "unanswered") from exc
        except (aiohttp.ClientError, OSError) as exc:
            raise Transient(
                self.pool.without_key(f"{type(exc).__name__}: {exc}"), "unanswered"
            ) from exc
        if status != 200:
            asked = Asked(setting=self.setting, model=self.name, pool=self.pool)
            raise asked.failure(status, reply, received)
        try:
            return answer_of(reply, request.messages, self.name)
        except Malformed as exc:
            raise Transient(self.pool.without_key(str(exc)), "malformed", usage=exc.usage) from exc


async def _bounded(response: aiohttp.ClientResponse) -> bytes:
    """The body of a response. Raises: Transient for one of more than REPLY_BYTES."""
    if response.content_length is not None and response.content_length <= REPLY_BYTES:
        return await response.read()
    parts, size = [], 0
    async for chunk in response.content.iter_chunked(1 << 16):
        size += len(chunk)
        if size > REPLY_BYTES:
            raise Transient(f"the reply is larger than {REPLY_BYTES >> 20} MB", "malformed")
        parts.append(chunk)
    return b"".join(parts)


def open_session() -> aiohttp.ClientSession:
    """The one session of a run, without cookies.

    It has no limit on connections, since the upstreams bound the requests in flight.
    """
    connector = aiohttp.TCPConnector(limit=0, ttl_dns_cache=300)
    return aiohttp.ClientSession(
        connector=connector, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=True
    )
