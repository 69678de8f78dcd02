"""`kind = "openai"`: any server that speaks the chat completions protocol, over one aiohttp session.

A request that fails for a reason that may pass is asked again, later and outside its permit. An attempt counts
only while the endpoint serves others, and never for a 429: a request that fails alone is rejected as `gave_up`,
a dead endpoint stops the run after `give_up_s` and no row is lost.
"""

import asyncio
import email.utils
import logging
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import orjson

from sandbox import Permits
from stages.errors import Misconfigured, Rejected, Unavailable
from stages.inference.port import ChatRequest
from stages.inference.replies import Malformed, answer_of, excerpt, refusal_of
from stages.records import Answer

logger = logging.getLogger(__name__)
REPLY_BYTES = 32 << 20
WARNING_S = 30.0
"""Failures of one endpoint are told at most so often."""
BACKOFF_S = (0.5, 60.0)
"""The first and the longest wait before a request is asked again."""
SERVING_S = 20.0
"""An endpoint that answered anyone within so many seconds is serving."""


@dataclass(frozen=True, slots=True)
class World:
    """Time and chance, lent. clock is monotonic seconds; wall is seconds since 1970."""

    clock: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    chance: random.Random = field(default_factory=random.Random)


class Transient(Exception):
    """Raised when this attempt failed and another may not. retry_after_s: what the server asked for, if it did;
    limited: the server only said that it is asked too much."""

    def __init__(self, what: str, retry_after_s: float | None = None, *, limited: bool = False) -> None:
        super().__init__(what)
        self.retry_after_s = retry_after_s
        self.limited = limited


@dataclass(slots=True)
class Address:
    """One base URL of an endpoint. paused_until: when it asked to be left alone (Retry-After) until; rests_until:
    when a failing one is preferred again."""

    url: str
    in_flight: int = 0
    failures_in_a_row: int = 0
    paused_until: float = 0.0
    rests_until: float = 0.0


@dataclass(slots=True)
class Endpoint:
    """One (base_url, key) and what is known of it; all models on it share its permits.

    With several base URLs the requests are spread over them, least loaded first, failing ones last.
    """

    addresses: tuple[Address, ...]
    key: str = field(repr=False)
    permits: Permits
    give_up_s: float
    successes: int = 0
    failures: int = 0
    last_success: float | None = None
    warned: float | None = None

    def headers(self) -> dict[str, str]:
        return {
            "Content-Type": "application/json",
            **({"Authorization": f"Bearer {self.key}"} if self.key else {}),
        }

    @property
    def told(self) -> str:
        return ", ".join(address.url for address in self.addresses)

    def paused_s(self, now: float) -> float:
        """Seconds until some address may be asked."""
        return min(address.paused_until for address in self.addresses) - now

    def address(self, now: float) -> Address:
        """The address to ask next."""
        open_ = [address for address in self.addresses if address.paused_until <= now] or self.addresses
        return min(open_, key=lambda address: (address.rests_until > now, address.in_flight))

    def without_key(self, text: str) -> str:
        return text.replace(self.key, "[key]") if self.key else text


