"""Kill -9 at every named point and at random moments: nothing is lost, written twice or, but for what was in flight, paid
twice. `pytest -m nightly tests/faults` makes 500 kills.
"""

import asyncio
import json
import os
import random
import re
import resource
import signal
import sqlite3
import sys
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from engine.faults import POINTS
from tests.support.records import SECTIONS, reply_of
from tests.support.runs import rows, unmeasured, write_rows
from tests.support.server import Reply, Script, said, serving

ROOT = Path(__file__).parents[2]
FILES = 12
IN_FLIGHT = 4
RUN = """
[source]
path = "code.jsonl"
[models.main]
base_url = "{url}"
model = "m"
concurrency = {in_flight}
[prediction]
pairs = 2
[output]
dir = "{out}"
"""


def model(body: dict[str, Any]) -> Reply:
    """One model with an answer to every request that follows from the request alone; some are wrong, some declined."""
    text = body["messages"][0]["content"]
    if "Problem Statement" in text:
        number = int((re.search(r"def real_(\d+)", text) or ["", "0"])[1])
        if number % 5 == 4:
            return said("DECLINED: trivial nothing here")
        return said(reply_of(replace(SECTIONS, statement=f"What is `a` after `b` steps of kind {number}?")))
    chance = random.Random(json.dumps(body["messages"]))
    return said(f'{{"output": {chance.randint(3, 8)}}}' if '{"output"' in text else '{"input": {"a": 1, "b": 1}}')


@dataclass
class Tail:
    """A reader that follows a file across kills: whole lines, each as it appears."""

    path: Path
    offset: int = 0
    ids: list[str] = field(default_factory=list)

    def follow(self) -> None:
        if self.path.exists():
            with self.path.open("rb") as file:
                file.seek(self.offset)
                whole, newline, _ = file.read().rpartition(b"\n")
            self.offset += len(whole + newline)
            self.ids += [json.loads(line)["meta"]["id"] for line in whole.splitlines()]


async def run(base: Path, out: str, url: str, fault: str = "", room_bytes: int = 0) -> int:
    """One process of the run; its exit status, negative when a signal ended it. room_bytes: no file may grow beyond."""

    def narrow() -> None:
        if room_bytes:
            resource.setrlimit(resource.RLIMIT_FSIZE, (room_bytes, resource.RLIM_INFINITY))

    (base / f"{out}.toml").write_text(RUN.format(url=url, in_flight=IN_FLIGHT, out=out))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "engine", f"{out}.toml", cwd=base, env={**os.environ, "ENGINE_FAULT": fault, "PYTHONPATH": str(ROOT)},
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
        preexec_fn=narrow,
    )  # fmt: skip
    _, told = await process.communicate()
    assert process.returncode is not None
    assert process.returncode in (0, 3 if room_bytes else -signal.SIGKILL), told.decode()
    if process.returncode == 3:
        assert b"cannot be written" in told or b"cannot be opened" in told
        assert b"Traceback" not in told
    return process.returncode


def consistent(out: Path) -> None:
    """What a kill leaves: files that lack at most what the outbox holds, and no line that the journal does not know."""
    with sqlite3.connect(out / "journal.sqlite") as journal:
        for name, known in journal.execute("SELECT name, bytes FROM files"):
            path = out / f"{name}.jsonl"
            there = path.read_bytes() if path.exists() else b""
            assert len(there) <= known
            for offset, line in journal.execute("SELECT offset, line FROM outbox WHERE file = ?", (name,)):
                part = there[offset : offset + len(line)]
                assert line.startswith(part)
    journal.close()


async def killed_and_finished(base: Path, faults: list[str | int]) -> None:
    """Runs under the faults, one a process, then to the end; compares with the run that was left alone.

    A fault is where to kill, or how many bytes a file may have.
    """
    write_rows(base / "code.jsonl", *[{"content": f"def real_{n}(a, b): ...", "path": f"{n}.py"} for n in range(FILES)])
    async with serving(model) as script:
        assert await run(base, "whole", script.url) == 0
        script.asked.clear()
        tail, kills = Tail(base / "out" / "samples.jsonl"), 0
        for fault in faults:
            switch, room_bytes = (fault, 0) if isinstance(fault, str) else ("", fault)
            kills += await run(base, "out", script.url, switch, room_bytes) != 0
            consistent(base / "out")
            tail.follow()
        assert await run(base, "out", script.url) == 0
        tail.follow()
    assert kills
    whole, out = unmeasured(base / "whole"), unmeasured(base / "out")
    assert out == whole
    assert sorted(tail.ids) == sorted(whole)
    assert ids(base / "out", "programs") == ids(base / "whole", "programs")
    assert ids(base / "out", "questions") == ids(base / "whole", "questions")
    assert ids(base / "out", "rejects") == ids(base / "whole", "rejects")
    assert paid_twice(script) <= kills * IN_FLIGHT
    source = json.loads((base / "out" / "report.json").read_text())["source"]
    assert source["read"] == FILES == source["finished"] + sum(source["rejected"].values())


def ids(out: Path, name: str) -> list[str]:
    found = [row["id"] for row in rows(out / f"{name}.jsonl")]
    assert len(found) == len(set(found))
    return sorted(found)


def paid_twice(script: Script) -> int:
    return sum(count - 1 for count in Counter(json.dumps(body, sort_keys=True) for body in script.asked).values())


async def test_killed_at_every_named_point_nothing_is_lost(tmp_path: Path) -> None:
    await killed_and_finished(tmp_path, [f"{point}:{count}" for count in (6, 12) for point in POINTS])


@pytest.mark.slow
async def test_killed_at_random_points_nothing_is_lost(tmp_path: Path) -> None:
    chance = random.Random(1)
    await killed_and_finished(tmp_path, [f"{chance.choice(POINTS)}:{chance.randint(2, 30)}" for _ in range(6)])


async def test_a_disk_that_fills_up_stops_the_run_and_loses_nothing(tmp_path: Path) -> None:
    await killed_and_finished(tmp_path, [90_000, 200_000])


@pytest.mark.nightly
@pytest.mark.parametrize("seed", range(50))
async def test_killed_five_hundred_times_nothing_is_lost(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    await killed_and_finished(tmp_path, [f"{chance.choice(POINTS)}:{chance.randint(2, 25)}" for _ in range(10)])
