"""Re-executes what a run folder holds: programs under the gate, answers from their text on, pass
rates from those.

Everything that a row says of a program, a pair, a verdict or a feedback is made again from what
cannot be made again (the code, the answers) by the same stages that made it, and compared. A row
that follows from another that does not reproduce is not named with it.
"""

import asyncio
import heapq
import json
import re
from collections import Counter
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any

from engine.config import config_of
from engine.errors import BadInput
from engine.reruns import Audit, Finding, Known, Reruns, lines_of
from engine.settings import Config
from engine.sources import files_of, row_of, rows_of
from engine.wiring import Offline
from sandbox import Limits, Sandbox, SandboxError
from stages.entries import Entry
from stages.errors import Misconfigured, Rejected
from stages.gate import short
from stages.records import (
    Answer,
    Answered,
    Attempted,
    Direction,
    Pair,
    Program,
    Question,
    Turn,
    digest,
    seed_of,
)
from stages.revision import NEAR, Revision
from stages.rows import verdict_content

POSED = frozenset({"raw", "questions", "unified", "parsed"})
"""Formats behind which the questions are the run's own, and can be posed again."""
ADDRESS = re.compile(r"0x[0-9a-f]{6,}")
OF_META = (
    "id",
    "question",
    "direction",
    "program",
    "pair",
    "sample",
    "variant",
    "input",
    "output",
    "guess",
    "steps",
    "tags",
)
OF_TURN = ("answer", "verdict", "match", "read", "got", "error", "out_of_domain")
OF_PROGRAM = frozenset({"steps", "tags", "guess", "out_of_domain"})
"""What a sample owes to its program's row: not held against it where that row is named itself."""


