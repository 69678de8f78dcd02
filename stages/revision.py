"""Judged -> Question again, or finished rows: which samples get another turn, and what is written
of the others."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from stages.equality import EQUALITIES, compare
from stages.feedback import Feedback
from stages.probes import type_of
from stages.records import SCHEMA, Attempted, Judged, Origin, Question, Row, Usage
from stages.values import value_of

REVISED = frozenset({"wrong", "no_answer", "error", "timeout", "memory", "denied", "crash"})

NEAR = ("near_limit",)


@dataclass(frozen=True, slots=True)
class Revision:
    """turns: answers in all. samples: whether only sample 0 of a question is revised, or all.

    round: samples of a question that are asked at once (0: all). band: pass rates of first answers,
    least and most; once the rate of all samples is sure to lie outside, the rest is not asked. So
    each round follows from the answers of those before it, in whatever order they came.
    """

    feedback: Feedback
    turns: int = 2
    samples: Literal["first", "all"] = "first"
    round: int = 0
    band: tuple[float, float] | None = None

    async def __call__(self, judged: Judged) -> tuple[Question | Row, ...]:
        question, outcomes = judged.question, []
        samples: list[Attempted] = []
        for sample in question.samples:
            if sample.closed:
                samples.append(sample)
            elif self._again(question, sample):
                turn = replace(sample.last, feedback=f"{sample.last.feedback} {self.feedback.redo}")
                samples.append(replace(sample, turns=(*sample.turns[:-1], turn)))
            else:
                samples.append(replace(sample, closed=True))
                outcomes.append(self.row(question, sample))
        question = question.with_samples(tuple(samples))
        if not question.open and question.whole and not self._outside(question):
            question = question.with_next(self.round)
        return (*outcomes, question if question.open else question_row(question))

    def _outside(self, question: Question) -> bool:
        """Whether its pass rate will be outside of the band, whatever the samples say that were not
        asked yet."""
        if self.band is None:
            return False
        right = sum(
            bool(sample.turns) and sample.turns[0].verdict == "right" for sample in question.samples
        )
        left = question.wanted - len(question.samples)
        least, most = self.band
        return (right + left) / question.wanted < least or right / question.wanted > most

    def _again(self, question: Question, sample: Attempted) -> bool:
        """Whether a sample gets another turn. Not where "wrong" alone tells the answer: one
        alternative is left."""
        if sample.last.verdict not in REVISED or len(sample.turns) >= self.turns:
            return False
        if self.samples == "first" and sample.number > 0:
            return False
        tells = question.direction == "output" and sample.last.verdict == "wrong"
        return not (
            tells and (question.program.values == 2 or question.pair.output in ("true", "false"))
        )

    def row(self, question: Question, sample: Attempted) -> Row:
        """The finished row of a sample."""
        row: dict[str, Any] = {"prompt": question.opening[-1]["content"]}
        for number in range(1, max(2, len(sample.turns)) + 1):
            turn = sample.turns[number - 1] if number <= len(sample.turns) else None
            row[f"turn_{number}"] = turn and turn.answer.content
            row[f"feedback_{number}"] = turn and turn.feedback
        row["meta"] = self._meta(question, sample)
        return Row("samples", question.sample_id(sample), row, _counts(question, sample))

    def _meta(self, question: Question, sample: Attempted) -> dict[str, Any]:
        return {
            "id": question.sample_id(sample),
            "question": question.id,
            "direction": question.direction,
            "program": question.program.id,
            "pair": question.pair.id,
            "sample": sample.number,
            "variant": question.variant,
            "prompt_version": question.prompt and question.prompt.version,
            "input": question.pair.input,
            "output": question.pair.output,
            "turns": [turn.row() for turn in sample.turns],
            "usage": sum((turn.answer.usage for turn in sample.turns), Usage()).row(),
            "guess": list(question.guess),
            "steps": question.pair.steps,
            "tags": _tags(question, sample),
            "cluster": (question.program.cluster or {}).get("behaviour"),
            "sampling": dict(question.sampling),
            "system": question.system,
            "schema": SCHEMA,
            "source": source_row(question.program.origin),
        }


def source_row(origin: Origin) -> dict[str, Any]:
    """What a sample says of its raw row: id, licence and path."""
    fields: Mapping[str, Any] = origin.fields
    licence = next(
        (
            fields[key]
            for key in ("license", "licence", "license_type", "licenses")
            if key in fields
        ),
        None,
    )
    return {
        "id": origin.id,
        "license": licence,
        "path": fields.get("path"),
        "file": origin.file,
        "line": origin.line,
    }


def _tags(question: Question, sample: Attempted) -> list[str]:
    near = NEAR if any(turn.near_limit for turn in sample.turns) or question.pair.near_limit else ()
    outside = ("out_of_domain",) if any(turn.out_of_domain for turn in sample.turns) else ()
    return [*question.tags, *near, *outside]


def question_row(question: Question) -> Row:
    """The line of a question whose last sample has settled, with its pass rates over all that were
    answered.

    More samples in a later run give it another line, which supersedes.
    """
    answered = [sample for sample in question.samples if sample.turns]
    first = sum(sample.turns[0].verdict == "right" for sample in answered)
    final = sum(sample.last.verdict == "right" for sample in answered)
    content = {
        "id": question.id,
        "program": question.program.id,
        "pair": question.pair.id,
        "direction": question.direction,
        "samples": len(answered),
        "asked": len(question.samples),
        "wanted": question.wanted,
        "right": first,
        "right_after_revision": final,
        "pass_rate": first / len(answered) if answered else None,
        "schema": SCHEMA,
    }
    saved = question.wanted - len(question.samples) if question.whole else 0
    counts = {"samples_saved": saved} if saved else {}
    return Row("questions", f"{question.id}.{question.wanted}", content, counts)


def _counts(question: Question, sample: Attempted) -> dict[str, int]:
    """How a sample ended, by turn and direction."""
    rights = [number for number, turn in enumerate(sample.turns, 1) if turn.verdict == "right"]
    how = f"right_in_turn_{rights[0]}" if rights else f"still_{sample.last.verdict}"
    counts = {f"samples.{how}": 1}
    for number, turn in enumerate(sample.turns, 1):
        counts[f"verdicts.turn_{number}.{question.direction}.{turn.verdict}"] = 1
        counts[
            f"verdicts_by_output.{_output_type(question)}.{question.direction}.turn_{number}.{turn.verdict}"
        ] = 1
        given = turn.predicted if question.direction == "output" else turn.got
        if given is not None:
            counts["equalities.compared"] = counts.get("equalities.compared", 0) + 1
            for equality in EQUALITIES:
                name = f"equalities.{equality}"
                counts[name] = counts.get(name, 0) + (
                    compare(given, question.pair.output, equality) is not None
                )
    return counts


def _output_type(question: Question) -> str:
    type_ = type_of(value_of(question.pair.output))
    return type_ if isinstance(type_, str) else "list" if type_[0] == "list" else "dict"
