"""Re-executes what a run folder holds: programs, answers from their text on, and pass rates.

Code and answers cannot be made again, and are taken as they stand. Programs, pairs, verdicts and
feedback are made again from them, by the same stages, and compared with the rows. A row is not
reported when its only defect is inherited from another reported row.
"""

import asyncio
import heapq
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

from engine.audit.findings import Audit, Finding
from engine.audit.rejudging import Rejudging
from engine.audit.reruns import Reruns, lines_of
from engine.config.loading import config_of
from engine.config.settings import Config
from engine.errors import BadInput
from engine.source.files import files_of, rows_of
from engine.wiring.model_free import ModelFreeStages
from sandbox import Limits, Sandbox, SandboxError
from stages.errors import Misconfigured
from stages.records import digest
from stages.rows.entries import Entry

Look = Callable[[str, int, Mapping[str, Any]], Awaitable[None]]
"""Looks at one row: its file, its line (from 1), its fields."""


async def audit(folder: Path, sample: int = 0) -> Audit:
    """Re-executes a run folder.

    sample: how many finished rows to look at, the lowest by their hash, with their programs. 0
    means all.
    Raises: BadInput.
    """
    config = settings_of(folder)
    settings = config.sandbox
    limits = Limits(
        cpu_s=settings.cpu_s, wall_s=settings.wall_s, memory_bytes=settings.memory_mb << 20
    )
    try:
        async with Sandbox(
            limits,
            workers=settings.workers,
            python=settings.python,
            isolation=settings.isolation,
        ) as box:
            return await Auditor(folder, config, box).audited(sample)
    except (SandboxError, Misconfigured) as exc:
        raise BadInput(str(exc)) from exc


def settings_of(folder: Path) -> Config:
    """The settings of a folder's run. Raises: BadInput."""
    path = folder / "run.json"
    try:
        stored = json.loads(path.read_text())
    except OSError as exc:
        raise BadInput(f"{path}: {exc.strerror}; name the folder of a run") from exc
    except ValueError as exc:
        raise BadInput(f"{path}: it is not JSON: {exc}") from exc
    stored.pop("schema", None)
    base = stored.pop("base", ".")
    return config_of(stored, folder / base, str(path))


class Auditor:
    """Walks a folder: its programs, its finished rows, its questions."""

    def __init__(self, folder: Path, config: Config, box: Sandbox) -> None:
        stages = ModelFreeStages(config, box)
        entry = Entry(
            boundary="parsed",
            code_field="content",
            feedback=stages.feedback,
            reading=config.verification.reading,
            occurrence=lambda _: 0,
        )
        self._folder = folder
        self._config = config
        self._at_once = 2 * box.workers
        self._found = Audit()
        vouched = not config.reach.programs
        self._programs = Reruns(box, entry, self._found, vouched=vouched)
        self._rows = Rejudging(stages, self._programs, entry, self._found)

    async def audited(self, sample: int) -> Audit:
        """What was found, in the order of files and lines. Raises: BadInput."""
        found, programs = self._found, self._index()
        until = self._config.output.until
        rows = self._folder / f"{until}.jsonl"
        if until in ("samples", "verified", "revision") and rows.exists():
            if not sample:
                await self._each(programs, self._program)
            samples = self._folder / "samples.jsonl"
            finished = rows if until != "revision" else samples
            if finished.exists():
                await self._each([finished], self._rows.row, wanted=_lowest(rows, sample))
        elif programs:
            await self._each(programs, self._program, wanted=_lowest(programs[0], sample))
        elif not rows.exists():
            raise BadInput(
                f"{self._folder}: there is nothing in it that can be run again: no programs.jsonl, "
                f"no {rows.name}"
            )
        if not sample:
            found.findings += self._rows.rates.wrong(self._folder / "questions.jsonl")
        found.findings += self._rows.prompt_findings()
        # One finding for each line: the first that was found of it.
        by_place = {(one.file, one.line): one for one in reversed(found.findings)}
        found.findings = [by_place[place] for place in sorted(by_place)]
        return found

    def _index(self) -> list[Path]:
        """Notes where the programs stand. Returns the file of those that are the run's own."""
        names = ("programs.jsonl", "parsed.jsonl")
        own = [path for name in names if (path := self._folder / name).exists()][:1]
        given: Sequence[Path] = ()
        if self._config.reach.programs:
            parsed = self._config.source.parsed
            given = files_of(parsed, self._config.base, "source.parsed")
        for path in (*own, *given):
            self._programs.index(path)
        return own

    async def _each(
        self, paths: Sequence[Path], look: Look, *, wanted: frozenset[int] | None = None
    ) -> None:
        """Looks at the rows of files, two at once for each sandbox worker.

        wanted: the numbers of the lines to look at. None means all.
        """
        most = asyncio.Semaphore(self._at_once)

        async def one(file: str, line: int, fields: Mapping[str, Any]) -> None:
            try:
                await look(file, line, fields)
            finally:
                most.release()

        async with asyncio.TaskGroup() as tasks:
            for path in paths:
                async with aclosing(rows_of([path], path.parent, "content")) as rows:
                    async for row in rows:
                        if wanted is not None and row.line not in wanted:
                            continue
                        if row.fields is None:
                            finding = Finding(file=path.name, line=row.line, id="", what=row.detail)
                            self._found.findings.append(finding)
                            continue
                        await most.acquire()
                        tasks.create_task(one(path.name, row.line, row.fields))

    async def _program(self, _file: str, _line: int, fields: Mapping[str, Any]) -> None:
        if isinstance(fields.get("id"), str) and fields["id"] in self._programs:
            await self._programs.known(fields["id"])


def _lowest(path: Path, count: int) -> frozenset[int] | None:
    """The numbers of the `count` lines that are lowest by their hash. None: all lines.

    So the same folder gives the same sample.
    """
    if not count:
        return None
    hashed = (
        (digest(raw.decode("utf-8", "replace")), number)
        for number, (_, raw) in enumerate(lines_of(path), 1)
    )
    return frozenset(number for _, number in heapq.nsmallest(count, hashed))
