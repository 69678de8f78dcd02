"""How full, how fast and how cheap the model client is, against the barest way to do the same.

    python -m tests.bench.inference flight [CALLS]
    python -m tests.bench.inference storm
    python -m tests.bench.inference cpu

flight: the mean in flight between the first and last moment at the ceiling. It runs the whole
engine, from questions in a file to their generations, with a journal on disk. storm: with one of
three addresses dead, and a storm of 10 s, the share of what an oracle would get. cpu: CPU and
memory a request, at 100, 1,000 and 4,000 in flight. storm and cpu run the client alone.
"""

import asyncio
import json
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import aiohttp
import orjson

from engine import Engine
from stages.inference import ChatRequest, Sampling
from stages.inference.client import OpenAIModel, open_session
from stages.inference.pool import UpstreamPool
from tests.bench.chat import Plan, chatting, diary
from tests.support.records import CODE
from tests.support.runs import settings

CEILING = 512
TEXT = "Here is a program, and a question about it. " * 90  # 4 KB


def request(number: int) -> ChatRequest:
    return ChatRequest(
        model="m", messages=({"role": "user", "content": f"{number} {TEXT}"},), sampling=Sampling()
    )


# flight


async def through_the_engine(url: str, folder: Path, calls: int) -> None:
    program = {
        "problem_description": "What is a?",
        "io_requirements": "a, b (int)",
        "refcode": CODE,
        "funcname": "main_solution",
        "ios": [{"input": {"a": 1, "b": 2}, "output": 3}],
    }
    (folder / "parsed.jsonl").write_text(json.dumps(program) + "\n")
    with (folder / "messages.jsonl").open("w") as file:
        for number in range(calls):
            message = {"role": "user", "content": f"{number} {TEXT}"}
            file.write(
                json.dumps({"messages": [message], "itemid": 0, "ioid": 0, "io_pred": "o"}) + "\n"
            )
    config = settings(
        folder,
        models={"main": {"base_url": f"{url}/v1", "model": "m", "concurrency": CEILING}},
        source={"path": "messages.jsonl", "format": "messages", "parsed": "parsed.jsonl"},
        output={"until": "generations"},
    )
    async with Engine(config) as engine:
        await engine.run()


def mean_at_the_ceiling(changes: list[list[float]], ceiling: int) -> tuple[float, float]:
    """The mean in flight between the first and the last moment at the ceiling, and how many seconds
    that is."""
    times = [at for at, count in changes if count >= ceiling]
    if not times:
        return max(count for _, count in changes), 0.0
    total, (before, count) = 0.0, (times[0], ceiling)
    for at, now in changes:
        if times[0] <= at <= times[-1]:
            total += count * (at - before)
            before, count = at, int(now)
    return total / (times[-1] - times[0]), times[-1] - times[0]


async def flight(calls: int) -> None:
    with chatting(Plan(latency_s=2.0, sigma=0.3)) as url, tempfile.TemporaryDirectory() as folder:
        began, cpu_s = time.perf_counter(), time.process_time()
        await through_the_engine(url, Path(folder), calls)
        taken_s, cpu_s = time.perf_counter() - began, time.process_time() - cpu_s
        mean, span_s = mean_at_the_ceiling(diary(url)["changes"], CEILING)
    print(
        f"{calls} calls in {taken_s:.0f} s: mean in flight {mean:.1f} of {CEILING} = "
        f"{mean / CEILING:.3f} over {span_s:.0f} s; "
        f"{1000 * cpu_s / calls:.2f} ms CPU a call"
    )


# storm

STORM = (20.0, 30.0)
LASTS_S = 60.0


async def for_so_long(ask: Callable[[int], Awaitable[Any]], slots: int) -> int:
    """Answers within LASTS_S of as many callers that ask one after another."""
    answered, end = 0, time.monotonic() + LASTS_S

    async def caller(number: int) -> None:
        nonlocal answered
        while time.monotonic() < end:
            await ask(number)
            answered += time.monotonic() < end

    tasks = [asyncio.create_task(caller(number)) for number in range(slots)]
    await asyncio.sleep(end - time.monotonic())
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return answered


