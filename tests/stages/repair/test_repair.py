"""What becomes of a faulty program: turns while there are any, then the fallback, then a reject."""

from dataclasses import replace

import pytest

from stages.prompts.templates import Template, load
from stages.records import (
    Answer,
    Attempt,
    Draft,
    Fault,
    Generation,
    Program,
    Prompt,
    Reject,
    Tally,
    TransformQuestion,
    Usage,
)
from stages.repair.outcomes import transform_json
from stages.repair.repair import Repairs, given_up
from tests.support.records import ORIGIN, SECTIONS, program, reply_of, transform_question

RAISES = Fault("raises", "With the input {}: ValueError: no")
REPLY = reply_of(SECTIONS)


def repairs(turns: int = 2) -> Repairs:
    return Repairs(
        turns=turns,
        template=load("repair"),
        explanations=load("faults").parts(),
        modules="numpy, scipy",
        limit="400 bytes",
    )


def draft(*faults: Fault | None, number: int = 1, fallback: Program | None = None) -> Draft:
    """A draft that has had one reply for each fault found so far."""
    attempts = tuple(
        Attempt(
            answer=Answer(content=REPLY, model="m", usage=Usage(input_tokens=10, output_tokens=2)),
            fault=fault,
        )
        for fault in faults
    )
    return Draft(
        question=transform_question(),
        number=number,
        sections=SECTIONS,
        attempts=attempts,
        fallback=fallback,
    )


def repair_turn(outcomes: tuple[object, ...]) -> TransformQuestion:
    (outcome,) = outcomes
    assert isinstance(outcome, TransformQuestion)
    return outcome


def reject(outcomes: tuple[object, ...]) -> Reject:
    outcome, *_rest = outcomes
    assert isinstance(outcome, Reject)
    return outcome


def test_a_fault_goes_back_to_the_model_at_the_end_of_the_same_conversation() -> None:
    asked = repair_turn(repairs().of(draft(None), RAISES))
    first, answer, request = asked.messages
    assert first == transform_question().messages[0]
    assert answer == {"role": "assistant", "content": REPLY}
    assert request["role"] == "user"
    assert RAISES.evidence in request["content"]
    assert load("faults").parts()["raises"] in request["content"]
    assert asked.origin == ORIGIN


def test_the_repair_turn_carries_the_draft_with_its_fault_noted() -> None:
    asked = repair_turn(repairs().of(draft(None), RAISES))
    assert asked.draft == draft(RAISES)


def test_the_conversation_grows_from_the_last_request() -> None:
    grown = (
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "b"},
        {"role": "user", "content": "c"},
    )
    before = draft(RAISES, None)
    asked = repair_turn(
        repairs().of(
            replace(before, question=TransformQuestion(messages=grown, origin=ORIGIN)), RAISES
        )
    )
    assert asked.messages[:3] == grown
    assert len(asked.messages) == 5


def test_the_second_program_of_a_reply_is_named_in_its_request() -> None:
    assert (
        "Program 2"
        in repair_turn(repairs().of(draft(None, number=2), RAISES)).messages[-1]["content"]
    )
    assert "The program" in repair_turn(repairs().of(draft(None), RAISES)).messages[-1]["content"]


def test_a_missing_module_is_explained_with_the_list_of_those_there() -> None:
    asked = repair_turn(repairs().of(draft(None), Fault("module", "Not there: torch.")))
    assert "numpy, scipy" in asked.messages[-1]["content"]


def test_what_is_too_large_is_explained_with_the_limit() -> None:
    asked = repair_turn(repairs().of(draft(None), Fault("too_large", "600 bytes")))
    assert "400 bytes" in asked.messages[-1]["content"]


def test_evidence_with_placeholders_in_it_is_not_filled_in() -> None:
    asked = repair_turn(
        repairs().of(draft(None), Fault("raises", "KeyError: {{program}} {{limit}}"))
    )
    assert "KeyError: {{program}} {{limit}}" in asked.messages[-1]["content"]


