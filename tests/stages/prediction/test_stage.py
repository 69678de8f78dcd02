"""Which pairs are asked, in which direction, and in which words."""

import ast
import json
import re
from dataclasses import replace
from typing import Any

import pytest

from sandbox import Run
from stages.prediction.panel import Panel
from stages.prediction.stage import Prediction
from stages.prediction.wording import Wording
from stages.prompts.templates import Template, load
from stages.records import Direction, Pair, Program, Question, Reject, Tally, Variant
from tests.support.records import PAIR, SECTIONS, program
from tests.support.runner import FakeRunner

WORDING = Wording(
    question=load("question"),
    parts=load("parts"),
    ask_input=load("ask_input"),
    ask_output=load("ask_output"),
)


def stage(**options: Any) -> Prediction:
    """Prediction whose guesses all fail."""
    return Prediction(
        wording=WORDING, panel=Panel(FakeRunner(others=Run(status="error"))), **options
    )


def pair(number: int, output: str = "", **changes: Any) -> Pair:
    return Pair(
        input=f'{{"a": {number}, "b": 3}}',
        output=output or str(number + 3),
        **{"steps": 9, **changes},
    )


def several(*pairs: Pair, **changes: object) -> Program:
    return program(pairs=pairs, **changes)


async def asked(subject: Program, **options: Any) -> list[Question]:
    outcomes = await stage(**options)(subject)
    return [outcome for outcome in outcomes if isinstance(outcome, Question)]


async def unasked(subject: Program, **options: Any) -> dict[str, int]:
    tallies = [outcome for outcome in await stage(**options)(subject) if isinstance(outcome, Tally)]
    return {name: count for name, count in tallies[0].counts.items() if name.startswith("unasked.")}


def opening(direction: str = "output", *, variant: Variant = "query_code", **changes: Any) -> str:
    subject = program(sections=replace(SECTIONS, **changes.pop("sections", {})), **changes)
    assert direction in ("input", "output")
    return WORDING.opening(
        subject, subject.pairs[0], "input" if direction == "input" else "output", variant
    )


async def test_each_pair_is_asked_in_both_directions_inputs_first() -> None:
    questions = await asked(several(pair(1), pair(2)))
    assert [(question.direction, question.number) for question in questions] == [
        ("input", 0),
        ("input", 1),
        ("output", 0),
        ("output", 1),
    ]


async def test_only_the_directions_that_are_set_are_asked() -> None:
    assert {
        question.direction for question in await asked(several(pair(1)), directions=("output",))
    } == {"output"}


async def test_a_question_is_named_by_program_pair_and_direction() -> None:
    ids = [question.id for question in await asked(several(pair(1)))]
    assert ids == [f"beef.{pair(1).id}.i", f"beef.{pair(1).id}.o"]


async def test_the_first_pairs_are_asked_up_to_the_number_set() -> None:
    questions = await asked(
        several(*[pair(number) for number in range(9)]), pairs=4, directions=("output",)
    )
    assert [question.number for question in questions] == [0, 1, 2, 3]


async def test_an_output_that_was_asked_about_is_not_asked_about_again() -> None:
    subject = several(pair(1, "7"), pair(2, "7"), pair(3, "8"))
    numbers = [(question.direction, question.number) for question in await asked(subject, pairs=2)]
    assert numbers == [("input", 0), ("input", 2), ("output", 0), ("output", 1)]
    assert await unasked(subject) == {"unasked.repeated": 1}


async def test_distinct_questions_are_counted_not_pairs() -> None:
    subject = several(*[pair(number, "7") for number in range(5)], pair(6, "8"), pair(7, "9"))
    numbers = [question.number for question in await asked(subject, pairs=3, directions=("input",))]
    assert numbers == [0, 5, 6]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"steps": 3}, "trivial"),
        ({"steps": 10_001}, "long"),
        ({"tags": ("input_after_call",)}, "input_after_call"),
        ({"tags": ("invalid",)}, "invalid"),
    ],
)
async def test_a_pair_that_is_no_good_question_is_counted_by_its_reason(
    changes: dict[str, Any], reason: str
) -> None:
    subject = several(pair(1, **changes), pair(2))
    assert {question.number for question in await asked(subject)} == {1}
    assert await unasked(subject) == {f"unasked.{reason}": 2}


@pytest.mark.parametrize("steps", [4, 10_000, None])
async def test_the_bounds_of_steps_are_inside_and_unknown_steps_are_asked(
    steps: int | None,
) -> None:
    assert len(await asked(several(pair(1, steps=steps)))) == 2


async def test_without_bounds_every_pair_is_asked() -> None:
    assert len(await asked(several(pair(1, steps=1), pair(2, steps=10**6)), steps=None)) == 4


