"""Replies into drafts: the first one, several programs of one, repairs, and what cannot be used."""

from dataclasses import replace

from stages.prompts.templates import load
from stages.records import (
    Answer,
    Attempt,
    Draft,
    Fault,
    Program,
    Reject,
    Sections,
    TransformQuestion,
    Unified,
)
from stages.repair.repair import Repairs
from stages.transform.drafting import Drafting
from tests.support.records import CODE, ORIGIN, SECTIONS, program, reply_of, transform_question

OTHER = replace(
    SECTIONS, code=CODE.replace("+= 1", "+= 2"), statement="What is `a` after `b` double steps?"
)
RAISES = Fault("raises", "ValueError: no")


def drafting(turns: int = 2) -> Drafting:
    return Drafting(
        Repairs(
            turns=turns,
            template=load("repair"),
            explanations=load("faults").parts(),
            modules="numpy",
            limit="400 bytes",
        )
    )


def stripped(sections: Sections) -> Sections:
    """Sections as the reader gives them: without the spaces around."""
    return Sections(
        code=sections.code.strip(),
        description=sections.description,
        generator=sections.generator.strip(),
        statement=sections.statement,
        check=sections.check.strip(),
    )


def first(content: str, finish: str = "stop") -> Unified:
    return Unified(transform_question(), Answer(content=content, finish=finish))


def repaired(content: str, finish: str = "stop", **changes: object) -> Unified:
    """A reply to a repair turn about a program that raises."""
    draft = Draft(
        question=transform_question(),
        number=1,
        sections=stripped(SECTIONS),
        attempts=(Attempt(answer=Answer(content=reply_of(SECTIONS)), fault=RAISES),),
    )
    draft = replace(draft, **changes)  # type: ignore[arg-type]
    messages = (
        *transform_question().messages,
        {"role": "assistant", "content": reply_of(SECTIONS)},
        {"role": "user", "content": "It raises."},
    )
    return Unified(
        TransformQuestion(messages=messages, origin=ORIGIN, draft=draft),
        Answer(content=content, finish=finish),
    )


async def test_a_whole_reply_is_a_draft_with_its_sections() -> None:
    unified = first(reply_of(SECTIONS))
    (draft,) = await drafting()(unified)
    assert draft == Draft(
        question=unified.question,
        number=1,
        sections=stripped(SECTIONS),
        attempts=(Attempt(answer=unified.answer),),
    )


async def test_the_programs_of_a_reply_are_drafts_of_their_own() -> None:
    reply = f"# Program 1\n{reply_of(SECTIONS)}\n# Program 2\n{reply_of(OTHER)}"
    one, two = await drafting()(first(reply))
    assert isinstance(one, Draft)
    assert isinstance(two, Draft)
    assert (one.sections, two.sections) == (stripped(SECTIONS), stripped(OTHER))
    assert (one.number, two.number) == (1, 2)
    assert one.id != two.id


async def test_of_two_programs_only_the_faulty_one_goes_to_repair() -> None:
    reply = (
        f"# Program 1\n{reply_of(SECTIONS)}\n# Program 2\n{reply_of(replace(OTHER, code='x = 1'))}"
    )
    sound, asked = await drafting()(first(reply))
    assert isinstance(sound, Draft)
    assert isinstance(asked, TransformQuestion)
    assert asked.draft is not None
    assert asked.draft.number == 2
    assert "Program 2" in asked.messages[-1]["content"]


async def test_a_reply_with_a_syntax_error_goes_to_repair_with_its_line() -> None:
    (asked,) = await drafting()(
        first(reply_of(replace(SECTIONS, code="def main_solution(a):\n    return (a")))
    )
    assert isinstance(asked, TransformQuestion)
    assert asked.draft is not None
    assert asked.draft.attempts[0].fault is not None
    assert asked.draft.attempts[0].fault.kind == "syntax"
    assert "in line 2" in asked.messages[-1]["content"]


async def test_without_repairs_a_faulty_program_is_rejected_by_its_fault() -> None:
    (given,) = await drafting(0)(first(reply_of(replace(SECTIONS, statement=""))))
    assert isinstance(given, Reject)
    assert (given.kind, given.reason) == ("program", "section")


async def test_a_reply_without_any_program_is_rejected_as_its_file() -> None:
    (given,) = await drafting(0)(first("I would rather not."))
    assert isinstance(given, Reject)
    assert (given.kind, given.id, given.reason) == ("file", ORIGIN.id, "section")


async def test_a_decline_rejects_the_file_with_its_category() -> None:
    (given,) = await drafting()(first("DECLINED: plot it only draws"))
    assert isinstance(given, Reject)
    assert (given.kind, given.id, given.reason, given.detail) == (
        "file",
        ORIGIN.id,
        "declined",
        "plot: it only draws",
    )
    assert given.more["category"] == "plot"


async def test_a_cut_reply_is_asked_again_whatever_of_it_can_be_read() -> None:
    (asked,) = await drafting()(first(reply_of(SECTIONS), finish="length"))
    assert isinstance(asked, TransformQuestion)
    assert asked.draft is not None
    assert asked.draft.sections is None
    assert asked.draft.number == 1
    assert load("faults").parts()["cut"] in asked.messages[-1]["content"]


