"""Upstreams and endpoints: how much may be in flight, where the next request goes, and when none
may go."""

import asyncio
import random

import pytest

from stages.errors import Unavailable
from stages.inference.buckets import TokenBucket
from stages.inference.pool import UpstreamPool
from stages.inference.upstream import EPISODE_S, PROBE_S, START, Upstream
from tests.support.clock import FakeClock


def upstream(ceiling: int = 512, limit: float = 0.0) -> Upstream:
    return Upstream(
        url="http://127.0.0.1:9/v1", ceiling=ceiling, chance=random.Random(0), limit=limit
    )


def round_trip(one: Upstream) -> None:
    """Everything that may be in flight is sent and answered."""
    for number in range(int(one.limit), 0, -1):
        one.in_flight = int(one.limit) if number > 1 else 1
        one.served(2.0, 100)
    one.in_flight = 0


def test_the_limit_starts_low_and_doubles_in_a_round_trip_while_it_is_used() -> None:
    one = upstream()
    limits = [one.limit]
    for _ in range(4):
        round_trip(one)
        limits.append(one.limit)
    assert limits[0] == START
    assert limits[1] > 1.8 * START
    assert limits[-1] == 512


def test_a_limit_that_is_not_used_does_not_grow() -> None:
    one = upstream()
    for _ in range(1000):
        one.in_flight = 3
        one.served(1.0, 10)
    assert one.limit == START


def test_an_episode_of_429s_costs_one_cut() -> None:
    one = upstream(limit=512.0)
    for number in range(300):
        one.limited_at(100.0 + number / 30, sent_at=99.0, retry_after_s=None)
    assert one.limit == 256
    one.limited_at(100.0 + EPISODE_S, sent_at=99.9, retry_after_s=None)
    assert one.limit == 256  # sent before the cut: no news
    one.limited_at(100.0 + EPISODE_S, sent_at=101.0, retry_after_s=None)
    assert one.limit == 128


def test_after_the_episode_the_limit_is_back_in_two_round_trips_and_then_grows_gently() -> None:
    one = upstream(ceiling=4000, limit=512.0)
    one.limited_at(100.0, 99.0, None)
    for _ in range(2):
        round_trip(one)
    assert 400 < one.limit < 560
    before = one.limit
    round_trip(one)
    assert before < one.limit < before * 1.3


def test_the_limit_does_not_grow_while_429s_come() -> None:
    one = upstream(limit=256.0)
    one.limited_at(100.0, 99.0, None)
    for number in range(200):
        one.in_flight = 128
        one.served(1.0, 10)
        if number % 20 == 0:
            one.limited_at(101.0 + number / 100, 100.5, None)
    assert one.limit == 128


def test_retry_after_closes_the_upstream_for_so_long() -> None:
    one = upstream()
    one.limited_at(10.0, 9.0, 7.0)
    assert not one.room(16.9)
    assert one.room(17.1)


def test_failures_never_shrink_the_limit_and_a_dead_upstream_is_probed_one_by_one() -> None:
    one, now = upstream(), 0.0
    for _ in range(20):
        one.failed_at(now)
    assert one.limit == START
    assert not one.room(now)
    now += PROBE_S[0] * 1.5
    assert one.room(now)
    one.in_flight = 1
    assert not one.room(now)
    one.served(1.0, 10)
    assert one.room(now)


def test_a_dead_upstream_is_probed_every_few_seconds() -> None:
    one, now, probes = upstream(), 0.0, 0
    while now < 100.0:
        if one.room(now):
            probes += one.probing
            one.failed_at(now)
        now += 0.01
    assert 100.0 / PROBE_S[1] * 0.7 < probes < 100.0 / PROBE_S[1] * 1.6


def test_a_rate_lets_its_share_through_and_pays_its_debts() -> None:
    rate, now, sent = TokenBucket(600.0), 0.0, 0
    while now < 30.0:
        if rate.wait_s(now) == 0:
            rate.take(now, 1.0)
            sent += 1
        now += 0.001
    assert 300 <= sent <= 325
    rate.correct(now, 100.0)
    assert rate.wait_s(now) > 9.0