async def test_a_program_of_which_nothing_is_asked_is_rejected_and_its_pairs_are_counted() -> None:
    given, tally = await stage()(several(pair(1, steps=1), pair(2, steps=10**6)))
    assert isinstance(given, Reject)
    assert (given.id, given.kind, given.reason, given.detail) == (
        "beef",
        "program",
        "no_questions",
        "2 long, 2 trivial",
    )
    assert isinstance(tally, Tally)
    assert tally.id == "posed:beef"
    assert tally.counts == {"unasked.trivial": 2, "unasked.long": 2}


async def test_of_a_program_of_which_all_is_asked_nothing_is_counted_as_unasked() -> None:
    assert await unasked(several(pair(1))) == {}


@pytest.mark.parametrize("tag", ["constant", "skewed"])
async def test_a_program_with_few_outputs_gets_one_output_question_and_no_input_question(
    tag: str,
) -> None:
    questions = await asked(several(pair(1, "0"), pair(2, "0"), pair(3, "1"), tags=(tag,)))
    assert [(question.direction, question.number) for question in questions] == [("output", 0)]


async def test_a_question_carries_the_tags_of_its_program_and_its_pair() -> None:
    (question,) = await asked(several(pair(1, tags=("long",)), tags=("skewed",)))
    assert question.tags == ("skewed", "long")


async def test_a_question_has_as_many_open_samples_as_are_wanted() -> None:
    (question,) = await asked(several(pair(1)), directions=("output",), samples=3)
    assert [sample.number for sample in question.open] == [0, 1, 2]
    assert question.wanted == 3


async def variants(shares: dict[Variant, float]) -> dict[str, Variant]:
    subject = several(*[pair(number) for number in range(60)])
    return {
        question.id: question.variant
        for question in await asked(subject, pairs=60, variants=shares)
    }


async def test_the_variant_follows_from_the_id_and_the_shares_alone() -> None:
    shares: dict[Variant, float] = {"query_code": 0.5, "query": 0.25, "code": 0.25}
    drawn = await variants(shares)
    assert drawn == await variants(shares)
    assert drawn == await variants({name: share * 8 for name, share in shares.items()})
    counts = [list(drawn.values()).count(name) for name in ("query_code", "query", "code")]
    assert counts[0] > max(counts[1:])
    assert min(counts) > 10


async def test_a_variant_without_a_share_is_never_drawn() -> None:
    assert set((await variants({"query": 0.0, "code": 1.0, "query_code": 0.0})).values()) == {
        "code"
    }


async def test_the_opening_is_the_one_user_message() -> None:
    (question,) = await asked(several(PAIR), directions=("output",))
    assert question.opening == ({"role": "user", "content": opening()},)
    assert question.prompt == WORDING.prompt


def test_an_output_question_shows_the_input_and_an_input_question_the_output() -> None:
    assert f"```json\n{PAIR.input}\n```" in opening("output")
    assert f"```json\n{PAIR.output}\n```" in opening("input")
    assert PAIR.input not in opening("input")


def test_an_input_question_names_the_arguments() -> None:
    assert "(`a`, `b`)" in opening("input")


@pytest.mark.parametrize(
    ("variant", "statement", "code"),
    [("query_code", True, True), ("query", True, False), ("code", False, True)],
)
def test_each_variant_shows_its_part(variant: Variant, statement: bool, code: bool) -> None:
    for direction in ("input", "output"):
        text = opening(direction, variant=variant)
        assert (SECTIONS.statement in text, SECTIONS.description in text) == (statement, statement)
        assert ("def main_solution" in text) is code


def test_no_placeholder_and_no_gap_is_left_in_an_opening() -> None:
    for variant in ("query_code", "query", "code"):
        for direction in ("input", "output"):
            text = opening(direction, variant=variant)
            assert "{{" not in text
            assert "\n\n\n" not in text
            assert text == text.strip()


@pytest.mark.parametrize(
    ("output", "stated"),
    [("5", False), ("5.0", True), ('{"a": [1, {"b": 0.5}]}', True), ('"0.5"', False)],
)
def test_the_tolerance_is_stated_where_the_truth_has_a_float(output: str, stated: bool) -> None:
    for direction in ("input", "output"):
        text = opening(direction, pairs=(Pair(input='{"a": 2.5}', output=output),))
        assert (load("parts").parts()["tolerance"] in text) is stated


def test_both_directions_open_alike_up_to_what_is_asked() -> None:
    shared = opening("input").partition("The output is:")[0]
    assert SECTIONS.code.strip() in shared
    assert opening("output").startswith(shared)


def test_the_code_is_tidied_for_the_question_unless_it_is_set_otherwise() -> None:
    sections = {"code": f"import os\n{SECTIONS.code}"}
    assert "import os" not in opening(sections=sections)
    subject = program(sections=replace(SECTIONS, **sections))
    assert "import os" in replace(WORDING, normalise=False).opening(
        subject, PAIR, "output", "query_code"
    )


