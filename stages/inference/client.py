"""`kind = "openai"`: any server that speaks the chat completions protocol, over one aiohttp
session.

A request that fails for a reason that may pass is asked again: at once where another lane has room,
else later, and never while it holds a permit. The body stays the same. An attempt counts only while
the endpoint serves others, and never for a 429: a request that fails alone gives up, a dead
endpoint stops the run after `give_up_s` and no row is lost.
"""

import email.utils
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import orjson

from stages.errors import GaveUp, Misconfigured, Rejected, Unavailable
from stages.inference.endpoint import Endpoint
from stages.inference.hedging import Attempt, Hedge
from stages.inference.lanes import Lane
from stages.inference.port import ChatRequest
from stages.inference.replies import Malformed, answer_of, complaint, excerpt, refusal_of
from stages.inference.world import World
from stages.records import Answer, Usage

logger = logging.getLogger(__name__)
REPLY_BYTES = 32 << 20
WARNING_S = 30.0
"""Failures of one endpoint are told at most so often."""
BACKOFF_S = (0.5, 8.0)
"""The first and the longest wait before a request is asked again; a server may ask for longer
ones."""
LIMITED_BACKOFF_S = (0.25, 2.0)
"""The same after a 429, which its lane's limit answers as well."""
RETRY_AFTER_S = 3600.0
"""The longest wait that a server may ask for."""
KEY_REFUSED = re.compile(
    r"(invalid|incorrect|wrong|missing)[\w ]{0,12} api.?key|authentication|no_db_connection",
    re.IGNORECASE,
)
MODEL_UNKNOWN = re.compile(
    r"(invalid|unknown|no such) model( name)?|model[^.]{0,60}(does not exist|not found)",
    re.IGNORECASE,
)
"""What some servers say with status 400 where others say 401 and 404. Source: LiteLLM's proxy,
vLLM."""
UNPAID = frozenset({"limited", "refused", "unreached"})
"""Kinds of failures that no provider bills."""


class Transient(Exception):
    """Raised when this attempt failed and another may not. kind: limited (429, or full by its own
    word), refused (another status), unreached (nothing was sent), unanswered (it broke off, or took
    too long), malformed; usage: what the server said of it."""

    def __init__(
        self, what: str, kind: str, retry_after_s: float | None = None, usage: Usage | None = None
    ) -> None:
        super().__init__(what)
        self.kind = kind
        self.retry_after_s = retry_after_s
        self.usage = usage


