"""Which samples get another turn, what feedback they get, and the rows of those that do not."""

from dataclasses import replace
from typing import Any

import pytest

from stages.prompts.templates import load
from stages.records import Answer, Attempted, Judged, Origin, Pair, Question, Row, Turn, VerdictName
from stages.revision import Revision
from stages.rows.samples import question_row, source_of
from stages.verification.feedback import Feedback
from tests.support.records import PAIR, program, question

FEEDBACK = Feedback(load("feedback"))
REVISED: tuple[VerdictName, ...] = (
    "wrong",
    "no_answer",
    "error",
    "timeout",
    "memory",
    "denied",
    "crash",
)
SETTLED: tuple[VerdictName, ...] = ("right", "cut", "invalid_truth")


def turn(verdict: VerdictName, content: str = "I say 4.", **changes: Any) -> Turn:
    return Turn(
        answer=Answer(content=content, model="m"),
        verdict=verdict,
        feedback=f"That is {verdict}.",
        **changes,
    )


def judged(*verdicts: VerdictName, direction: str = "output", **changes: object) -> Judged:
    """A question of one sample with one turn for each verdict; all but the last were answered with
    a redo."""
    turns = [turn(verdict, f"Answer {number}.") for number, verdict in enumerate(verdicts, 1)]
    earlier = [replace(said, feedback=f"{said.feedback} {FEEDBACK.redo}") for said in turns[:-1]]
    return Judged(question(direction, turns=(*earlier, turns[-1]), **changes))


async def outcomes(subject: Judged, **options: Any) -> tuple[Question | Row, ...]:
    return await Revision(feedback=FEEDBACK, **options)(subject)


async def again(subject: Judged, **options: Any) -> bool:
    given = await outcomes(subject, **options)
    return any(isinstance(outcome, Question) for outcome in given)


async def sample_row(subject: Judged, **options: Any) -> Row:
    row = (await outcomes(subject, **options))[0]
    assert isinstance(row, Row)
    assert row.file == "samples"
    return row


@pytest.mark.parametrize("direction", ["input", "output"])
@pytest.mark.parametrize("verdict", REVISED)
async def test_what_went_wrong_gets_another_turn(verdict: VerdictName, direction: str) -> None:
    assert await again(judged(verdict, direction=direction))


@pytest.mark.parametrize("verdict", SETTLED)
async def test_what_is_right_cut_or_cannot_be_judged_gets_no_other_turn(
    verdict: VerdictName,
) -> None:
    assert not await again(judged(verdict))


@pytest.mark.parametrize("turns", [1, 2, 3, 4])
async def test_there_are_no_more_turns_than_were_set(turns: int) -> None:
    verdicts: list[VerdictName] = ["wrong"] * turns
    assert not await again(judged(*verdicts), turns=turns)
    assert await again(judged(*verdicts), turns=turns + 1)


@pytest.mark.parametrize("output", ["true", "false"])
async def test_a_wrong_boolean_output_is_not_revised(output: str) -> None:
    pair = Pair(input=PAIR.input, output=output, steps=9)
    assert not await again(judged("wrong", pair=pair))
    assert await again(judged("no_answer", pair=pair))
    assert await again(judged("wrong", pair=pair, direction="input"))


async def test_a_wrong_output_of_a_program_with_two_outputs_is_not_revised() -> None:
    two = program(outputs=2)
    assert not await again(judged("wrong", program=two))
    assert await again(judged("no_answer", program=two))
    assert await again(judged("wrong", program=two, direction="input"))
    assert await again(judged("wrong", program=program(outputs=3)))


async def test_where_the_pool_is_unknown_the_pairs_say_how_many_outputs_there_are() -> None:
    pairs = (
        PAIR,
        Pair(input='{"a": 3, "b": 3}', output="6", steps=9),
        Pair(input='{"a": 4, "b": 2}', output="6", steps=9),
    )
    assert not await again(judged("wrong", program=program(outputs=0, pairs=pairs)))
    assert await again(
        judged(
            "wrong",
            program=program(
                outputs=0, pairs=(*pairs, Pair(input='{"a": 5, "b": 2}', output="7", steps=9))
            ),
        )
    )


async def test_the_next_user_message_is_the_feedback_with_the_request_to_try_again() -> None:
    (asked,) = await outcomes(judged("wrong"))
    assert isinstance(asked, Question)
    opening, answer, feedback = asked.messages(asked.samples[0])
    assert opening == asked.opening[0]
    assert answer == {"role": "assistant", "content": "Answer 1."}
    assert feedback == {"role": "user", "content": f"That is wrong. {FEEDBACK.redo}"}