def test_every_kind_of_fault_that_a_stage_finds_has_its_explanation() -> None:
    found = {
        "cut",
        "section",
        "syntax",
        "main",
        "generator",
        "module",
        "load",
        "signature",
        "raises",
        "unjson",
        "too_large",
        "too_slow",
        "long",
        "memory",
        "denied",
        "crash",
        "few_inputs",
        "constant",
        "skewed",
        "input_check",
        "random",
        "clock",
        "hash_order",
        "state",
        "opaque",
    }
    explanations = load("faults").parts()
    assert {kind for kind in found if not explanations.get(kind)} == set()


@pytest.mark.parametrize("turns", [0, 1, 2])
def test_there_are_as_many_repairs_as_were_set(turns: int) -> None:
    faults: list[Fault | None] = [None]
    for _ in range(turns):
        repair_turn(repairs(turns).of(draft(*faults), RAISES))
        faults.insert(0, RAISES)
    assert reject(repairs(turns).of(draft(*faults), RAISES)).reason == "raises"


def test_a_reject_is_about_the_program_and_keeps_every_reply() -> None:
    given = reject(repairs(1).of(draft(RAISES, None), Fault("syntax", "Main Function: oops")))
    assert (given.kind, given.id) == ("program", draft(None).id)
    assert (given.reason, given.detail) == ("syntax", "Main Function: oops")
    kept = given.more["attempts"]
    assert [attempt["error"]["kind"] for attempt in kept] == ["raises", "syntax"]
    assert [attempt["reply"] for attempt in kept] == [REPLY, REPLY]


def test_a_draft_without_any_program_is_rejected_as_its_file() -> None:
    nothing = replace(draft(Fault("section", "Missing: all.")), sections=None)
    given = reject(given_up(nothing))
    assert (given.kind, given.id, given.reason) == ("file", ORIGIN.id, "section")


@pytest.mark.parametrize("guard", ["unchanged", "hidden"])
def test_a_reject_names_the_programs_own_fault_not_the_guard_that_stopped_its_repair(
    guard: str,
) -> None:
    assert reject(given_up(draft(RAISES, Fault(guard, "no")))).reason == "raises"


def test_a_reject_names_the_last_of_the_programs_own_faults() -> None:
    assert reject(given_up(draft(RAISES, Fault("syntax", "")))).reason == "syntax"


def test_a_fallback_stands_where_nothing_mends_the_draft() -> None:
    fallback = program(tags=("constant",), generation=Generation(pool=50))
    outcomes = repairs(1).of(draft(RAISES, None, fallback=fallback), RAISES)
    stands, tally = outcomes
    assert isinstance(stands, Program)
    assert isinstance(tally, Tally)
    assert dict(tally.counts) == {"repairs.tried.raises": 1, "repairs.tokens.raises": 12}
    assert replace(stands, generation=Generation()) == replace(fallback, generation=Generation())
    assert stands.generation.to_json()["pool"] == 50
    assert stands.generation.to_json()["transform"] == transform_json(draft(RAISES, RAISES))


def test_the_transform_json_counts_attempts_their_faults_and_what_all_of_them_used() -> None:
    attempts = tuple(
        Attempt(
            answer=Answer(
                content="", model=f"m{used}", usage=Usage(input_tokens=used, output_tokens=1)
            ),
            fault=fault,
        )
        for used, fault in ((10, RAISES), (200, Fault("syntax", "")), (3000, None))
    )
    asked = replace(transform_question(), prompt=Prompt("transform/1", "cafe"))
    row = transform_json(Draft(question=asked, number=1, sections=SECTIONS, attempts=attempts))
    assert row == {
        "model": "m10",
        "prompt": {"version": "transform/1", "hash": "cafe"},
        "attempts": 3,
        "errors": ["raises", "syntax"],
        "usage": Usage(input_tokens=3210, output_tokens=3).to_json(),
    }


def test_the_request_is_filled_from_its_template() -> None:
    own = Repairs(
        turns=1,
        template=Template("t", "{{program}}|{{kind}}|{{explanation}}|{{evidence}}", "1"),
        explanations={"raises": "E"},
        modules="",
        limit="",
    )
    asked = repair_turn(own.of(draft(None), Fault("raises", "why")))
    assert asked.messages[-1]["content"] == "The program|raises|E|why"
    assert (
        repair_turn(own.of(draft(None), Fault("odd", "why"))).messages[-1]["content"]
        == "The program|odd||why"
    )
