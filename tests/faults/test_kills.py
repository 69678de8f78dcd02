"""Kill -9 at every named point and at random moments: nothing is lost, written twice or, but for
what was in flight, paid twice. `pytest -m nightly tests/faults` makes 500 kills.
"""

import asyncio
import json
import os
import random
import re
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from engine.journal.faults import POINTS
from tests.support.processes import children
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
    """One model with an answer to every request that follows from the request alone; some are
    wrong, some declined."""
    text = body["messages"][0]["content"]
    if "Problem Statement" in text:
        number = int((re.search(r"def real_(\d+)", text) or ["", "0"])[1])
        if number % 5 == 4:
            return said("DECLINED: trivial nothing here")
        return said(
            reply_of(replace(SECTIONS, statement=f"What is `a` after `b` steps of kind {number}?"))
        )
    chance = random.Random(json.dumps(body["messages"]))
    return said(
        f'{{"output": {chance.randint(3, 8)}}}'
        if '{"output"' in text
        else '{"input": {"a": 1, "b": 1}}'
    )


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


Assailant = Callable[[asyncio.subprocess.Process], Coroutine[Any, Any, None]]


async def run(
    base: Path,
    out: str,
    url: str,
    fault: str = "",
    room_bytes: int = 0,
    assailant: Assailant | None = None,
) -> int:
    """One process of the run; its exit status, negative when a signal ended it.

    room_bytes: no file may grow beyond. assailant: what is done to the process meanwhile.
    """

    def narrow() -> None:
        if room_bytes:
            resource.setrlimit(resource.RLIMIT_FSIZE, (room_bytes, resource.RLIM_INFINITY))

    (base / f"{out}.toml").write_text(RUN.format(url=url, in_flight=IN_FLIGHT, out=out))
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "engine",
        f"{out}.toml",
        cwd=base,
        env={**os.environ, "ENGINE_FAULT": fault, "PYTHONPATH": str(ROOT)},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        preexec_fn=narrow,
    )
    assailing = asyncio.create_task(assailant(process)) if assailant is not None else None
    _, stderr = await process.communicate()
    if assailing is not None:
        assailing.cancel()
    assert process.returncode is not None
    assert process.returncode in (0, 3, -signal.SIGKILL), stderr.decode()
    if process.returncode == 3:
        assert re.search(
            rb"cannot be written|cannot be opened|No space left|thread has ended", stderr
        ), stderr.decode()
        assert b"Traceback" not in stderr, stderr.decode()
    return process.returncode


def consistent(out: Path) -> None:
    """What a kill leaves: files that lack at most what the outbox holds, and no line that the
    journal does not know."""
    with journal_of(out) as journal:
        for name, known in journal.execute("SELECT name, bytes FROM files"):
            path = out / f"{name}.jsonl"
            there = path.read_bytes() if path.exists() else b""
            assert len(there) <= known
            for offset, line in journal.execute(
                "SELECT offset, line FROM outbox WHERE file = ?", (name,)
            ):
                part = there[offset : offset + len(line)]
                assert line.startswith(part)
        accounted(out, journal)


@contextmanager
def journal_of(out: Path) -> Iterator[sqlite3.Connection]:
    """A copy of the journal as it was left, so that looking into it recovers nothing."""
    with tempfile.TemporaryDirectory() as folder:
        for file in out.glob("journal.sqlite*"):
            shutil.copy(file, folder)
        journal = sqlite3.connect(Path(folder) / "journal.sqlite")
        try:
            yield journal
        finally:
            journal.close()


