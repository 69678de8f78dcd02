"""Makes finished rows again from the texts of their answers, by the stages that made them."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from engine.audit.compare import OF_PROGRAM, differences
from engine.audit.findings import Audit, Finding
from engine.audit.rates import Rates
from engine.audit.reruns import Known, Reruns
from engine.wiring.model_free import ModelFreeStages
from stages.errors import Rejected
from stages.records import (
    Answer,
    Answered,
    Attempted,
    Direction,
    Pair,
    Program,
    Question,
    Turn,
    seed_of,
)
from stages.rows.boundaries import verdict_content
from stages.rows.entries import Entry
from stages.rows.samples import NEAR, OUTSIDE, sample_row

POSED = frozenset({"raw", "questions", "unified", "parsed"})
"""Source formats from which the run poses its own questions, so that it can pose them again."""
MALFORMED = (KeyError, TypeError, ValueError, AttributeError, Rejected)
"""What a row that was edited or damaged may raise when it is read."""
Row = Mapping[str, Any]


class Rejudging:
    """Judges finished rows again, and compares.

    found: where findings go. rates: the verdicts of samples, by question.
    """

    def __init__(
        self, stages: ModelFreeStages, programs: Reruns, entry: Entry, found: Audit
    ) -> None:
        self.rates = Rates()
        self._stages = stages
        self._prediction = stages.prediction(whole=True)
        self._verification = stages.verification()
        self._programs = programs
        self._entry = replace(entry, boundary="generations")
        self._found = found
        self._prompts: dict[str, list[Finding]] = {}
        self._agreed: set[str] = set()

    async def row(self, file: str, number: int, row: Row) -> None:
        """Judges one row again. Adds a finding if the row does not follow from its answers."""
        self._found.rows += 1
        meta = row.get("meta", row)
        id_ = str(meta.get("id", "")) if isinstance(meta, Mapping) else ""
        place = Finding(file=file, line=number, id=id_, what="")
        try:
            what = await (self._sample(place, row) if "meta" in row else self._verified(row))
        except MALFORMED as exc:
            what = f"a field is missing or not what it should be: {exc}"
        if what:
            self._found.findings.append(replace(place, what=what))

    def prompt_findings(self) -> list[Finding]:
        """Samples whose prompt is not the one that their program is asked with.

        Where no sample of a program agrees with it, the program's own text was changed. Then the
        program is reported instead.
        """
        found: list[Finding] = []
        for program, findings in self._prompts.items():
            all_of_it = program not in self._agreed and len(findings) > 1
            if all_of_it and program in self._programs:
                what = "its text is not that of its questions"
                found.append(self._programs.finding(program, what))
            else:
                found += findings
        return found

    async def _sample(self, place: Finding, row: Row) -> str:
        """What of a sample does not follow from its answers, in words. "" if all does."""
        meta, turns = row["meta"], row["meta"]["turns"]
        if meta["program"] not in self._programs:
            return f"its program {meta['program']} is not in programs.jsonl"
        known = await self._programs.known(meta["program"])
        own = Pair(input=meta["input"], output=meta["output"])
        stands = await self._standing(known, meta["pair"], own)
        if stands is None:
            return ""  # its program is reported
        question = await self._posed(known, stands, row)
        if question is None:
            posed_by = f"the run's settings pose no question {meta['question']}"
            return "" if known.named else posed_by
        contents = [row[f"turn_{number}"] for number in range(1, len(turns) + 1)]
        if not turns or any(not isinstance(content, str) for content in contents):
            return "meta.turns has not one entry for each turn"
        sample = Attempted(number=meta["sample"])
        for number, (content, written) in enumerate(zip(contents, turns, strict=True), 1):
            answer = Answer(content=content, finish=written.get("finish_reason") or "stop")
            sample = await self._judged(question, sample, answer, last=number == len(turns))
        made = sample_row(question, sample).content
        self.rates.add(
            meta["question"],
            made=[turn.verdict for turn in sample.turns],
            written=[turn.get("verdict") for turn in turns],
        )
        if row["prompt"] == made["prompt"]:
            self._agreed.add(meta["program"])
        else:
            what = "prompt: it is not what its program is asked with"
            self._prompts.setdefault(meta["program"], []).append(replace(place, what=what))
            made = {**made, "prompt": row["prompt"]}
        return self._difference(row, made, but=OF_PROGRAM if known.named else frozenset())

    async def _judged(
        self, question: Question, sample: Attempted, answer: Answer, *, last: bool
    ) -> Attempted:
        """The sample with one more turn, judged again."""
        asked = replace(sample, turns=(*sample.turns, Turn(answer=answer)))
        (judged,) = await self._verification(Answered(question.with_samples((asked,))))
        turn = judged.question.samples[0].last
        if not last:
            turn = replace(turn, feedback=f"{turn.feedback} {self._stages.feedback.redo}")
        self._found.answers += 1
        return replace(sample, turns=(*sample.turns, turn))

    async def _standing(self, known: Known, pair_id: str, own: Pair) -> Program | None:
        """The program to judge a sample by, or None where the sample fails with it.

        The program's record of the pair may fail while the sample's own record of it reproduces.
        Then the sample's is used.
        """
        program = known.program
        there = any(pair.id == pair_id for pair in program.pairs)
        if not known.failed or (there and pair_id not in known.failed):
            return program
        sections, seed = program.sections, seed_of(program.id)
        run = await self._stages.runs.run(sections.code, program.entrypoint, own.input, seed=seed)
        if run.value != own.output or own.id != pair_id:
            return None
        ids = [pair.id for pair in program.pairs]
        failed = next((number for number, id_ in enumerate(ids) if id_ in known.failed), 0)
        number = ids.index(pair_id) if there else failed
        restored = replace(program.pairs[number], input=own.input, output=own.output)
        pairs = (*program.pairs[:number], restored, *program.pairs[number + 1 :])
        return replace(program, pairs=pairs)

    async def _posed(self, known: Known, program: Program, row: Row) -> Question | None:
        """The question of a sample, posed again where the run has posed it."""
        meta = row["meta"]
        if self._stages.config.source.format not in POSED:
            return _recorded_question(program, row)
        own = program is known.program
        posed = known.posed if own else None
        if posed is None:
            outcomes = await self._prediction(program)
            posed = {one.id: one for one in outcomes if isinstance(one, Question)}
        if own:
            known.posed = posed
        return posed.get(meta["question"])

    async def _verified(self, row: Row) -> str:
        """What of a verified instance does not follow from its answer. "" if all does."""
        known = await self._programs.known(row["program"])
        if row["pair"] in known.failed:
            return ""
        answered = self._entry.record(row, known.program.origin, known.program)
        assert isinstance(answered, Answered)
        (judged,) = await self._verification(answered)
        self._found.answers += 1
        made = verdict_content(judged.question, judged.question.samples[0].last)
        written = {"meta": {"turns": [row["turn"]]}, "feedback_1": row["res"]["message"]}
        again = {"meta": {"turns": [made["turn"]]}, "feedback_1": made["res"]["message"]}
        if difference := self._difference(written, again):
            return difference
        return "" if row["res"] == made["res"] else "res is not what its verdict is written as"

    def _difference(self, written: Row, made: Row, *, but: frozenset[str] = frozenset()) -> str:
        """The first difference outside of the fields `but`. Near a limit it is only counted."""
        found = (text for name, text in differences(written, made) if name not in but)
        difference = next(found, "")
        turns = [*written["meta"]["turns"], *made["meta"]["turns"]]
        if difference and any(turn.get("near_limit") for turn in turns):
            self._found.near_limit += 1
            return ""
        return difference


def _recorded_question(program: Program, row: Row) -> Question:
    """The question of a sample that entered from a file: it cannot be posed again."""
    meta = row["meta"]
    pairs = {pair.id: (number, pair) for number, pair in reversed([*enumerate(program.pairs)])}
    number, pair = pairs[meta["pair"]]
    direction: Direction = "input" if meta["direction"] == "input" else "output"
    return Question(
        id=meta["question"],
        program=program,
        pair=pair,
        number=number,
        direction=direction,
        opening=({"role": "user", "content": row["prompt"]},),
        samples=(),
        variant=meta["variant"],
        tags=tuple(tag for tag in meta["tags"] if tag not in (*NEAR, *OUTSIDE)),
        guess=tuple(meta["guess"]),
    )
