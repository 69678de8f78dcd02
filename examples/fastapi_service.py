"""A web service with FastAPI around one engine: POST a source file, get its finished rows.

    python -m pip install fastapi uvicorn
    python examples/fastapi_service.py [--port PORT] [--run-file RUN.toml]
    curl --data-binary @FILE.py http://127.0.0.1:8080/rows

The body is the text of the source file, and the reply is a JSON array of rows. The array is empty
where the file was rejected. Without a run file the simulated model answers, which knows the
starter files only.

The engine lives as long as FastAPI's lifespan. SIGTERM or Ctrl-C ends the service: requests under
way get `limits.grace_s` seconds to finish.
"""

import argparse
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI, HTTPException, Request

from engine import Config, Engine, EngineError, config_of, load_config


def app_of(config: Config, address: str) -> FastAPI:
    """The application. address: where it is served, for the line that says it is ready."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[dict[str, Engine]]:
        async with Engine(config) as engine:
            print(f"ready on {address}", flush=True)
            yield {"engine": engine}
            engine.stop()
            await engine.drained(config.limits.grace_s)

    app = FastAPI(lifespan=lifespan)

    @app.post("/rows")
    async def rows(request: Request) -> list[dict[str, Any]]:
        """The rows of the source file in the request's body."""
        engine: Engine = request.state.engine
        try:
            code = (await request.body()).decode()
        except UnicodeDecodeError as exc:
            raise HTTPException(400, f"the body is no UTF-8 text: {exc}") from exc
        try:
            return await engine.submit(
                {config.source.code_field: code}
            )  # a bare str might be a path
        except EngineError as exc:
            raise HTTPException(503, str(exc)) from exc

    return app


def main() -> int:
    parser = argparse.ArgumentParser(description="POST a source file to /rows, get its rows.")
    parser.add_argument("--port", type=int, default=8080, help="on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--run-file", type=Path, help="settings; the simulated model if none")
    given = parser.parse_args()
    simulated = {"models": {"main": {"kind": "simulated"}}, "output": {"dir": ""}}
    # When all is closed, uvicorn raises the signal that ended it once more: here a normal end.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        config = load_config(given.run_file) if given.run_file else config_of(simulated, Path())
        with socket.create_server(("127.0.0.1", given.port)) as listening:
            address = f"http://127.0.0.1:{listening.getsockname()[1]}"
            server = uvicorn.Server(
                uvicorn.Config(
                    app_of(config, address),
                    log_level="warning",
                    timeout_graceful_shutdown=max(1, round(config.limits.grace_s)),
                )
            )
            server.run(sockets=[listening])
    except KeyboardInterrupt:
        return 0
    except (EngineError, OSError) as exc:
        print(f"error: {exc}", file=sys.stderr)
        return exc.exit_status if isinstance(exc, EngineError) else 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