async def test_each_feedback_is_byte_for_byte_the_user_message_that_followed() -> None:
    subject = judged("wrong")
    sent: list[str] = []
    for number in (2, 3):
        (asked,) = await outcomes(subject, turns=3)
        assert isinstance(asked, Question)
        (sample,) = asked.samples
        sent.append(asked.messages(sample)[-1]["content"])
        said = turn("error" if number == 2 else "right", f"Answer {number}.")
        subject = Judged(asked.with_samples((replace(sample, turns=(*sample.turns, said)),)))
    row = (await sample_row(subject, turns=3)).content
    assert [row["feedback_1"], row["feedback_2"]] == sent
    assert row["feedback_3"] == "That is right."


async def test_the_last_feedback_has_no_request_to_try_again() -> None:
    row = (await sample_row(judged("wrong", "wrong"))).content
    assert row["feedback_1"] == f"That is wrong. {FEEDBACK.redo}"
    assert row["feedback_2"] == "That is wrong."


async def test_a_row_has_exactly_its_keys_in_their_order() -> None:
    for subject in (judged("right"), judged("wrong", "right"), judged("cut")):
        row = (await sample_row(subject)).content
        assert list(row) == ["prompt", "turn_1", "feedback_1", "turn_2", "feedback_2", "meta"]


async def test_with_three_turns_the_keys_go_on() -> None:
    row = (await sample_row(judged("wrong", "error", "wrong"), turns=3)).content
    keys = [
        "prompt",
        "turn_1",
        "feedback_1",
        "turn_2",
        "feedback_2",
        "turn_3",
        "feedback_3",
        "meta",
    ]
    assert list(row) == keys
    assert [row[f"turn_{number}"] for number in (1, 2, 3)] == [
        "Answer 1.",
        "Answer 2.",
        "Answer 3.",
    ]


async def test_the_second_turn_is_null_where_the_first_was_right() -> None:
    row = (await sample_row(judged("right"))).content
    assert (row["turn_1"], row["feedback_1"]) == ("Answer 1.", "That is right.")
    assert (row["turn_2"], row["feedback_2"]) == (None, None)


async def test_a_cut_answer_is_a_row_that_was_not_revised() -> None:
    row = await sample_row(judged("cut"))
    assert row.content["turn_2"] is None
    assert row.content["meta"]["turns"][0]["verdict"] == "cut"
    assert row.counts["samples.still_cut"] == 1


async def test_the_prompt_is_the_first_user_message_whatever_stands_before_it() -> None:
    opening = (
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "What comes out?"},
    )
    assert (await sample_row(judged("right", opening=opening))).content[
        "prompt"
    ] == "What comes out?"


async def test_meta_has_the_fields_that_the_data_promises() -> None:
    subject = judged(
        "wrong",
        "right",
        direction="input",
        tags=("long",),
        sampling={"temperature": 0.7},
        system="S",
    )
    row = await sample_row(subject)
    meta = row.content["meta"]
    promised = {
        "id",
        "direction",
        "program",
        "pair",
        "sample",
        "variant",
        "prompt_version",
        "input",
        "output",
        "turns",
        "guess",
        "steps",
        "tags",
        "sampling",
        "system",
        "schema",
        "source",
    }
    assert promised <= set(meta)
    assert row.id == meta["id"] == f"{subject.question.id}.0"
    assert (meta["direction"], meta["program"], meta["pair"], meta["sample"]) == (
        "input",
        "beef",
        PAIR.id,
        0,
    )
    assert (meta["input"], meta["output"], meta["steps"]) == (PAIR.input, PAIR.output, 9)
    assert (meta["tags"], meta["sampling"], meta["system"]) == (["long"], {"temperature": 0.7}, "S")
    assert [said["verdict"] for said in meta["turns"]] == ["wrong", "right"]
    assert meta["source"]["license"] == "mit"


async def test_a_row_near_a_limit_is_tagged_so() -> None:
    said = replace(turn("right"), near_limit=True)
    assert (await sample_row(Judged(question(turns=(said,))))).content["meta"]["tags"] == [
        "near_limit"
    ]
    pair = replace(PAIR, near_limit=True)
    assert (await sample_row(judged("right", pair=pair))).content["meta"]["tags"] == ["near_limit"]


async def test_a_row_with_a_turn_outside_the_domain_is_tagged_so() -> None:
    said = replace(turn("right"), out_of_domain=True)
    tags = (await sample_row(Judged(question("input", turns=(said,), tags=("long",))))).content[
        "meta"
    ]["tags"]
    assert tags == ["long", "out_of_domain"]