class AttemptFailed(Exception):
    """Raised when an attempt failed on a lane."""

    def __init__(self, why: Transient, lane: Lane) -> None:
        super().__init__(str(why))
        self.why = why
        self.lane = lane


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds: for one attempt in all, to connect, and between two parts of a reply (0: no limit of
    its own)."""

    total_s: float = 600.0
    connect_s: float = 30.0
    read_s: float = 0.0

    def client(self) -> aiohttp.ClientTimeout:
        return aiohttp.ClientTimeout(
            total=self.total_s,
            sock_connect=min(self.connect_s, self.total_s),
            sock_read=self.read_s or None,
        )


@dataclass(frozen=True, slots=True)
class OpenAIModel:
    """One model of an endpoint. setting: its place in the run file, for messages (`models.main`).

    headers: sent besides ours. most_tokens: the name of the body's field for the limit of the
    answer.
    """

    name: str
    endpoint: Endpoint
    session: aiohttp.ClientSession
    setting: str
    timeouts: Timeouts = Timeouts()
    attempts: int = 8
    extra_body: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    most_tokens: str = "max_tokens"
    hedge: Hedge | None = None
    _told: dict[str, float] = field(default_factory=dict)

    @property
    def world(self) -> World:
        return self.endpoint.world

    def body(self, request: ChatRequest) -> dict[str, Any]:
        body = request.body()
        if self.most_tokens != "max_tokens":
            body[self.most_tokens] = body.pop("max_tokens")
        return {**body, **self.extra_body}

    async def complete(self, request: ChatRequest) -> Answer:
        body = orjson.dumps(self.body(request))
        endpoint, world = self.endpoint, self.world
        alone = tries = 0
        served, began = endpoint.successes, world.clock()
        avoid: Lane | None = None
        while True:
            attempt = Attempt(body, request, avoid)
            try:
                if self.hedge is None:
                    return await self._attempted(attempt)
                return await self.hedge.first_of(self._attempted, attempt)
            except AttemptFailed as failed:
                exc, avoid = failed.why, failed.lane
            tries += 1
            alone += exc.kind != "limited" and (endpoint.successes > served or endpoint.serving)
            served = endpoint.successes
            self._warn(exc)
            self._give_up_if_hopeless(exc, alone, began)
            if not endpoint.elsewhere(avoid):
                await world.sleep(self._backoff_s(tries, exc))

    def _warn(self, exc: Transient) -> None:
        """Tells the first failure of a spell, and then one now and again."""
        now = self.world.clock()
        if now - self._told.get(exc.kind, -WARNING_S) >= WARNING_S:
            self._told[exc.kind] = now
            found = self.endpoint.statistics()
            logger.warning(
                "%s: %s: %s; asking again (%d answered, %d failed, %d times too many requests so far)",
                self.setting,
                self.endpoint.told,
                exc,
                found.answered,
                found.failed,
                found.limited,
            )

    def _give_up_if_hopeless(self, exc: Transient, alone: int, began: float) -> None:
        endpoint = self.endpoint
        if alone >= self.attempts:
            raise GaveUp(
                f"{alone} attempts failed while others were served; the last: {exc}"
            ) from exc
        since = began if endpoint.last_success is None else max(began, endpoint.last_success)
        silent_s = (
            self.world.clock() - since
        )  # while this request asked: a spell without requests is no silence
        if silent_s > endpoint.give_up_s:
            gone = Unavailable(
                f"{self.setting}: {endpoint.told} has answered nothing for {silent_s:.0f} s "
                f"(limits.give_up_s); the last failure: {exc}"
            )
            endpoint.give_up(gone)
            raise gone from exc

    def _backoff_s(self, tries: int, exc: Transient) -> float:
        shortest, longest = LIMITED_BACKOFF_S if exc.kind == "limited" else BACKOFF_S
        if exc.retry_after_s is not None:
            return exc.retry_after_s + self.world.chance.random() * shortest
        return min(longest, shortest * 2.0 ** min(tries - 1, 20)) * (
            0.5 + self.world.chance.random()
        )

    async def _attempted(self, attempt: Attempt) -> Answer:
        """One try on one lane, which is judged by how it went, and metered where there is a budget.

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
        except Unavailable:  # not sent at all
            meter.unpaid()
            raise

    async def _sent(self, attempt: Attempt) -> Answer:
        endpoint, clock, request = self.endpoint, self.world.clock, attempt.request
        likely = len(attempt.body) / 4 + request.sampling.max_tokens / 2
        async with endpoint.lane(request.urgency, likely, attempt.avoid) as lane:
            sent_at = clock()
            attempt.lane = lane
            try:
                answer = await self._posted(lane, attempt.body, request)
            except Transient as exc:
                if exc.kind == "limited":
                    lane.told_to_slow_down(clock(), sent_at, exc.retry_after_s)
                else:
                    lane.failed_at(clock(), exc.retry_after_s)
                raise AttemptFailed(exc, lane) from exc
            except Rejected:
                endpoint.succeeded()
                raise
            lane.served(clock() - sent_at, answer.usage.output_tokens)
            endpoint.succeeded()
        endpoint.corrected(answer.usage.input_tokens + answer.usage.output_tokens - likely)
        return answer

    async def _posted(self, lane: Lane, body: bytes, request: ChatRequest) -> Answer:
        headers = {**self.endpoint.headers(), **self.headers}
        try:
            async with self.session.post(
                f"{lane.url.rstrip('/')}/chat/completions",
                data=body,
                headers=headers,
                timeout=self.timeouts.client(),
            ) as response:
                reply = await _bounded(response)
                status, told = response.status, response.headers
        except (aiohttp.ConnectionTimeoutError, aiohttp.ClientConnectorError) as exc:
            raise Transient(
                self.endpoint.without_key(f"{type(exc).__name__}: {exc}"), "unreached"
            ) from exc
        except TimeoutError as exc:
            within = f"{self.timeouts.total_s:g} s ({self.setting}.timeout_s)"
            raise Transient(f"no answer within {within}", "unanswered") from exc
        except (aiohttp.ClientError, OSError) as exc:
            raise Transient(
                self.endpoint.without_key(f"{type(exc).__name__}: {exc}"), "unanswered"
            ) from exc
        if status != 200:
            raise self._failure(status, reply, told)
        try:
            return answer_of(reply, request.messages, self.name)
        except Malformed as exc:
            raise Transient(
                self.endpoint.without_key(str(exc)), "malformed", usage=exc.usage
            ) from exc

    def _failure(self, status: int, reply: bytes, headers: Mapping[str, str]) -> Exception:
        text = self.endpoint.without_key(excerpt(reply))
        if status in (401, 403) or (status == 400 and KEY_REFUSED.search(complaint(reply))):
            return Misconfigured(
                f"{self.setting}: {self.endpoint.told} refuses the key "
                f"(status {status}; see {self.setting}.api_key_env): {text}"
            )
        if status == 404 or (status == 400 and MODEL_UNKNOWN.search(complaint(reply))):
            return Misconfigured(
                f"{self.setting}: {self.endpoint.told} knows no model {self.name!r} or no such "
                f"address (status {status}; see base_url and model): {text}"
            )
        if status == 402 or (status == 429 and "insufficient_quota" in text):
            return Unavailable(
                f"{self.setting}: {self.endpoint.told} wants to be paid (status {status}): {text}; "
                "once that is done, the same command continues"
            )
        if status in (408, 409, 425, 429) or status >= 500:
            wait_s = _retry_after_s(headers, self.world)
            full = status in (429, 529) or (
                status == 503 and (wait_s is not None or "overloaded" in text)
            )
            return Transient(f"status {status}: {text}", "limited" if full else "refused", wait_s)
        return refusal_of(
            status, self.endpoint.without_key(reply.decode("utf-8", "replace")).encode()
        )