@pytest.mark.parametrize("part", ["statement", "description", "code"])
def test_what_a_program_says_is_never_filled_in(part: str) -> None:
    text = f"x = '{{{{ask}}}} {{{{value}}}} {{{{{part}}}}} \\\\1'"
    assert text in opening(sections={part: text})


def test_the_prompts_version_is_the_questions_and_its_hash_that_of_all_texts() -> None:
    assert WORDING.prompt.version == load("question").version
    for name in ("question", "parts", "ask_input", "ask_output"):
        other: dict[str, Any] = {name: replace(load(name), text=load(name).text + ".")}
        assert replace(WORDING, **other).prompt.hash != WORDING.prompt.hash
        custom: dict[str, Any] = {name: Template(name, load(name).text, "custom")}
        assert replace(WORDING, **custom).prompt.version == "custom"
        assert replace(WORDING, **custom).prompt.hash == WORDING.prompt.hash


def shown_code(text: str) -> str:
    found = re.search(r"```python\n(.*?)\n```", text, re.DOTALL)
    assert found is not None
    return found[1]


@pytest.mark.parametrize(
    "code", [SECTIONS.code, 'TEXT = "a  "\n\n\n\n\ndef main_solution(a, b):\n    return TEXT * a\n']
)
def test_the_code_shown_has_the_tree_of_the_code_run(code: str) -> None:
    assert ast.dump(ast.parse(shown_code(opening(sections={"code": code})))) == ast.dump(
        ast.parse(code)
    )


@pytest.mark.parametrize("text", ["a  \nb", "a\n\n\n\nb"])
def test_text_over_several_lines_is_shown_as_it_runs(text: str) -> None:
    code = f'TEXT = """{text}"""\n\n\ndef main_solution(a, b):\n    return TEXT * a\n'
    assert ast.dump(ast.parse(shown_code(opening(sections={"code": code})))) == ast.dump(
        ast.parse(code)
    )


@pytest.mark.parametrize("input_", ["5", "null", "true", "2.5"])
def test_an_input_that_is_no_object_can_be_asked_about(input_: str) -> None:
    assert f"```json\n{input_}\n```" in opening("output", pairs=(Pair(input=input_, output="7"),))


@pytest.mark.parametrize("input_", ['["left", "right"]', '"xyz"'])
def test_an_input_question_does_not_show_an_input_that_is_no_object(input_: str) -> None:
    text = opening("input", pairs=(Pair(input=input_, output="7"),))
    assert not any(f"`{item}`" in text for item in json.loads(input_))


@pytest.mark.parametrize(
    ("statement", "output", "direction", "leaks"),
    [
        ("The answer is 1234, as everybody knows.", "1234", "output", True),
        ("The answer is 12345.", "1234", "output", False),
        ("The answer is 0.1234.", "1234", "output", False),
        ("It ends with -1234.", "1234", "output", False),
        ("It returns `[1, 2]` for a pair.", "[1, 2]", "output", True),
        ("The answer is 123.", "123", "output", False),
        ("It is true if both are.", "true", "output", False),
        ("It says Too late or nothing.", '"Too late"', "output", True),
        ("Begin with 4711 of them.", "5", "input", True),
        ("Begin with 47110 of them.", "5", "input", False),
    ],
)
async def test_what_stands_in_the_statement_is_not_asked(
    statement: str, output: str, direction: Direction, *, leaks: bool
) -> None:
    subject = several(
        Pair(input='{"a": 4711, "b": 3}', output=output, steps=9),
        sections=replace(SECTIONS, statement=statement),
    )
    assert await unasked(subject, directions=(direction,)) == ({"unasked.leak": 1} if leaks else {})
    kept = await asked(subject, directions=(direction,), skip=frozenset())
    assert [question.tags for question in kept] == [("leak",) if leaks else ()]


async def test_what_is_skipped_is_as_set_and_tagged_where_it_is_asked() -> None:
    subject = several(pair(1, steps=2), pair(2, steps=20_000), pair(3, "9"), pair(4, "9"))
    found = await asked(subject, directions=("input",), pairs=9, skip=frozenset())
    assert [question.tags for question in found] == [("trivial",), ("long",), (), ("repeated",)]
    assert (
        len(await asked(subject, directions=("input",), pairs=9, skip=frozenset({"trivial"}))) == 3
    )


async def test_a_question_that_a_guess_wins_carries_its_name_and_is_skipped_if_so_set() -> None:
    subject = several(Pair(input='{"a": 7, "b": 3}', output="7", steps=9), pair(2))
    (won, open_) = await asked(subject, directions=("output",))
    assert (won.guess, open_.guess) == (("argument",), ())
    skipped = await asked(subject, directions=("output",), skip=frozenset({"guess"}))
    assert [question.id for question in skipped] == [open_.id]
    outcomes = await stage(directions=("output",))(subject)
    assert [dict(tally.counts) for tally in outcomes if isinstance(tally, Tally)] == [
        {"panel.output.asked": 2, "panel.output.won": 1, "panel.output.by.argument": 1}
    ]
