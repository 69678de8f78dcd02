"""A chat server in a process of its own for benchmarks: set latency, storms at set times, a diary
of what was in flight."""

import asyncio
import json
import multiprocessing
import random
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from aiohttp import web

ANSWER = "Let me go through it step by step. " * 110  # 4 KB


@dataclass(frozen=True)
class Plan:
    """latency_s: of each answer, with a lognormal spread; storm: seconds after the first request
    from and to which every request gets a 429."""

    latency_s: float = 0.0
    sigma: float = 0.0
    storm: tuple[float, float] = (0.0, 0.0)


class Diary:
    """How many were in flight when, and how many were answered in each second since the first
    request."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.began = 0.0
        self.in_flight = 0
        self.changes: list[tuple[float, int]] = []
        self.answered: dict[int, int] = {}
        self.chance = random.Random(0)
        self.body = json.dumps(
            {
                "choices": [
                    {
                        "index": 0,
                        "message": {"role": "assistant", "content": ANSWER},
                        "finish_reason": "stop",
                    }
                ],
                "usage": {"prompt_tokens": 1000, "completion_tokens": 1000},
                "model": "m",
            }
        ).encode()

    def changed(self, by: int) -> None:
        self.in_flight += by
        self.changes.append((time.monotonic() - self.began, self.in_flight))

    async def chat(self, request: web.Request) -> web.Response:
        await request.read()
        self.began = self.began or time.monotonic()
        start, end = self.plan.storm
        if start <= time.monotonic() - self.began < end:
            return web.json_response({"error": {"message": "slow down"}}, status=429)
        self.changed(1)
        try:
            if self.plan.latency_s:
                await asyncio.sleep(
                    self.plan.latency_s * self.chance.lognormvariate(0, self.plan.sigma)
                )
        finally:
            self.changed(-1)
        second = int(time.monotonic() - self.began)
        self.answered[second] = self.answered.get(second, 0) + 1
        return web.Response(body=self.body, content_type="application/json")

    async def entries(self, _: web.Request) -> web.Response:
        return web.json_response({"changes": self.changes, "answered": self.answered})


async def _serve(plan: Plan, port: Connection) -> None:
    diary = Diary(plan)
    app = web.Application(client_max_size=64 << 20)
    app.router.add_post("/v1/chat/completions", diary.chat)
    app.router.add_get("/diary", diary.entries)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=8192).start()
    port.send(runner.addresses[0][1])
    await asyncio.Event().wait()


def _server(plan: Plan, port: Connection) -> None:
    asyncio.run(_serve(plan, port))


@contextmanager
def chatting(plan: Plan) -> Iterator[str]:
    """Starts the server; its address, without /v1."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(
        target=_server, args=(plan, theirs), daemon=True
    )
    process.start()
    try:
        yield f"http://127.0.0.1:{ours.recv()}"
    finally:
        process.kill()


def diary(url: str) -> dict[str, Any]:
    with urllib.request.urlopen(f"{url}/diary") as reply:
        return dict(json.load(reply))
