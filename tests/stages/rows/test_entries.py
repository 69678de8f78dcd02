"""Rows back into records: our own without loss, the reference's as far as they go, malformed ones
as rejects."""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.errors import Rejected
from stages.prompts.templates import load
from stages.records import (
    Answer,
    Answered,
    Attempted,
    Generation,
    Judged,
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
)
from stages.rows.boundaries import Boundary, boundary_of, rows_of
from stages.rows.entries import Entry, Record, chain
from stages.values.text import text_of
from stages.verification.feedback import Feedback
from tests.support.records import CODE, ORIGIN, PAIR, program, question, transform_question

FEEDBACK = Feedback(load("feedback"))
INDEX = 7
HERE = replace(ORIGIN, index=INDEX)


def counting() -> Callable[[str], int]:
    """How often its argument was asked before."""
    seen: Counter[str] = Counter()

    def occurrence(key: str) -> int:
        seen[key] += 1
        return seen[key] - 1

    return occurrence


def entry(boundary: Boundary) -> Entry:
    return Entry(
        boundary=boundary,
        code_field="code",
        feedback=FEEDBACK,
        reading="tolerant",
        occurrence=counting(),
    )


def entered(
    boundary: Boundary, row: dict[str, Any], program: Program | None = None, by: Entry | None = None
) -> Record:
    """The record of a row, after its way through a file."""
    read = json.loads(json.dumps(row))
    by = by or entry(boundary)
    return by.record(
        read, by.origin(read, file="rows.jsonl", line=3, index=INDEX, occurrence=0), program
    )


def returned(record: object, program: Program | None = None) -> list[Record]:
    """The records of a record's rows, one entry for all."""
    boundary = boundary_of(record)
    assert boundary is not None
    by = entry(boundary)
    return [entered(boundary, dict(row.content), program, by) for row in rows_of(record)]


TEXTS = st.text(st.characters(codec="utf-8"), max_size=12)
WORDS = st.text("abcdefgh", min_size=1, max_size=6)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=5,
)
JSON_TEXTS = VALUES.map(text_of)
OWN_FIELDS = {"file", "line", "content_hash", "row_id"}
ORIGINS = st.builds(
    Origin,
    id=WORDS,
    file=TEXTS,
    line=st.integers(0, 10**6),
    index=st.just(INDEX),
    fields=st.dictionaries(
        TEXTS.filter(lambda name: name not in OWN_FIELDS) | st.just("id"), VALUES, max_size=3
    ),
    content_hash=WORDS,
)
PROMPTS = st.none() | st.builds(Prompt, WORDS, WORDS)
TAGS = st.lists(WORDS, max_size=2).map(tuple)
COUNTS = st.integers(0, 10**6)
USAGES = st.builds(
    Usage, input_tokens=COUNTS, output_tokens=COUNTS, cached_tokens=COUNTS, estimated=st.booleans()
)
ANSWERS = st.builds(
    Answer,
    content=TEXTS,
    reasoning=TEXTS,
    finish=st.sampled_from(["stop", "length"]),
    model=TEXTS,
    usage=USAGES,
)
SILENT_ANSWERS = st.builds(
    Answer,
    content=TEXTS,
    reasoning=st.just(""),
    finish=st.sampled_from(["stop", "length"]),
    model=TEXTS,
    usage=USAGES,
)
VERDICTS: tuple[VerdictName, ...] = (
    "right",
    "wrong",
    "no_answer",
    "error",
    "timeout",
    "memory",
    "denied",
    "crash",
    "cut",
    "invalid_truth",
)


def turns(answers: st.SearchStrategy[Answer]) -> st.SearchStrategy[Turn]:
    return st.builds(
        Turn,
        answer=answers,
        verdict=st.sampled_from(VERDICTS),
        predicted=st.none() | JSON_TEXTS,
        read=st.sampled_from([None, "strict", "repaired:literal"]),
        match=st.sampled_from([None, "exact", "close"]),
        got=st.none() | JSON_TEXTS,
        error=TEXTS,
        cpu_s=st.integers(0, 99).map(lambda tenths: tenths / 10),
        near_limit=st.booleans(),
        out_of_domain=st.booleans(),
        feedback=TEXTS,
    )


