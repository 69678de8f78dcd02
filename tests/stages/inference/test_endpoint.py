"""Lanes and endpoints: how much may be in flight, where the next request goes, and when nothing may
go at all."""

import asyncio
import random

import pytest

from stages.errors import Unavailable
from stages.inference.endpoint import Endpoint
from stages.inference.lanes import EPISODE_S, PROBE_S, START, Lane
from stages.inference.rates import Rate
from tests.support.clock import FakeClock


def lane(ceiling: int = 512, limit: float = 0.0) -> Lane:
    return Lane("http://127.0.0.1:9/v1", ceiling, random.Random(0), limit)


def round_trip(one: Lane) -> None:
    """Everything that may be in flight is sent and answered."""
    for number in range(int(one.limit), 0, -1):
        one.in_flight = int(one.limit) if number > 1 else 1
        one.served(2.0, 100)
    one.in_flight = 0


def test_the_limit_starts_low_and_doubles_in_a_round_trip_while_it_is_used() -> None:
    one = lane()
    limits = [one.limit]
    for _ in range(4):
        round_trip(one)
        limits.append(one.limit)
    assert limits[0] == START
    assert limits[1] > 1.8 * START
    assert limits[-1] == 512


def test_a_limit_that_is_not_used_does_not_grow() -> None:
    one = lane()
    for _ in range(1000):
        one.in_flight = 3
        one.served(1.0, 10)
    assert one.limit == START


def test_an_episode_of_429s_costs_one_cut() -> None:
    one = lane(limit=512.0)
    for number in range(300):
        one.told_to_slow_down(100.0 + number / 30, sent_at=99.0, retry_after_s=None)
    assert one.limit == 256
    one.told_to_slow_down(100.0 + EPISODE_S, sent_at=99.9, retry_after_s=None)
    assert one.limit == 256  # sent before the cut: no news
    one.told_to_slow_down(100.0 + EPISODE_S, sent_at=101.0, retry_after_s=None)
    assert one.limit == 128


def test_after_the_episode_the_limit_is_back_in_two_round_trips_and_then_grows_gently() -> None:
    one = lane(ceiling=4000, limit=512.0)
    one.told_to_slow_down(100.0, 99.0, None)
    for _ in range(2):
        round_trip(one)
    assert 400 < one.limit < 560
    before = one.limit
    round_trip(one)
    assert before < one.limit < before * 1.3


def test_the_limit_does_not_grow_while_429s_come() -> None:
    one = lane(limit=256.0)
    one.told_to_slow_down(100.0, 99.0, None)
    for number in range(200):
        one.in_flight = 128
        one.served(1.0, 10)
        if number % 20 == 0:
            one.told_to_slow_down(101.0 + number / 100, 100.5, None)
    assert one.limit == 128


def test_retry_after_closes_the_lane_for_so_long() -> None:
    one = lane()
    one.told_to_slow_down(10.0, 9.0, 7.0)
    assert not one.room(16.9)
    assert one.room(17.1)


def test_failures_never_shrink_the_limit_and_a_dead_lane_is_asked_by_one_request_at_a_time() -> (
    None
):
    one, now = lane(), 0.0
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


def test_a_dead_lane_is_looked_after_every_few_seconds() -> None:
    one, now, probes = lane(), 0.0, 0
    while now < 100.0:
        if one.room(now):
            probes += one.probing
            one.failed_at(now)
        now += 0.01
    assert 100.0 / PROBE_S[1] * 0.7 < probes < 100.0 / PROBE_S[1] * 1.6


def test_a_rate_lets_its_share_through_and_pays_its_debts() -> None:
    rate, now, sent = Rate(600.0), 0.0, 0
    while now < 30.0:
        if rate.wait_s(now) == 0:
            rate.take(now, 1.0)
            sent += 1
        now += 0.001
    assert 300 <= sent <= 325
    rate.correct(now, 100.0)
    assert rate.wait_s(now) > 9.0


