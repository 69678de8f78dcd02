"""Each example run as a user runs it: scripts to their end, services over HTTP until SIGTERM.

What the pages about embedding, the sandbox and figures name is held against the code here too.
"""

import ast
import asyncio
import importlib
import inspect
import os
import re
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path

import aiohttp
import pytest

from tests.support.runs import starter_files

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
PAGES = [ROOT / "docs" / f"{name}.md" for name in ("embedding", "sandbox", "figures")]
WITHIN_S = 60.0
"""How long an example may take; each takes a few seconds."""
MISSING = [name for name in ("fastapi", "uvicorn") if find_spec(name) is None]
SERVICES = [
    "aiohttp_service",
    pytest.param(
        "fastapi_service",
        marks=pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}"),
    ),
]
SAMPLES = 6
"""Rows of a starter file: three questions in each direction."""


@asynccontextmanager
async def started(name: str, *arguments: str, cwd: Path) -> AsyncIterator[Process]:
    """A running example, which is killed where the test does not end it, or takes too long."""
    script = str(ROOT / "examples" / f"{name}.py")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = await asyncio.create_subprocess_exec(
        sys.executable, script, *arguments, cwd=cwd, env=environment, stdout=PIPE, stderr=PIPE
    )
    try:
        async with asyncio.timeout(WITHIN_S):
            yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def ended(process: Process) -> tuple[int | None, list[str], str]:
    """Its exit status, the lines of its output, and what it said of errors."""
    output, errors = await process.communicate()
    return process.returncode, output.decode().splitlines(), errors.decode()


async def address_of(service: Process) -> str:
    """Where a service answers, from the line that it prints when it is ready."""
    assert service.stdout is not None
    assert service.stderr is not None
    line = (await service.stdout.readline()).decode()
    ready = re.fullmatch(r"ready on (http://127\.0\.0\.1:\d+)\n", line)
    assert ready, line + (await service.stderr.read()).decode()
    return ready[1]


def starter(name: str) -> bytes:
    return Path(starter_files(name)[0]).read_bytes()


async def test_streaming_prints_a_line_for_each_sample_and_writes_nothing(tmp_path: Path) -> None:
    files = starter_files("rle_rows", "snake_grid", "settings")
    async with started("stream_rows", *files, cwd=tmp_path) as process:
        status, lines, errors = await ended(process)
    assert status == 0, errors
    assert {line.split()[0] for line in lines[:-1]} == {"rle_rows.py", "snake_grid.py"}
    assert len(lines[:-1]) == 2 * SAMPLES
    assert lines[-1] == f"{2 * SAMPLES} samples of 3 source files"
    assert not list(tmp_path.iterdir())


async def test_ctrl_c_ends_streaming_without_a_traceback(tmp_path: Path) -> None:
    async with started("stream_rows", cwd=tmp_path) as process:
        assert process.stdout is not None
        assert await process.stdout.readline()
        process.send_signal(signal.SIGINT)
        status, _, errors = await ended(process)
    assert status == 128 + signal.SIGINT
    assert errors.splitlines()[-1] == "interrupted"
    assert "Traceback" not in errors


@pytest.mark.parametrize("name", SERVICES)
async def test_a_service_gives_a_files_rows_and_ends_with_0_at_sigterm(
    name: str, tmp_path: Path
) -> None:
    async with started(name, "--port", "0", cwd=tmp_path) as service:
        url = f"{await address_of(service)}/rows"
        async with aiohttp.ClientSession() as session:
            async with session.post(url, data=starter("rle_rows")) as reply:
                assert reply.status == 200
                rows = await reply.json()
            async with session.post(url, data=b"print('no starter file')") as reply:
                assert (reply.status, await reply.json()) == (200, [])
            async with session.post(url, data=b"\xff") as reply:
                assert reply.status == 400
        service.send_signal(signal.SIGTERM)
        status, _, errors = await ended(service)
    assert status == 0, errors
    assert len(rows) == SAMPLES
    assert {row["meta"]["direction"] for row in rows} == {"input", "output"}
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", SERVICES)
async def test_a_request_under_way_at_sigterm_still_gets_its_rows(
    name: str, tmp_path: Path
) -> None:
    async with started(name, "--port", "0", cwd=tmp_path) as service:
        url = f"{await address_of(service)}/rows"

        code = starter("rle_rows")

        async def body() -> AsyncIterator[bytes]:
            yield code  # is asked for when the service has accepted the request and said 100
            service.send_signal(signal.SIGTERM)

        headers = {"Content-Length": str(len(code))}
        async with (
            aiohttp.ClientSession() as session,
            session.post(url, data=body(), headers=headers, expect100=True) as reply,
        ):
            assert reply.status == 200
            assert len(await reply.json()) == SAMPLES
        status, _, errors = await ended(service)
    assert status == 0, errors


@pytest.mark.parametrize("name", SERVICES)
async def test_a_service_refuses_a_wrong_run_file_with_status_2(name: str, tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text("[source]\nformats = 'raw'\n")
    async with started(name, "--port", "0", "--run-file", "run.toml", cwd=tmp_path) as service:
        status, lines, errors = await ended(service)
    assert (status, lines) == (2, [])
    assert "formats" in errors
    assert "Traceback" not in errors


async def test_the_sandbox_alone_shows_every_end_of_a_call(tmp_path: Path) -> None:
    async with started("sandbox_alone", cwd=tmp_path) as process:
        status, lines, errors = await ended(process)
    assert status == 0, errors
    assert lines[0].startswith("isolation ")
    ends = [line[17:].split()[0] for line in lines[1:7]]
    assert ends == ["ok", "error", "invalid", "timeout", "memory", "denied"]
    assert lines[1].endswith('{"squares": [0, 1, 4]}')
    assert [line.split()[3] for line in lines[7:]] == ["ok"] * 4
    assert not list(tmp_path.iterdir())


def test_every_example_has_its_line_in_their_readme_and_on_a_page() -> None:
    readme = (ROOT / "examples" / "README.md").read_text()
    pages = "".join(page.read_text() for page in PAGES)
    assert len(EXAMPLES) == 4
    for path in EXAMPLES:
        assert f"`{path.name}`" in readme
        assert f"examples/{path.name}" in pages


def calls(tree: ast.AST) -> Iterator[tuple[str, set[str]]]:
    """Each call of a plain name, with the names of its keyword arguments."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            yield node.func.id, {keyword.arg for keyword in node.keywords if keyword.arg}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_python_blocks_of_a_page_use_names_and_arguments_that_are_there(page: Path) -> None:
    for text in re.findall(r"^```python\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL):
        compile(text, page.name, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        tree = ast.parse(text)
        imported = {
            alias.name: getattr(importlib.import_module(node.module or ""), alias.name)
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
        }
        for name, keywords in calls(tree):
            if name in imported:
                assert keywords <= set(inspect.signature(imported[name]).parameters), text


def test_the_page_of_figures_names_the_command_of_every_benchmark() -> None:
    figures = next(page for page in PAGES if page.stem == "figures").read_text()
    for path in (ROOT / "tests" / "bench").glob("*.py"):
        if 'if __name__ == "__main__"' in path.read_text():
            assert f"`python -m tests.bench.{path.stem}" in figures
