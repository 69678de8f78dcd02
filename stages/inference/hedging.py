"""Hedging: a request that takes unusually long is sent a second time, and the first answer wins.

It is off unless a run asks for it, since both requests are paid for. No server says what a request
that was broken off has cost, so it counts with its worst case.
"""

import asyncio
import math
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any

from stages.inference.environment import Environment
from stages.inference.port import ChatRequest
from stages.inference.upstream import Upstream
from stages.records import Answer

KNOWN = 50
"""Answers that must be there before a latency is called unusual."""
KEPT = 500
"""Latencies that are kept, the last ones."""


@dataclass(slots=True, kw_only=True)
class RequestAttempt:
    """One try of a request.

    avoid: an upstream to send it on only if there is no other. upstream: where it was sent, or None
    as long as it waits.
    """

    body: bytes
    request: ChatRequest
    avoid: Upstream | None = None
    upstream: Upstream | None = None


@dataclass(slots=True)
class Hedge:
    """Sends requests a second time, for one model.

    quantile: of the last latencies, beyond which one is unusual. sent: second requests so far.
    """

    quantile: float
    environment: Environment
    sent: int = 0
    _latencies_s: deque[float] = field(default_factory=lambda: deque(maxlen=KEPT))
    _threshold_s: float = math.inf

    async def first_of(
        self, send: Callable[[RequestAttempt], Awaitable[Answer]], attempt: RequestAttempt
    ) -> Answer:
        """The answer that comes first. Where both attempts fail, raises the first one's failure.

        send: makes one attempt, and sets its `upstream` once it is sent.
        """
        began = self.environment.clock()
        first = asyncio.ensure_future(send(attempt))
        running: set[asyncio.Future[Answer]] = {first}
        try:
            # A request without an upstream still waits for a place. A second one would wait behind
            # it.
            if not await self._answered(first) and attempt.upstream is not None:
                self.sent += 1
                second = replace(attempt, avoid=attempt.upstream, upstream=None)
                running.add(asyncio.ensure_future(send(second)))
            while running:
                done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                won = [future for future in done if future.exception() is None]
                if won:
                    self._learn(self.environment.clock() - began)
                    await _dropped(running, attempt)
                    return won[0].result()
            return first.result()
        finally:
            # A caller that is cancelled leaves no attempt behind.
            for future in running:
                future.cancel()

    async def _answered(self, first: "asyncio.Future[Answer]") -> bool:
        """Waits for the first attempt, but no longer than is usual. Whether it has ended."""
        if self._threshold_s == math.inf:
            await asyncio.wait([first])
            return True
        patience = asyncio.ensure_future(self.environment.sleep(self._threshold_s))
        try:
            either: set[asyncio.Future[Any]] = {first, patience}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        finally:
            patience.cancel()
        return first.done()

    def _learn(self, latency_s: float) -> None:
        # The latency of a request that was sent twice counts from the first one. Else the quantile
        # would shrink with every hedge, and cause more of them.
        self._latencies_s.append(latency_s)
        if len(self._latencies_s) >= KNOWN and len(self._latencies_s) % 10 == 0:
            ordered = sorted(self._latencies_s)
            self._threshold_s = ordered[min(len(ordered) - 1, int(self.quantile * len(ordered)))]


async def _dropped(losers: "set[asyncio.Future[Answer]]", attempt: RequestAttempt) -> None:
    """Ends the attempts that nobody waits for any more. Each is charged with its worst case."""
    for loser in losers:
        loser.cancel()
        await asyncio.wait([loser])
        if attempt.request.meter is not None:
            await attempt.request.meter.wasted(None)
