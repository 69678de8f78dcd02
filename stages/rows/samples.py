"""The rows of finished samples and of their questions, and what they add to the report."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from stages.records import SCHEMA, Attempted, Origin, Question, Row, Usage, counts
from stages.values.equality import EQUALITIES, compare
from stages.values.text import value_of
from stages.values.types import type_of

NEAR = ("near_limit",)
OUTSIDE = ("out_of_domain",)
LICENCES = ("license", "licence", "license_type", "licenses")
"""Fields of a raw row that may hold its licence, in order."""


def sample_row(question: Question, sample: Attempted) -> Row:
    """The finished row of a sample: the prompt, its turns with their feedback, and `meta`.

    A row has at least two turns, of which the second may be null.
    """
    row: dict[str, Any] = {"prompt": question.opening[-1]["content"]}
    for number in range(1, max(2, len(sample.turns)) + 1):
        turn = sample.turns[number - 1] if number <= len(sample.turns) else None
        row[f"turn_{number}"] = turn and turn.answer.content
        row[f"feedback_{number}"] = turn and turn.feedback
    row["meta"] = _meta(question, sample)
    return Row(
        file="samples",
        id=question.sample_id(sample),
        content=row,
        counts=_sample_counts(question, sample),
    )


def question_row(question: Question) -> Row:
    """The row of a question all of whose samples are closed, with its pass rates.

    A later run may ask for more samples. Their row has another id, and takes the place of this one.
    """
    answered = [sample for sample in question.samples if sample.turns]
    first = sum(sample.turns[0].verdict == "right" for sample in answered)
    final = sum(sample.last.verdict == "right" for sample in answered)
    content = {
        "id": question.id,
        "program": question.program.id,
        "pair": question.pair.id,
        "direction": question.direction,
        "wanted": question.wanted,
        "asked": len(question.samples),
        "answered": len(answered),
        "right": first,
        "right_after_revision": final,
        "pass_rate": first / len(answered) if answered else None,
        "schema": SCHEMA,
    }
    saved = question.wanted - len(question.samples) if question.whole else 0
    return Row(
        file="questions",
        id=f"{question.id}.{question.wanted}",
        content=content,
        counts={counts.SAMPLES_SAVED: saved} if saved else {},
    )


def source_of(origin: Origin) -> dict[str, Any]:
    """What a sample's row shows of its raw row: id, licence, path, and where it stands."""
    fields: Mapping[str, Any] = origin.fields
    return {
        "id": origin.id,
        "license": next((fields[key] for key in LICENCES if key in fields), None),
        "path": fields.get("path"),
        "file": origin.file,
        "line": origin.line,
    }


def _meta(question: Question, sample: Attempted) -> dict[str, Any]:
    program, pair, prompt = question.program, question.pair, question.prompt
    return {
        "id": question.sample_id(sample),
        "question": question.id,
        "direction": question.direction,
        "program": program.id,
        "pair": pair.id,
        "sample": sample.number,
        "variant": question.variant,
        "prompt_version": prompt and prompt.version,
        "input": pair.input,
        "output": pair.output,
        "turns": [turn.to_json() for turn in sample.turns],
        "usage": sum((turn.answer.usage for turn in sample.turns), Usage()).to_json(),
        "guess": list(question.guess),
        "steps": pair.steps,
        "tags": _tags(question, sample),
        "cluster": program.cluster and program.cluster.behaviour,
        "sampling": dict(question.sampling),
        "system": question.system,
        "schema": SCHEMA,
        "source": source_of(program.origin),
    }


def _tags(question: Question, sample: Attempted) -> list[str]:
    """The tags of a question, and those that the runs of a sample add."""
    near = any(turn.near_limit for turn in sample.turns) or question.pair.near_limit
    outside = any(turn.out_of_domain for turn in sample.turns)
    return [*question.tags, *(NEAR if near else ()), *(OUTSIDE if outside else ())]


def _sample_counts(question: Question, sample: Attempted) -> counts.Counts:
    """How a sample ended, its verdicts, and how each equality would have judged its answers."""
    rights = [number for number, turn in enumerate(sample.turns, 1) if turn.verdict == "right"]
    ending = f"right_in_turn_{rights[0]}" if rights else f"still_{sample.last.verdict}"
    direction, output_type = question.direction, _output_type(question)
    found = Counter({counts.sample(ending): 1})
    for number, turn in enumerate(sample.turns, 1):
        found[counts.verdict(number, direction, turn.verdict)] += 1
        found[counts.verdict_by_output(output_type, number, direction, turn.verdict)] += 1
        given = turn.predicted if direction == "output" else turn.got
        if given is not None:
            found[counts.EQUALITIES_COMPARED] += 1
            for equality in EQUALITIES:
                match = compare(given, question.pair.output, equality)
                found[counts.equality(equality)] += match is not None
    return found


def _output_type(question: Question) -> str:
    type_ = type_of(value_of(question.pair.output))
    return type_ if isinstance(type_, str) else "list" if type_[0] == "list" else "dict"