async def spread(
    pool: UpstreamPool, count: int, hold_s: dict[str, float], clock: FakeClock
) -> dict[str, int]:
    """How many of so many requests went where; each holds its upstream for that upstream's
    latency."""
    sent: dict[str, int] = {}

    async def one() -> None:
        async with pool.upstream(0) as taken:
            sent[taken.url] = sent.get(taken.url, 0) + 1
            await clock.sleep(hold_s[taken.url])
            taken.served(hold_s[taken.url], 100)

    await asyncio.gather(*[one() for _ in range(count)])
    return sent


async def test_upstreams_share_by_their_latency() -> None:
    clock = FakeClock()
    pool = UpstreamPool(urls=("fast", "slow"), key="", capacity=32, environment=clock.environment())
    sent = await spread(pool, 400, {"fast": 1.0, "slow": 4.0}, clock)
    assert sent["fast"] > 2.5 * sent["slow"] > 0


async def test_never_more_than_the_ceiling_is_in_flight_and_urgent_requests_go_first() -> None:
    clock = FakeClock()
    pool = UpstreamPool(urls=("one", "two"), key="", capacity=3, environment=clock.environment())
    order: list[int] = []
    peak = 0

    async def one(urgency: int) -> None:
        nonlocal peak
        async with pool.upstream(urgency):
            peak = max(peak, pool.held)
            order.append(urgency)
            await clock.sleep(1.0)

    await asyncio.gather(*[one(urgency) for urgency in (1, 1, 1, 2, 2, 0)])
    assert peak == 3
    assert order == [1, 1, 1, 0, 2, 2]
    assert (pool.held, [one.in_flight for one in pool.upstreams]) == (0, [0, 0])


async def test_who_waits_for_a_pause_is_woken_at_its_end() -> None:
    clock = FakeClock()
    pool = UpstreamPool(urls=("one", "two"), key="", capacity=8, environment=clock.environment())
    pool.upstreams[0].limited_at(0.0, -1.0, 9.0)
    pool.upstreams[1].limited_at(0.0, -1.0, 3.0)
    async with pool.upstream(0) as taken:
        assert (taken.url, clock.now) == ("two", 3.0)


async def test_a_waiter_that_is_cancelled_leaves_nothing_behind() -> None:
    pool = UpstreamPool(urls=("one",), key="", capacity=1, environment=FakeClock().environment())
    async with pool.upstream(0):
        waiting = asyncio.create_task(pool._acquire(0, 0.0, None))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    assert pool.held == 0
    assert pool.idle
    async with pool.upstream(0):
        pass


async def test_a_waiter_that_is_cancelled_as_it_is_served_passes_its_turn_on() -> None:
    pool = UpstreamPool(urls=("one",), key="", capacity=1, environment=FakeClock().environment())
    await pool._acquire(0, 0.0, None)
    first, second = (asyncio.create_task(pool._acquire(0, 0.0, None)) for _ in range(2))
    await asyncio.sleep(0)
    pool.upstreams[0].in_flight -= 1
    pool.held -= 1
    pool._hand_out()
    first.cancel()
    assert await asyncio.wait_for(second, 5) is pool.upstreams[0]
    assert pool.held == 1


async def test_an_endpoint_that_was_given_up_turns_everybody_away() -> None:
    pool = UpstreamPool(urls=("one",), key="", capacity=1, environment=FakeClock().environment())
    async with pool.upstream(0):
        waiting = asyncio.create_task(pool._acquire(0, 0.0, None))
        await asyncio.sleep(0)
        pool.give_up(Unavailable("gone"))
        with pytest.raises(Unavailable, match="gone"):
            await waiting
    with pytest.raises(Unavailable, match="gone"):
        await pool._acquire(0, 0.0, None)


async def test_where_a_request_has_just_failed_it_does_not_go_again_if_it_can_help_it() -> None:
    pool = UpstreamPool(
        urls=("one", "two"), key="", capacity=8, environment=FakeClock().environment()
    )
    one, two = pool.upstreams
    async with pool.upstream(0, avoid=one) as taken:
        assert taken is two
    two.limited_at(0.0, -1.0, 9.0)
    async with pool.upstream(0, avoid=one) as taken:
        assert taken is one
