"""Hedging: a straggler is asked again elsewhere, the first answer wins, and the loser is paid
for."""

import asyncio
from dataclasses import dataclass, field

import pytest

from stages.inference.hedging import KNOWN, Hedge, RequestAttempt
from stages.inference.port import ChatRequest, Sampling
from stages.inference.upstream import Upstream
from stages.records import Answer, Usage
from tests.support.clock import FakeClock


@dataclass
class Metered:
    """A meter that keeps what is reported to it."""

    reports: list[str] = field(default_factory=list)

    async def sending(self) -> None:
        self.reports.append("sending")

    def unpaid(self) -> None:
        self.reports.append("unpaid")

    async def wasted(self, usage: Usage | None) -> None:
        self.reports.append("wasted")


@dataclass
class Slow:
    """Stands for a client: attempts take the seconds that are given, in turn; a negative one fails
    after so long."""

    clock: FakeClock
    seconds: list[float]
    sent: list[RequestAttempt] = field(default_factory=list)

    async def send(self, attempt: RequestAttempt) -> Answer:
        takes_s = self.seconds[min(len(self.sent), len(self.seconds) - 1)]
        self.sent.append(attempt)
        attempt.upstream = Upstream(
            url=f"upstream {len(self.sent)}", ceiling=8, chance=self.clock.environment().chance
        )
        await self.clock.sleep(abs(takes_s))
        if takes_s < 0:
            raise ConnectionError(str(takes_s))
        return Answer(content=attempt.upstream.url)


async def learned(clock: FakeClock) -> Hedge:
    """A hedge that knows answers to take 1 s."""
    hedge = Hedge(0.95, clock.environment())
    for _ in range(KNOWN):
        await hedge.first_of(Slow(clock, [1.0]).send, RequestAttempt(body=b"", request=REQUEST))
    return hedge


REQUEST = ChatRequest(model="m", messages=(), sampling=Sampling())


async def test_a_straggler_is_asked_again_elsewhere_and_the_first_answer_wins() -> None:
    clock, meter = FakeClock(), Metered()
    hedge, slow = await learned(clock), Slow(clock, [50.0, 1.0])
    began = clock.now
    answer = await hedge.first_of(
        slow.send,
        RequestAttempt(
            body=b"", request=ChatRequest(model="m", messages=(), sampling=Sampling(), meter=meter)
        ),
    )
    assert (answer.content, hedge.sent, len(slow.sent)) == ("upstream 2", 1, 2)
    assert clock.now - began < 3.0
    assert slow.sent[1].avoid is slow.sent[0].upstream
    assert meter.reports == ["wasted"]


async def test_what_is_answered_in_time_is_asked_once() -> None:
    clock = FakeClock()
    hedge, slow = await learned(clock), Slow(clock, [0.9])
    await hedge.first_of(slow.send, RequestAttempt(body=b"", request=REQUEST))
    assert (hedge.sent, len(slow.sent)) == (0, 1)


async def test_nothing_is_sent_again_before_the_usual_latency_is_known() -> None:
    clock = FakeClock()
    slow = Slow(clock, [500.0])
    await Hedge(0.95, clock.environment()).first_of(
        slow.send, RequestAttempt(body=b"", request=REQUEST)
    )
    assert len(slow.sent) == 1


async def test_one_that_fails_leaves_it_to_the_other_and_two_that_fail_are_one_failure() -> None:
    clock = FakeClock()
    hedge = await learned(clock)
    answer = await hedge.first_of(
        Slow(clock, [-2.0, 4.0]).send, RequestAttempt(body=b"", request=REQUEST)
    )
    assert answer.content == "upstream 2"
    with pytest.raises(ConnectionError, match="-6"):
        await hedge.first_of(
            Slow(clock, [-6.0, -2.0]).send, RequestAttempt(body=b"", request=REQUEST)
        )


async def test_a_cancelled_request_leaves_no_attempt_behind() -> None:
    clock = FakeClock()
    hedge, slow = await learned(clock), Slow(clock, [50.0, 50.0])
    task = asyncio.create_task(hedge.first_of(slow.send, RequestAttempt(body=b"", request=REQUEST)))
    while len(slow.sent) < 2:
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(asyncio.all_tasks()) <= 2  # this one and the clock's