async def spread(
    endpoint: Endpoint, count: int, hold_s: dict[str, float], clock: FakeClock
) -> dict[str, int]:
    """How many of so many requests went where; each holds its lane for that lane's latency."""
    sent: dict[str, int] = {}

    async def one() -> None:
        async with endpoint.lane(0) as taken:
            sent[taken.url] = sent.get(taken.url, 0) + 1
            await clock.sleep(hold_s[taken.url])
            taken.served(hold_s[taken.url], 100)

    await asyncio.gather(*[one() for _ in range(count)])
    return sent


async def test_lanes_share_by_their_latency() -> None:
    clock = FakeClock()
    endpoint = Endpoint(("fast", "slow"), "", 32, world=clock.world())
    sent = await spread(endpoint, 400, {"fast": 1.0, "slow": 4.0}, clock)
    assert sent["fast"] > 2.5 * sent["slow"] > 0


async def test_never_more_than_the_ceiling_is_in_flight_and_urgent_requests_go_first() -> None:
    clock = FakeClock()
    endpoint = Endpoint(("one", "two"), "", 3, world=clock.world())
    order: list[int] = []
    peak = 0

    async def one(urgency: int) -> None:
        nonlocal peak
        async with endpoint.lane(urgency):
            peak = max(peak, endpoint.held)
            order.append(urgency)
            await clock.sleep(1.0)

    await asyncio.gather(*[one(urgency) for urgency in (1, 1, 1, 2, 2, 0)])
    assert peak == 3
    assert order == [1, 1, 1, 0, 2, 2]
    assert (endpoint.held, [one.in_flight for one in endpoint.lanes]) == (0, [0, 0])


async def test_who_waits_for_a_pause_is_woken_at_its_end() -> None:
    clock = FakeClock()
    endpoint = Endpoint(("one", "two"), "", 8, world=clock.world())
    endpoint.lanes[0].told_to_slow_down(0.0, -1.0, 9.0)
    endpoint.lanes[1].told_to_slow_down(0.0, -1.0, 3.0)
    async with endpoint.lane(0) as taken:
        assert (taken.url, clock.now) == ("two", 3.0)


async def test_a_waiter_that_is_cancelled_leaves_nothing_behind() -> None:
    endpoint = Endpoint(("one",), "", 1, world=FakeClock().world())
    async with endpoint.lane(0):
        waiting = asyncio.create_task(endpoint._acquire(0, 0.0, None))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    assert endpoint.held == 0
    assert endpoint.idle
    async with endpoint.lane(0):
        pass


async def test_a_waiter_that_is_cancelled_as_it_is_served_passes_its_turn_on() -> None:
    endpoint = Endpoint(("one",), "", 1, world=FakeClock().world())
    await endpoint._acquire(0, 0.0, None)
    first, second = (asyncio.create_task(endpoint._acquire(0, 0.0, None)) for _ in range(2))
    await asyncio.sleep(0)
    endpoint.lanes[0].in_flight -= 1
    endpoint.held -= 1
    endpoint._hand_out()
    first.cancel()
    assert await asyncio.wait_for(second, 5) is endpoint.lanes[0]
    assert endpoint.held == 1


async def test_an_endpoint_that_was_given_up_turns_everybody_away() -> None:
    endpoint = Endpoint(("one",), "", 1, world=FakeClock().world())
    async with endpoint.lane(0):
        waiting = asyncio.create_task(endpoint._acquire(0, 0.0, None))
        await asyncio.sleep(0)
        endpoint.give_up(Unavailable("gone"))
        with pytest.raises(Unavailable, match="gone"):
            await waiting
    with pytest.raises(Unavailable, match="gone"):
        await endpoint._acquire(0, 0.0, None)


async def test_where_a_request_has_just_failed_it_does_not_go_again_if_it_can_help_it() -> None:
    endpoint = Endpoint(("one", "two"), "", 8, world=FakeClock().world())
    one, two = endpoint.lanes
    async with endpoint.lane(0, avoid=one) as taken:
        assert taken is two
    two.told_to_slow_down(0.0, -1.0, 9.0)
    async with endpoint.lane(0, avoid=one) as taken:
        assert taken is one