@dataclass(frozen=True, slots=True)
class OpenAIModel:
    """One model of an endpoint. setting: its place in the run file, for messages (`models.main`)."""

    name: str
    endpoint: Endpoint
    session: aiohttp.ClientSession
    setting: str
    timeout_s: float = 600.0
    attempts: int = 8
    extra_body: Mapping[str, Any] = field(default_factory=dict)
    world: World = field(default_factory=World)

    def body(self, request: ChatRequest) -> dict[str, Any]:
        return {**request.body(), **self.extra_body}

    async def complete(self, request: ChatRequest) -> Answer:
        body = orjson.dumps(self.body(request))
        endpoint, world = self.endpoint, self.world
        alone, tries = 0, 0
        served, began = endpoint.successes, world.clock()
        while True:
            await self._wait_out_pause()
            try:
                async with endpoint.permits.permit(request.urgency):
                    answer = await self._attempt(endpoint.address(world.clock()), body, request)
            except Transient as exc:
                endpoint.failures += 1
                tries += 1
                alone += not exc.limited and (endpoint.successes > served or self._serving())
                served = endpoint.successes
                self._warn(exc)
                self._give_up_if_hopeless(exc, alone, began)
                await world.sleep(self._backoff_s(tries, exc))
                continue
            endpoint.successes += 1
            endpoint.last_success = world.clock()
            return answer

    def _warn(self, exc: Transient) -> None:
        """Tells the first failure of a spell, and then one now and again."""
        endpoint, now = self.endpoint, self.world.clock()
        if endpoint.warned is None or now - endpoint.warned >= WARNING_S:
            endpoint.warned = now
            logger.warning("%s: %s: %s; asking again (%d failures so far)", self.setting, endpoint.told, exc,
                           endpoint.failures)  # fmt: skip

    def _serving(self) -> bool:
        last = self.endpoint.last_success
        return last is not None and self.world.clock() - last < SERVING_S

    async def _wait_out_pause(self) -> None:
        while (pause_s := self.endpoint.paused_s(self.world.clock())) > 0:
            await self.world.sleep(pause_s)

    def _give_up_if_hopeless(self, exc: Transient, alone: int, began: float) -> None:
        endpoint = self.endpoint
        if alone >= self.attempts:
            raise Rejected("gave_up", f"{alone} attempts failed while others were served; the last: {exc}") from exc
        since = began if endpoint.last_success is None else max(began, endpoint.last_success)
        silent_s = self.world.clock() - since  # while this request asked: a spell without requests is no silence
        if silent_s > endpoint.give_up_s:
            raise Unavailable(f"{self.setting}: {endpoint.told} has answered nothing for {silent_s:.0f} s "
                              f"(limits.give_up_s); the last failure: {exc}") from exc  # fmt: skip

    def _backoff_s(self, tries: int, exc: Transient) -> float:
        shortest, longest = BACKOFF_S
        wait_s = min(longest, shortest * 2.0 ** min(tries - 1, 20)) * (0.5 + self.world.chance.random())
        if exc.retry_after_s is not None:
            return exc.retry_after_s + self.world.chance.random() * shortest
        return wait_s

    async def _attempt(self, address: Address, body: bytes, request: ChatRequest) -> Answer:
        """One try at one address, which is judged by how it went."""
        address.in_flight += 1
        try:
            answer = await self._posted(address, body, request)
        except Transient as exc:
            now = self.world.clock()
            address.failures_in_a_row += 1
            address.rests_until = now + min(BACKOFF_S[1], BACKOFF_S[0] * 2.0 ** min(address.failures_in_a_row, 20))
            address.paused_until = max(address.paused_until, now + (exc.retry_after_s or 0.0))
            raise
        finally:
            address.in_flight -= 1
        address.failures_in_a_row, address.rests_until = 0, 0.0
        return answer

    async def _posted(self, address: Address, body: bytes, request: ChatRequest) -> Answer:
        url = address.url.rstrip("/") + "/chat/completions"
        timeout = aiohttp.ClientTimeout(total=self.timeout_s, sock_connect=min(30.0, self.timeout_s))
        try:
            async with self.session.post(url, data=body, headers=self.endpoint.headers(), timeout=timeout) as response:
                reply = await _bounded(response)
                status, headers = response.status, response.headers
        except TimeoutError as exc:
            raise Transient(f"no answer within {self.timeout_s:g} s ({self.setting}.timeout_s)") from exc
        except (aiohttp.ClientError, OSError) as exc:
            raise Transient(self.endpoint.without_key(f"{type(exc).__name__}: {exc}")) from exc
        if status == 200:
            try:
                return answer_of(reply, request.messages, self.name)
            except Malformed as exc:
                raise Transient(str(exc)) from exc
        raise self._failure(status, reply, headers)

    def _failure(self, status: int, reply: bytes, headers: Mapping[str, str]) -> Exception:
        text = self.endpoint.without_key(excerpt(reply))
        if status in (401, 403):
            return Misconfigured(f"{self.setting}: {self.endpoint.told} refuses the key "
                                 f"(status {status}; see {self.setting}.api_key_env): {text}")  # fmt: skip
        if status == 404:
            return Misconfigured(f"{self.setting}: {self.endpoint.told} knows no model {self.name!r} or no such "
                                 f"address (status 404; see base_url and model): {text}")  # fmt: skip
        if status in (408, 409, 425, 429) or status >= 500:
            return Transient(f"status {status}: {text}", _retry_after_s(headers, self.world), limited=status == 429)
        return refusal_of(status, text.encode())


async def _bounded(response: aiohttp.ClientResponse) -> bytes:
    parts, size = [], 0
    async for chunk in response.content.iter_chunked(1 << 16):
        size += len(chunk)
        if size > REPLY_BYTES:
            raise Transient(f"the reply is larger than {REPLY_BYTES >> 20} MB")
        parts.append(chunk)
    return b"".join(parts)


def _retry_after_s(headers: Mapping[str, str], world: World) -> float | None:
    """Seconds to wait by a Retry-After header, given in seconds or as a date."""
    text = headers.get("Retry-After", "").strip()
    if not text:
        return None
    try:
        return min(3600.0, max(0.0, float(text)))
    except ValueError:
        pass
    try:
        return min(3600.0, max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - world.wall()))
    except ValueError:
        return None


def open_session() -> aiohttp.ClientSession:
    """The one session of a run: no limit of its own (permits bound what is in flight), no cookies."""
    connector = aiohttp.TCPConnector(limit=0, ttl_dns_cache=300)
    return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=True)