def accounted(out: Path, journal: sqlite3.Connection) -> None:
    """read = finished + rejected, from the folder alone: each source row that is done has its
    program or its reject."""
    lines: dict[str, list[dict[str, Any]]] = {}
    for name in ("programs", "rejects"):
        path = out / f"{name}.jsonl"
        there = path.read_bytes() if path.exists() else b""
        for offset, line in journal.execute(
            "SELECT offset, line FROM outbox WHERE file = ? ORDER BY offset", (name,)
        ):
            there += line[max(0, len(there) - offset) :]
        lines[name] = [json.loads(line) for line in there.splitlines()]
    programs = {row["source"]["id"] for row in lines["programs"]}
    rejects = {(row["source"]["row"], row["reason"]) for row in lines["rejects"]}
    kinds: Counter[str] = Counter()
    marks = journal.execute("SELECT id, ending, kinds FROM marks").fetchall()
    for id_, ending, counts in marks:
        assert not ending or (id_, ending) in rejects
        kinds.update(json.loads(counts))
    assert sum(not ending for _, ending, _ in marks) <= len(programs)
    assert (
        kinds["kinds.file.read"]
        == len(marks)
        == kinds["kinds.file.finished"] + kinds["kinds.file.rejected"]
    )
    for kind in ("file", "program", "question"):
        assert (
            kinds[f"kinds.{kind}.read"]
            == kinds[f"kinds.{kind}.finished"] + kinds[f"kinds.{kind}.rejected"]
        )
    known = dict(journal.execute("SELECT name, count FROM counts WHERE name GLOB 'kinds.*'"))
    assert known == dict(kinds)


async def killed_and_finished(
    base: Path, faults: Sequence[str | int | Assailant], files: int = FILES
) -> int:
    """Runs under the faults, one a process, then to the end; compares with the run that was left
    alone.

    A fault is where to kill, how many bytes a file may have, or what is done to the process while
    it runs. Returns how many of the processes recorded a result before they were killed.
    """
    write_rows(
        base / "code.jsonl",
        *[{"content": f"def real_{n}(a, b): ...", "path": f"{n}.py"} for n in range(files)],
    )
    async with serving(model) as script:
        assert await run(base, "whole", script.url) == 0
        script.asked.clear()
        tail, kills, advanced = Tail(base / "out" / "samples.jsonl"), 0, 0
        for fault in faults:
            switch, room_bytes = (
                (fault if isinstance(fault, str) else ""),
                (fault if isinstance(fault, int) else 0),
            )
            assailant = fault if callable(fault) else None
            before = effects_of(base / "out")
            killed = await run(base, "out", script.url, switch, room_bytes, assailant) != 0
            kills += killed
            advanced += killed and effects_of(base / "out") > before
            consistent(base / "out")
            tail.follow()
        assert await run(base, "out", script.url) == 0
        tail.follow()
    assert kills or all(map(callable, faults))
    whole, out = unmeasured(base / "whole"), unmeasured(base / "out")
    assert out == whole
    assert sorted(tail.ids) == sorted(whole)
    assert ids(base / "out", "programs") == ids(base / "whole", "programs")
    assert ids(base / "out", "questions") == ids(base / "whole", "questions")
    assert ids(base / "out", "rejects") == ids(base / "whole", "rejects")
    assert paid_twice(script) <= kills * 2 * IN_FLIGHT, (
        "under way, or answered and not yet committed"
    )
    source = json.loads((base / "out" / "report.json").read_text())["source"]
    assert source["read"] == files == source["finished"] + sum(source["rejected"].values())
    return advanced


def effects_of(out: Path) -> int:
    """How many results the journal holds."""
    with journal_of(out) as journal:
        found = journal.execute(
            "SELECT count(*) FROM sqlite_master WHERE name = 'effects'"
        ).fetchone()[0]
        return int(journal.execute("SELECT count(*) FROM effects").fetchone()[0]) if found else 0


def ids(out: Path, name: str) -> list[str]:
    found = [row["id"] for row in rows(out / f"{name}.jsonl")]
    assert len(found) == len(set(found))
    return sorted(found)


def paid_twice(script: Script) -> int:
    return sum(
        count - 1
        for count in Counter(json.dumps(body, sort_keys=True) for body in script.asked).values()
    )


@pytest.mark.parametrize("count", [6, pytest.param(12, marks=pytest.mark.slow)])
async def test_killed_at_every_named_point_nothing_is_lost(tmp_path: Path, count: int) -> None:
    await killed_and_finished(tmp_path, [f"{point}:{count}" for point in POINTS])