PAIRS = st.builds(
    Pair,
    input=JSON_TEXTS,
    output=JSON_TEXTS,
    steps=st.none() | COUNTS,
    lines=st.lists(COUNTS, max_size=3).map(tuple),
    coerced=TAGS,
    mutates=st.booleans(),
    near_limit=st.booleans(),
    tags=TAGS,
)
FOUND = st.fixed_dictionaries(
    {
        "outputs": st.integers(0, 50),
        "modal_share": st.integers(0, 100).map(lambda part: part / 100),
    },
    optional={
        "seed": COUNTS,
        "draws": COUNTS,
        "signature": TEXTS,
        "imports": st.lists(WORDS),
        "dropped": st.just({}),
        "gate": st.just({"version": 1, "hash_seeds": [0, 1]}),
        "environment": st.just({"python": "3.11.7"}),
    },
)


@st.composite
def programs(draw: st.DrawFn) -> Program:
    found: dict[str, Any] = draw(FOUND)
    return Program(
        id=draw(WORDS),
        origin=draw(ORIGINS),
        sections=Sections(
            code=draw(TEXTS.filter(str.strip)),
            description=draw(TEXTS),
            generator=draw(TEXTS),
            statement=draw(TEXTS),
            check=draw(TEXTS),
        ),
        pairs=tuple(draw(st.lists(PAIRS, min_size=1, max_size=4, unique_by=lambda pair: pair.id))),
        entrypoint=draw(WORDS),
        item=INDEX,
        outputs=found["outputs"],
        modal_share=found["modal_share"],
        gated="gate" in found,
        tags=draw(TAGS),
        generation=Generation(**found),
        category=draw(VALUES),
    )


@st.composite
def questions(draw: st.DrawFn, last: st.SearchStrategy[Turn] | None = None) -> Question:
    """A question of up to three samples; each open one ends in a turn of `last`, if given."""
    subject = draw(programs())
    number = draw(st.integers(0, len(subject.pairs) - 1))
    before = draw(st.sampled_from([(), ({"role": "system", "content": "Be brief."},)]))
    samples = []
    for place in range(draw(st.integers(1, 3))):
        earlier = draw(st.lists(turns(SILENT_ANSWERS), max_size=2))
        samples.append(
            Attempted(
                number=place,
                turns=(*earlier, *([] if last is None else [draw(last)])),
                closed=draw(st.booleans()),
            )
        )
    return Question(
        id=draw(WORDS),
        program=subject,
        pair=subject.pairs[number],
        number=number,
        direction=draw(st.sampled_from(["input", "output"])),
        opening=(*before, {"role": "user", "content": draw(TEXTS)}),
        samples=tuple(samples),
        variant=draw(st.sampled_from(["query_code", "query", "code"])),
        prompt=draw(PROMPTS),
        sampling=draw(st.dictionaries(WORDS, VALUES, max_size=2)),
        system=draw(TEXTS),
        tags=(*subject.tags, *subject.pairs[number].tags),
        guess=draw(TAGS),
        wanted=draw(st.integers(1, 5)),
    )


def alone(subject: Question) -> list[Question]:
    """The question once for each open sample, as its rows have it."""
    return [subject.with_samples((sample,)) for sample in subject.open]


@given(questions())
def test_a_question_comes_back_whole_once_for_each_open_sample(subject: Question) -> None:
    boundary = boundary_of(subject)
    assert boundary in ("messages", "revision")
    assert returned(subject, subject.program) == alone(subject)


@given(questions(ANSWERS.map(lambda answer: Turn(answer=answer))))
def test_an_answered_question_comes_back_whole(subject: Question) -> None:
    assert returned(Answered(subject), subject.program) == [
        Answered(single) for single in alone(subject)
    ]


