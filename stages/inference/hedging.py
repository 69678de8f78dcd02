"""Hedging: a request far past the usual latency is sent again, elsewhere if it can be, and the
first answer wins.

Only where it is asked for, since both are paid for. The loser's cost is not known and counts at its
dearest.
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


@dataclass(slots=True, kw_only=True)
class RequestAttempt:
    """One try of a request. avoid: a upstream to leave alone if there is another; upstream: where
    it was sent, once it was."""

    body: bytes
    request: ChatRequest
    avoid: Upstream | None = None
    upstream: Upstream | None = None


@dataclass(slots=True)
class Hedge:
    """quantile: of the last latencies, past which a request is sent again. sent: how often that was
    done."""

    quantile: float
    environment: Environment
    sent: int = 0
    _latencies_s: deque[float] = field(default_factory=lambda: deque(maxlen=KEPT))
    _threshold_s: float = math.inf

    async def first_of(
        self, send: Callable[[RequestAttempt], Awaitable[Answer]], attempt: RequestAttempt
    ) -> Answer:
        """The answer of whichever attempt is answered first; if both fail, the first one's
        failure."""
        began = self.environment.clock()
        first = asyncio.ensure_future(send(attempt))
        running: set[asyncio.Future[Answer]] = {first}
        try:
            if not await self._answered(first) and attempt.upstream is not None:
                self.sent += 1
                running.add(
                    asyncio.ensure_future(
                        send(replace(attempt, avoid=attempt.upstream, upstream=None))
                    )
                )
            while running:
                done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                won = [future for future in done if future.exception() is None]
                if won:
                    self._learn(self.environment.clock() - began)
                    await _dropped(running, attempt)
                    return won[0].result()
            return first.result()
        finally:
            for future in running:
                future.cancel()

    async def _answered(self, first: "asyncio.Future[Answer]") -> bool:
        """Waits for the first attempt, but no longer than is usual."""
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
        self._latencies_s.append(latency_s)
        if len(self._latencies_s) >= KNOWN and len(self._latencies_s) % 10 == 0:
            ordered = sorted(self._latencies_s)
            self._threshold_s = ordered[min(len(ordered) - 1, int(self.quantile * len(ordered)))]


async def _dropped(losers: "set[asyncio.Future[Answer]]", attempt: RequestAttempt) -> None:
    """Ends the attempts that nobody waits for any more, at the price that they may have cost."""
    for loser in losers:
        loser.cancel()
        await asyncio.wait([loser])
        if attempt.request.meter is not None:
            await attempt.request.meter.wasted(None)