async def test_counts_say_how_a_sample_ended_and_what_each_turn_gave() -> None:
    assert (await sample_row(judged("wrong", "right"))).counts == {
        "samples.right_in_turn_2": 1,
        "verdicts.turn_1.output.wrong": 1,
        "verdicts.turn_2.output.right": 1,
        "verdicts_by_output.int.output.turn_1.wrong": 1,
        "verdicts_by_output.int.output.turn_2.right": 1,
    }
    assert (await sample_row(judged("error", "wrong", direction="input"))).counts == {
        "samples.still_wrong": 1,
        "verdicts.turn_1.input.error": 1,
        "verdicts.turn_2.input.wrong": 1,
        "verdicts_by_output.int.input.turn_1.error": 1,
        "verdicts_by_output.int.input.turn_2.wrong": 1,
    }


def sampled(*verdicts: VerdictName) -> Judged:
    """A question of several samples of one turn each."""
    samples = tuple(
        Attempted(number=number, turns=(turn(verdict),)) for number, verdict in enumerate(verdicts)
    )
    return Judged(question(samples=samples, wanted=len(samples)))


async def test_only_the_first_of_several_samples_is_revised_unless_set() -> None:
    row_1, row_2, asked = await outcomes(sampled("wrong", "wrong", "right"))
    assert [row.id[-2:] for row in (row_1, row_2) if isinstance(row, Row)] == [".1", ".2"]
    assert isinstance(asked, Question)
    assert [sample.number for sample in asked.open] == [0]


async def test_all_samples_are_revised_where_set() -> None:
    row, asked = await outcomes(sampled("wrong", "wrong", "right"), samples="all")
    assert isinstance(row, Row)
    assert row.id.endswith(".2")
    assert isinstance(asked, Question)
    assert [sample.number for sample in asked.open] == [0, 1]


async def test_a_sample_that_has_settled_is_written_once() -> None:
    *_, asked = await outcomes(sampled("wrong", "right"))
    assert isinstance(asked, Question)
    first, second = asked.samples
    later = asked.with_samples((replace(first, turns=(*first.turns, turn("right"))), second))
    rows = await outcomes(Judged(later))
    assert [row.id for row in rows if isinstance(row, Row)] == [f"{asked.id}.0", f"{asked.id}.2"]


async def test_a_question_is_written_when_its_last_sample_settles() -> None:
    *_, row = await outcomes(sampled("right", "cut", "right"))
    assert isinstance(row, Row)
    assert row.file == "questions"
    assert (row.content["id"], row.content["program"], row.content["pair"]) == (
        row.id.removesuffix(".3"),
        "beef",
        PAIR.id,
    )
    assert (row.content["answered"], row.content["asked"], row.content["right"]) == (3, 3, 2)
    assert row.content["pass_rate"] == pytest.approx(2 / 3)


def test_pass_rates_are_of_first_answers_and_revisions_are_counted_beside_them() -> None:
    row = question_row(judged("wrong", "right").question).content
    assert (row["right"], row["right_after_revision"], row["pass_rate"]) == (0, 1, 0.0)


def test_a_sample_that_was_never_answered_is_in_no_pass_rate() -> None:
    samples = (
        Attempted(number=0, turns=(turn("right"),), closed=True),
        Attempted(number=1, turns=(), closed=True),
    )
    row = question_row(question(samples=samples, wanted=2)).content
    assert (row["answered"], row["asked"], row["pass_rate"]) == (1, 2, 1.0)
    nothing = question_row(question(samples=samples[1:], wanted=1)).content
    assert (nothing["answered"], nothing["pass_rate"]) == (0, None)


@pytest.mark.parametrize("name", ["license", "licence", "license_type", "licenses"])
def test_the_source_of_a_sample_names_its_licence_whatever_its_field(name: str) -> None:
    row = source_of(
        Origin(
            id="f00d",
            file="code.jsonl",
            line=3,
            index=2,
            fields={name: "mit", "path": "a.py", "stars": 9},
        )
    )
    assert row == {"id": "f00d", "license": "mit", "path": "a.py", "file": "code.jsonl", "line": 3}


async def test_counts_say_what_the_three_equalities_make_of_an_answer() -> None:
    subject = Judged(
        question(
            pair=Pair(input='{"a": 2}', output="5.0"), turns=(turn("right", predicted="5.0001"),)
        )
    )
    counts = (await sample_row(subject)).counts
    assert {name: count for name, count in counts.items() if name.startswith("equalities.")} == {
        "equalities.compared": 1,
        "equalities.close": 1,
        "equalities.paper": 1,
        "equalities.strict": 0,
    }
