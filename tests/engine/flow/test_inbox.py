"""A stage's queue: its order, its bound, and that no cancelled waiter costs another its turn."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.flow.inbox import Inbox, InboxStatistics


async def passed() -> None:
    """Lets everything run that can."""
    for _ in range(5):
        await asyncio.sleep(0)


@given(st.lists(st.integers(0, 3)))
def test_the_urgent_leave_first_and_equals_in_their_order(urgencies: list[int]) -> None:
    async def run() -> list[tuple[int, int]]:
        inbox = Inbox[tuple[int, int]](1)
        for number, urgency in enumerate(urgencies):
            inbox.put_nowait((urgency, number), urgency)
        return [await inbox.get() for _ in urgencies]

    assert asyncio.run(run()) == sorted((urgency, n) for n, urgency in enumerate(urgencies))


async def test_a_full_inbox_lets_one_in_for_each_that_leaves() -> None:
    inbox = Inbox[str](2)
    putting = [asyncio.create_task(inbox.put(name, 0)) for name in "abcd"]
    await passed()
    assert [task.done() for task in putting] == [True, True, False, False]
    assert await inbox.get() == "a"
    await passed()
    assert [task.done() for task in putting] == [True, True, True, False]
    assert [await inbox.get() for _ in range(3)] == ["b", "c", "d"]


async def test_what_comes_back_round_a_loop_never_waits_and_delays_the_others() -> None:
    inbox = Inbox[str](1)
    for name in "abc":
        inbox.put_nowait(name, 0)
    waiting = asyncio.create_task(inbox.put("d", 0))
    for name in "abc":
        await passed()
        assert not waiting.done()
        assert await inbox.get() == name
    await asyncio.wait_for(waiting, 5)
    assert inbox.statistics() == InboxStatistics(queued=1, peak=3)


@pytest.mark.parametrize("woken", [False, True])
async def test_a_taker_that_is_cancelled_leaves_its_item_to_the_next(*, woken: bool) -> None:
    inbox = Inbox[str](1)
    gone, stays = asyncio.create_task(inbox.get()), asyncio.create_task(inbox.get())
    await passed()
    if not woken:
        gone.cancel()
        await passed()
    inbox.put_nowait("a", 0)
    gone.cancel()
    assert await asyncio.wait_for(stays, 5) == "a"


@pytest.mark.parametrize("woken", [False, True])
async def test_a_putter_that_is_cancelled_leaves_its_room_to_the_next(*, woken: bool) -> None:
    inbox = Inbox[str](1)
    inbox.put_nowait("a", 0)
    gone, stays = asyncio.create_task(inbox.put("b", 0)), asyncio.create_task(inbox.put("c", 0))
    await passed()
    if not woken:
        gone.cancel()
        await passed()
    assert await inbox.get() == "a"
    gone.cancel()
    await asyncio.wait_for(stays, 5)
    assert (await inbox.get(), len(inbox)) == ("c", 0)