@given(questions(turns(ANSWERS)))
def test_a_judged_question_comes_back_whole(subject: Question) -> None:
    assert returned(Judged(subject), subject.program) == [
        Judged(single) for single in alone(subject)
    ]


@given(programs())
def test_a_program_comes_back_whole(subject: Program) -> None:
    assert returned(subject) == [subject]


CONVERSATIONS = TEXTS.map(lambda text: ({"role": "user", "content": text},))


@given(st.builds(TransformQuestion, messages=CONVERSATIONS, origin=ORIGINS, prompt=PROMPTS))
def test_a_transform_question_comes_back_whole(subject: TransformQuestion) -> None:
    assert returned(subject) == [subject]


@given(
    st.builds(
        Unified,
        st.builds(TransformQuestion, messages=CONVERSATIONS, origin=ORIGINS, prompt=PROMPTS),
        ANSWERS,
    )
)
def test_a_transforming_models_reply_comes_back_whole(subject: Unified) -> None:
    assert returned(subject) == [subject]


@pytest.mark.parametrize(
    "record",
    [
        question("input", tags=("long",)),
        question(turns=(Turn(answer=Answer(content="A"), verdict="wrong", feedback="No."),)),
        Answered(
            question(
                turns=(
                    Turn(
                        answer=Answer(
                            content="A",
                            reasoning="R",
                            finish="length",
                            model="m",
                            usage=Usage(input_tokens=1, output_tokens=2, cached_tokens=3),
                        )
                    ),
                )
            )
        ),
        Judged(
            question(
                "input",
                turns=(
                    Turn(
                        answer=Answer(content="A"),
                        verdict="crash",
                        predicted="{}",
                        read="strict",
                        match=None,
                        got="1",
                        error="E",
                        cpu_s=0.3,
                        near_limit=True,
                        feedback="No.",
                    ),
                ),
            )
        ),
        Unified(
            replace(transform_question(), origin=HERE),
            Answer(
                content="A",
                reasoning="R",
                finish="length",
                model="m",
                usage=Usage(input_tokens=1, output_tokens=2, cached_tokens=3, estimated=True),
            ),
        ),
        program(origin=HERE, item=INDEX, generation=Generation(gate={"version": 1}, outputs=20)),
    ],
    ids=lambda record: type(record).__name__,
)
def test_the_rows_of_a_record_that_came_back_are_its_rows(record: object) -> None:
    (again,) = returned(record, program())
    assert [row.content for row in rows_of(again)] == [row.content for row in rows_of(record)]


@given(ORIGINS)
def test_a_row_that_descends_from_a_raw_one_has_the_raw_ones_origin(origin: Origin) -> None:
    row = json.loads(json.dumps({"schema": 1, "source": origin.to_json()}))
    assert (
        entry("parsed").origin(row, file="other.jsonl", line=99, index=origin.index, occurrence=5)
        == origin
    )


@pytest.mark.parametrize("name", sorted(OWN_FIELDS))
def test_a_raw_field_is_kept_whatever_its_name(name: str) -> None:
    origin = Origin(
        id="f00d", file="code.jsonl", line=3, index=INDEX, fields={name: "raw"}, content_hash="cafe"
    )
    row = {"schema": 1, "source": origin.to_json()}
    assert (
        entry("parsed").origin(row, file="other.jsonl", line=99, index=INDEX, occurrence=0)
        == origin
    )


# Raw rows


def test_a_raw_row_is_a_source_file_with_all_its_other_fields() -> None:
    record = entered("raw", {"code": "x = 1\n", "license": "mit", "id": "r1", "stars": [1]})
    assert isinstance(record, SourceFile)
    assert record.code == "x = 1\n"
    assert record.origin.fields == {"license": "mit", "id": "r1", "stars": [1]}
    assert (record.origin.file, record.origin.line, record.origin.index) == ("rows.jsonl", 3, INDEX)