async def test_a_repair_lays_its_sections_over_those_that_were_there() -> None:
    unified = repaired("## Problem Statement\nWhat comes out?")
    (draft,) = await drafting()(unified)
    assert isinstance(draft, Draft)
    assert draft.sections == replace(stripped(SECTIONS), statement="What comes out?")
    assert [attempt.fault for attempt in draft.attempts] == [RAISES, None]
    assert draft.attempts[-1].answer == unified.answer


async def test_a_repaired_draft_remembers_the_conversation_and_not_its_former_self() -> None:
    unified = repaired("## Problem Statement\nWhat comes out?")
    (draft,) = await drafting()(unified)
    assert isinstance(draft, Draft)
    assert draft.question.messages == unified.question.messages
    assert draft.question.draft is None


async def test_a_repair_keeps_the_programs_id_and_fallback() -> None:
    fallback = program(tags=("constant",))
    unified = repaired("## Problem Statement\nWhat comes out?", number=2, fallback=fallback)
    assert unified.question.draft is not None
    (draft,) = await drafting()(unified)
    assert isinstance(draft, Draft)
    assert draft.id == unified.question.draft.id
    assert draft.fallback == fallback


async def test_a_repair_that_brings_a_new_fault_goes_to_the_next_turn() -> None:
    (asked,) = await drafting()(
        repaired("## Main Function\n```python\ndef main_solution(a, b):\n  return (a\n```")
    )
    assert isinstance(asked, TransformQuestion)
    assert asked.draft is not None
    assert [attempt.fault and attempt.fault.kind for attempt in asked.draft.attempts] == [
        "raises",
        "syntax",
    ]
    assert len(asked.messages) == 5


async def test_after_the_last_repair_a_faulty_program_is_rejected() -> None:
    given, _tally = await drafting(1)(
        repaired("## Main Function\n```python\ndef main_solution(a, b):\n  return (a\n```")
    )
    assert isinstance(given, Reject)
    assert given.reason == "syntax"


async def test_a_repair_that_changes_nothing_stops_at_once() -> None:
    given, _tally = await drafting()(repaired(reply_of(SECTIONS)))
    assert isinstance(given, Reject)
    assert given.reason == "raises"
    assert [attempt["error"]["kind"] for attempt in given.more["attempts"]] == [
        "raises",
        "unchanged",
    ]


async def test_a_repair_that_changes_nothing_leaves_the_fallback() -> None:
    stands, _tally = await drafting()(
        repaired("Nothing is wrong with it.", fallback=program(tags=("constant",)))
    )
    assert isinstance(stands, Program)
    assert stands.tags == ("constant",)
    assert stands.generation.to_json()["transform"]["errors"] == ["raises", "unchanged"]


async def test_a_repair_that_hides_the_fault_is_refused_and_what_was_there_stays() -> None:
    hiding = CODE.replace("    total = a\n", "    return 0\n    total = a\n")
    (asked,) = await drafting()(repaired(f"## Main Function\n```python\n{hiding}```"))
    assert isinstance(asked, TransformQuestion)
    assert asked.draft is not None
    assert asked.draft.sections == stripped(SECTIONS)
    assert asked.draft.attempts[-1].fault is not None
    assert asked.draft.attempts[-1].fault.kind == "hidden"


async def test_a_cut_repair_is_asked_again_and_what_was_there_stays() -> None:
    (asked,) = await drafting()(repaired("## Problem Statement\nWhat comes", finish="length"))
    assert isinstance(asked, TransformQuestion)
    assert asked.draft is not None
    assert asked.draft.sections == stripped(SECTIONS)
    assert asked.draft.attempts[-1].fault is not None
    assert asked.draft.attempts[-1].fault.kind == "cut"


async def test_a_reply_in_place_of_a_cut_one_is_read_afresh() -> None:
    (draft,) = await drafting()(repaired(reply_of(OTHER), sections=None))
    assert isinstance(draft, Draft)
    assert draft.sections == stripped(OTHER)
    assert len(draft.attempts) == 2


async def test_a_decline_in_place_of_a_cut_reply_rejects_the_file() -> None:
    (given,) = await drafting()(repaired("DECLINED: io it copies files", sections=None))
    assert isinstance(given, Reject)
    assert (given.kind, given.id, given.reason, given.detail) == (
        "file",
        ORIGIN.id,
        "declined",
        "io: it copies files",
    )


async def test_a_second_reply_without_any_program_is_still_about_the_file() -> None:
    given, _tally = await drafting(1)(repaired("Sorry.", sections=None))
    assert isinstance(given, Reject)
    assert (given.kind, given.id, given.reason) == ("file", ORIGIN.id, "section")


async def test_a_repair_that_gives_both_programs_changes_its_own_alone() -> None:
    reply = (
        "# Program 1\n"
        "## Problem Statement\n"
        "Mine?\n\n"
        "# Program 2\n"
        "## Problem Statement\n"
        "The other's?\n"
    )
    (draft,) = await drafting()(repaired(reply))
    assert isinstance(draft, Draft)
    assert draft.sections == replace(stripped(SECTIONS), statement="Mine?")
