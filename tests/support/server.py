"""A scripted chat server on loopback: answers are data, one for each request, the last one for all
that follow."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web


@dataclass(frozen=True)
class Reply:
    """What the server does with one request. body: a dict is sent as JSON, text as it is; hang: it
    never answers; truncated: it breaks off in the middle; drip: it comes in small pieces; late_s:
    real seconds before it answers."""

    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    hang: bool = False
    reset: bool = False
    truncated: bool = False
    drip: bool = False
    late_s: float = 0.0


def said(content: Any, finish: str = "stop", **message: Any) -> Reply:
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": content, **message},
        "finish_reason": finish,
    }
    usage = {
        "prompt_tokens": 10,
        "completion_tokens": 5,
        "prompt_tokens_details": {"cached_tokens": 4},
    }
    return Reply({"model": "scripted", "choices": [choice], "usage": usage})


@dataclass
class Script:
    """The server's side: its address, what it was asked, what it answers."""

    replies: Sequence[Reply] | Callable[[dict[str, Any]], Reply]
    url: str = ""
    asked: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    def reply(self, body: dict[str, Any]) -> Reply:
        if callable(self.replies):
            return self.replies(body)
        return self.replies[min(len(self.asked), len(self.replies)) - 1]


async def pieces(request: web.Request, reply: Reply) -> web.StreamResponse:
    payload = json.dumps(reply.body).encode()
    response = web.StreamResponse(
        headers={"Content-Type": "application/json", "Content-Length": str(len(payload))}
    )
    await response.prepare(request)
    end = len(payload) // 2 if reply.truncated else len(payload)
    for start in range(0, end, 16):
        await response.write(payload[start : min(end, start + 16)])
        await asyncio.sleep(0)
    if reply.truncated:
        assert request.transport is not None
        request.transport.abort()
    return response


@asynccontextmanager
async def serving(
    replies: Sequence[Reply] | Callable[[dict[str, Any]], Reply],
) -> AsyncIterator[Script]:
    script, over = Script(replies), asyncio.Event()

    async def chat(request: web.Request) -> web.StreamResponse:
        body = await request.json()
        script.asked.append(body)
        script.headers.append(dict(request.headers))
        reply = script.reply(body)
        if reply.late_s:
            await asyncio.sleep(reply.late_s)
        if reply.hang:
            await over.wait()
        if reply.reset:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        if reply.truncated or reply.drip:
            return await pieces(request, reply)
        if isinstance(reply.body, str):
            return web.Response(text=reply.body, status=reply.status, headers=reply.headers)
        return web.json_response(reply.body, status=reply.status, headers=reply.headers)

    app = web.Application()
    app.router.add_post("/v1/chat/completions", chat)
    runner = web.AppRunner(app, shutdown_timeout=0.0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    script.url = f"http://127.0.0.1:{port}/v1"
    try:
        yield script
    finally:
        over.set()
        await runner.cleanup()