async def storm() -> None:
    """The oracle knows which address is dead, sends nothing in the storm, and is at the ceiling at
    once before and after."""
    slots = 128
    plan = Plan(latency_s=1.0, sigma=0.3, storm=STORM)
    with ExitStack() as stack:
        urls = [stack.enter_context(chatting(plan)) for _ in range(2)]
        dead = "http://127.0.0.1:9"
        async with open_session() as session:
            pool = UpstreamPool(
                urls=tuple(f"{url}/v1" for url in (urls[0], dead, urls[1])), key="", capacity=slots
            )
            model = OpenAIModel(name="m", pool=pool, session=session, setting="models.main")
            count = await for_so_long(
                lambda number: model.complete(request(number)), slots + slots // 4
            )
        seconds: dict[int, int] = {}
        for url in urls:
            for second, answers in diary(url)["answered"].items():
                seconds[int(second)] = seconds.get(int(second), 0) + answers
    full = statistics.median(seconds.get(second, 0) for second in range(5, int(STORM[0])))
    oracle = full * (LASTS_S - (STORM[1] - STORM[0]))
    after = [seconds.get(int(STORM[1]) + second, 0) / full for second in range(10)]
    back = next(
        (
            second
            for second in range(10)
            if statistics.mean(after[second : second + 3] or [0]) >= 0.95
        ),
        10,
    )
    print(
        f"{count} answers, an oracle's {oracle:.0f}: {count / oracle:.3f} of it; full again "
        f"{back} s after the storm "
        f"(per second: {', '.join(f'{share:.2f}' for share in after)})"
    )


# cpu


async def bare(url: str, session: aiohttp.ClientSession, number: int) -> None:
    """Posts and decodes the same bodies and does nothing else."""
    body = orjson.dumps(request(number).body())
    async with session.post(
        f"{url}/v1/chat/completions", data=body, headers={"Content-Type": "application/json"}
    ) as reply:
        orjson.loads(await reply.read())


async def cost(ask: Callable[[int], Awaitable[Any]], in_flight: int, calls: int) -> float:
    """CPU milliseconds a request, with so many in flight."""
    numbers = iter(range(calls))

    async def caller() -> None:
        for number in numbers:
            await ask(number)

    began = time.process_time()
    await asyncio.gather(*[caller() for _ in range(in_flight)])
    return 1000 * (time.process_time() - began) / calls


async def cpu() -> None:
    for in_flight in (100, 1000, 4000):
        calls = max(8000, 4 * in_flight)
        with chatting(Plan(latency_s=1.0 if in_flight > 100 else 0.1)) as url:
            ratios, costs = [], []
            for _ in range(3):
                async with open_session() as session:

                    async def barest_call(
                        number: int, session: aiohttp.ClientSession = session
                    ) -> object:
                        await bare(url, session, number)
                        return None

                    barest = await cost(barest_call, in_flight, calls)
                async with open_session() as session:
                    pool = UpstreamPool(urls=(f"{url}/v1",), key="", capacity=in_flight)
                    pool.upstreams[0].limit = in_flight
                    model = OpenAIModel(name="m", pool=pool, session=session, setting="models.main")
                    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

                    async def our_call(number: int, model: OpenAIModel = model) -> object:
                        return await model.complete(request(number))

                    ours = await cost(our_call, in_flight, calls)
                    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
                ratios.append(ours / barest)
                costs.append(ours)
        rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print(
            f"{in_flight} in flight: {statistics.median(costs):.2f} ms CPU a request, "
            f"{statistics.median(ratios):.2f} of the "
            f"barest; peak memory of the process {rss >> 10} MB, {grown} KB more in the last round",
            flush=True,
        )


if __name__ == "__main__":
    what = sys.argv[1] if len(sys.argv) > 1 else "flight"
    if what == "flight":
        asyncio.run(flight(int(sys.argv[2]) if len(sys.argv) > 2 else 20_000))
    else:
        asyncio.run({"storm": storm, "cpu": cpu}[what]())