def test_a_raw_rows_id_follows_from_its_content_and_how_often_it_was_there_before() -> None:
    raw = entry("raw")
    first = raw.origin({"code": "x", "a": 1}, file="one.jsonl", line=1, index=0, occurrence=0)
    assert (
        raw.origin({"a": 1, "code": "x"}, file="two.jsonl", line=9, index=5, occurrence=0).id
        == first.id
    )
    assert (
        raw.origin({"code": "x", "a": 1}, file="one.jsonl", line=1, index=0, occurrence=1).id
        != first.id
    )
    assert (
        raw.origin({"code": "x", "a": 2}, file="one.jsonl", line=1, index=0, occurrence=0).id
        != first.id
    )


def test_the_content_hash_is_of_the_code_alone() -> None:
    raw = entry("raw")
    one, two = (
        raw.origin({"code": "x", "a": 1}, file="", line=1, index=0, occurrence=0),
        raw.origin({"code": "x", "a": 2}, file="", line=1, index=0, occurrence=0),
    )
    assert one.content_hash == two.content_hash != ""
    assert (
        raw.origin({"code": "y"}, file="", line=1, index=0, occurrence=0).content_hash
        != one.content_hash
    )


def refused(boundary: Boundary, row: dict[str, Any], by: Entry | None = None) -> Rejected:
    with pytest.raises(Rejected) as caught:
        entered(boundary, row, program(), by)
    return caught.value


@pytest.mark.parametrize(
    "row", [{}, {"text": "x = 1"}, {"code": None}, {"code": 5}, {"code": ""}, {"code": " \n"}]
)
def test_a_raw_row_without_code_is_rejected(row: dict[str, Any]) -> None:
    given = refused("raw", row)
    assert given.reason == "no_code"
    assert "'code'" in given.detail


# The reference's rows: no schema, no ids of ours

PARSED = {
    "problem_description": "What comes out?",
    "io_requirements": "Input: ...",
    "refcode": CODE,
    "funcname": "solve",
    "ios": [
        {"input": {"a": 2, "b": 3}, "output": 5},
        {"input": {"b": 1, "a": 0.5}, "output": [True, None]},
    ],
    "category": {"reason_type": None},
    "meta": {"msgidx": 4},
}


def test_a_parsed_row_is_an_ungated_program_without_a_generator() -> None:
    found = entered("parsed", PARSED)
    assert isinstance(found, Program)
    assert found.sections == Sections(
        code=CODE, description="Input: ...", generator="", statement="What comes out?", check=""
    )
    assert [(pair.input, pair.output) for pair in found.pairs] == [
        ('{"a": 2, "b": 3}', "5"),
        ('{"b": 1, "a": 0.5}', "[true, null]"),
    ]
    assert (found.entrypoint, found.category, found.item) == ("solve", {"reason_type": None}, INDEX)
    assert (found.gated, found.outputs, found.values, found.tags) == (False, 0, 2, ())
    assert found.generation == Generation()
    assert {pair.steps for pair in found.pairs} == {None}


def test_a_parsed_row_has_the_usual_function_unless_it_names_another() -> None:
    found = entered("parsed", {**PARSED, "funcname": None})
    assert isinstance(found, Program)
    assert found.entrypoint == "main_solution"


def test_a_row_of_others_is_never_held_to_be_gated() -> None:
    found = entered(
        "parsed",
        {**PARSED, "id": "x", "gate": {"version": 1}, "pairs": [{"steps": 1}, {"steps": 2}]},
    )
    assert isinstance(found, Program)
    assert not found.gated
    assert found.id != "x"
    assert found.pairs[0].steps is None


@pytest.mark.parametrize(
    "io",
    [
        {"input": {"a": float("nan")}, "output": 1},
        {"input": 1},
        {"output": 1},
        {},
        None,
        5,
        "io",
        [1, 2],
        {"input": 1, "output": [float("inf")]},
        {"input": "\ud800", "output": 1},
    ],
    ids=ascii,
)
def test_a_pair_that_is_no_json_keeps_its_place_and_is_tagged(io: Any) -> None:
    found = entered("parsed", {**PARSED, "ios": [io, *PARSED["ios"]]})
    assert isinstance(found, Program)
    assert [pair.tags for pair in found.pairs] == [("invalid",), (), ()]
    assert found.pairs[1].output == "5"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"refcode": None}, "bad_row"),
        ({"refcode": "\n"}, "bad_row"),
        ({"refcode": ["x"]}, "bad_row"),
        ({"ios": None}, "no_pairs"),
        ({"ios": []}, "no_pairs"),
        ({"ios": {"input": 1}}, "no_pairs"),
    ],
)
def test_a_parsed_row_without_code_or_pairs_is_rejected(
    changes: dict[str, Any], reason: str
) -> None:
    assert refused("parsed", {**PARSED, **changes}).reason == reason