@pytest.mark.slow
async def test_killed_at_random_points_nothing_is_lost(tmp_path: Path) -> None:
    chance = random.Random(1)
    await killed_and_finished(
        tmp_path, [f"{chance.choice(POINTS)}:{chance.randint(2, 30)}" for _ in range(6)]
    )


async def test_a_disk_that_fills_up_stops_the_run_and_loses_nothing(tmp_path: Path) -> None:
    await killed_and_finished(tmp_path, [90_000, 200_000])


async def test_a_journal_whose_thread_ends_stops_the_run_and_loses_nothing(tmp_path: Path) -> None:
    await killed_and_finished(tmp_path, ["commit:9:thread", "append:9:thread"])


def killing(base: Path, role: str, chance: random.Random, times: int = 3) -> Assailant:
    """Kills a launcher or a zygote of the run, again and again; the run is expected to go on."""

    async def assail(process: asyncio.subprocess.Process) -> None:
        killed, lock = 0, base / "out" / "run.lock"
        while killed < times:
            await asyncio.sleep(chance.random() / 4)
            if not lock.exists() or json.loads(lock.read_text())["pid"] != process.pid:
                continue  # it has not begun
            found = children(process.pid)
            if role == "zygote":
                found = [pid for child in found for pid in children(child)]
            if found:
                with suppress(ProcessLookupError):
                    os.kill(chance.choice(found), signal.SIGKILL)
                    killed += 1

    return assail


@pytest.mark.parametrize("role", ["zygote", pytest.param("launcher", marks=pytest.mark.slow)])
async def test_a_killed_part_of_the_sandbox_costs_nothing(tmp_path: Path, role: str) -> None:
    chance = random.Random(role)
    await killed_and_finished(tmp_path, ["committed:6", killing(tmp_path, role, chance)])


@contextmanager
def disk(place: Path, size: str) -> Iterator[None]:
    """A small file system of its own; skips where this machine lets nobody make one."""
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", place], capture_output=True
    )
    if mounted.returncode:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.decode().strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", place], check=True)


@pytest.mark.parametrize(
    "seed",
    [
        pytest.param(0, marks=pytest.mark.slow),
        *(pytest.param(seed, marks=pytest.mark.nightly) for seed in range(1, 20)),
    ],
)
async def test_a_full_disk_stops_the_run_and_loses_nothing(tmp_path: Path, seed: int) -> None:
    chance, filler = random.Random(seed), tmp_path / "out" / "filler"

    async def fill(process: asyncio.subprocess.Process) -> None:
        await free(process)
        await asyncio.sleep(chance.random() * 2)
        with suppress(OSError), filler.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))

    async def free(
        process: asyncio.subprocess.Process,
    ) -> None:  # long before it has come to open the journal
        filler.unlink(missing_ok=True)

    with disk(tmp_path / "out", "8m"):
        await killed_and_finished(tmp_path, [fill, fill, free])


@pytest.mark.slow
async def test_a_folder_that_becomes_read_only_stops_the_run_and_loses_nothing(
    tmp_path: Path,
) -> None:
    def remount(how: str) -> Assailant:
        async def assail(process: asyncio.subprocess.Process) -> None:
            subprocess.run(["mount", "-o", f"remount,{how}", tmp_path / "out"], check=True)

        return assail

    with disk(tmp_path / "out", "32m"):
        await killed_and_finished(tmp_path, ["committed:6", remount("ro"), remount("rw")])


@pytest.mark.nightly
@pytest.mark.parametrize("seed", range(50))
async def test_killed_five_hundred_times_nothing_is_lost(tmp_path: Path, seed: int) -> None:
    """Ten kills a seed, each after a result that its process was the first to record."""
    chance = random.Random(seed)
    faults = [f"{chance.choice(POINTS)}:{chance.randint(4, 20)}" for _ in range(11)]
    assert await killed_and_finished(tmp_path, faults, files=40) >= 10
