"""Reads rows back into records, at every boundary.

Our own files are read without loss, and the reference's as far as they go. A row of ours has a
`schema`, and keeps its ids. Any other row gets ids that are digests of its content.

A row that lacks something is rejected, with its reason. This module raises nothing else.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from stages.errors import Rejected
from stages.records import (
    OWN_FIELDS,
    Answer,
    Answered,
    Attempted,
    Cluster,
    Direction,
    Generation,
    Judged,
    Message,
    Messages,
    Origin,
    Pair,
    Program,
    Prompt,
    Question,
    Sections,
    SourceFile,
    TransformQuestion,
    Turn,
    Unified,
    Usage,
    VerdictName,
    digest,
)
from stages.rows.boundaries import Boundary
from stages.values.text import NotJson, text_of
from stages.verification.answers import Reading, find
from stages.verification.feedback import Feedback

DIRECTIONS: dict[str, Direction] = {
    "i": "input",
    "o": "output",
    "input": "input",
    "output": "output",
}
VERDICTS: dict[str, VerdictName] = {
    "success": "right",
    "failed": "wrong",
    "AssertionError": "wrong",
    "no answer": "no_answer",
    "exception": "error",
    "timeout": "timeout",
    "error": "error",
    "cut": "cut",
    "invalid_truth": "invalid_truth",
}
"""The reference's words for verdicts, in ours."""
GENERATED = tuple(one.name for one in fields(Generation))
Fields = Mapping[str, Any]
Record = SourceFile | TransformQuestion | Unified | Program | Question | Answered | Judged


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """How the rows of one boundary become records.

    code_field: the field of a raw row that holds its code.
    feedback, reading: as in verification, for verdicts of others.
    occurrence: how often it was called with the same argument before, in the order of the source.
    Equal rows get different ids by it.
    """

    boundary: Boundary
    code_field: str
    feedback: Feedback
    reading: Reading
    occurrence: Callable[[str], int]

    def origin(self, row: Fields, *, file: str, line: int, index: int, occurrence: int) -> Origin:
        """Where a row came from. A row of ours names the raw row that it was made from.

        line: its number in its file, from 1. index: its number in the source, from 0. occurrence:
        how many equal rows come before it.
        """
        known = row.get("source")
        if "schema" in row and isinstance(known, dict) and isinstance(known.get("id"), str):
            fields = {key: value for key, value in known.items() if key not in OWN_FIELDS} | (
                known.get("row") or {}
            )
            return Origin(
                id=known["id"],
                file=str(known.get("file", "")),
                line=_number(known.get("line")),
                index=index,
                fields=fields,
                content_hash=str(known.get("content_hash", "")),
                traits=tuple(known.get("traits") or ()),
            )
        text = json.dumps(row, sort_keys=True, separators=(",", ":"))
        code = row.get(self.code_field)
        fields = (
            {}
            if self.boundary != "raw"
            else {key: value for key, value in row.items() if key != self.code_field}
        )
        return Origin(
            id=digest("source", text, str(occurrence)),
            file=file,
            line=line,
            index=index,
            fields=fields,
            content_hash=digest(code) if isinstance(code, str) else "",
        )

    def record(self, row: Fields, origin: Origin, program: Program | None) -> Record:
        """The record of a row. Raises: Rejected.

        program: the one that the row is about, for rows of later boundaries than `parsed`.
        """
        # Rows are untyped JSON, of which any field may be of any type. Checking each before its use
        # would be most of this module.
        try:
            return self._record(row, origin, program)
        except (TypeError, ValueError, AttributeError, KeyError) as exc:
            raise Rejected("bad_row", f"a field is not of the type it should be: {exc}") from exc

    def _record(self, row: Fields, origin: Origin, program: Program | None) -> Record:
        if self.boundary == "raw":
            return self._file(row, origin)
        if self.boundary == "questions":
            return TransformQuestion(messages=_messages(row), origin=origin, prompt=_prompt(row))
        if self.boundary == "unified":
            return Unified(
                TransformQuestion(messages=_messages(row), origin=origin, prompt=_prompt(row)),
                _answer(row),
            )
        if self.boundary == "parsed":
            return self._unique(parsed(row, origin))
        assert program is not None
        question = self._question(row, program)
        if self.boundary in ("messages", "revision"):
            return question
        sample = question.samples[0]
        turn = Turn(answer=_answer(row))
        if self.boundary == "generations":
            return Answered(question.with_samples((replace(sample, turns=(*sample.turns, turn)),)))
        turn = self._verified(row, question, turn)
        return Judged(question.with_samples((replace(sample, turns=(*sample.turns, turn)),)))

    def _file(self, row: Fields, origin: Origin) -> SourceFile:
        code = row.get(self.code_field)
        if not isinstance(code, str):
            there = ", ".join(sorted(row)) or "none"
            raise Rejected(
                "no_code",
                f"the row has no text in the field {self.code_field!r} (source.code_field); "
                f"its fields: {there}",
            )
        if not code.strip():
            raise Rejected("no_code", f"the field {self.code_field!r} is empty")
        return SourceFile(code, origin)

    def _unique(self, program: Program) -> Program:
        if self.occurrence(f"program {program.id}"):
            raise Rejected("duplicate_id", f"the program {program.id} stands in the source before")
        return program

    def _question(self, row: Fields, program: Program) -> Question:
        direction = DIRECTIONS.get(str(row.get("io_pred", row.get("direction"))))
        if direction is None:
            raise Rejected("bad_row", 'io_pred is neither "i" nor "o"')
        number, pair = _pair(row, program)
        messages = _messages(row)
        opening, spoken = _divided(messages)
        turns = _turns(row, spoken)
        sample = row.get("sample", 0)
        sample = sample if isinstance(sample, int) else 0
        if "schema" in row and isinstance(row.get("id"), str):
            id_ = row["id"]
            if self.occurrence(f"question {id_}.{sample}.{len(turns)}"):
                raise Rejected(
                    "duplicate_id", f"the sample {id_}.{sample} stands in the source before"
                )
        else:
            text = json.dumps(messages)
            about = (program.id, pair.id, direction, text)
            id_ = digest("question", *about, str(self.occurrence(text)))
        return Question(
            id=id_,
            program=program,
            pair=pair,
            number=number,
            direction=direction,
            opening=opening,
            samples=(Attempted(number=sample, turns=turns),),
            variant=row.get("variant") or "query_code",
            prompt=_prompt(row),
            sampling=row.get("sampling") or {},
            system=row.get("system") or "",
            tags=tuple(row["tags"]) if "tags" in row else (*program.tags, *pair.tags),
            guess=tuple(row.get("guess") or ()),
            wanted=max(1, _number(row.get("wanted", row.get("samples")))),  # schema 1: samples
        )

    def _verified(self, row: Fields, question: Question, turn: Turn) -> Turn:
        result = row.get("res")
        if not isinstance(result, dict) or result.get("status") not in VERDICTS:
            raise Rejected("bad_row", f"res.status is none of {', '.join(VERDICTS)}")
        message = result.get("message")
        message = message if isinstance(message, str) else ""
        if isinstance(row.get("turn"), dict):
            return replace(turned(row["turn"], turn.answer), feedback=message)
        found = find(turn.answer.content, question.direction, self.reading)
        turn = replace(
            turn,
            verdict=VERDICTS[result["status"]],
            predicted=found.text if found else None,
            read=found.how if found else None,
            error="" if result["status"] == "success" else message,
        )
        return replace(turn, feedback=self.feedback.about(question, turn))