ASKED = {
    "messages": [{"role": "user", "content": "What comes out?"}],
    "itemid": 0,
    "ioid": 1,
    "io_pred": "o",
}
TWO = program(pairs=(PAIR, Pair(input='{"a": 1, "b": 1}', output="2", steps=5)))


def reference_question(
    boundary: Boundary = "messages", by: Entry | None = None, **changes: Any
) -> Question:
    found = entered(boundary, {**ASKED, **changes}, TWO, by)
    assert isinstance(found, Question)
    return found


@pytest.mark.parametrize(("io_pred", "direction"), [("i", "input"), ("o", "output")])
def test_a_messages_row_is_a_question_about_its_pair(io_pred: str, direction: str) -> None:
    found = reference_question(io_pred=io_pred)
    assert (found.direction, found.number, found.pair) == (direction, 1, TWO.pairs[1])
    assert found.program is TWO
    assert found.opening == tuple(ASKED["messages"])  # type: ignore[arg-type]
    assert found.samples == (Attempted(number=0),)
    assert (found.variant, found.prompt, found.wanted) == ("query_code", None, 1)


def test_the_system_message_of_a_row_belongs_to_its_opening() -> None:
    asked: Any = ASKED["messages"]
    messages = [{"role": "system", "content": "Be brief."}, *asked]
    assert reference_question(messages=messages).opening == tuple(messages)


def test_a_question_without_an_id_gets_one_from_its_content() -> None:
    first = reference_question().id
    assert reference_question().id == first
    assert reference_question(ioid=0).id != first
    assert reference_question(io_pred="i").id != first
    assert reference_question(messages=[{"role": "user", "content": "What?"}]).id != first


def test_equal_rows_get_different_ids() -> None:
    by = entry("messages")
    assert len({reference_question(by=by).id for _ in range(3)}) == 3


def test_a_question_has_the_tags_of_its_program_and_pair_where_the_row_has_none() -> None:
    tagged = program(tags=("skewed",), pairs=(replace(PAIR, tags=("long",)),))
    found = entered("messages", {**ASKED, "ioid": 0}, tagged)
    assert isinstance(found, Question)
    assert found.tags == ("skewed", "long")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"io_pred": None}, "bad_row"),
        ({"io_pred": "x"}, "bad_row"),
        ({"io_pred": ["i"]}, "bad_row"),
        ({"ioid": None}, "no_pair"),
        ({"ioid": "0"}, "no_pair"),
        ({"ioid": 1}, "no_pair"),
        ({"ioid": -1}, "no_pair"),
        ({"messages": None}, "bad_row"),
        ({"messages": []}, "bad_row"),
        ({"messages": "What comes out?"}, "bad_row"),
        ({"messages": ["What comes out?"]}, "bad_row"),
        ({"messages": [{"role": "user"}]}, "bad_row"),
        ({"messages": [{"role": "user", "content": ["What"]}]}, "bad_row"),
        ({"messages": [{"content": "What"}]}, "bad_row"),
        (
            {"messages": [{"role": "user", "content": "A"}, {"role": "assistant", "content": "B"}]},
            "bad_row",
        ),
    ],
)
def test_a_messages_row_that_cannot_be_asked_is_rejected(
    changes: dict[str, Any], reason: str
) -> None:
    assert refused("messages", {**ASKED, "ioid": 0, **changes}).reason == reason


