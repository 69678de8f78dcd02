"""What journaling costs: completions of 4 KB through the journal against the same without one, in
turns.

    python -m tests.bench.journal_cost

Prints completions a second of both where the model answers 1,000 a second, their ratio, and CPU a
completion.
"""

import asyncio
import statistics
import tempfile
import time
from pathlib import Path

from engine.effects.effects import Effects, FreshResult, key_of
from engine.flow.context import StopSwitch
from engine.journal.journal import Journal

RATE, CALLERS, COUNT, ROUNDS = 1000, 64, 3000, 5
ANSWER = b'{"answer": {"content": "' + b"Let me trace it step by step. " * 135 + b'"}}'


async def rate(effects: Effects | None, start: int) -> tuple[float, float]:
    """Completions a second, and CPU seconds of all."""
    numbers = iter(range(start, start + COUNT))

    async def make() -> FreshResult:
        await asyncio.sleep(CALLERS / RATE)  # the model's time
        return FreshResult(ANSWER, {"calls": 1})

    async def caller() -> None:
        for number in numbers:
            if effects is None:
                await make()
            else:
                await effects.of(key_of({"messages": [number], "text": "x" * 4096}), make)

    began, cpu_s = time.perf_counter(), time.process_time()
    await asyncio.gather(*[caller() for _ in range(CALLERS)])
    return COUNT / (time.perf_counter() - began), time.process_time() - cpu_s


async def main() -> None:
    bare: list[tuple[float, float]] = []
    kept: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        async with Journal(Path(folder)) as journal:
            for turn in range(ROUNDS):
                bare.append(await rate(None, 0))
                kept.append(await rate(Effects(journal=journal, stop=StopSwitch()), turn * COUNT))
            size = await journal.size_bytes()
    without, with_it = (statistics.median(rate for rate, _ in found) for found in (bare, kept))
    cpu_ms = (
        (statistics.median(s for _, s in kept) - statistics.median(s for _, s in bare))
        / COUNT
        * 1000
    )
    print(
        f"without a journal {without:.0f}/s, with one {with_it:.0f}/s: "
        f"{with_it / without:.3f} of it; {cpu_ms:.3f} ms CPU and "
        f"{size // (ROUNDS * COUNT)} bytes a completion of {len(ANSWER)} bytes"
    )


if __name__ == "__main__":
    asyncio.run(main())