def chain(messages: Messages, output: str | None = None) -> str:
    """A digest of a conversation up to and with an answer.

    output: the answer to the messages. Without one, the conversation ends before its last message,
    which is the feedback on an answer.
    """
    spoken = [dict(message) for message in messages]
    spoken = spoken[:-1] if output is None else [*spoken, {"role": "assistant", "content": output}]
    return digest(*(f"{message['role']}\n{message['content']}" for message in spoken))


def parsed(row: Fields, origin: Origin) -> Program:
    """The program of a row of `parsed`. Raises: Rejected."""
    code, pairs = row.get("refcode"), row.get("ios")
    if not isinstance(code, str) or not code.strip():
        raise Rejected("bad_row", "refcode is missing")
    if not isinstance(pairs, list) or not pairs:
        raise Rejected("no_pairs", "ios is missing or empty")
    sections = Sections(
        code=code,
        description=_text(row, "io_requirements"),
        generator=_text(row, "generator"),
        statement=_text(row, "problem_description"),
        check=_text(row, "input_check"),
    )
    ours = "schema" in row and isinstance(row.get("id"), str)
    known = row.get("pairs") if ours else None
    details = known if isinstance(known, list) and len(known) == len(pairs) else [{}] * len(pairs)
    return Program(
        id=row["id"] if ours else digest("program", origin.id, "1"),
        origin=origin,
        sections=sections,
        pairs=tuple(_recorded(io, detail) for io, detail in zip(pairs, details, strict=True)),
        entrypoint=row.get("funcname") or "main_solution",
        item=origin.index,
        outputs=row.get("outputs") or 0,
        modal_share=row.get("modal_share") or 0.0,
        gated=ours and bool(row.get("gate")),
        tags=tuple(row.get("tags") or ()),
        category=row.get("category"),
        cluster=_cluster(row.get("cluster")) if ours else None,
        generation=Generation(**{name: row.get(name) for name in GENERATED})
        if ours
        else Generation(),
    )


def _cluster(value: Any) -> Cluster | None:
    """The cluster of a program of ours, or None for one that was not probed."""
    if not isinstance(value, dict) or not isinstance(value.get("version"), int):
        return None
    return Cluster(value["version"], value.get("behaviour"), tuple(value.get("text") or ()))


