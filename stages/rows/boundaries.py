"""The rows at each boundary: how a record is written to a file. `entries` reads them back.

A row has the reference's fields first, and then ours. Source of the field names: the published data
files of hkust-nlp/CodeIO.
"""

import json
from collections.abc import Iterator
from typing import Any, Literal, get_args

from stages.records import (
    SCHEMA,
    Answered,
    Attempted,
    Judged,
    Messages,
    Program,
    Question,
    Row,
    SourceFile,
    TransformQuestion,
    Turn,
    Unified,
)

Boundary = Literal[
    "raw", "questions", "unified", "parsed", "messages", "generations", "verified", "revision",
    "samples",
]  # fmt: skip
"""The points between stages at which records can be written to files and read back."""
BOUNDARIES: tuple[Boundary, ...] = get_args(Boundary)
STATUS = {
    "right": "success",
    "no_answer": "no answer",
    "error": "exception",
    "memory": "exception",
    "denied": "exception",
    "crash": "exception",
    "timeout": "timeout",
    "cut": "cut",
    "invalid_truth": "invalid_truth",
}
"""Our verdicts in the reference's words. A wrong answer's word depends on the direction."""


def boundary_of(record: object) -> Boundary | None:
    """The boundary at which a record stands.

    It is None for one between boundaries, such as a repair turn or a draft.
    """
    match record:
        case SourceFile():
            return "raw"
        case TransformQuestion(draft=None):
            return "questions"
        case Unified(question=TransformQuestion(draft=None)):
            return "unified"
        case Program():
            return "parsed"
        case Question():
            return "revision" if any(sample.turns for sample in record.open) else "messages"
        case Answered():
            return "generations"
        case Judged():
            return "verified"
    return None


def rows_of(record: object) -> Iterator[Row]:
    """The rows of a record at its boundary. A question has one for each open sample."""
    match record:
        case TransformQuestion():
            yield Row(file="questions", id=record.origin.id, content=question_content(record))
        case Unified():
            yield Row(file="unified", id=record.question.origin.id, content=unified_content(record))
        case Program():
            yield Row(file="parsed", id=record.id, content=program_content(record))
        case Question():
            for sample in record.open:
                name = "revision" if sample.turns else "messages"
                id_ = f"{record.sample_id(sample)}.{len(sample.turns)}"
                yield Row(
                    file=name,
                    id=id_,
                    content=instance_content(record, sample, record.messages(sample), sample.turns),
                )
        case Answered():
            for sample in record.question.open:
                id_ = f"{record.question.sample_id(sample)}.{len(sample.turns)}"
                yield Row(
                    file="generations", id=id_, content=generation_content(record.question, sample)
                )
        case Judged():
            for sample in record.question.open:
                id_ = f"{record.question.sample_id(sample)}.{len(sample.turns)}"
                content = generation_content(record.question, sample)
                yield Row(
                    file="verified",
                    id=id_,
                    content={**content, **verdict_content(record.question, sample.last)},
                )


def question_content(question: TransformQuestion) -> dict[str, Any]:
    """A transform question, as a row of `questions`."""
    return {
        "messages": [dict(message) for message in question.messages],
        "id": question.origin.id,
        "source": question.origin.to_json(),
        "prompt": question.prompt and question.prompt.to_json(),
        "schema": SCHEMA,
    }


def unified_content(unified: Unified) -> dict[str, Any]:
    """A transforming model's reply, as a row of `unified`."""
    answer = unified.answer
    return {
        "messages": [dict(message) for message in unified.question.messages],
        "index": unified.question.origin.index,
        "output": answer.content,
        "model": answer.model,
        "reasoning": answer.reasoning,
        "finish_reason": answer.finish,
        "usage": answer.usage.to_json(),
        "id": unified.question.origin.id,
        "source": unified.question.origin.to_json(),
        "prompt": unified.question.prompt and unified.question.prompt.to_json(),
        "schema": SCHEMA,
    }


def program_content(program: Program) -> dict[str, Any]:
    """A program, as a row of `parsed`: the reference's fields, then all that is known besides."""
    sections = program.sections
    return {
        "problem_description": sections.statement,
        "io_requirements": sections.description,
        "refcode": sections.code,
        "funcname": program.entrypoint,
        "ios": [
            {"input": json.loads(pair.input), "output": json.loads(pair.output)}
            for pair in program.pairs
        ],
        "category": program.category,
        "meta": {"msgidx": program.origin.index},
        "id": program.id,
        "source": program.origin.to_json(),
        "generator": sections.generator,
        "input_check": sections.check,
        **program.generation.to_json(),
        "pairs": [
            {
                "id": pair.id,
                "steps": pair.steps,
                "lines": list(pair.lines),
                "mutates": pair.mutates,
                "coerced": list(pair.coerced),
                "near_limit": pair.near_limit,
                "tags": list(pair.tags),
            }
            for pair in program.pairs
        ],
        "mutates": any(pair.mutates for pair in program.pairs),
        "coerced": sorted({name for pair in program.pairs for name in pair.coerced}),
        "tags": list(program.tags),
        "cluster": program.cluster and program.cluster.to_json(),
        "schema": SCHEMA,
    }


def instance_content(
    question: Question, sample: Attempted, messages: Messages, turns: tuple[Turn, ...]
) -> dict[str, Any]:
    """One sample of a question, as a row of `messages` or `revision`.

    messages: the conversation up to the next answer. turns: those in it.
    """
    content: dict[str, Any] = {
        "messages": [dict(message) for message in messages],
        "itemid": question.program.item,
        "ioid": question.number,
        "io_pred": question.direction[0],
        "id": question.id,
        "program": question.program.id,
        "pair": question.pair.id,
        "sample": sample.number,
        "wanted": question.wanted,
        "variant": question.variant,
        "prompt": question.prompt and question.prompt.to_json(),
        "sampling": dict(question.sampling),
        "system": question.system,
        "tags": list(question.tags),
        "guess": list(question.guess),
        "schema": SCHEMA,
    }
    if turns:
        content |= {
            "retry_count": len(turns),
            "history_errors": [turn.error or turn.verdict for turn in turns],
            "original_id": question.sample_id(sample),
            "turns": [turn.to_json() for turn in turns],
        }
    return content


def generation_content(question: Question, sample: Attempted) -> dict[str, Any]:
    """One sample with its newest answer, and the conversation before that, as in `generations`."""
    before = Attempted(number=sample.number, turns=sample.turns[:-1])
    content = instance_content(question, sample, question.messages(before), before.turns)
    answer = sample.last.answer
    return {
        **content,
        "index": None,
        "output": answer.content,
        "model": answer.model,
        "reasoning": answer.reasoning,
        "finish_reason": answer.finish,
        "usage": answer.usage.to_json(),
    }


def verdict_content(question: Question, turn: Turn) -> dict[str, Any]:
    """What a row of `verified` adds: the verdict, in the reference's words and in ours."""
    status = STATUS.get(turn.verdict or "")
    if turn.verdict == "wrong":
        status = "failed" if question.direction == "output" else "AssertionError"
    return {"res": {"status": status, "message": turn.feedback}, "turn": turn.to_json()}