GROWN = [
    *ASKED["messages"],  # type: ignore[misc]
    {"role": "assistant", "content": 'I say {"output": 4}'},
    {"role": "user", "content": "No. Try again."},
]


def test_a_revision_row_is_a_question_with_its_turn_behind_it() -> None:
    found = reference_question("revision", messages=GROWN, retry_count=1)
    assert found.opening == tuple(GROWN[:1])
    assert found.samples == (
        Attempted(
            number=0,
            turns=(
                Turn(
                    answer=Answer(content='I say {"output": 4}'),
                    verdict="wrong",
                    feedback="No. Try again.",
                ),
            ),
        ),
    )
    assert found.messages(found.samples[0]) == tuple(GROWN)
    assert boundary_of(found) == "revision"


def test_a_revision_row_has_as_many_turns_as_its_messages_show() -> None:
    found = reference_question("revision", messages=[*GROWN, *GROWN[1:]], retry_count=1)
    assert len(found.samples[0].turns) == 2


@pytest.mark.parametrize(
    "spoken",
    [
        ["assistant", "assistant", "user"],
        ["assistant", "user", "user"],
        ["assistant", "user", "system", "user"],
    ],
)
def test_a_conversation_that_does_not_alternate_is_rejected(spoken: list[str]) -> None:
    asked: Any = ASKED["messages"]
    messages = [*asked, *({"role": role, "content": "x"} for role in spoken)]
    assert refused("revision", {**ASKED, "ioid": 0, "messages": messages}).reason == "bad_row"


def test_a_generations_row_is_a_question_with_a_fresh_answer() -> None:
    found = entered("generations", {**ASKED, "index": 3, "output": 'So {"output": 2}'}, TWO)
    assert isinstance(found, Answered)
    (sample,) = found.question.samples
    assert sample.turns == (
        Turn(answer=Answer(content='So {"output": 2}', usage=Usage(estimated=True))),
    )


@pytest.mark.parametrize("boundary", ["generations", "verified", "unified"])
@pytest.mark.parametrize("output", [None, 5, ["x"]])
def test_a_row_without_an_answer_is_rejected(boundary: Boundary, output: Any) -> None:
    row = {**ASKED, "ioid": 0, "output": output, "res": {"status": "success", "message": ""}}
    assert refused(boundary, row).reason == "bad_row"


def verified(
    status: str, message: str = "said", io_pred: str = "o", output: str = 'So {"output": 3}'
) -> Turn:
    row = {
        **ASKED,
        "io_pred": io_pred,
        "output": output,
        "res": {"status": status, "message": message},
    }
    found = entered("verified", row, TWO)
    assert isinstance(found, Judged)
    return found.question.samples[0].last


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        ("success", "right"),
        ("failed", "wrong"),
        ("AssertionError", "wrong"),
        ("no answer", "no_answer"),
        ("exception", "error"),
        ("error", "error"),
        ("timeout", "timeout"),
        ("cut", "cut"),
        ("invalid_truth", "invalid_truth"),
    ],
)
def test_a_verified_row_has_the_verdict_of_its_status(status: str, verdict: str) -> None:
    turn = verified(status)
    assert turn.verdict == verdict
    assert (turn.predicted, turn.read) == ("3", "strict")
    assert turn.error == ("" if status == "success" else "said")


def test_a_verified_row_of_others_gets_our_feedback() -> None:
    parts = FEEDBACK.template.parts()
    assert verified("success").feedback == parts["right_output"]
    assert verified("failed").feedback == parts["wrong_output"].replace("{{predicted}}", "3")
    assert verified("no answer", output="Three.").feedback == parts["no_answer"]
    assert (
        "ValueError: x"
        in verified("exception", "ValueError: x", "i", '{"input": {"a": 1, "b": 2}}').feedback
    )


@pytest.mark.parametrize("res", [None, {}, "success", {"status": None}, {"status": "perhaps"}])
def test_a_verified_row_without_a_known_status_is_rejected(res: Any) -> None:
    given = refused("verified", {**ASKED, "ioid": 0, "output": "x", "res": res})
    assert given.reason == "bad_row"
    assert "success" in given.detail


