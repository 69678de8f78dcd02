"""Is memory flat in the length of a run? Its peak at the end over that at the first hundredth.

    python -m tests.bench.memory [INSTANCES]      (1000000)

Streams programs with ten output questions each from `parsed` to `samples`, with a journal on disk.
The model answers at once, but takes 1 s, about 1,000 times the usual, for the questions of one
program in 100.
"""

import asyncio
import multiprocessing
import re
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from aiohttp import web

from engine import Engine
from tests.support.runs import settings

QUESTIONS = 10
SLOW_S, SLOW_SHARE = 1.0, 100
CODE = """
def main_solution(a, b):
    total = {number}
    for step in range(b):
        total += a * step
    return total
"""
ANSWER = "I add up a times the step, step by step. " * 20


def programs(count: int) -> Iterator[dict[str, Any]]:
    """Rows of a parsed file. Number n is in the statement, so that the server knows whom to keep
    waiting."""
    for number in range(count):
        pairs = [
            {"input": {"a": a, "b": 4}, "output": number + 6 * a} for a in range(1, QUESTIONS + 1)
        ]
        yield {
            "problem_description": f"What is the total of case <{number}> after `b` steps of `a`?",
            "io_requirements": "Input: `a`, `b` (int). Output: `return` (int).",
            "refcode": CODE.format(number=number),
            "funcname": "main_solution",
            "ios": pairs,
            "category": None,
            "meta": {"msgidx": number},
        }


async def chat(request: web.Request) -> web.Response:
    text = await request.text()
    number = int((re.search(r"<(\d+)>", text) or ["", "1"])[1])
    if number % SLOW_SHARE == 0:
        await asyncio.sleep(SLOW_S)
    argument = int((re.findall(r'"a\\": (\d+)', text) or ["0"])[-1])
    message = {"role": "assistant", "content": f'{ANSWER}{{"output": {number + 6 * argument}}}'}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return web.json_response(
        {"choices": [choice], "usage": {"prompt_tokens": 300, "completion_tokens": 200}}
    )


async def serve(port: Connection) -> None:
    app = web.Application()
    app.router.add_post("/v1/chat/completions", chat)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port.send(runner.addresses[0][1])
    await asyncio.Event().wait()


def server(port: Connection) -> None:
    asyncio.run(serve(port))


def peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


async def run(url: str, folder: Path, instances: int) -> None:
    config = settings(
        folder,
        models={"main": {"base_url": url, "model": "m", "concurrency": 64}},
        source={"format": "parsed"},
        prediction={"pairs": QUESTIONS, "directions": ["output"]},
        revision={"turns": 1},
    )
    first, count, printed, began = 0, 0, 0.0, time.monotonic()
    async with Engine(config) as engine:
        async for _ in engine.stream(programs(instances // QUESTIONS)):
            count += 1
            if count == instances // 100:
                first = peak_bytes()
            if time.monotonic() - printed > 30:
                printed = time.monotonic()
                print(
                    f"{printed - began:5.0f} s  {count} rows  {peak_bytes() >> 20} MB at most",
                    flush=True,
                )
    size = sum(file.stat().st_size for file in (folder / "out").iterdir())
    print(f"{count} rows in {time.monotonic() - began:.0f} s, a folder of {size >> 20} MB")
    print(
        f"peak memory at {count} / at {instances // 100} rows = {peak_bytes() / first:.3f} "
        f"({peak_bytes() >> 20} MB)"
    )


def main() -> None:
    instances = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(
        target=server, args=(theirs,), daemon=True
    )
    process.start()
    try:
        with tempfile.TemporaryDirectory() as folder:
            asyncio.run(run(f"http://127.0.0.1:{ours.recv()}/v1", Path(folder), instances))
    finally:
        process.kill()


if __name__ == "__main__":
    main()
