"""PrioritySemaphore: never more than there are, urgent work first, and none is ever lost."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox import PrioritySemaphore


async def spin(times: int = 5) -> None:
    for _ in range(times):
        await asyncio.sleep(0)


async def test_the_urgent_goes_before_the_patient_and_the_older_before_the_newer() -> None:
    permits, order = PrioritySemaphore(1), []
    await permits.acquire()

    async def wait(name: str, urgency: int) -> None:
        async with permits.permit(urgency):
            order.append(name)

    tasks = [
        asyncio.create_task(wait(name, urgency))
        for name, urgency in (("c", 2), ("a", 0), ("d", 2), ("b", 1))
    ]
    await spin()
    assert permits.waiting == 4
    permits.release()
    await asyncio.gather(*tasks)
    assert order == ["a", "b", "c", "d"]


async def test_kept_permits_go_to_urgent_work_only() -> None:
    permits = PrioritySemaphore(2, kept=1)
    await permits.acquire(1)
    patient = asyncio.create_task(permits.acquire(1))
    await spin()
    assert not patient.done()
    await asyncio.wait_for(permits.acquire(0), 1)
    permits.release()
    await spin()
    assert not patient.done()
    permits.release()
    await asyncio.wait_for(patient, 1)


async def test_a_freed_permit_that_nobody_waits_for_is_reported() -> None:
    reported = []
    permits = PrioritySemaphore(1, changed=lambda: reported.append(permits.idle))
    await permits.acquire()
    assert not permits.idle
    permits.release()
    assert reported == [True]


@given(st.lists(st.tuples(st.integers(0, 2), st.booleans()), max_size=12), st.integers(1, 3))
def test_no_permit_is_lost_whoever_is_cancelled(
    waiters: list[tuple[int, bool]], capacity: int
) -> None:
    async def check() -> None:
        permits = PrioritySemaphore(capacity)

        async def hold(urgency: int) -> None:
            async with permits.permit(urgency):
                assert permits.held <= capacity
                await spin(2)

        tasks = [(asyncio.create_task(hold(urgency)), cancel) for urgency, cancel in waiters]
        await spin(1)
        for task, cancel in tasks:
            if cancel:
                task.cancel()
        await asyncio.gather(*[task for task, _ in tasks], return_exceptions=True)
        assert permits.held == permits.waiting == 0

    asyncio.run(check())


@pytest.mark.parametrize(("capacity", "kept"), [(0, 0), (1, 1), (2, -1)])
def test_permits_that_make_no_sense_are_refused(capacity: int, kept: int) -> None:
    with pytest.raises(ValueError, match="capacity"):
        PrioritySemaphore(capacity, kept=kept)
