"""A web service with aiohttp around one engine: POST a source file, get its finished rows.

    python examples/aiohttp_service.py [--port PORT] [--run-file RUN.toml]
    curl --data-binary @FILE.py http://127.0.0.1:8080/rows

The body is the text of the source file, and the reply is a JSON array of rows. The array is empty
where the file was rejected. Without a run file the simulated model answers, which knows the
starter files only.

The engine is opened before the first request and closed after the last. A client that hangs up
cancels its own file. SIGTERM or Ctrl-C ends the service: requests under way get `limits.grace_s`
seconds to finish.
"""

import argparse
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from aiohttp import web

from engine import Config, Engine, EngineError, config_of, load_config

CONFIG = web.AppKey("config", Config)
ENGINE = web.AppKey("engine", Engine)


async def opened(app: web.Application) -> AsyncIterator[None]:
    """Opens the engine at the start of the service, and drains and closes it at the end."""
    config = app[CONFIG]
    async with Engine(config) as engine:
        app[ENGINE] = engine
        yield
        engine.stop()
        await engine.drained(config.limits.grace_s)


async def rows(request: web.Request) -> web.Response:
    """The rows of the source file in the request's body."""
    try:
        code = (await request.read()).decode()
    except UnicodeDecodeError as exc:
        raise web.HTTPBadRequest(text=f"the body is no UTF-8 text: {exc}\n") from exc
    item = {request.app[CONFIG].source.code_field: code}  # a bare str might be taken for a path
    try:
        return web.json_response(await request.app[ENGINE].submit(item))
    except EngineError as exc:
        raise web.HTTPServiceUnavailable(text=f"{exc}\n") from exc


def app_of(config: Config) -> web.Application:
    app = web.Application()
    app[CONFIG] = config
    app.cleanup_ctx.append(opened)
    app.router.add_post("/rows", rows)
    return app


def main() -> int:
    parser = argparse.ArgumentParser(description="POST a source file to /rows, get its rows.")
    parser.add_argument("--port", type=int, default=8080, help="on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--run-file", type=Path, help="settings; the simulated model if none")
    given = parser.parse_args()
    simulated = {"models": {"main": {"kind": "simulated"}}, "output": {"dir": ""}}
    try:
        config = load_config(given.run_file) if given.run_file else config_of(simulated, Path())
        with socket.create_server(("127.0.0.1", given.port)) as listening:
            address = f"http://127.0.0.1:{listening.getsockname()[1]}"
            web.run_app(
                app_of(config),
                sock=listening,
                handler_cancellation=True,
                shutdown_timeout=config.limits.grace_s,
                print=lambda _: print(f"ready on {address}", flush=True),
            )
    except (EngineError, OSError) as exc:
        print(f"error: {exc}", file=sys.stderr)
        return exc.exit_status if isinstance(exc, EngineError) else 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