async def audit(folder: Path, sample: int = 0) -> Audit:
    """Re-executes a run folder. sample: only so many finished rows, the lowest by their hash, and
    their programs; 0: all.

    Raises: BadInput.
    """
    config = settings_of(folder)
    settings = config.sandbox
    limits = Limits(settings.cpu_s, settings.wall_s, settings.memory_mb << 20)
    try:
        async with Sandbox(
            limits, workers=settings.workers, python=settings.python, isolation=settings.isolation
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


class Rates:
    """What the samples of each question came to, to be compared with its line."""

    def __init__(self) -> None:
        self._counts: dict[str, Counter[str]] = {}

    def add(self, question: str, made: Sequence[str | None], told: Sequence[str | None]) -> None:
        """Counts a sample by its verdicts as they were made again, and as its row tells them, which
        is named if they differ."""
        counts = self._counts.setdefault(question, Counter())
        counts["samples"] += 1
        for name, verdicts in (("", made), ("told.", told)):
            counts[f"{name}right"] += verdicts[0] == "right"
            counts[f"{name}right_after_revision"] += verdicts[-1] == "right"

    def wrong(self, path: Path) -> Iterator[Finding]:
        """The lines of questions, of each the last, that tell something else than their samples."""
        latest: dict[str, tuple[int, Mapping[str, Any]]] = {}
        for number, (_, raw) in enumerate(lines_of(path) if path.exists() else (), 1):
            fields = row_of(raw, path.name, number).fields
            if fields is None or not isinstance(fields.get("id"), str):
                yield Finding(path.name, number, "", "the line is no question")
            else:
                latest[fields["id"]] = number, fields
        for id_, (number, told) in latest.items():
            counts = self._counts.get(id_)
            if counts is None or told.get("samples") != counts["samples"]:
                continue  # its samples were not judged again, or are not all one record's
            for name in ("right", "right_after_revision"):
                if told.get(name) not in (counts[name], counts[f"told.{name}"]):
                    what = f"{name}: {told.get(name)}, and {counts[name]} of its samples are"
                    yield Finding(path.name, number, id_, what)
                    break


class Auditor:
    """Holds a sandbox, the stages of the folder's run, and where its programs stand."""

    def __init__(self, folder: Path, config: Config, box: Sandbox) -> None:
        self.folder = folder
        self.config = config
        self.box = box
        self.stages = Offline(config, box)
        self.prediction = self.stages.prediction(whole=True)
        self.verification = self.stages.verification()
        self.found = Audit()
        self.entry = Entry(
            "parsed", "content", self.stages.feedback, config.verification.reading, lambda _: 0
        )
        self.programs = Reruns(box, self.entry, self.found, vouched=not config.reach.programs)
        self.rates = Rates()
        self._prompts: dict[str, list[Finding]] = {}
        self._agreed: set[str] = set()

    async def audited(self, sample: int) -> Audit:
        programs = [
            path
            for path in (self.folder / "programs.jsonl", self.folder / "parsed.jsonl")
            if path.exists()
        ][:1]
        for path in programs:
            self.programs.index(path)
        if self.config.reach.programs:
            for path in files_of(self.config.source.parsed, self.config.base, "source.parsed"):
                self.programs.index(path)
        until = self.config.output.until
        rows = self.folder / f"{until}.jsonl"
        if until in ("samples", "verified", "revision") and rows.exists():
            wanted = _lowest(rows, sample)
            if not sample:
                await self._each(programs, self._program)
            await self._each([rows] if until != "revision" else [], self._row, wanted)
            samples = self.folder / "samples.jsonl"
            if until == "revision" and samples.exists():
                await self._each([samples], self._row, wanted)
        elif programs:
            await self._each(programs, self._program, _lowest(programs[0], sample))
        elif not rows.exists():
            raise BadInput(
                f"{self.folder}: there is nothing in it that can be run again: no programs.jsonl, no {rows.name}"
            )
        if not sample:
            self.found.findings += self.rates.wrong(self.folder / "questions.jsonl")
        for program, findings in self._prompts.items():
            alike = program not in self._agreed and len(findings) > 1 and program in self.programs
            self.found.findings += (
                [self.programs.finding(program, "its text is not that of its questions")]
                if alike
                else findings
            )
        by_place = {
            (finding.file, finding.line): finding for finding in reversed(self.found.findings)
        }
        self.found.findings = [by_place[place] for place in sorted(by_place)]
        return self.found

    async def _each(
        self, paths: list[Path], look: Any, wanted: frozenset[int] | None = None
    ) -> None:
        """Looks at the rows of files, so many at once as there are workers, twice over."""
        most = asyncio.Semaphore(2 * self.box.workers)

        async def one(*row: Any) -> None:
            try:
                await look(*row)
            finally:
                most.release()

        async with asyncio.TaskGroup() as tasks:
            for path in paths:
                async with aclosing(_rows(path)) as rows:
                    async for number, fields, detail in rows:
                        if wanted is not None and number not in wanted:
                            continue
                        if fields is None:
                            self.found.findings.append(Finding(path.name, number, "", detail))
                            continue
                        await most.acquire()
                        tasks.create_task(one(path.name, number, fields))

    async def _program(self, _file: str, _number: int, fields: Mapping[str, Any]) -> None:
        if isinstance(fields.get("id"), str) and fields["id"] in self.programs:
            await self.programs.known(fields["id"])

    # Finished rows

    async def _row(self, file: str, number: int, row: Mapping[str, Any]) -> None:
        self.found.rows += 1
        meta = row.get("meta", row)
        id_ = str(meta.get("id", "")) if isinstance(meta, Mapping) else ""
        try:
            differing = await (
                self._sample(file, number, row) if "meta" in row else self._verified(row)
            )
        except (KeyError, TypeError, ValueError, AttributeError, Rejected) as exc:
            differing = f"a field is missing or not what it should be: {exc}"
        if differing:
            self.found.findings.append(Finding(file, number, id_, differing))

    async def _sample(self, file: str, number: int, row: Mapping[str, Any]) -> str:
        """What of a sample is not what comes of its answers, or ""."""
        meta = row["meta"]
        if meta["program"] not in self.programs:
            return f"its program {meta['program']} is not in programs.jsonl"
        known = await self.programs.known(meta["program"])
        own = Pair(meta["input"], meta["output"])
        stands = await self._standing(known, meta["pair"], own)
        if stands is None:
            return ""  # its program is named
        question = await self._posed(known, stands, row)
        if question is None and known.named:
            return ""
        if question is None:
            return f"the run's settings pose no question {meta['question']}"
        turns = meta["turns"]
        contents = [row[f"turn_{place}"] for place in range(1, len(turns) + 1)]
        if not turns or any(not isinstance(content, str) for content in contents):
            return "meta.turns has not one entry for each turn"
        sample = Attempted(meta["sample"])
        for content, told in zip(contents, turns, strict=True):
            answer = Answer(content, finish=told.get("finish_reason") or "stop")
            (judged,) = await self.verification(
                Answered(
                    question.with_samples((replace(sample, turns=(*sample.turns, Turn(answer))),))
                )
            )
            turn = judged.question.samples[0].last
            if len(sample.turns) + 1 < len(turns):
                turn = replace(turn, feedback=f"{turn.feedback} {self.stages.feedback.redo}")
            sample = replace(sample, turns=(*sample.turns, turn))
            self.found.answers += 1
        made = Revision(self.stages.feedback).row(question, sample).content
        self.rates.add(
            meta["question"],
            [turn.verdict for turn in sample.turns],
            [told.get("verdict") for told in turns],
        )
        if row["prompt"] != made["prompt"]:
            self._prompts.setdefault(meta["program"], []).append(
                Finding(
                    file,
                    number,
                    str(meta["id"]),
                    "prompt: it is not what its program is asked with",
                )
            )
            made = {**made, "prompt": row["prompt"]}
        else:
            self._agreed.add(meta["program"])
        return self._near(row, made, OF_PROGRAM if known.named else frozenset())

    async def _standing(self, known: Known, pair_id: str, own: Pair) -> Program | None:
        """The program to judge a sample by, or None where it does not reproduce and the sample
        follows from that.

        Where the program's own record of the pair fails, but the sample's comes again, the sample's
        is taken.
        """
        program = known.program
        there = next((pair for pair in program.pairs if pair.id == pair_id), None)
        if there is not None and pair_id not in known.failed:
            return program
        if not known.failed:
            return program
        run = await self.box.run(
            program.sections.code, program.entrypoint, own.input, seed=seed_of(program.id)
        )
        if run.value != own.output or own.id != pair_id:
            return None
        number = next(
            (place for place, pair in enumerate(program.pairs) if pair.id in known.failed), 0
        )
        number = next(
            (place for place, pair in enumerate(program.pairs) if pair.id == pair_id), number
        )
        restored = replace(program.pairs[number], input=own.input, output=own.output)
        return replace(
            program, pairs=(*program.pairs[:number], restored, *program.pairs[number + 1 :])
        )

    async def _posed(
        self, known: Known, program: Program, row: Mapping[str, Any]
    ) -> Question | None:
        """The question of a sample, posed again where the run has posed it."""
        meta = row["meta"]
        if self.config.source.format in POSED:
            posed = known.posed if program is known.program else None
            if posed is None:
                outcomes = await self.prediction(program)
                posed = {
                    outcome.id: outcome for outcome in outcomes if isinstance(outcome, Question)
                }
            if program is known.program:
                known.posed = posed
            return posed.get(meta["question"])
        pairs = {pair.id: (number, pair) for number, pair in reversed([*enumerate(program.pairs)])}
        number, pair = pairs[meta["pair"]]
        direction: Direction = "input" if meta["direction"] == "input" else "output"
        tags = tuple(tag for tag in meta["tags"] if tag not in (*NEAR, "out_of_domain"))
        return Question(
            meta["question"],
            program,
            pair,
            number,
            direction,
            ({"role": "user", "content": row["prompt"]},),
            (),
            variant=meta["variant"],
            tags=tags,
            guess=tuple(meta["guess"]),
        )

    async def _verified(self, row: Mapping[str, Any]) -> str:
        """What of a verified instance is not what comes of its answer, or ""."""
        known = await self.programs.known(row["program"])
        if row["pair"] in known.failed:
            return ""
        entry = replace(self.entry, boundary="generations")
        answered = entry.record(row, known.program.origin, known.program)
        assert isinstance(answered, Answered)
        (judged,) = await self.verification(answered)
        self.found.answers += 1
        made = verdict_content(judged.question, judged.question.samples[0].last)
        told = {"meta": {"turns": [row["turn"]]}, "feedback_1": row["res"]["message"]}
        again = {"meta": {"turns": [made["turn"]]}, "feedback_1": made["res"]["message"]}
        return self._near(told, again) or (
            "" if row["res"] == made["res"] else "res is not what its verdict is written as"
        )

    def _near(
        self, told: Mapping[str, Any], made: Mapping[str, Any], but: frozenset[str] = frozenset()
    ) -> str:
        """The first difference, the fields `but` aside; none where a limit was near, then or
        now."""
        difference = next((text for name, text in _differences(told, made) if name not in but), "")
        turns = [*told["meta"]["turns"], *made["meta"]["turns"]]
        if difference and any(turn.get("near_limit") for turn in turns):
            self.found.near_limit += 1
            return ""
        return difference


def _differences(told: Mapping[str, Any], made: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The fields of a row that are not as they were made again, each with the difference in
    words."""
    for name in [name for name in told if name.startswith("feedback_")]:
        if _plain(told[name]) != _plain(made[name]):
            yield name, f"{name}: {_shown(told[name])}, and {_shown(made[name])} when judged again"
    before, now = told["meta"], made["meta"]
    for number, (old, new) in enumerate(zip(before["turns"], now["turns"], strict=True), 1):
        for name in OF_TURN:
            if _plain(old.get(name)) != _plain(new.get(name)):
                again = f"{_shown(old.get(name))}, and {_shown(new.get(name))} when judged again"
                yield name, f"meta.turns[{number}].{name}: {again}"
    for name in OF_META:
        if name not in now:
            continue
        old, new = before.get(name), now[name]
        if name == "tags":
            old, new = ([tag for tag in tags if tag not in NEAR] for tags in (old or (), new))
        if old != new:
            yield name, f"meta.{name}: {_shown(old)}, and {_shown(new)} when made again"


def _plain(value: Any) -> Any:
    """A text without the addresses of objects, which are others in each process."""
    return ADDRESS.sub("0x", value) if isinstance(value, str) else value


def _shown(value: Any) -> str:
    return short(json.dumps(value, ensure_ascii=False))


async def _rows(path: Path) -> AsyncGenerator[tuple[int, Mapping[str, Any] | None, str], None]:
    async with aclosing(rows_of([path], path.parent, "content")) as rows:
        async for row in rows:
            yield row.line, row.fields, row.detail


def _lowest(path: Path, count: int) -> frozenset[int] | None:
    """The numbers of so many lines, the lowest by their hash, so that the same folder gives the
    same sample; None: all."""
    if not count:
        return None
    hashed = (
        (digest(raw.decode("utf-8", "replace")), number)
        for number, (_, raw) in enumerate(lines_of(path), 1)
    )
    return frozenset(number for _, number in heapq.nsmallest(count, hashed))