async def _bounded(response: aiohttp.ClientResponse) -> bytes:
    if response.content_length is not None and response.content_length <= REPLY_BYTES:
        return await response.read()
    parts, size = [], 0
    async for chunk in response.content.iter_chunked(1 << 16):
        size += len(chunk)
        if size > REPLY_BYTES:
            raise Transient(f"the reply is larger than {REPLY_BYTES >> 20} MB", "malformed")
        parts.append(chunk)
    return b"".join(parts)


def _retry_after_s(headers: Mapping[str, str], world: World) -> float | None:
    """Seconds to wait by a Retry-After header, given in seconds or as a date; the server's own
    clock counts, if told."""
    text = headers.get("Retry-After", "").strip()
    if not text:
        return None
    try:
        return min(RETRY_AFTER_S, max(0.0, float(text)))
    except ValueError:
        pass
    try:
        until = email.utils.parsedate_to_datetime(text).timestamp()
    except ValueError:
        return None
    try:
        now = email.utils.parsedate_to_datetime(headers["Date"]).timestamp()
    except (KeyError, ValueError):
        now = world.wall()
    return min(RETRY_AFTER_S, max(0.0, until - now))


def open_session() -> aiohttp.ClientSession:
    """The one session of a run: no limit of its own (lanes bound what is in flight), no cookies."""
    connector = aiohttp.TCPConnector(limit=0, ttl_dns_cache=300)
    return aiohttp.ClientSession(
        connector=connector, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=True
    )