@pytest.mark.parametrize("boundary", ["questions", "unified"])
def test_a_transform_row_of_others_is_about_the_row_itself(boundary: Boundary) -> None:
    found = entered(boundary, {"messages": ASKED["messages"], "output": "## Main Function"})
    transform = found.question if isinstance(found, Unified) else found
    assert isinstance(transform, TransformQuestion)
    assert transform.messages == tuple(ASKED["messages"])  # type: ignore[arg-type]
    assert (transform.origin.file, transform.origin.index, transform.origin.fields) == (
        "rows.jsonl",
        INDEX,
        {},
    )


# Rows of ours that stand twice, and conversations


def test_a_program_of_ours_that_stands_twice_is_rejected_the_second_time() -> None:
    (row,) = rows_of(program())
    by = entry("parsed")
    entered("parsed", dict(row.content), by=by)
    assert refused("parsed", dict(row.content), by).reason == "duplicate_id"


def test_a_sample_of_ours_that_stands_twice_is_rejected_the_second_time() -> None:
    samples = (
        Attempted(number=0),
        Attempted(number=1),
        Attempted(
            number=2, turns=(Turn(answer=Answer(content="A"), verdict="wrong", feedback="No."),)
        ),
    )
    rows = [dict(row.content) for row in rows_of(question(samples=samples))]
    by = entry("messages")
    assert len([entered("messages", row, program(), by) for row in rows]) == 3
    assert refused("messages", rows[1], by).reason == "duplicate_id"


def test_a_pair_is_found_by_its_id_before_its_number() -> None:
    (row,) = rows_of(question(program=TWO, pair=TWO.pairs[1], number=1))
    found = entered("messages", {**row.content, "ioid": 0}, TWO)
    assert isinstance(found, Question)
    assert (found.number, found.pair) == (1, TWO.pairs[1])
    found = entered("messages", {**row.content, "pair": "gone"}, TWO)
    assert isinstance(found, Question)
    assert found.number == 1


def test_a_conversation_and_its_answer_are_what_the_next_turn_starts_from() -> None:
    opening: Messages = ({"role": "user", "content": "What?"},)
    answered: Messages = (
        *opening,
        {"role": "assistant", "content": "4"},
        {"role": "user", "content": "No."},
    )
    assert chain(opening, "4") == chain(answered)
    assert chain(opening, "5") != chain(answered)
    assert chain(opening, "4") != chain(opening)


@pytest.mark.parametrize(
    ("boundary", "row"),
    [
        pytest.param("messages", {**ASKED, "ioid": 0, "pair": []}, id="unhashable pair"),
        pytest.param("messages", {**ASKED, "ioid": 0, "tags": 5}, id="tags no list"),
        pytest.param(
            "verified",
            {**ASKED, "ioid": 0, "output": "x", "res": {"status": []}},
            id="unhashable status",
        ),
        pytest.param(
            "revision", {**ASKED, "ioid": 0, "messages": GROWN, "turns": ["x"]}, id="turn no object"
        ),
        pytest.param("parsed", {**PARSED, "tags": 5}, id="program's tags no list"),
        pytest.param(
            "parsed",
            {**PARSED, "schema": 1, "id": "x", "pairs": [1, 2]},
            id="pair's details no object",
        ),
    ],
)
def test_a_row_with_a_field_of_another_type_is_rejected(
    boundary: Boundary, row: dict[str, Any]
) -> None:
    assert refused(boundary, row).reason == "bad_row"


def test_a_line_that_is_no_number_is_none() -> None:
    record = entered("questions", {**ASKED, "schema": 1, "source": {"id": "x", "line": None}})
    assert isinstance(record, TransformQuestion)
    assert record.origin.line == 0


def test_a_question_of_ours_without_tags_gets_none() -> None:
    tagged = program(tags=("skewed",))
    (again,) = returned(question(program=tagged, tags=()), tagged)
    assert isinstance(again, Question)
    assert again.tags == ()
