"""One broadcast: who it wakes, and who it does not."""

import asyncio

from engine.flow.signal import Signal


async def waiting(signal: Signal, count: int) -> list[asyncio.Task[None]]:
    tasks = [asyncio.create_task(signal.wait()) for _ in range(count)]
    await asyncio.sleep(0)
    return tasks


async def test_a_notification_wakes_all_that_wait_and_is_not_kept() -> None:
    signal = Signal()
    signal.notify()
    early = await waiting(signal, 3)
    assert not any(task.done() for task in early)
    signal.notify()
    (late,) = await waiting(signal, 1)
    await asyncio.wait_for(asyncio.gather(*early), 5)
    assert not late.done()
    signal.notify()
    await asyncio.wait_for(late, 5)


async def test_a_waiter_that_is_gone_keeps_nobody_from_waking() -> None:
    signal = Signal()
    gone, stays = await waiting(signal, 2)
    gone.cancel()
    await asyncio.sleep(0)
    signal.notify()
    await asyncio.wait_for(stays, 5)