def _recorded(io: Any, detail: Fields) -> Pair:
    """A recorded pair. One that is no JSON is tagged `invalid`, and never asked."""
    # It keeps its place, since rows of others name a pair by its number.
    try:
        return Pair(
            input=text_of(io["input"]),
            output=text_of(io["output"]),
            steps=detail.get("steps"),
            lines=tuple(detail.get("lines", ())),
            coerced=tuple(detail.get("coerced", ())),
            mutates=bool(detail.get("mutates")),
            near_limit=bool(detail.get("near_limit")),
            tags=tuple(detail.get("tags", ())),
        )
    except (NotJson, KeyError, TypeError):
        return Pair(input="null", output="null", tags=("invalid",))


def turned(row: Fields, answer: Answer) -> Turn:
    """A turn from its row. answer: holds the content, which only the conversation has."""
    usage = row.get("usage")
    answer = replace(
        answer,
        finish=row.get("finish_reason") or "stop",
        model=row.get("model") or answer.model,
        usage=_usage(usage) if isinstance(usage, dict) else answer.usage,
    )
    return Turn(
        answer=answer,
        verdict=row.get("verdict"),
        predicted=row.get("answer"),
        read=row.get("read"),
        match=row.get("match"),
        got=row.get("got"),
        error=row.get("error") or "",
        cpu_s=float(row.get("cpu_s") or 0.0),
        near_limit=bool(row.get("near_limit")),
        out_of_domain=bool(row.get("out_of_domain")),
    )


def _number(value: Any) -> int:
    return value if isinstance(value, int) else 0


def _text(row: Fields, name: str) -> str:
    value = row.get(name)
    return value if isinstance(value, str) else ""


def _messages(row: Fields) -> Messages:
    messages = row.get("messages")
    if not isinstance(messages, list) or not messages:
        raise Rejected("bad_row", "messages is missing or empty")
    for message in messages:
        if (
            not isinstance(message, dict)
            or not isinstance(message.get("content"), str)
            or "role" not in message
        ):
            raise Rejected("bad_row", "messages holds something else than {role, content}")
    if messages[-1]["role"] != "user":
        raise Rejected("bad_row", "the last message is not the user's")
    return tuple(
        {"role": str(message["role"]), "content": message["content"]} for message in messages
    )


def _prompt(row: Fields) -> Prompt | None:
    prompt = row.get("prompt")
    return (
        Prompt(str(prompt.get("version")), str(prompt.get("hash")))
        if isinstance(prompt, dict)
        else None
    )


def _answer(row: Fields) -> Answer:
    output = row.get("output")
    if not isinstance(output, str):
        raise Rejected("bad_row", "output is no text")
    usage = row.get("usage")
    return Answer(
        content=output,
        reasoning=_text(row, "reasoning"),
        finish=row.get("finish_reason") or "stop",
        model=_text(row, "model"),
        usage=_usage(usage) if isinstance(usage, dict) else Usage(estimated=True),
    )


def _usage(row: Fields) -> Usage:
    return Usage(
        input_tokens=row.get("input_tokens") or 0,
        output_tokens=row.get("output_tokens") or 0,
        cached_tokens=row.get("cached_tokens") or 0,
        estimated=bool(row.get("estimated")),
        usd=row.get("usd") or 0.0,
    )


def _pair(row: Fields, program: Program) -> tuple[int, Pair]:
    """The pair that a row is about, by its id or else by its number. Raises: Rejected."""
    # Reversed, so that the first of two pairs with equal inputs counts.
    by_id = {pair.id: (number, pair) for number, pair in reversed([*enumerate(program.pairs)])}
    if row.get("pair") in by_id:
        return by_id[row["pair"]]
    number = row.get("ioid")
    if not isinstance(number, int) or not 0 <= number < len(program.pairs):
        raise Rejected("no_pair", f"the program {program.id} has no pair {number!r}")
    return number, program.pairs[number]


def _divided(messages: Messages) -> tuple[Messages, tuple[tuple[Message, Message], ...]]:
    """The opening of a conversation, and the answers in it, each with its feedback.

    Raises: Rejected where these do not alternate.
    """
    first = next(
        (place for place, message in enumerate(messages) if message["role"] == "assistant"),
        len(messages),
    )
    rest = messages[first:]
    if len(rest) % 2 or any(message["role"] != "assistant" for message in rest[::2]):
        raise Rejected("bad_row", "messages do not alternate between answers and feedback")
    return messages[:first], tuple(zip(rest[::2], rest[1::2], strict=True))


def _turns(row: Fields, spoken: tuple[tuple[Message, Message], ...]) -> tuple[Turn, ...]:
    known = row.get("turns")
    # A turn of others has no verdict. It was wrong, or the conversation would have ended with it.
    details = (
        known if isinstance(known, list) and len(known) == len(spoken) else [None] * len(spoken)
    )
    return tuple(
        replace(
            turned(detail, Answer(content=answer["content"]))
            if detail
            else Turn(answer=Answer(content=answer["content"]), verdict="wrong"),
            feedback=feedback["content"],
        )
        for detail, (answer, feedback) in zip(details, spoken, strict=True)
    )
